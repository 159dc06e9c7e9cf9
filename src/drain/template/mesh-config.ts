import type { ProxyConfigValues } from '../model/mesh.ts';
import { proxyConfigValuesFrom, readMessage } from './proxy-config.ts';
import type { FieldType, MessageFields } from './proxy-config-fields.ts';

const tls: FieldType = { message: { minProtocolVersion: { oneOf: ['TLS_AUTO', 'TLSV1_2', 'TLSV1_3'] } } };

/**
 * The plain fields of Istio's MeshConfig (istio/api mesh/v1alpha1/config.proto). What is left out is not looked at: the
 * types of extension providers and the like decide nothing here, and a wrong one there is rare.
 */
const MESH_CONFIG_FIELDS: MessageFields = {
  proxyListenPort: 'int32',
  proxyInboundListenPort: 'int32',
  proxyHttpPort: 'int32',
  connectTimeout: 'duration',
  protocolDetectionTimeout: 'duration',
  ingressClass: 'string',
  ingressService: 'string',
  ingressControllerMode: { oneOf: ['UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'] },
  ingressSelector: 'string',
  enableTracing: 'bool',
  accessLogFile: 'string',
  accessLogFormat: 'string',
  accessLogEncoding: { oneOf: ['TEXT', 'JSON'] },
  enableEnvoyAccessLogService: 'bool',
  disableEnvoyListenerLog: 'bool',
  outboundTrafficPolicy: { message: { mode: { oneOf: ['REGISTRY_ONLY', 'ALLOW_ANY'] } } },
  inboundTrafficPolicy: { message: { mode: { oneOf: ['PASSTHROUGH', 'LOCALHOST'] } } },
  enableAutoMtls: 'bool',
  trustDomain: 'string',
  trustDomainAliases: { listOf: 'string' },
  defaultServiceExportTo: { listOf: 'string' },
  defaultVirtualServiceExportTo: { listOf: 'string' },
  defaultDestinationRuleExportTo: { listOf: 'string' },
  rootNamespace: 'string',
  dnsRefreshRate: 'duration',
  h2UpgradePolicy: { oneOf: ['DO_NOT_UPGRADE', 'UPGRADE'] },
  inboundClusterStatName: 'string',
  outboundClusterStatName: 'string',
  enablePrometheusMerge: 'bool',
  verifyCertificateAtClient: 'bool',
  pathNormalization: {
    message: { normalization: { oneOf: ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] } },
  },
  meshMTLS: tls,
  tlsDefaults: tls,
};

/** What mesh config says of terminations, or why istiod refuses the whole text. */
export type MeshConfigReading =
  | { readonly ok: true; readonly rootNamespace?: string; readonly defaultConfig?: ProxyConfigValues }
  | { readonly ok: false; readonly why: string };

/** Istio's reading of mesh config that has been parsed already: one value of a wrong type, and nothing of it counts. */
export function readMeshConfigValues(value: unknown): MeshConfigReading {
  if (value === null || value === undefined) {
    return { ok: true };
  }
  const mesh = readMessage(MESH_CONFIG_FIELDS, value);
  if (!mesh.ok) {
    return { ok: false, why: mesh.malformed.message };
  }
  const own = value as Readonly<Record<string, unknown>>;
  const given = own['defaultConfig'] ?? own['default_config'];
  const defaults = given === undefined || given === null ? undefined : proxyConfigValuesFrom(given);
  if (defaults?.ok === false) {
    return { ok: false, why: `defaultConfig: ${defaults.malformed.message}` };
  }
  const root = mesh.fields['rootNamespace'];
  return {
    ok: true,
    rootNamespace: typeof root === 'string' && root !== '' ? root : undefined,
    defaultConfig: defaults?.values,
  };
}
