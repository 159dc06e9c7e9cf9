import { REASONS } from '../../api/reasons.ts';
import { formatGoDuration } from '../../drain/duration.ts';
import { DEFAULT_REVISION } from '../../drain/mesh/facts.ts';
import { EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE } from '../../api/names.ts';
import type { Decision } from '../../drain/model/decision.ts';
import type { MeshFacts, ProxyConfigValues } from '../../drain/model/mesh.ts';
import type { Workload } from '../../drain/model/workload.ts';
import { judge } from '../facts/judge.ts';
import type { Loaded } from '../facts/load.ts';

/** That one setting of the mesh would do what many changed templates would. */
export interface MeshDefault {
  readonly code: 'MeshDefaultWouldDo';
  readonly message: string;
  readonly action: string;
  /** Workloads whose annotation would not have to change any more, of those whose would. */
  readonly covers: number;
  readonly of: number;
  /** What to write below meshConfig. */
  readonly yaml: string;
}

/** Below this a change of the whole mesh is out of proportion. */
const LEAST_WORKLOADS = 2;

/** Tries the values that the plan would write on the mesh's defaults, and decides everything again under them. */
export function meshDefault({ collected, context }: Loaded): MeshDefault | undefined {
  const affected = collected.workloads
    .map((workload) => ({ workload, decision: judge(workload, context).decision }))
    .filter((one): one is { workload: Workload; decision: Decision } => changesAnnotation(one.decision));
  if (affected.length < LEAST_WORKLOADS) {
    return undefined;
  }
  const values = wantedDefaults(affected.map((one) => one.decision));
  const facts = { ...context.facts, mesh: withDefaults(context.facts.mesh, values) };
  const covers = affected.filter(
    ({ workload }) => !changesAnnotation(judge(workload, { ...context, facts }).decision),
  ).length;
  if (covers * 2 <= affected.length) {
    return undefined;
  }
  return {
    code: 'MeshDefaultWouldDo',
    message: `${covers} of ${affected.length} workloads would need no change of their annotation if the mesh's defaults said so`,
    action: REASONS.MeshDefaultWouldDo.action,
    covers,
    of: affected.length,
    yaml: yamlOf(values),
  };
}

function changesAnnotation(decision: Decision | undefined): boolean {
  return decision?.changes.some((change) => change.field === 'proxyConfig') === true;
}

/** The greatest of what the plan would set. */
function wantedDefaults(decisions: readonly Decision[]): ProxyConfigValues {
  let termination = 0;
  let drain = 0;
  let minimum = 0;
  let exitOnZero = false;
  for (const { before, after } of decisions) {
    if (after === undefined) {
      continue;
    }
    termination = Math.max(
      termination,
      after.terminationDrainDuration.value > before.terminationDrainDuration.value
        ? after.terminationDrainDuration.value
        : 0,
    );
    drain = Math.max(drain, after.drainDuration.value > before.drainDuration.value ? after.drainDuration.value : 0);
    minimum = Math.max(
      minimum,
      after.minimumDrainDuration.value > before.minimumDrainDuration.value ? after.minimumDrainDuration.value : 0,
    );
    exitOnZero ||= after.exitOnZeroActiveConnections.value && !before.exitOnZeroActiveConnections.value;
  }
  const metadata = {
    ...(exitOnZero ? { [EXIT_ON_ZERO_VARIABLE]: 'true' } : {}),
    ...(minimum > 0 ? { [MINIMUM_DRAIN_VARIABLE]: formatGoDuration(minimum) } : {}),
  };
  return {
    ...(termination > 0 ? { terminationDrainDuration: termination } : {}),
    ...(drain > 0 ? { drainDuration: drain } : {}),
    ...(Object.keys(metadata).length > 0 ? { proxyMetadata: metadata } : {}),
  };
}

function withDefaults(mesh: MeshFacts, values: ProxyConfigValues): MeshFacts {
  const revisions = mesh.revisions.length === 0 ? [{ name: DEFAULT_REVISION }] : mesh.revisions;
  return {
    ...mesh,
    revisions: revisions.map((revision) => ({
      ...revision,
      defaultConfig: {
        ...revision.defaultConfig,
        ...values,
        proxyMetadata: { ...revision.defaultConfig?.proxyMetadata, ...values.proxyMetadata },
      },
    })),
  };
}

function yamlOf(values: ProxyConfigValues): string {
  const lines = ['defaultConfig:'];
  if (values.terminationDrainDuration !== undefined) {
    lines.push(`  terminationDrainDuration: ${formatGoDuration(values.terminationDrainDuration)}`);
  }
  if (values.drainDuration !== undefined) {
    lines.push(`  drainDuration: ${formatGoDuration(values.drainDuration)}`);
  }
  const metadata = Object.entries(values.proxyMetadata ?? {});
  if (metadata.length > 0) {
    lines.push('  proxyMetadata:', ...metadata.map(([name, value]) => `    ${name}: "${value}"`));
  }
  return `${lines.join('\n')}\n`;
}
