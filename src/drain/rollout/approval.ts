/** What somebody has approved: the name of the whole, and of each part of it by workload. */
export interface ApprovedSet {
  readonly hash: string;
  readonly items: ReadonlyMap<string, string>;
}

/**
 * Why a part is not covered by an approval.
 * - `None`: nothing is approved.
 * - `Stale`: the annotation names something that was not there to be approved when it was written.
 * - `New`: the workload was not among what was approved.
 * - `Changed`: it was, with another plan.
 */
export type NotApproved = 'None' | 'Stale' | 'New' | 'Changed';

/**
 * Whether an approval covers one workload. It holds for what was approved and for nothing else, so a later workload does not
 * come in by it, and the others are not held up by that one.
 * @param annotation what the policy's annotation carries now: an approval that is taken out of it holds no longer
 */
export function notApproved(
  annotation: string | undefined,
  kept: ApprovedSet | undefined,
  workload: string,
  hash: string,
): NotApproved | undefined {
  if (annotation === undefined || annotation === '') {
    return 'None';
  }
  if (kept?.hash !== annotation) {
    return 'Stale';
  }
  const approved = kept.items.get(workload);
  if (approved === undefined) {
    return 'New';
  }
  return approved === hash ? undefined : 'Changed';
}

export const NOT_APPROVED: Readonly<Record<NotApproved, string>> = {
  None: 'its plan is not approved yet',
  Stale: 'what the annotation approves is not the present plan',
  New: 'it was not among the workloads when the plan was approved',
  Changed: 'its plan has changed since it was approved',
};

/** The command that approves. A namespaced policy is called `namespace/name`. */
export function approveCommand(policy: string, annotation: string, hash: string): string {
  const [first = '', second] = policy.split('/');
  const object =
    second === undefined ? `sidecardrainpolicies ${first}` : `-n ${first} namespacedsidecardrainpolicies ${second}`;
  return `kubectl annotate ${object} ${annotation}=${hash} --overwrite`;
}

/**
 * One text per ConfigMap, each of at most `limit` bytes: lines of workload and hash, in order. Names of Kubernetes objects
 * are ASCII, so a character is a byte.
 */
export function toShards(items: ReadonlyMap<string, string>, limit: number): string[] {
  const shards: string[] = [];
  let lines: string[] = [];
  let length = 0;
  for (const workload of [...items.keys()].sort()) {
    const line = `${workload} ${items.get(workload) ?? ''}\n`;
    if (length + line.length > limit && lines.length > 0) {
      shards.push(lines.join(''));
      lines = [];
      length = 0;
    }
    lines.push(line);
    length += line.length;
  }
  return [...shards, lines.join('')];
}

export function fromShards(shards: readonly string[]): Map<string, string> {
  const items = new Map<string, string>();
  for (const line of shards.join('').split('\n')) {
    const space = line.lastIndexOf(' ');
    if (space > 0) {
      items.set(line.slice(0, space), line.slice(space + 1));
    }
  }
  return items;
}
