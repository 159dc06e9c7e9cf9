import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import { fnv1a64, setHash } from '../hash.ts';
import { memoizeByObjectAndWord } from '../memoize.ts';
import type { Change, ChangedField, Decision } from '../model/decision.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Workload } from '../model/workload.ts';
import { workloadKey } from '../model/workload.ts';
import { stateOf, templateBefore, type WorkloadState } from '../template/note/state.ts';
import { canonical } from '../template/raw.ts';
import { changesBetween } from './values.ts';

const NO_REASONS: ReadonlyMap<ChangedField, string> = new Map();

/**
 * The name of what one workload's plan wants: its fields and values against the template *before us*. So it is the same
 * before we write, while the pods roll out, and after it. Undefined where nothing was and nothing is to be written.
 */
export function workloadPlanHash(workload: Workload, decision: Decision): string | undefined {
  const lines = planLines(workload, decision);
  return lines.length === 0 ? undefined : fnv1a64(JSON.stringify([workloadKey(workload), ...lines]));
}

/** The name of all the plans of one policy, by workload; whatever order they come in. Without a plan it has one too. */
export function policyPlanHash(policy: string, plans: Iterable<readonly [workload: string, hash: string]>): string {
  return setHash([...plans].map(([workload, hash]) => `${policy} ${workload} ${hash}`));
}

type Line = readonly [field: string, before: string | null, after: string | null];

function planLines(workload: Workload, { outcome, changes, before }: Decision): readonly Line[] {
  const state = stateOf(workload);
  // A conflict or a limit: nothing will be written, so there is no plan to approve.
  const wanted = outcome === 'Pending' || outcome === 'NonCompliant' ? changes : [];
  const written = state === undefined ? NONE : writtenTo(before, JSON.stringify(state.fields));
  return wanted.length === 0 ? written.lines : linesOf(written.changes, wanted);
}

interface Written {
  readonly changes: readonly Change[];
  readonly lines: readonly Line[];
}

const NONE: Written = { changes: [], lines: [] };

/** What stands in a template by a note with these fields: the same for all workloads of the same settings. */
const writtenTo = memoizeByObjectAndWord(({ template }: EffectiveSettings, text: string): Written => {
  const fields = JSON.parse(text) as WorkloadState['fields'];
  const changes = changesBetween(templateBefore(template, { fields }), template, NO_REASONS);
  return { changes, lines: linesOf(changes, []) };
});

function linesOf(written: readonly Change[], wanted: readonly Change[]): Line[] {
  const fields = new Map<string, { before: string | undefined; after: string | undefined }>();
  for (const { field, path, before, after } of written) {
    fields.set(keyOf(field, path), { before, after });
  }
  for (const { field, path, before, after } of wanted) {
    const known = fields.get(keyOf(field, path));
    fields.set(keyOf(field, path), { before: known === undefined ? before : known.before, after });
  }
  const lines: Line[] = [];
  for (const [field, { before, after }] of fields) {
    const old = normal(field, before);
    const next = normal(field, after);
    if (old !== next) {
      lines.push([field, old, next]);
    }
  }
  return lines.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Containers of the application and variables are told apart by their paths; every other field stands once in a template. */
function keyOf(field: ChangedField, path: string): string {
  return field === 'applicationPreStop' || field === 'proxyEnvironment' ? path : field;
}

/** What a file leaves to the API server's default, and the order in which the API server gives keys back, are no difference. */
function normal(field: string, value: string | undefined): string | null {
  if (field === 'gracePeriod') {
    return value ?? String(DEFAULT_GRACE_PERIOD_SECONDS);
  }
  return value !== undefined && field === 'proxyContainer' ? canonical(JSON.parse(value)) : (value ?? null);
}
