// The objects that the suite makes, as plain values.
import type { ImageChoice, Options } from './options.ts';
import { GATEWAY, type Timing } from './scenarios.ts';

/** Every object that a run makes in the cluster's own scope carries it, so that a later run finds what a crashed one has left. */
export const RUN_LABEL = 'e2e.sidecardrain.io/run';
/** When the run that owns a namespace was last alive. */
export const HEARTBEAT_ANNOTATION = 'e2e.sidecardrain.io/heartbeat';
export const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
export const FIELD_MANAGER = 'sidecar-drain-e2e';
export const PORT = 8080;
export const SERVER = 'server';
export const PEER = 'peer';
const PROGRAMS = 'programs';

/** Istio's init container needs more than clusters with a strict default allow, where Istio has no CNI plugin. */
const PRIVILEGED = { 'pod-security.kubernetes.io/enforce': 'privileged' };

type KubeObject = Readonly<Record<string, unknown>>;

/** With its metadata. */
type KubeManifest = KubeObject & {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
};

/** What every pod of the suite has in common. */
export interface PodOptions {
  readonly image: ImageChoice;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerateAll: boolean;
  /** sidecar.istio.io/nativeSidecar; undefined leaves it to the mesh. */
  readonly nativeSidecar?: boolean;
}

export function podOptionsOf(
  options: Pick<Options, 'image' | 'nodeSelector' | 'tolerateAll'>,
  nativeSidecar: boolean | undefined,
): PodOptions {
  const { image, nodeSelector, tolerateAll } = options;
  return {
    image,
    tolerateAll,
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(nativeSidecar === undefined ? {} : { nativeSidecar }),
  };
}

export function namespaceObject(name: string, run: string, labels: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { [RUN_LABEL]: run, ...PRIVILEGED, ...labels },
      annotations: { [HEARTBEAT_ANNOTATION]: new Date().toISOString() },
    },
  };
}

export function programsObject(namespace: string, programs: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: PROGRAMS, namespace },
    data: Object.fromEntries(Object.entries(programs).map(([name, text]) => [`${name}.mjs`, text])),
  };
}

/** The name by which clients of the mesh ask for a service: it needs no DNS, the sidecar knows it. */
export function serviceHost(name: string, namespace: string): string {
  return `${name}.${namespace}.svc`;
}

export function serviceObject(name: string, namespace: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { app: name } },
    // The port of the service is that of the pods: a sidecar then finds the route by the Host header whatever the address.
    spec: { selector: { app: name }, ports: [{ name: 'http', port: PORT, targetPort: PORT, appProtocol: 'http' }] },
  };
}

/** Without it a sidecar may try a lost request again elsewhere, and the loss would not show. */
export function noRetriesObject(apiVersion: string, namespace: string): KubeObject {
  return {
    apiVersion,
    kind: 'VirtualService',
    metadata: { name: SERVER, namespace },
    spec: {
      hosts: [SERVER],
      http: [{ retries: { attempts: 0 }, route: [{ destination: { host: SERVER, port: { number: PORT } } }] }],
    },
  };
}

export interface ServerOptions {
  readonly replicas: number;
  readonly timing: Timing;
  readonly peerUrl: string;
  /** The API server knows preStop.sleep (1.30 and later). */
  readonly sleepAction: boolean;
  /** It closes its listener as soon as its pod is deleted. */
  readonly withoutPreStop?: boolean;
  /** A preStop of the owner's own on istio-proxy, as a shell script. */
  readonly proxyHook?: string;
}

export function serverObject(
  namespace: string,
  pod: PodOptions,
  { replicas, timing, peerUrl, sleepAction, withoutPreStop, proxyHook }: ServerOptions,
): KubeObject {
  const env = [
    { name: 'LATE_CALLS_SECONDS', value: String(timing.lateCalls) },
    { name: 'LATE_CALLS_URL', value: `${peerUrl}/ok` },
    { name: 'LATE_CALLS_HOST', value: serviceHost(PEER, namespace) },
  ];
  const preStop = sleepAction
    ? { sleep: { seconds: timing.preStop } }
    : { exec: { command: [pod.image.node, '-e', `setTimeout(() => {}, ${timing.preStop * 1000})`] } };
  return deployment(SERVER, namespace, {
    replicas,
    pod,
    env,
    lifecycle: withoutPreStop === true ? undefined : { preStop },
    proxyHook,
    annotations: {
      // There from the start, so that a restart changes a value and adds no key.
      [RESTARTED_AT]: 'never',
      ...(sleepAction ? {} : { 'sidecardrain.io/pre-stop': `${timing.preStop}s` }),
    },
  });
}

export function peerObject(namespace: string, pod: PodOptions): KubeObject {
  return deployment(PEER, namespace, { replicas: 1, pod, env: [], annotations: {} });
}

interface DeploymentParts {
  readonly replicas: number;
  readonly pod: PodOptions;
  readonly env: readonly object[];
  readonly lifecycle?: object;
  readonly proxyHook?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

function deployment(
  name: string,
  namespace: string,
  { replicas, pod, env, lifecycle, proxyHook, annotations }: DeploymentParts,
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      // All new pods at once, and no old one before they are ready.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: name }, annotations: { ...annotations, ...podAnnotations(pod) } },
        // No grace period: the API server's own 30 s is what most workloads have.
        spec: {
          ...podSpec(pod),
          containers: [
            {
              ...container(SERVER, 'server', pod.image),
              ports: [{ name: 'http', containerPort: PORT }],
              env: [
                { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'PORT', value: String(PORT) },
                ...env,
              ],
              readinessProbe: {
                httpGet: { path: '/ok', port: PORT },
                periodSeconds: 1,
                timeoutSeconds: 3,
                failureThreshold: 30,
              },
              ...(lifecycle === undefined ? {} : { lifecycle }),
            },
            ...(proxyHook === undefined ? [] : [proxyEntry(proxyHook)]),
          ],
        },
      },
    },
  };
}

/** What Istio's injector merges into the proxy that it adds. */
function proxyEntry(script: string): object {
  return {
    name: 'istio-proxy',
    image: 'auto',
    imagePullPolicy: 'IfNotPresent',
    lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', script] } } },
  };
}

export interface LoadOptions {
  readonly client: 'mesh' | 'plain';
  /** As the program wants them: addresses of one service joined by commas, alternatives separated by spaces. */
  readonly targets: string;
  readonly timing: Timing;
  readonly limitSeconds: number;
}

export function loadName(client: 'mesh' | 'plain'): string {
  return `load-${client}`;
}

export function loadObject(
  namespace: string,
  pod: PodOptions,
  { client, targets, timing, limitSeconds }: LoadOptions,
): KubeObject {
  const name = loadName(client);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { app: name, ...(client === 'plain' ? { 'sidecar.istio.io/inject': 'false' } : {}) },
      annotations: podAnnotations(pod),
    },
    spec: {
      ...podSpec(pod),
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          ...container('load', 'load', pod.image),
          env: [
            { name: 'LOAD_NAME', value: client },
            { name: 'TARGETS', value: targets },
            { name: 'HOST', value: serviceHost(SERVER, namespace) },
            { name: 'HOLD_SECONDS', value: String(timing.hold) },
            { name: 'INTERVAL_MS', value: String(timing.interval * 1000) },
            { name: 'LOAD_SECONDS', value: String(limitSeconds) },
          ],
        },
      ],
    },
  };
}

/** For a dry run: what would the injector make of it? */
export function probeObject(namespace: string, pod: PodOptions): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', namespace, labels: { app: 'probe' }, annotations: podAnnotations(pod) },
    spec: { ...podSpec(pod), containers: [container(SERVER, 'server', pod.image)] },
  };
}

/** A Gateway of Istio's class in front of the server, inside the cluster only, with a ConfigMap for its Deployment. */
export function gatewayObjects(
  namespace: string,
  replicas: number,
): { readonly gateway: KubeManifest; readonly overlay: KubeManifest; readonly route: KubeManifest } {
  const name = `${GATEWAY}-options`;
  const gatewayApi = 'gateway.networking.k8s.io/v1';
  return {
    overlay: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
      data: { deployment: `spec:\n  replicas: ${replicas}\n` },
    },
    gateway: {
      apiVersion: gatewayApi,
      kind: 'Gateway',
      metadata: { name: GATEWAY, namespace, annotations: { 'networking.istio.io/service-type': 'ClusterIP' } },
      spec: {
        gatewayClassName: 'istio',
        infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name } },
        listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
      },
    },
    route: {
      apiVersion: gatewayApi,
      kind: 'HTTPRoute',
      metadata: { name: SERVER, namespace },
      spec: { parentRefs: [{ name: GATEWAY }], rules: [{ backendRefs: [{ name: SERVER, port: PORT }] }] },
    },
  };
}

/** @param more fields of the spec; those of its `match` stand beside the namespace's, and select in place of the server's label */
export function policyObject(name: string, run: string, namespace: string, more: object): KubeObject {
  const { match, ...rest } = more as { readonly match?: object };
  return {
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    metadata: { name, labels: { [RUN_LABEL]: run } },
    spec: {
      enforcement: 'Enforce',
      match: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        // By label: a ProxyConfig and a policy on pods know no names of workloads.
        workloadSelector: { matchLabels: { app: SERVER } },
        ...match,
      },
      ...rest,
      rollout: { strategy: 'Immediate' },
    },
  };
}

function container(name: string, program: string, image: ImageChoice): Record<string, unknown> {
  return {
    name,
    image: image.reference,
    imagePullPolicy: image.pullPolicy,
    command: [image.node, `/e2e/${program}.mjs`],
    resources: { requests: { cpu: '10m', memory: '48Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      runAsUser: image.runAsUser,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(image.programs === 'image' ? {} : { volumeMounts: [{ name: PROGRAMS, mountPath: '/e2e', readOnly: true }] }),
  };
}

function podSpec({ image, nodeSelector, tolerateAll }: PodOptions): Record<string, unknown> {
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerateAll ? { tolerations: [{ operator: 'Exists' }] } : {}),
    // Tokens and variables of every service are of no use here.
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(image.programs === 'image' ? {} : { volumes: [{ name: PROGRAMS, configMap: { name: PROGRAMS } }] }),
  };
}

function podAnnotations({ nativeSidecar }: PodOptions): Record<string, string> {
  return nativeSidecar === undefined ? {} : { 'sidecar.istio.io/nativeSidecar': String(nativeSidecar) };
}
