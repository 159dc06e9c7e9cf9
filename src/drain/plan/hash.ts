import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import type { ChangedField, Decision } from '../model/decision.ts';
import type { Workload } from '../model/workload.ts';
import { workloadKey } from '../model/workload.ts';
import { stateOf, templateBefore } from '../restore/state.ts';
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

/** The same lines in any order give the same name. */
export function setHash(lines: readonly string[]): string {
  return fnv1a64([...lines].sort().join('\n'));
}

type Line = readonly [field: string, before: string | null, after: string | null];

function planLines(workload: Workload, { outcome, changes }: Decision): Line[] {
  const { template } = workload;
  const state = stateOf(workload);
  const written = state === undefined ? [] : changesBetween(templateBefore(template, state), template, NO_REASONS);
  // A conflict or a limit: nothing will be written, so there is no plan to approve.
  const wanted = outcome === 'Pending' || outcome === 'NonCompliant' ? changes : [];
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

/** Containers of the application are told apart by their paths; every other field stands once in a template. */
function keyOf(field: ChangedField, path: string): string {
  return field === 'applicationPreStop' ? path : field;
}

/** What a file leaves to the API server's default, and the order in which the API server gives keys back, are no difference. */
function normal(field: string, value: string | undefined): string | null {
  if (field === 'gracePeriod') {
    return value ?? String(DEFAULT_GRACE_PERIOD_SECONDS);
  }
  return value !== undefined && field === 'proxyContainer' ? canonical(JSON.parse(value)) : (value ?? null);
}

/**
 * 64-bit FNV-1a over UTF-16 units, as sixteen hex digits: enough that two of a hundred thousand plans do not meet, and
 * pure. Its prime is 2^40 + 0x1b3, so that two halves of 32 bits do without big integers.
 */
export function fnv1a64(text: string): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (let index = 0; index < text.length; index += 1) {
    low = (low ^ text.charCodeAt(index)) >>> 0;
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 0x100000000) + low * 0x100) % 0x100000000;
    low = product % 0x100000000;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
