// The workloads of a chaos run as their users declare them, and the manifests that say so.
import type { Random } from './random.ts';

export type Kind = 'Deployment' | 'StatefulSet' | 'DaemonSet';
/** How its user writes it: `kubectl apply`, server-side apply, or a create and patches. */
export type Tool = 'ClientSideApply' | 'ServerSideApply' | 'Patch';

export const PLURALS: Readonly<Record<Kind, string>> = {
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
};

/** On every workload: what its user has declared last, so that each version in the audit log tells it. */
export const DECLARED_ANNOTATION = 'chaos.test/declared';

export interface Declared {
  readonly namespace: string;
  readonly name: string;
  readonly kind: Kind;
  readonly tool: Tool;
  readonly replicas: number;
  readonly image: number;
  /** terminationGracePeriodSeconds; undefined where the user declares none. */
  readonly grace: number | undefined;
  readonly paused: boolean;
}

export function firstFleet(random: Random, namespaces: readonly string[], workloads: number): Declared[] {
  return Array.from({ length: workloads }, (_, index) => ({
    namespace: namespaces[index % namespaces.length] ?? '',
    name: `web-${index}`,
    kind: random.weighted({ Deployment: 7, StatefulSet: 2, DaemonSet: 1 }),
    tool: random.weighted({ ClientSideApply: 1, ServerSideApply: 2, Patch: 2 }),
    replicas: random.between(1, 3),
    image: 1,
    grace: random.chance(0.5) ? random.between(10, 90) : undefined,
    paused: false,
  }));
}

export function keyOf({ namespace, name }: Pick<Declared, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

export function manifestOf(declared: Declared): object {
  const { namespace, name, kind, replicas, paused } = declared;
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { namespace, name, annotations: { [DECLARED_ANNOTATION]: declaredText(declared) } },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas }),
      ...(kind === 'Deployment' ? { paused } : {}),
      ...(kind === 'StatefulSet' ? { serviceName: name, podManagementPolicy: 'Parallel' } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [{ name: 'app', image: imageOf(declared) }],
          ...(declared.grace === undefined ? {} : { terminationGracePeriodSeconds: declared.grace }),
        },
      },
    },
  };
}

/** The change from one declaration to the next, as a strategic merge patch. */
export function patchOf(before: Declared, after: Declared): object {
  const template = {
    ...(before.image === after.image ? {} : { containers: [{ name: 'app', image: imageOf(after) }] }),
    ...(before.grace === after.grace ? {} : { terminationGracePeriodSeconds: after.grace ?? null }),
  };
  return {
    metadata: { annotations: { [DECLARED_ANNOTATION]: declaredText(after) } },
    spec: {
      ...(before.replicas === after.replicas || after.kind === 'DaemonSet' ? {} : { replicas: after.replicas }),
      ...(before.paused === after.paused ? {} : { paused: after.paused }),
      ...(Object.keys(template).length === 0 ? {} : { template: { spec: template } }),
    },
  };
}

/** @returns undefined for an object that is not of a chaos run */
export function declaredGrace(annotations: Readonly<Record<string, string>> | undefined): number | undefined {
  const text = annotations?.[DECLARED_ANNOTATION];
  return text === undefined ? undefined : (JSON.parse(text) as { grace: number }).grace;
}

function declaredText({ image, grace, replicas }: Declared): string {
  return JSON.stringify({ image, grace: grace ?? API_DEFAULT_GRACE, replicas });
}

/** What the API server sets where nobody declares a grace period, in seconds. */
const API_DEFAULT_GRACE = 30;

function imageOf({ image }: Declared): string {
  return `registry.example/app:${image}`;
}
