import { EXIT_ON_ZERO_VARIABLE, FIELD_MANAGER, MINIMUM_DRAIN_VARIABLE } from '../../api/names.ts';
import { formatGoDuration, parseGoBool, parseGoDuration } from '../../drain/duration.ts';
import type { ProxyConfigResource } from '../../drain/model/mesh.ts';
import { workloadKey, type Seconds, type Workload } from '../../drain/model/workload.ts';
import type { Assessment } from '../../drain/plan/assess.ts';
import type { OwnProxyConfig } from '../../drain/plan/decide.ts';
import { fnv1a } from '../../drain/hash.ts';
import { nameOfOwnProxyConfig as nameOf, policyOfOwnProxyConfig } from '../../drain/plan/own-proxyconfig.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { isApiError, type KubeClient, type Logger } from '../../kube/index.ts';
import { done, requeueAfter, type Outcome, type WorkQueue } from '../../runtime/index.ts';
import type { EpochMs } from '../time.ts';
import type { Caches } from '../watches/caches.ts';
import type { OperatorMetrics } from '../reports/operator-metrics.ts';
import { proxyConfigs } from '../watches/resources.ts';

export interface ProxyConfigControllerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly queue: WorkQueue;
  readonly workloadQueue: WorkQueue;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
}

/** What the workloads of one policy in one namespace need from the resource. */
interface Needs {
  readonly policy: string;
  readonly namespace: string;
  readonly minimumDrains: Map<string, Seconds>;
}

/**
 * Keeps one ProxyConfig per policy and namespace, for `environment: ProxyConfig`. It carries environment variables only:
 * the resource has no field for a duration.
 */
export class ProxyConfigController {
  private readonly options: ProxyConfigControllerOptions;
  private readonly needs = new Map<string, Needs>();
  /** By policy and namespace: the resource as it was first seen with its present content. */
  private readonly seen = new Map<string, { readonly mark: string; readonly at: EpochMs }>();

  constructor(options: ProxyConfigControllerOptions) {
    this.options = options;
  }

  /** Notes what a decision needs; the resource follows when that changes. */
  note(workload: Workload, assessment: Assessment): void {
    const key = workloadKey(workload);
    const { governing } = assessment;
    const wanted = governing?.decision.needsMinimumDrain;
    const mine =
      governing === undefined || wanted === undefined ? undefined : keyOf(governing.policy.name, workload.namespace);
    for (const [id, needs] of this.needs) {
      if (id !== mine && needs.namespace === workload.namespace && needs.minimumDrains.delete(key)) {
        this.options.queue.add(id);
      }
    }
    if (governing === undefined || wanted === undefined || mine === undefined || !mayWrite(governing.policy)) {
      return;
    }
    const needs = this.needs.get(mine) ?? {
      policy: governing.policy.name,
      namespace: workload.namespace,
      minimumDrains: new Map<string, Seconds>(),
    };
    this.needs.set(mine, needs);
    if (needs.minimumDrains.get(key) !== wanted) {
      needs.minimumDrains.set(key, wanted);
      this.options.queue.add(mine);
    }
  }

  /** The workload is gone, and needs nothing any more. */
  forget(workload: string): void {
    for (const [id, { minimumDrains }] of this.needs) {
      if (minimumDrains.delete(workload)) {
        this.options.queue.add(id);
      }
    }
  }

  /** The resource of a policy in a namespace, as it stands; or why there is none. */
  own(policy: PolicyRecord, namespace: string): OwnProxyConfig | undefined {
    const resources = this.options.caches.meshFacts().proxyConfigs ?? [];
    const rival = rivalOf(policy, namespace, resources);
    if (rival !== undefined) {
      return { kind: 'Blocked', why: rival };
    }
    const resource = resources.find((each) => each.namespace === namespace && each.name === nameOf(policy.name));
    if (resource === undefined) {
      return undefined;
    }
    const minimum = parseGoDuration(resource.environmentVariables[MINIMUM_DRAIN_VARIABLE] ?? '');
    return {
      kind: 'Ready',
      exitOnZero: parseGoBool(resource.environmentVariables[EXIT_ON_ZERO_VARIABLE] ?? '') === true,
      minimumDrain: minimum.ok ? minimum.seconds : 0,
      mark: `${resource.name}-${fnv1a(JSON.stringify([resource.creationTimestamp, Object.entries(resource.environmentVariables).sort()]))}`,
    };
  }

  /**
   * When istiod's injector is sure to use the resource of a policy as it stands: a pod that is made before comes up without
   * its variables. The content counts from when it was first seen here; a restart of the operator waits once more.
   */
  knownAt(policy: PolicyRecord, namespace: string): EpochMs | undefined {
    const own = this.own(policy, namespace);
    if (own?.kind !== 'Ready') {
      return undefined;
    }
    const key = keyOf(policy.name, namespace);
    const known = this.seen.get(key);
    const at = known?.mark === own.mark ? known.at : Date.now();
    this.seen.set(key, { mark: own.mark, at });
    return at + KNOWN_TO_INJECTOR_MS;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { client, caches, metrics, logger } = this.options;
    const slash = key.indexOf('/');
    const [namespace, policyName] = [key.slice(0, slash), key.slice(slash + 1)];
    const policy = caches.policies.store.get(policyName)?.record;
    const needs = this.needs.get(key);
    const wanted =
      needs === undefined || needs.minimumDrains.size === 0 || policy === undefined || policy.deleting
        ? undefined
        : Math.max(...needs.minimumDrains.values());
    // Where the kind is not there, its coming brings every key again.
    if (caches.proxyConfigState() !== 'Synced') {
      return done;
    }
    if (caches.writesHeldBecause() !== undefined) {
      return requeueAfter(HELD_LOOK_MS);
    }
    if (caches.policies.state !== 'Synced') {
      return requeueAfter(HELD_LOOK_MS);
    }
    // What it has given its workloads stays, as in their templates: pods that are made meanwhile need it.
    if (policy !== undefined && !policy.deleting && !mayWrite(policy)) {
      return done;
    }
    const name = nameOf(policyName);
    if (wanted === undefined) {
      // After a start nobody has said yet what is needed. Taken away and made again it would be a younger resource, and
      // every workload would have to restart after it.
      if (!this.options.workloadQueue.idle) {
        return requeueAfter(EVALUATION_POLL_MS);
      }
      return await this.remove(key, namespace, name, signal);
    }
    if (policy === undefined || rivalOf(policy, namespace, caches.meshFacts().proxyConfigs ?? []) !== undefined) {
      return done;
    }
    const resource = desired(policy, namespace, wanted);
    const present = caches.meshFacts().proxyConfigs?.find((each) => each.namespace === namespace && each.name === name);
    if (present !== undefined && sameSpec(present, resource.spec)) {
      return done;
    }
    const live = await client.find<OwnedObject>(proxyConfigs, { namespace, name }, { metadataOnly: true, signal });
    if (live !== undefined && !isOurs(live)) {
      logger.warn('another ProxyConfig already has the name that ours would get: nothing is written', {
        namespace,
        name,
        policy: policyName,
      });
      return done;
    }
    await client.apply(proxyConfigs, { namespace, name }, resource, {
      fieldManager: FIELD_MANAGER,
      force: true,
      metadataOnly: true,
      retry: 'idempotent',
      signal,
    });
    metrics.written(policyName, 'proxyconfig');
    logger.info('ProxyConfig written', { namespace, name, policy: policyName, minimumDrainSeconds: wanted });
    return done;
  }

  private async remove(key: string, namespace: string, name: string, signal: AbortSignal): Promise<Outcome> {
    this.needs.delete(key);
    this.seen.delete(key);
    const { caches, client, logger } = this.options;
    if (caches.meshFacts().proxyConfigs?.some((each) => each.namespace === namespace && each.name === name) !== true) {
      return done;
    }
    const live = await client.find<OwnedObject>(proxyConfigs, { namespace, name }, { metadataOnly: true, signal });
    if (live === undefined || !isOurs(live)) {
      return done;
    }
    try {
      const { uid } = live.metadata;
      await client.delete(
        proxyConfigs,
        { namespace, name },
        { signal, ...(uid === undefined ? {} : { preconditions: { uid } }) },
      );
      logger.info('ProxyConfig removed: no workload needs it any more', { namespace, name });
    } catch (error) {
      if (!(isApiError(error) && (error.isNotFound || error.isConflict))) {
        throw error;
      }
    }
    return done;
  }
}

interface OwnedObject {
  readonly metadata: { readonly uid?: string; readonly labels?: Readonly<Record<string, string>> };
}

/** The name alone does not make it ours. */
function isOurs({ metadata }: OwnedObject): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === FIELD_MANAGER;
}

function mayWrite(policy: PolicyRecord): boolean {
  return policy.spec.enforcement === 'Enforce' && !policy.spec.suspend && policy.stalled === undefined;
}

export function keyOf(policy: string, namespace: string): string {
  return `${namespace}/${policy}`;
}

const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
const HELD_LOOK_MS = 5_000;
/** 0.1 to 0.5 s were measured until the injector used a new resource, and more is to be expected on a busy mesh. */
const KNOWN_TO_INJECTOR_MS = 5_000;
const EVALUATION_POLL_MS = 200;
/** The policy and namespace behind a resource of ours. */
export function ownKeyOf({ name, namespace }: ProxyConfigResource): string | undefined {
  const policy = policyOfOwnProxyConfig(namespace, name);
  return policy === undefined ? undefined : keyOf(policy, namespace);
}

/**
 * Only the oldest resource of a level counts in Istio. Beside another one ours would be dead, or would silence a later
 * one of the team's; so there must be none.
 */
function rivalOf(
  policy: PolicyRecord,
  namespace: string,
  resources: readonly ProxyConfigResource[],
): string | undefined {
  const selector = policy.spec.match.workloadSelector;
  if ((selector?.matchExpressions?.length ?? 0) > 0) {
    return 'environment: ProxyConfig needs a workloadSelector of matchLabels only: a ProxyConfig knows no expressions';
  }
  const hasSelector = Object.keys(selector?.matchLabels ?? {}).length > 0;
  const rival = resources.find(
    (each) =>
      each.namespace === namespace &&
      each.name !== nameOf(policy.name) &&
      (each.selector !== undefined) === hasSelector,
  );
  return rival === undefined
    ? undefined
    : `ProxyConfig ${rival.namespace}/${rival.name} is at the same level, and only the oldest of a level counts; use environment: Annotation`;
}

interface DesiredProxyConfig {
  readonly spec: {
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly environmentVariables: Readonly<Record<string, string>>;
  };
}

function desired(
  policy: PolicyRecord,
  namespace: string,
  minimumDrain: Seconds,
): DesiredProxyConfig & Record<string, unknown> {
  const labels = policy.spec.match.workloadSelector?.matchLabels ?? {};
  return {
    apiVersion: proxyConfigs.apiVersion,
    kind: proxyConfigs.kind,
    metadata: { namespace, name: nameOf(policy.name), labels: { [MANAGED_BY_LABEL]: FIELD_MANAGER } },
    spec: {
      ...(Object.keys(labels).length === 0 ? {} : { selector: { matchLabels: labels } }),
      environmentVariables: {
        [EXIT_ON_ZERO_VARIABLE]: 'true',
        [MINIMUM_DRAIN_VARIABLE]: formatGoDuration(minimumDrain),
      },
    },
  };
}

function sameSpec(present: ProxyConfigResource, spec: DesiredProxyConfig['spec']): boolean {
  const sorted = (map: Readonly<Record<string, string>> | undefined): string =>
    JSON.stringify(Object.entries(map ?? {}).sort());
  return (
    sorted(present.environmentVariables) === sorted(spec.environmentVariables) &&
    sorted(present.selector?.matchLabels) === sorted(spec.selector?.matchLabels)
  );
}
