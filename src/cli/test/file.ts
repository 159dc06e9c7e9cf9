import { REASON_CODES, type ReasonCode } from '../../api/reasons.ts';
import { parseGoDuration } from '../../drain/duration.ts';
import type { WorkloadOutcome } from '../../drain/model/decision.ts';
import type { ProxyKind } from '../../drain/model/settings.ts';
import { MANAGED_FIELDS } from '../../drain/model/workload.ts';
import { CliError } from '../command.ts';
import type { InputDocument } from '../input/documents.ts';
import { lineOf, positionAt } from '../input/yaml/positions.ts';
import { nearest } from '../suggest.ts';

export const TEST_API_VERSION = 'sidecardrain.io/v1alpha1';
export const TEST_KIND = 'SidecarDrainTest';

export interface TestFile {
  readonly file: string;
  readonly name: string;
  readonly policies: readonly string[];
  readonly manifests: readonly string[];
  /** As the flags of the same names state them. */
  readonly facts: Readonly<Record<string, string | readonly string[]>>;
  readonly cases: readonly TestCase[];
}

export interface TestCase {
  readonly name: string;
  readonly line: number;
  readonly workload: { readonly kind: string; readonly namespace?: string; readonly name: string };
  readonly expect: Expectation;
}

export interface Expectation {
  /** `null`: no policy governs. */
  readonly policy?: string | null;
  readonly outcome?: WorkloadOutcome;
  /** `null`: none. */
  readonly reason?: ReasonCode | null;
  readonly proxy?: ProxyKind;
  /** Exactly these, those of severity info left out. */
  readonly findings?: readonly ReasonCode[];
  readonly includes?: readonly ReasonCode[];
  readonly excludes?: readonly ReasonCode[];
  /** Exactly these fields change, to these values; `null` for any value. */
  readonly changes?: Readonly<Record<string, string | null>>;
  /** A request in flight at deletion survives at least this many seconds, under what would stand there afterwards. */
  readonly survives?: number;
}

const OUTCOMES = [
  'Compliant',
  'Updating',
  'Pending',
  'NonCompliant',
  'Conflicted',
  'Exempt',
  'Unknown',
  'Failed',
] as const satisfies readonly WorkloadOutcome[];
const PROXIES = [
  'None',
  'Classic',
  'Native',
  'Gateway',
  'GrpcAgent',
  'Unknown',
] as const satisfies readonly ProxyKind[];
/** Members of `facts`, and the flag that each stands for. */
export const FACT_MEMBERS: Readonly<Record<string, string>> = {
  injected: 'assume',
  istioVersion: 'istio-version',
  nativeSidecars: 'native-sidecars',
  kubernetesVersion: 'kubernetes-version',
  namespaceLabels: 'namespace-labels',
  longestRequest: 'longest-request',
  endpointDelay: 'endpoint-delay',
  proxyImage: 'proxy-image',
  meshDefaults: 'mesh-defaults',
  operatorNamespace: 'operator-namespace',
  namespace: 'namespace',
};

/** Reads a test strictly: a misspelt expectation would otherwise pass for ever. */
export function readTestFile(document: InputDocument): TestFile {
  return new Reader(document).file();
}

type Fields = Readonly<Record<string, unknown>>;

class Reader {
  private readonly document: InputDocument;

  constructor(document: InputDocument) {
    this.document = document;
  }

  file(): TestFile {
    const root = this.map(this.document.value, []);
    this.only(root, ['apiVersion', 'kind', 'metadata', 'policies', 'manifests', 'facts', 'cases'], []);
    const metadata = this.map(root['metadata'] ?? {}, ['metadata']);
    const cases = root['cases'];
    if (!Array.isArray(cases) || cases.length === 0) {
      throw this.wrong(['cases'], 'must be a list of at least one case');
    }
    return {
      file: this.document.file,
      name: typeof metadata['name'] === 'string' ? metadata['name'] : this.document.file,
      policies: this.strings(root['policies'] ?? [], ['policies']),
      manifests: this.strings(root['manifests'], ['manifests']),
      facts: this.facts(root['facts'] ?? {}),
      cases: cases.map((one, index) => this.case(one, ['cases', index])),
    };
  }

  private facts(value: unknown): TestFile['facts'] {
    const facts: Record<string, string | readonly string[]> = {};
    for (const [member, given] of Object.entries(this.map(value, ['facts']))) {
      const flag = Object.hasOwn(FACT_MEMBERS, member) ? FACT_MEMBERS[member] : undefined;
      if (flag === undefined) {
        throw this.wrong(['facts', member], unknown(member, Object.keys(FACT_MEMBERS)));
      }
      facts[flag] =
        member === 'injected'
          ? [`injected=${text(given)}`]
          : member === 'namespaceLabels'
            ? this.labels(given)
            : text(given);
    }
    return facts;
  }

  private labels(value: unknown): string[] {
    return Object.entries(this.map(value, ['facts', 'namespaceLabels'])).map(([namespace, labels]) => {
      const pairs = Object.entries(this.map(labels, ['facts', 'namespaceLabels', namespace])).map(
        ([key, label]) => `${key}=${text(label)}`,
      );
      return `${namespace}:${pairs.join(',')}`;
    });
  }

  private case(value: unknown, path: readonly (string | number)[]): TestCase {
    const one = this.map(value, path);
    this.only(one, ['name', 'workload', 'expect'], path);
    const workload = typeof one['workload'] === 'string' ? one['workload'].split('/') : [];
    const [kind, second, third] = workload;
    if (kind === undefined || second === undefined || workload.length > 3) {
      throw this.wrong([...path, 'workload'], 'must be KIND/NAME or KIND/NAMESPACE/NAME');
    }
    return {
      name: typeof one['name'] === 'string' ? one['name'] : workload.join('/'),
      line: lineOf(positionAt(this.document.position, path) ?? this.document.position),
      workload: third === undefined ? { kind, name: second } : { kind, namespace: second, name: third },
      expect: this.expect(one['expect'], [...path, 'expect']),
    };
  }

  private expect(value: unknown, path: readonly (string | number)[]): Expectation {
    const given = this.map(value, path);
    this.only(
      given,
      ['policy', 'outcome', 'reason', 'proxy', 'findings', 'includes', 'excludes', 'changes', 'survives'],
      path,
    );
    const expect: { -readonly [K in keyof Expectation]: Expectation[K] } = {};
    if (given['policy'] !== undefined) {
      expect.policy = given['policy'] === null ? null : text(given['policy']);
    }
    if (given['outcome'] !== undefined) {
      expect.outcome = this.oneOf(given['outcome'], OUTCOMES, [...path, 'outcome']);
    }
    if (given['reason'] !== undefined) {
      expect.reason = given['reason'] === null ? null : this.oneOf(given['reason'], REASON_CODES, [...path, 'reason']);
    }
    if (given['proxy'] !== undefined) {
      expect.proxy = this.oneOf(given['proxy'], PROXIES, [...path, 'proxy']);
    }
    for (const member of ['findings', 'includes', 'excludes'] as const) {
      if (given[member] !== undefined) {
        expect[member] = this.strings(given[member], [...path, member]).map((code) =>
          this.oneOf(code, REASON_CODES, [...path, member]),
        );
      }
    }
    if (given['changes'] !== undefined) {
      expect.changes = this.changes(given['changes'], [...path, 'changes']);
    }
    if (given['survives'] !== undefined) {
      const parsed = parseGoDuration(text(given['survives']));
      if (!parsed.ok) {
        throw this.wrong([...path, 'survives'], 'must be a duration such as 60s');
      }
      expect.survives = parsed.seconds;
    }
    return expect;
  }

  private changes(value: unknown, path: readonly (string | number)[]): Record<string, string | null> {
    return Object.fromEntries(
      Object.entries(this.map(value, path)).map(([field, wanted]) => [
        this.oneOf(field, MANAGED_FIELDS, [...path, field]),
        wanted === null ? null : text(wanted),
      ]),
    );
  }

  private oneOf<T extends string>(value: unknown, allowed: readonly T[], path: readonly (string | number)[]): T {
    const found = allowed.find((one) => one === value);
    if (found === undefined) {
      throw this.wrong(path, unknown(text(value), allowed));
    }
    return found;
  }

  private only(map: Fields, allowed: readonly string[], path: readonly (string | number)[]): void {
    for (const key of Object.keys(map)) {
      if (!allowed.includes(key)) {
        throw this.wrong([...path, key], unknown(key, allowed));
      }
    }
  }

  private map(value: unknown, path: readonly (string | number)[]): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.wrong(path, 'must be a map');
    }
    return value as Fields;
  }

  private strings(value: unknown, path: readonly (string | number)[]): readonly string[] {
    if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
      throw this.wrong(path, 'must be a list of texts');
    }
    return value;
  }

  private wrong(path: readonly (string | number)[], why: string): CliError {
    let place = this.document.position;
    for (let length = path.length; length > 0; length--) {
      const found = positionAt(this.document.position, path.slice(0, length));
      if (found !== undefined) {
        place = found;
        break;
      }
    }
    const where = path
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
      .join('')
      .replace(/^\./, '');
    return new CliError(`${this.document.file}:${lineOf(place)}: ${where === '' ? TEST_KIND : where}: ${why}`);
  }
}

function unknown(word: string, allowed: readonly string[]): string {
  const meant = nearest(word, allowed);
  return `${word} is not known${meant === undefined ? `; known are ${allowed.join(', ')}` : `; did you mean ${meant}?`}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
