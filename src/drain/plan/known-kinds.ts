import type { PolicyRecord } from './policies.ts';

/**
 * A policy that names a kind that nobody knows is stalled. It goes on governing the kinds that are known, and writes
 * nothing until it is corrected, or the operator told of the kind.
 */
export function withKnownKinds(record: PolicyRecord, known: ReadonlySet<string>): PolicyRecord {
  if (record.stalled !== undefined) {
    return record;
  }
  const unknown = record.spec.match.kinds.filter((kind) => !known.has(kind));
  if (unknown.length === 0) {
    return record;
  }
  const message =
    `spec.match.kinds: ${unknown.join(', ')} ${unknown.length === 1 ? 'is not a kind' : 'are not kinds'} that is known here; ` +
    `known are ${[...known].sort().join(', ')}. Correct the name, or configure the kind with --workload-kind group/version/plural:${unknown[0] ?? ''}=spec.template`;
  return { ...record, stalled: { reason: 'KindUnknown', message } };
}
