// What must hold at every moment of a run, judged from its history alone.
import { STATE_ANNOTATION } from '../../src/api/names.ts';
import { declaredGrace } from './fleet.ts';
import type { History, Version } from './history.ts';

export interface Caps {
  /** --max-rolling-workloads */
  readonly workloads: number;
  /** --max-rolling-per-namespace */
  readonly perNamespace: number;
}

export interface WavesOf {
  readonly strategy: 'Waves' | 'Immediate';
  readonly maxConcurrent: number;
  readonly maxPerNamespace: number;
}

export interface Violation {
  readonly invariant:
    | 'GraceLowered'
    | 'WrittenTwice'
    | 'CapExceeded'
    | 'WroteWithoutLease'
    | 'NotGivenBack'
    | 'LeftBehind'
    | 'RestartWouldHelp'
    | 'Unsettled';
  readonly what: string;
}

interface Note {
  readonly policy: { readonly name: string; readonly uid: string };
  readonly intent: string;
}

type Present = Version & { readonly object: NonNullable<Version['object']> };

/** @param wavesOf by uid of a policy; undefined where it is not known */
export function violationsIn(history: History, caps: Caps, wavesOf: (uid: string) => WavesOf | undefined): Violation[] {
  return [
    ...graceLowered(history),
    ...writtenTwice(history),
    ...capExceeded(history, caps, wavesOf),
    ...wroteWithoutLease(history),
  ];
}

/** How often the operator changed a template. */
export function disruptiveWrites(history: History): number {
  return [...changes(history)].filter(({ after }) => after.replica !== undefined).length;
}

/** No grace period below its user's last one. */
function* graceLowered({ versions }: History): Generator<Violation> {
  for (const version of versions) {
    const { object, replica, key, resourceVersion } = version;
    const declared = declaredGrace(object?.metadata.annotations);
    const grace = object?.spec.template.spec.terminationGracePeriodSeconds;
    if (replica !== undefined && declared !== undefined && grace !== undefined && grace < declared) {
      yield {
        invariant: 'GraceLowered',
        what: `${key} at ${resourceVersion}: ${replica} wrote ${grace} s, its user has declared ${declared} s`,
      };
    }
  }
}

/** At most one disruptive write for one wish, unless somebody else has changed the template in between. */
function* writtenTwice(history: History): Generator<Violation> {
  const last = new Map<string, { readonly wish: string; readonly at: bigint }>();
  for (const { before: stood, after } of changes(history)) {
    if (after.replica === undefined) {
      last.delete(after.uid);
      continue;
    }
    const wish = wishOf(stood, after);
    const before = last.get(after.uid);
    if (before?.wish === wish) {
      yield {
        invariant: 'WrittenTwice',
        what: `${after.key} at ${after.resourceVersion}: ${after.replica} restarts it for ${wish}, as it did at ${before.at}`,
      };
    }
    last.set(after.uid, { wish, at: after.resourceVersion });
  }
}

/** Every change of a template, whoever made it. */
function* changes({ versions }: History): Generator<{ readonly before: Present; readonly after: Present }> {
  const known = new Map<string, Present>();
  for (const version of versions) {
    if (!isPresent(version)) {
      continue;
    }
    const before = known.get(version.uid);
    if (before !== undefined && templateText(before) !== templateText(version)) {
      yield { before, after: version };
    }
    known.set(version.uid, version);
  }
}

interface Rolling {
  readonly generation: number;
  readonly namespace: string;
  readonly policy: string;
}

/** Caps at each moment in which the operator makes one more workload roll. */
function* capExceeded(
  { versions }: History,
  caps: Caps,
  wavesOf: (uid: string) => WavesOf | undefined,
): Generator<Violation> {
  const known = new Map<string, Present>();
  const rolling = new Map<string, Rolling>();
  for (const version of versions) {
    const before = known.get(version.uid);
    if (!isPresent(version)) {
      known.delete(version.uid);
      rolling.delete(version.uid);
      continue;
    }
    known.set(version.uid, version);
    const changed = before !== undefined && templateText(before) !== templateText(version);
    if (isStill(version) || (changed && version.replica === undefined)) {
      rolling.delete(version.uid);
    }
    if (!changed || version.replica === undefined || !restarts(version)) {
      continue;
    }
    const policy = (noteOf(version) ?? noteOf(before))?.policy.uid ?? '';
    // One without limits starts at any moment, also between the decision about another one and its write.
    if (wavesOf(policy)?.strategy !== 'Waves') {
      continue;
    }
    const namespace = version.object.metadata.namespace ?? '';
    rolling.set(version.uid, { generation: version.object.metadata.generation ?? 0, namespace, policy });
    const exceeded = exceededBy(rolling, { namespace, policy }, caps, wavesOf(policy));
    if (exceeded !== undefined) {
      yield { invariant: 'CapExceeded', what: `${version.key} at ${version.resourceVersion}: ${exceeded}` };
    }
  }

  function isStill({ uid, object }: Present): boolean {
    const own = rolling.get(uid);
    return own === undefined || !restarts({ object }) || isRolledOut(object, own.generation);
  }
}

function exceededBy(
  rolling: ReadonlyMap<string, Rolling>,
  me: Pick<Rolling, 'namespace' | 'policy'>,
  caps: Caps,
  waves: WavesOf | undefined,
): string | undefined {
  if (waves?.strategy !== 'Waves') {
    return undefined;
  }
  const all = [...rolling.values()];
  const here = all.filter(({ namespace }) => namespace === me.namespace);
  const ofPolicy = all.filter(({ policy }) => policy === me.policy);
  const ofPolicyHere = here.filter(({ policy }) => policy === me.policy);
  const counts: readonly (readonly [string, number, number])[] = [
    ['workloads roll out', all.length, caps.workloads],
    ['workloads of the namespace roll out', here.length, caps.perNamespace],
    ['workloads of the policy roll out', ofPolicy.length, waves.maxConcurrent],
    ['workloads of the policy roll out in the namespace', ofPolicyHere.length, waves.maxPerNamespace],
  ];
  const over = counts.find(([, count, most]) => count > most);
  return over === undefined ? undefined : `${over[1]} ${over[0]}, at most ${over[2]} may`;
}

/** Only who holds the lease writes: a leader that was stopped must not go on when it wakes. */
function* wroteWithoutLease({ versions, leases }: History): Generator<Violation> {
  let index = 0;
  let holder = '';
  for (const { replica, resourceVersion, key, object } of versions) {
    for (
      let lease = leases[index];
      lease !== undefined && lease.resourceVersion < resourceVersion;
      lease = leases[++index]
    ) {
      holder = lease.holder === '' ? '' : lease.replica;
    }
    if (replica !== undefined && object !== undefined && replica !== holder) {
      yield {
        invariant: 'WroteWithoutLease',
        what: `${key} at ${resourceVersion}: ${replica} wrote it, ${holder === '' ? 'nobody' : holder} held the lease`,
      };
    }
  }
}

function isPresent(version: Version): version is Present {
  return version.object !== undefined;
}

/** What the API server has been told to run: labels, annotations and spec, without what the operator notes beside it. */
function templateText({ object }: Present): string {
  return JSON.stringify(object.spec.template);
}

/** Every write of a policy's values writes the note anew; one that leaves it as it is gives back. */
function wishOf(before: Present, after: Present): string {
  const note = noteText(before) === noteText(after) ? undefined : noteOf(after);
  return note === undefined ? 'giving back' : `${note.policy.name} ${note.policy.uid} ${note.intent}`;
}

function noteOf(version: Present | undefined): Note | undefined {
  const text = noteText(version);
  return text === undefined ? undefined : (JSON.parse(text) as Note);
}

function noteText(version: Present | undefined): string | undefined {
  return version?.object.metadata.annotations?.[STATE_ANNOTATION];
}

function restarts({ object }: Pick<Present, 'object'>): boolean {
  return object.spec.replicas !== 0 && object.spec['paused'] !== true;
}

function isRolledOut(object: Present['object'], generation: number): boolean {
  const status = (object.status ?? {}) as Record<string, number | undefined>;
  if ((status['observedGeneration'] ?? 0) < generation) {
    return false;
  }
  if (status['desiredNumberScheduled'] !== undefined) {
    return (status['updatedNumberScheduled'] ?? 0) === status['desiredNumberScheduled'];
  }
  return (
    (status['updatedReplicas'] ?? 0) === object.spec.replicas && (status['replicas'] ?? 0) === object.spec.replicas
  );
}
