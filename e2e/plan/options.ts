// What the environment asks for. docs/e2e.md says the same for people.
import { parseGoDuration } from '../../src/drain/duration.ts';
import { isScenario, SCENARIO_NAMES, type Form, type ScenarioName, type Timing } from './scenarios.ts';

export interface Options {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly only: readonly Selection[];
  readonly forms: 'auto' | readonly Form[];
  readonly keep: boolean;
  readonly takeOver: boolean;
  readonly results: string;
  readonly operator: OperatorChoice;
  readonly image: ImageChoice;
  readonly injectionLabels: Readonly<Record<string, string>>;
  readonly istioNamespace: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerateAll: boolean;
  readonly addressing: 'auto' | 'service' | 'podip';
  readonly clients: readonly ('mesh' | 'plain')[];
  readonly replicas: number;
  readonly timing: Partial<Timing>;
  readonly readyTimeoutSeconds: number;
  readonly timeoutSeconds: number;
  readonly kind: KindOptions;
}

export interface Selection {
  readonly scenario: ScenarioName;
  readonly form?: Form;
}

export type OperatorChoice =
  { readonly how: 'outside' } | { readonly how: 'installed' } | { readonly how: 'image'; readonly image: string };

export interface ImageChoice {
  readonly reference: string;
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** The program that runs JavaScript in it. */
  readonly node: string;
  /** Where the two programs come from: mounted, or standing in /e2e of the image. */
  readonly programs: 'configmap' | 'image';
  readonly runAsUser: number;
}

export interface KindOptions {
  readonly clusterName: string;
  readonly nodeImage?: string;
  readonly istioVersion: string;
  readonly istioCharts: string;
}

export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

export const DEFAULT_IMAGE = 'docker.io/library/node:24-bookworm-slim';

type Environment = Readonly<Record<string, string | undefined>>;

export function readOptions(env: Environment): Options {
  const read = new Reader(env);
  const kubeconfig = read.text('E2E_KUBECONFIG');
  const context = read.text('E2E_CONTEXT');
  const nodeSelector = read.labels('E2E_NODE_SELECTOR');
  const nodeImage = read.text('E2E_KIND_NODE_IMAGE');
  const options: Options = {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    only: read
      .list('E2E_ONLY')
      .map((each) => selectionOf(each, read))
      .filter((each) => each !== undefined),
    forms: formsOf(read),
    keep: read.flag('E2E_KEEP'),
    takeOver: read.flag('E2E_TAKE_OVER'),
    results: read.text('E2E_RESULTS') ?? 'out/e2e',
    operator: operatorOf(read),
    image: {
      reference: read.text('E2E_IMAGE') ?? DEFAULT_IMAGE,
      pullPolicy: read.choice('E2E_IMAGE_PULL_POLICY', ['Always', 'IfNotPresent', 'Never'], 'IfNotPresent'),
      node: read.text('E2E_NODE') ?? 'node',
      programs: read.choice('E2E_PROGRAMS', ['configmap', 'image'], 'configmap'),
      runAsUser: read.whole('E2E_RUN_AS_USER', 1000, 1),
    },
    injectionLabels: read.labels('E2E_INJECTION_LABELS') ?? { 'istio-injection': 'enabled' },
    istioNamespace: read.text('E2E_ISTIO_NAMESPACE') ?? 'istio-system',
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    tolerateAll: read.flag('E2E_TOLERATE_ALL'),
    addressing: read.choice('E2E_ADDRESSING', ['auto', 'service', 'podip'], 'auto'),
    clients: clientsOf(read),
    replicas: read.whole('E2E_REPLICAS', 2, 1),
    timing: timingOf(read),
    readyTimeoutSeconds: read.whole('E2E_READY_TIMEOUT', 180, 5),
    timeoutSeconds: read.whole('E2E_TIMEOUT', 3600, 30),
    kind: {
      clusterName: read.text('E2E_KIND_CLUSTER') ?? 'sidecar-drain-e2e',
      ...(nodeImage === undefined ? {} : { nodeImage }),
      istioVersion: read.text('E2E_ISTIO_VERSION') ?? '1.30.3',
      istioCharts: read.text('E2E_ISTIO_CHARTS') ?? 'https://istio-release.storage.googleapis.com/charts',
    },
  };
  read.refuseUnknown();
  if (read.problems.length > 0) {
    throw new OptionsError(read.problems.join('\n'));
  }
  return options;
}

function selectionOf(text: string, read: Reader): Selection | undefined {
  const [scenario = '', form] = text.split('/');
  if (!isScenario(scenario) || (form !== undefined && form !== 'classic' && form !== 'native')) {
    read.problems.push(
      `E2E_ONLY: "${text}" is none of ${SCENARIO_NAMES.join(', ')}, with /classic or /native behind it if only that is wanted`,
    );
    return undefined;
  }
  return { scenario, ...(form === undefined ? {} : { form }) };
}

function formsOf(read: Reader): Options['forms'] {
  const list = read.list('E2E_FORMS');
  if (list.length === 0 || list.includes('auto')) {
    return 'auto';
  }
  const forms = list.filter((each): each is Form => each === 'classic' || each === 'native');
  if (forms.length !== list.length) {
    read.problems.push(`E2E_FORMS: "${list.join(',')}" must be auto, classic, native, or classic,native`);
  }
  return forms;
}

function clientsOf(read: Reader): Options['clients'] {
  const list = read.list('E2E_CLIENTS');
  const clients = list.filter((each): each is 'mesh' | 'plain' => each === 'mesh' || each === 'plain');
  if (clients.length !== list.length) {
    read.problems.push(`E2E_CLIENTS: "${list.join(',')}" must be mesh, plain, or mesh,plain`);
  }
  return clients.length === 0 ? ['mesh'] : clients;
}

function operatorOf(read: Reader): OperatorChoice {
  const text = read.text('E2E_OPERATOR') ?? 'outside';
  if (text === 'outside' || text === 'installed') {
    return { how: text };
  }
  const image = /^image[ :=](.+)$/.exec(text)?.[1] ?? (text === 'image' ? read.text('E2E_OPERATOR_IMAGE') : undefined);
  if (image === undefined) {
    read.problems.push(
      `E2E_OPERATOR: "${text}" must be outside, installed, or image with the reference in E2E_OPERATOR_IMAGE`,
    );
    return { how: 'outside' };
  }
  return { how: 'image', image: image.trim() };
}

function timingOf(read: Reader): Partial<Timing> {
  const entries = (
    [
      ['preStop', 'E2E_PRE_STOP'],
      ['hold', 'E2E_HOLD'],
      ['lateCalls', 'E2E_LATE_CALLS'],
      ['duration', 'E2E_DURATION'],
      ['maxWait', 'E2E_MAX_WAIT'],
      ['interval', 'E2E_INTERVAL'],
    ] as const
  ).flatMap(([key, variable]) => {
    const seconds = read.seconds(variable);
    return seconds === undefined ? [] : [[key, seconds] as const];
  });
  return Object.fromEntries(entries);
}

class Reader {
  readonly problems: string[] = [];
  private readonly known = new Set(['E2E_OPERATOR_IMAGE', 'E2E_BASE_IMAGE']);

  constructor(private readonly env: Environment) {}

  text(name: string): string | undefined {
    this.known.add(name);
    const value = this.env[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  }

  list(name: string): string[] {
    return (this.text(name) ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
  }

  flag(name: string): boolean {
    const value = this.text(name);
    return value !== undefined && !['0', 'false', 'no'].includes(value.toLowerCase());
  }

  choice<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const value = this.text(name);
    const found = allowed.find((each) => each === value);
    if (value !== undefined && found === undefined) {
      this.problems.push(`${name}: "${value}" must be one of ${allowed.join(', ')}`);
    }
    return found ?? otherwise;
  }

  whole(name: string, otherwise: number, atLeast: number): number {
    const value = this.text(name);
    const number = value === undefined ? otherwise : Number(value);
    if (!Number.isInteger(number) || number < atLeast) {
      this.problems.push(`${name}: "${value ?? ''}" must be a whole number of at least ${atLeast}`);
      return otherwise;
    }
    return number;
  }

  /** `20s`, `1m30s`. */
  seconds(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) {
      return undefined;
    }
    const parsed = parseGoDuration(value);
    if (!parsed.ok || !(parsed.seconds > 0)) {
      this.problems.push(`${name}: "${value}" must be a duration such as 20s`);
      return undefined;
    }
    return parsed.seconds;
  }

  labels(name: string): Record<string, string> | undefined {
    const list = this.list(name);
    const pairs = list.map((each) => each.split('='));
    if (pairs.some((pair) => pair.length !== 2 || pair[0] === '')) {
      this.problems.push(`${name}: "${list.join(',')}" must look like key=value,key=value`);
    }
    return list.length === 0 ? undefined : Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value]));
  }

  /** A misspelt variable would silently test something else. */
  refuseUnknown(): void {
    for (const name of Object.keys(this.env)) {
      if (name.startsWith('E2E_') && !this.known.has(name)) {
        this.problems.push(`${name} is not a variable of this suite; docs/e2e.md lists them`);
      }
    }
  }
}
