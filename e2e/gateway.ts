// A gateway of Gateway API: judged by the operator, its overlay written by `render`, and no request lost with it.
import { defineResource, isApiError } from '../src/kube/index.ts';
import { CONFIG_MAPS, DEPLOYMENTS, E2eError, PODS, POLICIES, SERVICES, until, type KubeObject } from './cluster/api.ts';
import type { LoadRequest } from './observe/lines.ts';
import type { RawPod } from './observe/pods.ts';
import { FIELD_MANAGER, gatewayObjects, policyObject, RESTARTED_AT } from './plan/objects.ts';
import { GATEWAY, gatewayPolicyOf, type Timing } from './plan/scenarios.ts';
import type { ScenarioParts } from './scenario.ts';

const api = (plural: string, kind: string): ReturnType<typeof defineResource> =>
  defineResource({ group: 'gateway.networking.k8s.io', version: 'v1', plural, kind, namespaced: true });
const GATEWAYS = api('gateways', 'Gateway');
const ROUTES = api('httproutes', 'HTTPRoute');

export interface GatewayScene {
  readonly namespace: string;
  readonly timing: Timing;
  readonly rolledOut: (deployment: string) => Promise<void>;
  /** Requests by way of this address from now on. */
  readonly startLoad: (address: string) => Promise<void>;
  /** All of them so far. */
  readonly requests: () => readonly LoadRequest[];
}

export async function playGateway(parts: ScenarioParts, scene: GatewayScene): Promise<void> {
  const { checks, cluster, run, say, mesh } = parts;
  const { namespace, timing } = scene;
  const objects = gatewayObjects(namespace, parts.options.replicas);
  try {
    await cluster.client.list(GATEWAYS, { namespace });
  } catch (error) {
    if (isApiError(error) && error.isNotFound) {
      checks.add(
        'it can be carried out',
        'Skipped',
        'the API server has no Gateway API (gateway.networking.k8s.io/v1)',
      );
      return;
    }
    throw error;
  }
  await cluster.client.create(CONFIG_MAPS, objects.overlay, namespace);
  await cluster.client.create(GATEWAYS, objects.gateway, namespace);
  await cluster.client.create(ROUTES, objects.route, namespace);
  const name = `${GATEWAY}-istio`;
  await until(() => cluster.client.find(DEPLOYMENTS, { name, namespace }), {
    seconds: parts.options.readyTimeoutSeconds,
    signal: parts.signal,
    what: `istiod has made Deployment ${name} of Gateway ${GATEWAY}`,
  });
  await scene.rolledOut(name);
  const service = await cluster.client.get<KubeObject & { spec: { clusterIP: string } }>(SERVICES, { name, namespace });
  await scene.startLoad(`http://${service.spec.clusterIP}:80`);

  const lost = lostOf(await restartGateway(parts, scene, name));
  checks.add(
    'with the defaults requests are lost',
    lost.length > 0 ? 'Passed' : 'Void',
    lost.length > 0 ? `${lost.length} lost` : 'none was, so an overlay has nothing to prove',
  );

  const policy = policyObject(namespace, run, namespace, gatewayPolicyOf(timing)) as unknown as KubeObject;
  await cluster.client.create(POLICIES, policy);
  const reported = await attention(parts, namespace, (counts) => counts.failed === 1);
  checks.add(
    'the operator says what the overlay needs, and writes nothing',
    reported.includes('RenderedFromGateway') && reported.includes('terminationGracePeriodSeconds')
      ? 'Passed'
      : 'Failed',
    reported,
  );
  say('the overlay, by render');
  const version = mesh.revisions[0]?.version;
  const rendered = await parts.renderManifests([objects.gateway, objects.overlay], policy, version);
  const overlay = rendered.find(({ kind }) => kind === 'ConfigMap');
  if (overlay === undefined) {
    throw new E2eError('render printed no ConfigMap');
  }
  await cluster.client.mergePatch(CONFIG_MAPS, { name: overlay.metadata.name, namespace }, { data: overlay.data });
  const counts = await attention(parts, namespace, ({ compliant }) => compliant === 1);
  checks.add('with the overlay the gateway is compliant', 'Passed', counts);
  await scene.rolledOut(name);
  const requests = await restartGateway(parts, scene, name);
  const left = lostOf(requests);
  checks.add(
    'no request is lost',
    left.length > 0 ? 'Failed' : requests.length > 0 ? 'Passed' : 'Void',
    `${left.length} of ${requests.length} lost`,
    left.map(({ id, error }) => `${id}: ${error ?? 'lost'}`),
  );
}

function lostOf(requests: readonly LoadRequest[]): LoadRequest[] {
  return requests.filter(({ survived }) => survived !== true);
}

/** Replaces the gateway's pods under load. The requests that were sent until the last old one had ended. */
async function restartGateway(
  { cluster: { client }, signal, options }: ScenarioParts,
  { namespace, rolledOut, requests, timing }: GatewayScene,
  name: string,
): Promise<readonly LoadRequest[]> {
  const labelSelector = `gateway.networking.k8s.io/gateway-name=${GATEWAY}`;
  const pods = async (): Promise<readonly RawPod[]> =>
    (await client.list<RawPod>(PODS, { namespace, labelSelector })).items;
  const seconds = options.readyTimeoutSeconds + timing.preStop + timing.maxWait + timing.hold + 60;
  // The load goes on: what pods of an older template still lose would be counted against this one.
  const present = await until(
    async () => {
      const all = await pods();
      return all.some(({ metadata }) => metadata.deletionTimestamp !== undefined) ? undefined : all;
    },
    { seconds, signal, what: 'no pod of the gateway is going' },
  );
  const old = new Set(present.map(({ metadata }) => metadata.uid));
  const since = Date.now();
  await client.mergePatch(
    DEPLOYMENTS,
    { name, namespace },
    { spec: { template: { metadata: { annotations: { [RESTARTED_AT]: new Date().toISOString() } } } } },
    { fieldManager: FIELD_MANAGER },
  );
  await until(async () => ((await pods()).some(({ metadata }) => old.has(metadata.uid)) ? undefined : true), {
    seconds,
    signal,
    what: 'the old pods of the gateway are gone',
  });
  await rolledOut(name);
  const lastGone = Date.now();
  const touched = (): LoadRequest[] =>
    requests().filter(({ sentAt, endedAt }) => sentAt <= lastGone && (endedAt === undefined || endedAt >= since));
  await until(() => (touched().every(({ endedAt }) => endedAt !== undefined) ? true : undefined), {
    seconds: timing.hold + 40,
    signal,
    what: 'every request of the load has ended',
  });
  return touched();
}

interface PolicyObject extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly workloads?: Readonly<Record<string, number>>;
    readonly attention?: readonly { readonly reason: string; readonly message: string }[];
  };
}

/** What the policy says of its workloads, once their counts are so. */
async function attention(
  { cluster: { client }, signal, options, operatorRuns }: ScenarioParts,
  policy: string,
  so: (counts: Readonly<Record<string, number>>) => boolean,
): Promise<string> {
  const read = async (): Promise<PolicyObject> => await client.get<PolicyObject>(POLICIES, { name: policy });
  const words = ({ status }: PolicyObject): string =>
    [
      JSON.stringify(status?.workloads ?? {}),
      ...(status?.attention ?? []).map((each) => `${each.reason}: ${each.message}`),
    ].join(' ');
  return await until(
    async () => {
      operatorRuns();
      const now = await read();
      return now.status?.workloads !== undefined && so(now.status.workloads) ? words(now) : undefined;
    },
    {
      seconds: options.readyTimeoutSeconds + 60,
      signal,
      what: 'the policy has judged the gateway',
      instead: async () => words(await read()),
    },
  );
}
