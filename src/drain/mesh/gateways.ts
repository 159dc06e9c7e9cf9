import type { Container, PodTemplate } from '../../api/kubernetes.ts';
import {
  GATEWAY_NAME_LABELS,
  HBONE_VARIABLE,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONTAINER,
  REVISION_LABEL,
} from '../../api/names.ts';
import type { MeshFacts, Revision } from '../model/mesh.ts';
import type { ProxyVerdict } from '../model/settings.ts';
import { parseProxyConfigAnnotation } from '../template/annotation.ts';
import { DEFAULT_REVISION } from './facts.ts';

/** What `pilot-agent proxy` is told to be, where that is no sidecar. */
export function gatewayRole({ args }: Container): 'router' | 'waypoint' | undefined {
  const role = args?.[0] === 'proxy' ? args[1] : undefined;
  return role === 'router' || role === 'waypoint' ? role : undefined;
}

/** Gateways whose pod template has the whole proxy: of older charts and IstioOperator, and those that istiod makes from a Gateway. */
export function wholeGateway(
  template: PodTemplate,
  role: 'router' | 'waypoint',
  isInAmbient: boolean,
  mesh: MeshFacts,
): ProxyVerdict {
  const labels = template.metadata?.labels ?? {};
  const gateway = GATEWAY_NAME_LABELS.map((label) => labels[label]).find((name) => name !== undefined);
  const because = [
    `container ${PROXY_CONTAINER} runs as a ${role === 'router' ? 'gateway' : role} (args: proxy ${role})`,
  ];
  if (gateway === undefined) {
    const ambient = isInAmbient || role === 'waypoint' || speaksHbone(template, undefined);
    return { kind: 'Gateway', container: 'Classic', because, missing: [], ambient };
  }
  // istiod notes its own revision there (manifests/charts/istio-control/istio-discovery/files/kube-gateway.yaml).
  const stated = template.metadata?.annotations?.[REVISION_LABEL] ?? DEFAULT_REVISION;
  const [first, ...others] = mesh.revisions;
  const found = mesh.revisions.find(({ name }) => name === stated) ?? (others.length === 0 ? first : undefined);
  return {
    kind: 'Gateway',
    container: 'Classic',
    rendered: role === 'router' ? 'Gateway' : 'Waypoint',
    revision: found?.name ?? stated,
    because: [...because, `istiod makes it from Gateway ${gateway}`],
    missing: [],
    ambient: isInAmbient || role === 'waypoint' || speaksHbone(template, found),
  };
}

/**
 * A gateway of an ambient mesh sends requests through tunnels that begin inside its own Envoy. Istio's profile `ambient`
 * asks for it with this variable in meshConfig.defaultConfig; a waypoint always does.
 */
export function speaksHbone(template: PodTemplate, revision: Revision | undefined): boolean {
  const container = template.spec.containers.find(({ name }) => name === PROXY_CONTAINER);
  const own = container?.env?.find(({ name }) => name === HBONE_VARIABLE)?.value;
  const text = template.metadata?.annotations?.[PROXY_CONFIG_ANNOTATION];
  const annotation = text === undefined ? undefined : parseProxyConfigAnnotation(text);
  const value =
    own ??
    (annotation?.ok === true ? annotation.values.proxyMetadata?.[HBONE_VARIABLE] : undefined) ??
    revision?.defaultConfig?.proxyMetadata?.[HBONE_VARIABLE] ??
    revision?.sharedConfig?.values.proxyMetadata?.[HBONE_VARIABLE];
  return value === 'true';
}
