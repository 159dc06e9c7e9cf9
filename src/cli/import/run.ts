import { RULE_KINDS } from '../../drain/import/kyverno/index.ts';
import { importMesh } from '../../drain/import/mesh.ts';
import type { ImportRemark } from '../../drain/import/remarks.ts';
import type { SidecarDrainPolicy } from '../../api/policy.ts';
import { pathText } from '../../drain/template/shape.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, type Invocation } from '../command.ts';
import { load, reportProblems } from '../facts/load.ts';
import { problemText } from '../input/problems.ts';
import { lineOf, nearestPosition } from '../input/yaml/positions.ts';
import { count } from '../output/text.ts';
import { yamlText } from '../render/yaml-text.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import type { ImportSource } from './command.ts';
import { nameOf, readRules } from './read.ts';

/** Raised only when a reader of the old form would be wrong; new members may come at any time. */
export const IMPORT_SCHEMA_VERSION = 'sidecardrain.io/import/v1';

interface Place {
  readonly file?: string;
  readonly line?: number;
}

interface PlacedPolicy extends Place {
  readonly from: string;
  readonly policy: SidecarDrainPolicy;
}

interface PlacedRemark extends Place {
  readonly kind: ImportRemark['kind'];
  readonly object: string;
  readonly path: string;
  readonly message: string;
}

interface ImportResult {
  readonly policies: readonly PlacedPolicy[];
  readonly remarks: readonly PlacedRemark[];
  readonly passedOver: number;
}

export async function runImport(invocation: Invocation): Promise<number> {
  const { flags, io, positionals } = invocation;
  const source = positionals[0] as ImportSource;
  const result = source === 'mesh' ? await fromMesh(invocation) : await fromRules(invocation);
  const { policies, remarks, passedOver } = result;
  if (policies.length === 0 && remarks.length === 0) {
    throw new CliError(
      source === 'mesh'
        ? 'nothing to import: no setting of the mesh is about terminations (terminationDrainDuration, drainDuration, EXIT_ON_ZERO_ACTIVE_CONNECTIONS, hooks of the injector)'
        : `nothing to import: ${count(passedOver, 'rule')} of ${RULE_KINDS.join(', ')}, none of which sets a grace period, the annotation proxy.istio.io/config or a preStop of istio-proxy`,
    );
  }
  if (flags.string('output') === 'json') {
    io.stdout.write(
      `${JSON.stringify({ schema: IMPORT_SCHEMA_VERSION, version: PRODUCT_VERSION, ...result }, null, 2)}\n`,
    );
  } else {
    io.stdout.write(policiesText(policies));
    for (const remark of remarks) {
      io.stderr.write(`${remarkText(remark)}\n`);
    }
    io.stderr.write(`${summary(result)}\n`);
  }
  return remarks.some(({ kind }) => kind === 'NotCarried') ? EXIT_FINDINGS : EXIT_OK;
}

async function fromRules(invocation: Invocation): Promise<ImportResult> {
  const { objects, problems } = await readRules(invocation);
  for (const problem of problems) {
    invocation.io.stderr.write(`${problemText(problem)}\n`);
  }
  return {
    policies: withOwnNames(
      objects.flatMap(({ imported, document }) =>
        imported.policies.map(({ policy, from, steps }) => ({
          from,
          file: document.file,
          line: lineOf(nearestPosition(document.position, steps)),
          policy,
        })),
      ),
    ),
    remarks: objects.flatMap(({ imported, document }) =>
      imported.remarks.map(({ kind, steps, message }) => ({
        kind,
        object: `${document.kind} ${nameOf(document)}`,
        file: document.file,
        line: lineOf(nearestPosition(document.position, steps)),
        path: pathText(steps),
        message,
      })),
    ),
    passedOver: objects.reduce((sum, { imported }) => sum + imported.passedOver, 0),
  };
}

async function fromMesh(invocation: Invocation): Promise<ImportResult> {
  const loaded = await load(
    { ...invocation, positionals: invocation.positionals.slice(1) },
    { positionalFiles: true, filesOptional: invocation.flags.has('mesh-defaults') },
  );
  reportProblems(loaded, invocation);
  const { policies, remarks, passedOver } = importMesh(loaded.context.facts.mesh);
  return {
    policies: policies.map(({ from, policy }) => ({ from, policy })),
    remarks: remarks.map(({ kind, message }) => ({ kind, object: 'mesh', path: '', message })),
    passedOver,
  };
}

/** Objects of two files may have one name: Policy objects of two namespaces, and such. */
function withOwnNames(policies: readonly PlacedPolicy[]): PlacedPolicy[] {
  const used = new Map<string, number>();
  return policies.map((each) => {
    const { name = '' } = each.policy.metadata;
    const times = (used.get(name) ?? 0) + 1;
    used.set(name, times);
    const metadata = { ...each.policy.metadata, name: times === 1 ? name : `${name}-${times}` };
    return { ...each, policy: { ...each.policy, metadata } };
  });
}

const HEADER = `# In Audit these policies write nothing: look at what they would do (sidecar-drain plan -p THIS_FILE ...), take the source
# away, then write enforcement: Enforce. Each merges its keys into the annotation, raises and never lowers, adds the
# application's own preStop to the drain, and writes no drain for a native sidecar, which outlives the application anyway.
`;

function policiesText(policies: readonly PlacedPolicy[]): string {
  if (policies.length === 0) {
    return '';
  }
  const documents = policies.map(
    ({ from, file, line, policy }) =>
      `# From ${from}${file === undefined ? '' : ` (${file}:${line ?? 1})`}\n${yamlText(policy)}`,
  );
  return `${HEADER}${documents.join('---\n')}`;
}

function remarkText({ kind, object, file, line, path, message }: PlacedRemark): string {
  const place = file === undefined ? '' : `${file}:${line ?? 1}: `;
  const what = kind === 'NotCarried' ? 'not carried over' : 'done otherwise';
  return `${place}${what}: ${object}${path === '' ? '' : ` ${path}`}: ${message}`;
}

function summary({ policies, remarks, passedOver }: ImportResult): string {
  const lost = remarks.filter(({ kind }) => kind === 'NotCarried').length;
  const others = passedOver === 0 ? '' : `; ${passedOver} passed over, about something else`;
  return `${count(policies.length, 'policy', 'policies')}, ${lost === 0 ? 'everything carried over' : `${lost} not carried over`}, ${remarks.length - lost} done otherwise${others}`;
}
