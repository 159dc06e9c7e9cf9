import { GATEWAY_API_GROUP, INJECT_KEY, PROXY_CONTAINER } from '../../api/names.ts';
import { readIstioYaml } from '../template/annotation.ts';
import { metadataOf, recordOf, type Raw, type RawObject } from '../template/raw.ts';
import type { GatewayClassRecord, GatewayRecord, OverlayRecord } from './records.ts';
import { MergeRefused, strategicMerge } from './strategic-merge.ts';

/** What stands beside a Gateway and decides with it. */
export interface GatewaySurroundings {
  readonly classes: readonly GatewayClassRecord[];
  readonly overlays: readonly OverlayRecord[];
  /** Namespaces in which istiod runs: overlays of a whole class count only there. */
  readonly systemNamespaces: readonly string[];
}

export type MadeFromGateway =
  | {
      readonly kind: 'Made';
      readonly deployment: RawObject;
      /** The ConfigMap that the Gateway names, where it is in the input. */
      readonly own?: OverlayRecord;
      /** The ConfigMap for its class, whose overlay counts below. */
      readonly ofClass?: OverlayRecord;
      /** What of it could not be seen. */
      readonly note?: string;
    }
  /** Another controller's, or one that only stands for something outside of this cluster. */
  | { readonly kind: 'NotIstio' }
  /** istiod would make nothing from it as it stands. */
  | { readonly kind: 'Refused'; readonly why: string };

interface ClassInfo {
  readonly role: 'router' | 'waypoint';
  readonly managedBy: string;
  /** `-CLASS` follows the name of the Gateway in that of the Deployment. */
  readonly suffix: boolean;
}

/** By controllerName (istio/istio pilot/pkg/config/kube/gatewaycommon/classinfo.go). */
const CLASS_INFOS: Readonly<Record<string, ClassInfo>> = {
  'istio.io/gateway-controller': { role: 'router', managedBy: 'istio.io-gateway-controller', suffix: true },
  'istio.io/mesh-controller': { role: 'waypoint', managedBy: 'istio.io-mesh-controller', suffix: false },
  'istio.io/eastwest-controller': { role: 'waypoint', managedBy: 'istio.io-eastwest-controller', suffix: false },
};

/** istiod makes these classes itself; `istio-remote` stands for a gateway of another cluster, so nothing is made from it. */
const BUILT_IN_CLASSES: Readonly<Record<string, string>> = {
  istio: 'istio.io/gateway-controller',
  'istio-waypoint': 'istio.io/mesh-controller',
  'istio-east-west': 'istio.io/eastwest-controller',
};

/** istiod leaves these of the Gateway's annotations out. */
const LEFT_OUT = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'gateway.istio.io/name-override',
  'gateway.istio.io/service-account',
  'gateway.istio.io/controller-version',
]);

/**
 * The Deployment that istiod makes from a Gateway, as far as termination goes: its template for the class, the overlay of
 * the class, the overlay of the Gateway (DeploymentController.render of istio/istio).
 */
export function deploymentOf(gateway: GatewayRecord, around: GatewaySurroundings): MadeFromGateway {
  const controller =
    around.classes.find(({ name }) => name === gateway.className)?.controller ?? BUILT_IN_CLASSES[gateway.className];
  const info = controller === undefined ? undefined : CLASS_INFOS[controller];
  if (info === undefined || gateway.unmanaged !== undefined) {
    return { kind: 'NotIstio' };
  }
  if (gateway.refused !== undefined) {
    return { kind: 'Refused', why: gateway.refused };
  }
  const own = around.overlays.find(
    ({ namespace, name }) => namespace === gateway.namespace && name === gateway.parameters,
  );
  const ofClass = classOverlay(gateway, around);
  let deployment = basic(gateway, info);
  for (const overlay of [ofClass, own]) {
    if (overlay?.deployment === undefined) {
      continue;
    }
    const merged = withOverlay(deployment, overlay.deployment);
    if ('why' in merged) {
      return { kind: 'Refused', why: `deployment of ConfigMap ${overlay.namespace}/${overlay.name} ${merged.why}` };
    }
    deployment = merged.deployment;
  }
  const unseen = gateway.parameters !== undefined && own === undefined;
  return {
    kind: 'Made',
    deployment,
    own,
    ofClass,
    note: unseen
      ? `ConfigMap ${gateway.namespace}/${gateway.parameters}, which Gateway ${gateway.name} names, has no overlay in the input: it is judged without one`
      : undefined,
  };
}

/** istiod takes the oldest (controllers.OldestObject), then the first by name. */
function classOverlay(
  { className }: GatewayRecord,
  { overlays, systemNamespaces }: GatewaySurroundings,
): OverlayRecord | undefined {
  const key = ({ created = '', namespace, name }: OverlayRecord): string => `${created} ${name}.${namespace}`;
  return overlays
    .filter(({ forClass, namespace }) => forClass === className && systemNamespaces.includes(namespace))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))[0];
}

function basic(gateway: GatewayRecord, { role, managedBy, suffix }: ClassInfo): RawObject {
  const name = gateway.nameOverride ?? (suffix ? `${gateway.name}-${gateway.className}` : gateway.name);
  const annotations = Object.fromEntries(Object.entries(gateway.annotations).filter(([key]) => !LEFT_OUT.has(key)));
  const labels = {
    ...gateway.labels,
    'gateway.networking.k8s.io/gateway-name': gateway.name,
    'gateway.networking.k8s.io/gateway-class-name': gateway.className,
    'gateway.istio.io/managed': managedBy,
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      namespace: gateway.namespace,
      name,
      labels,
      annotations,
      ownerReferences: [{ apiVersion: `${GATEWAY_API_GROUP}/v1`, kind: 'Gateway', name: gateway.name, uid: '' }],
    },
    spec: {
      template: {
        metadata: { annotations, labels: { [INJECT_KEY]: 'false', 'istio.io/dataplane-mode': 'none', ...labels } },
        spec: {
          containers: [
            { name: PROXY_CONTAINER, image: 'proxyv2', args: ['proxy', role], ports: [{ containerPort: 15021 }] },
          ],
        },
      },
    },
  };
}

function withOverlay(
  deployment: RawObject,
  text: string,
): { readonly deployment: RawObject } | { readonly why: string } {
  const reading = readIstioYaml(text);
  if (!reading.ok) {
    return { why: `is no YAML: ${reading.malformed.message}` };
  }
  const patch = recordOf(reading.value);
  if (patch !== reading.value) {
    return { why: 'is not a map' };
  }
  try {
    const merged = strategicMerge(deployment as Raw, patch) as RawObject;
    return sameObject(deployment, merged)
      ? { deployment: merged }
      : { why: 'changes the name, the namespace or the owners, which istiod refuses (illegal metadata change)' };
  } catch (error) {
    if (!(error instanceof MergeRefused)) {
      throw error;
    }
    return { why: `cannot be merged: ${error.message}` };
  }
}

function sameObject(before: RawObject, after: RawObject): boolean {
  const [a, b] = [metadataOf(before), metadataOf(after)];
  return a.name === b.name && a.namespace === b.namespace && a.ownerReferences === b.ownerReferences;
}
