import type { KindLimit, RolloutFacts } from '../../model/workload.ts';
import { listOf, metadataOf, numberOf, recordOf } from '../raw.ts';
import type { Raw, RawObject } from '../raw.ts';

export interface TemplatePlace {
  /** Keys from the object to its pod template, for example `spec`, `template`. */
  readonly templatePath: readonly string[];
}

/** A field of the template's spec, in seconds, and what holds without it or with 0. */
export interface GraceField {
  readonly key: string;
  readonly defaultSeconds: number;
}

/**
 * The pods of a Knative Service get the time limit of a request as grace period (knative.dev/serving 1.23,
 * pkg/reconciler/revision/resources/deploy.go); without one, and with 0, 300 s (pkg/apis/serving/v1/revision_defaults.go; config-defaults
 * `revision-timeout-seconds`), and more than `max-revision-timeout-seconds` (600) is refused. The template may name neither a grace
 * period nor hooks (pkg/apis/serving/fieldmask.go): Knative gives each container one of its own, which waits for the queue-proxy.
 */
export const KNATIVE_GRACE: GraceField = Object.freeze({ key: 'timeoutSeconds', defaultSeconds: 300 });

/** All that differs between kinds of workloads: where the pod template stands, and what rolling and healthy mean. */
export interface WorkloadKindAdapter extends TemplatePlace {
  readonly apiVersion: string;
  /** As policies name it: `Kind`, or `Kind.group` where another group has the plain name. */
  readonly kind: string;
  /** Versions of the same group whose manifests say the same. */
  readonly manifestVersions?: readonly string[];
  /** As in the API server's paths. */
  readonly plural: string;
  /** Watched only while a policy names the kind, or while something of it holds values of ours. */
  readonly onDemand?: true;
  /** Never written: what is not as it should be is reported. */
  readonly reportedOnly?: true;
  /** One that has a controller is a part of something that is judged itself, so it is left out altogether. */
  readonly partsLeftOut?: true;
  /** Defined by a custom resource: no defaults of the API server, and lists that may be one value to it. */
  readonly custom?: true;
  /** Where something else than `terminationGracePeriodSeconds` of the template's spec decides about the grace period. */
  readonly graceFrom?: GraceField;
  rollout(raw: RawObject): RolloutFacts;
  /** Why this object, or a part of a change of it, must not be written. */
  limit?(raw: RawObject): KindLimit | undefined;
}

export const SPEC_TEMPLATE: readonly string[] = Object.freeze(['spec', 'template']);

/** Nothing rolls out when the template changes. */
export const AT_REST: RolloutFacts = Object.freeze({
  replicas: 1,
  strategy: 'None',
  paused: false,
  partition: 0,
  complete: true,
  healthy: true,
  rolling: false,
  stuck: false,
});

export interface Counts {
  readonly desired: number;
  readonly strategy: RolloutFacts['strategy'];
  readonly paused?: boolean;
  readonly partition?: number;
  /** False where the controller has not looked at the newest spec yet. */
  readonly observed: boolean;
  readonly complete: boolean;
  readonly rolling: boolean;
  /** While rolling: nothing is wrong with it so far. */
  readonly smooth: boolean;
  readonly stuck?: boolean;
  readonly terminating?: RolloutFacts['terminating'];
  /** 0 where new pods do not wait for old ones. */
  readonly drainRounds?: number;
}

export function facts(counts: Counts): RolloutFacts {
  const complete = counts.observed && counts.complete;
  const rolling = !complete && (!counts.observed || counts.rolling);
  return {
    replicas: counts.desired,
    strategy: counts.strategy,
    paused: counts.paused ?? false,
    partition: counts.partition ?? 0,
    complete,
    healthy: complete || (rolling && counts.smooth),
    rolling,
    stuck: counts.stuck ?? false,
    ...(counts.terminating === undefined ? {} : { terminating: counts.terminating }),
    ...((counts.drainRounds ?? 0) === 0 ? {} : { drainRounds: counts.drainRounds }),
  };
}

/** A manifest has no status: nothing of it runs, so nothing of it is rolling or ill. */
export function fromManifest(
  raw: RawObject,
  desired: number,
  strategy: RolloutFacts['strategy'],
  more: Partial<Counts>,
): RolloutFacts | undefined {
  if (raw.status !== undefined || metadataOf(raw).uid !== undefined) {
    return undefined;
  }
  return facts({ desired, strategy, observed: true, complete: true, rolling: false, smooth: true, ...more });
}

export function observed(raw: RawObject, status: Raw): boolean {
  return (numberOf(status['observedGeneration']) ?? 0) >= (metadataOf(raw).generation ?? 0);
}

export function conditionOf(status: Raw, type: string): Raw | undefined {
  return listOf(status['conditions'])
    .map(recordOf)
    .find((condition) => condition['type'] === type);
}

/** How many groups of pods are replaced one after the other, where so many may be at once. */
export function rounds(pods: number, atOnce: number): number {
  return Math.ceil(pods / Math.max(1, atOnce));
}

/** `maxUnavailable` as a count: a number or a percentage, 1 where it is not stated. */
export function allowedUnavailable(value: unknown, desired: number): number {
  if (typeof value === 'number') {
    return value;
  }
  const percent = typeof value === 'string' ? /^(\d+)%$/.exec(value)?.[1] : undefined;
  return percent === undefined ? 1 : Math.max(1, Math.ceil((Number(percent) * desired) / 100));
}
