import { GATEWAY_CLASS_DEFAULTS_LABEL } from '../../api/names.ts';
import { at, listOf, metadataOf, recordOf, textOf, type RawObject } from '../template/raw.ts';

/** A Gateway (gateway.networking.k8s.io), as far as istiod makes a pod template from it. */
export interface GatewayRecord {
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the ConfigMap in its namespace that spec.infrastructure.parametersRef names. */
  readonly parameters?: string;
  /** Why istiod makes nothing from it. */
  readonly unmanaged?: string;
  /** What istiod refuses in it, so that its Deployment stays as it is. */
  readonly refused?: string;
  /** Name of the Deployment, where an annotation states it. */
  readonly nameOverride?: string;
}

export interface GatewayClassRecord {
  readonly name: string;
  readonly controller: string;
}

/** A ConfigMap with overlays for what istiod makes from Gateways. */
export interface OverlayRecord {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; absent in files. */
  readonly created?: string;
  /** All Gateways of this class get it; it counts only beside istiod. */
  readonly forClass?: string;
  /** Strategic merge patch of the Deployment, as YAML. */
  readonly deployment?: string;
}

const NAME_OVERRIDE = 'gateway.istio.io/name-override';
const RESERVED_PREFIX = 'gateway.networking.k8s.io/';

/** @param raw a Gateway with its namespace */
export function readGateway(raw: RawObject): GatewayRecord {
  const metadata = metadataOf(raw);
  const infrastructure = recordOf(at(raw.spec, ['infrastructure']));
  const ref = recordOf(infrastructure['parametersRef']);
  const isConfigMap = ref['kind'] === 'ConfigMap' && (ref['group'] ?? '') === '';
  const hasRef = Object.keys(ref).length > 0;
  return {
    namespace: textOf(metadata.namespace) ?? '',
    name: textOf(metadata.name) ?? '',
    className: textOf(at(raw.spec, ['gatewayClassName'])) ?? '',
    labels: infrastructureOf(infrastructure['labels'], metadata.labels),
    annotations: infrastructureOf(infrastructure['annotations'], metadata.annotations),
    parameters: hasRef && isConfigMap ? textOf(ref['name']) : undefined,
    refused:
      hasRef && !isConfigMap
        ? `spec.infrastructure.parametersRef names a ${String(ref['kind'])}; istiod knows ConfigMaps only`
        : undefined,
    unmanaged: isManaged(listOf(at(raw.spec, ['addresses'])))
      ? undefined
      : 'its spec.addresses name a Service that is there already',
    nameOverride: strings(metadata.annotations)[NAME_OVERRIDE],
  };
}

/** What spec.infrastructure states counts, else what stands on the Gateway itself (PILOT_ENABLE_GATEWAY_API_COPY_LABELS_ANNOTATIONS). */
function infrastructureOf(stated: unknown, own: unknown): Readonly<Record<string, string>> {
  return stated === undefined || stated === null
    ? strings(own)
    : Object.fromEntries(Object.entries(strings(stated)).filter(([key]) => !key.startsWith(RESERVED_PREFIX)));
}

/** One IP address is asked of the Service that istiod makes; anything else is somebody else's (IsManaged of istio's gateway_utils.go). */
function isManaged(addresses: readonly unknown[]): boolean {
  const type = recordOf(addresses[0])['type'];
  return addresses.length === 0 || (addresses.length === 1 && (type === undefined || type === 'IPAddress'));
}

function strings(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(recordOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

export function readGatewayClass(raw: RawObject): GatewayClassRecord {
  return { name: textOf(metadataOf(raw).name) ?? '', controller: textOf(at(raw.spec, ['controllerName'])) ?? '' };
}

/** Undefined for a ConfigMap that has no overlay and no class. */
export function readOverlay(raw: RawObject): OverlayRecord | undefined {
  const metadata = metadataOf(raw);
  const deployment = textOf(at(raw, ['data', 'deployment']));
  const forClass = strings(metadata.labels)[GATEWAY_CLASS_DEFAULTS_LABEL];
  if (deployment === undefined && forClass === undefined) {
    return undefined;
  }
  return {
    namespace: textOf(metadata.namespace) ?? '',
    name: textOf(metadata.name) ?? '',
    created: textOf(metadata.creationTimestamp),
    forClass,
    deployment,
  };
}
