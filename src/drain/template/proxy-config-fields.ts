/**
 * The fields of Istio's ProxyConfig message (istio.io/api v1.32.0, mesh/v1alpha1/proxy.proto, and the messages that it
 * takes from networking). Istio ignores a key that it does not know without a word, and denies the pod for a value of
 * the wrong type, so both need the whole list.
 */

export type FieldType =
  | 'string'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'double'
  | 'duration'
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: FieldType }
  | { readonly mapOf: FieldType }
  | { readonly message: MessageFields };

export interface MessageFields {
  readonly [camelCaseName: string]: FieldType;
}

const strings: FieldType = { listOf: 'string' };
const address: FieldType = { message: { address: 'string' } };
const disabled: FieldType = { message: { disabled: 'bool' } };
const enabled: FieldType = { message: { enabled: 'bool' } };

const forwardClientCertDetails: FieldType = {
  oneOf: ['UNDEFINED', 'SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'],
};

const clientTlsSettings: FieldType = {
  message: {
    mode: { oneOf: ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'] },
    clientCertificate: 'string',
    privateKey: 'string',
    caCertificates: 'string',
    credentialName: 'string',
    subjectAltNames: strings,
    sni: 'string',
    insecureSkipVerify: 'bool',
    caCrl: 'string',
    caCertCredentialName: 'string',
  },
};

const remoteService: FieldType = {
  message: {
    address: 'string',
    tlsSettings: clientTlsSettings,
    tcpKeepalive: { message: { probes: 'uint32', time: 'duration', interval: 'duration' } },
  },
};

const privateKeyMethod: FieldType = { message: { pollDelay: 'duration', fallback: 'bool' } };

const tracing: FieldType = {
  message: {
    zipkin: address,
    lightstep: { message: { address: 'string', accessToken: 'string' } },
    datadog: address,
    stackdriver: {
      message: {
        debug: 'bool',
        maxNumberOfAttributes: 'int64',
        maxNumberOfAnnotations: 'int64',
        maxNumberOfMessageEvents: 'int64',
      },
    },
    openCensusAgent: {
      message: {
        address: 'string',
        context: { listOf: { oneOf: ['UNSPECIFIED', 'W3C_TRACE_CONTEXT', 'GRPC_BIN', 'CLOUD_TRACE_CONTEXT', 'B3'] } },
      },
    },
    customTags: {
      mapOf: {
        message: {
          literal: { message: { value: 'string' } },
          environment: { message: { name: 'string', defaultValue: 'string' } },
          header: { message: { name: 'string', defaultValue: 'string' } },
        },
      },
    },
    maxPathTagLength: 'uint32',
    sampling: 'double',
    tlsSettings: clientTlsSettings,
    enableIstioTags: 'bool',
  },
};

const readinessProbe: FieldType = {
  message: {
    initialDelaySeconds: 'int32',
    timeoutSeconds: 'int32',
    periodSeconds: 'int32',
    successThreshold: 'int32',
    failureThreshold: 'int32',
    httpGet: {
      message: {
        path: 'string',
        port: 'uint32',
        host: 'string',
        scheme: 'string',
        httpHeaders: { listOf: { message: { name: 'string', value: 'string' } } },
      },
    },
    tcpSocket: { message: { host: 'string', port: 'uint32' } },
    exec: { message: { command: strings } },
    grpc: { message: { port: 'uint32', service: 'string' } },
  },
};

const proxyHeaders: FieldType = {
  message: {
    forwardedClientCert: forwardClientCertDetails,
    setCurrentClientCertDetails: {
      message: { subject: 'bool', cert: 'bool', chain: 'bool', dns: 'bool', uri: 'bool' },
    },
    requestId: disabled,
    server: { message: { disabled: 'bool', value: 'string' } },
    attemptCount: disabled,
    envoyDebugHeaders: disabled,
    metadataExchangeHeaders: { message: { mode: { oneOf: ['UNDEFINED', 'IN_MESH'] } } },
    preserveHttp1HeaderCase: 'bool',
    xForwardedHost: enabled,
    xForwardedPort: enabled,
  },
};

const connectionSettings: FieldType = {
  message: {
    profile: { oneOf: ['SIDECAR', 'EDGE'] },
    listenerPerConnectionBufferLimitBytes: 'int32',
    clusterPerConnectionBufferLimitBytes: 'int32',
    httpIdleTimeout: 'duration',
    httpMaxConnectionDuration: 'duration',
    httpDrainTimeout: 'duration',
    httpRequestTimeout: 'duration',
    httpRequestHeadersTimeout: 'duration',
    httpStreamIdleTimeout: 'duration',
    httpMaxStreamDuration: 'duration',
    httpMaxConcurrentStreams: 'int32',
    http2InitialStreamWindowSize: 'int32',
    http2InitialConnectionWindowSize: 'int32',
    httpHeadersWithUnderscoresAction: {
      oneOf: [
        'HEADERS_WITH_UNDERSCORES_UNSPECIFIED',
        'HEADERS_WITH_UNDERSCORES_ALLOW',
        'HEADERS_WITH_UNDERSCORES_REJECT_REQUEST',
        'HEADERS_WITH_UNDERSCORES_DROP_HEADER',
      ],
    },
    httpMergeSlashes: 'bool',
    httpPathWithEscapedSlashesAction: {
      oneOf: [
        'PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED',
        'KEEP_UNCHANGED',
        'REJECT_REQUEST',
        'UNESCAPE_AND_REDIRECT',
        'UNESCAPE_AND_FORWARD',
      ],
    },
    listenerConnectionLimit: 'int32',
    globalDownstreamConnectionLimit: 'int32',
  },
};

export const PROXY_CONFIG_FIELDS: MessageFields = {
  configPath: 'string',
  binaryPath: 'string',
  serviceCluster: 'string',
  tracingServiceName: { oneOf: ['APP_LABEL_AND_NAMESPACE', 'CANONICAL_NAME_ONLY', 'CANONICAL_NAME_AND_NAMESPACE'] },
  drainDuration: 'duration',
  discoveryAddress: 'string',
  discoveryRefreshDelay: 'duration',
  zipkinAddress: 'string',
  statsdUdpAddress: 'string',
  envoyMetricsServiceAddress: 'string',
  proxyAdminPort: 'int32',
  availabilityZone: 'string',
  controlPlaneAuthPolicy: { oneOf: ['NONE', 'MUTUAL_TLS', 'INHERIT'] },
  customConfigFile: 'string',
  statNameLength: 'int32',
  concurrency: 'int32',
  proxyBootstrapTemplatePath: 'string',
  interceptionMode: { oneOf: ['REDIRECT', 'TPROXY', 'NONE'] },
  tracing,
  sds: { message: { enabled: 'bool', k8sSaJwtPath: 'string' } },
  envoyAccessLogService: remoteService,
  envoyMetricsService: remoteService,
  proxyMetadata: { mapOf: 'string' },
  runtimeValues: { mapOf: 'string' },
  statusPort: 'int32',
  extraStatTags: strings,
  gatewayTopology: {
    message: { numTrustedProxies: 'uint32', forwardClientCertDetails, proxyProtocol: { message: {} } },
  },
  terminationDrainDuration: 'duration',
  meshId: 'string',
  readinessProbe,
  proxyStatsMatcher: { message: { inclusionPrefixes: strings, inclusionSuffixes: strings, inclusionRegexps: strings } },
  holdApplicationUntilProxyStarts: 'bool',
  caCertificatesPem: strings,
  image: { message: { imageType: 'string' } },
  privateKeyProvider: { message: { cryptomb: privateKeyMethod, qat: privateKeyMethod } },
  proxyHeaders,
  fileFlushInterval: 'duration',
  fileFlushMinSizeKb: 'uint32',
  statsCompression: 'bool',
  connectionSettings,
};

/** Top-level strings that Istio's validation refuses when they are empty, and ports that it refuses when they are none. */
export const MUST_NOT_BE_EMPTY: readonly string[] = ['configPath', 'binaryPath', 'serviceCluster', 'discoveryAddress'];
export const MUST_BE_A_PORT: readonly string[] = ['proxyAdminPort', 'statusPort'];

/** Keys that were fields once, or that are fields of something else: what to say instead of a guess at a spelling. */
export const KNOWN_STRANGERS: Readonly<Record<string, string>> = {
  parentShutdownDuration: 'was removed in Istio 1.17 and is ignored',
  connectTimeout: 'is not a field of ProxyConfig (it is one of meshConfig) and is ignored',
  terminationGracePeriodSeconds: 'belongs to the pod template (spec.terminationGracePeriodSeconds) and is ignored here',
  lifecycle: 'cannot be set here: write a container istio-proxy with image: auto into the pod template',
  EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'is an environment variable: write it under proxyMetadata',
  MINIMUM_DRAIN_DURATION: 'is an environment variable: write it under proxyMetadata',
};

/** Protobuf's own name of a field, which its JSON form takes as well. */
export function snakeCase(camelCaseName: string): string {
  return camelCaseName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
