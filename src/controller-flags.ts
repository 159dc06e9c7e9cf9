import type { Flag } from './cli/command.ts';
import { NODE_FLAGS } from './cli/facts/flags.ts';
import { DEFAULT_CAPS } from './drain/rollout/gate.ts';
import { logFormats, logLevels } from './runtime/index.ts';

export const DEFAULT_LEASE = 'sidecar-drain-operator';
export const DEFAULT_ADMISSION_SERVICE = 'sidecar-drain-operator-admission';

/** The flags of the operator; each has a variable too. */
export const CONTROLLER_FLAGS = [
  {
    name: 'kubeconfig',
    type: 'string',
    value: 'FILE',
    description:
      "Kubeconfig of the cluster. Without it: $KUBECONFIG, the pod's own service account, or ~/.kube/config.",
  },
  { name: 'context', type: 'string', value: 'NAME', description: 'Context of the kubeconfig.' },
  {
    name: 'namespace',
    type: 'string',
    value: 'NAME',
    description:
      "The operator's own namespace: its lease and its off switch are there. Default: $POD_NAMESPACE, else sidecar-drain-system.",
  },
  {
    name: 'istio-namespace',
    type: 'string',
    value: 'NAME',
    multiple: true,
    default: 'istio-system',
    description:
      'Where istiod and its ConfigMaps are; what is called istiod elsewhere is not believed. Repeat it for several control planes.',
  },
  {
    name: 'watch-namespaces',
    type: 'string',
    value: 'NAME,NAME',
    multiple: true,
    description:
      'Look into these namespaces and no others, with Roles in them in place of the ClusterRole. Policies of the cluster are not read then: a NamespacedSidecarDrainPolicy governs its namespace by itself. Not with --admission=on. Default: all.',
  },
  {
    name: 'istio-version',
    type: 'string',
    value: 'VERSION',
    description: 'States the version of Istio where istiod cannot be seen (managed meshes).',
  },
  {
    name: 'native-sidecars',
    type: 'string',
    value: 'true|false|auto',
    choices: ['true', 'false', 'auto'],
    description: 'States ENABLE_NATIVE_SIDECARS of istiod where it cannot be seen.',
  },
  {
    name: 'proxy-image',
    type: 'string',
    value: 'with-shell|distroless',
    choices: ['with-shell', 'distroless'],
    description: 'States whether the proxy image has a shell, where it cannot be known.',
  },
  {
    name: 'assume-injected',
    type: 'string',
    value: 'true|false',
    choices: ['true', 'false'],
    description: "States that selected workloads are injected (or not) where the injector's webhooks cannot be read.",
  },
  {
    name: 'mesh-defaults',
    type: 'string',
    value: 'KEY=VALUE,...',
    description:
      'States settings of a managed mesh where no ConfigMap of it can be read, for example terminationDrainDuration=30s,EXIT_ON_ZERO_ACTIVE_CONNECTIONS=true.',
  },
  ...NODE_FLAGS,
  {
    name: 'leader-elect',
    type: 'boolean',
    description: 'Take part in leader election by Lease. Default: on in a pod, off with --kubeconfig.',
  },
  { name: 'no-leader-elect', type: 'boolean', description: 'Take no part in leader election.' },
  {
    name: 'leader-elect-lease-name',
    type: 'string',
    value: 'NAME',
    default: DEFAULT_LEASE,
    description: 'Name of the Lease.',
  },
  {
    name: 'max-rolling-workloads',
    type: 'string',
    value: 'N',
    default: String(DEFAULT_CAPS.workloads),
    description: 'Workloads that may roll out at once under strategy Waves, across all policies.',
  },
  {
    name: 'max-rolling-per-namespace',
    type: 'string',
    value: 'N',
    default: String(DEFAULT_CAPS.perNamespace),
    description: 'Workloads of one namespace that may roll out at once under strategy Waves.',
  },
  {
    name: 'foreign-change-wait',
    type: 'string',
    value: 'DURATION',
    default: '30m',
    description:
      'How long a workload is left as it is after somebody else has undone our values, for example by a rollout undo in an incident.',
  },
  {
    name: 'fight-distance',
    type: 'string',
    value: 'DURATION',
    default: '1h',
    description:
      'How long a workload is left alone after the second revert in a row; each further one doubles it, up to 24h.',
  },
  {
    name: 'unbounded-tenants',
    type: 'boolean',
    description:
      'Let a NamespacedSidecarDrainPolicy govern also where no SidecarDrainPolicy with enforcement: Enforce selects the workload: nothing bounds it then.',
  },
  {
    name: 'reports',
    type: 'string',
    value: 'auto|off',
    choices: ['auto', 'off'],
    default: 'auto',
    description:
      'Report violations as PolicyReport (wgpolicyk8s.io) and Report (openreports.io), each where its kind is installed. off also removes the reports that were written before.',
  },
  {
    name: 'observe-terminations',
    type: 'string',
    value: 'on|off',
    choices: ['on', 'off'],
    default: 'on',
    description:
      'Watch the pods of the mesh and count how those of governed workloads end (sidecar_drain_terminations_total).',
  },
  {
    name: 'admission',
    type: 'string',
    value: 'on|off',
    choices: ['on', 'off'],
    default: 'off',
    description:
      'Serve the admission webhook. Its MutatingWebhookConfiguration, Service and permissions come with config/webhook or the chart.',
  },
  {
    name: 'admission-policies',
    type: 'string',
    value: 'on|off',
    choices: ['on', 'off'],
    default: 'off',
    description:
      'Says that the admission policies of config/admission-policies are installed. A labelled policy with delivery: Admission is then not Stalled without the webhook; whether its workloads comply is Unknown.',
  },
  {
    name: 'admission-bind-address',
    type: 'string',
    value: 'HOST:PORT',
    default: ':9443',
    description: 'Where the admission webhook is served, over HTTPS.',
  },
  {
    name: 'admission-cert-dir',
    type: 'string',
    value: 'FOLDER',
    description:
      "Folder with tls.crt and tls.key (and ca.crt) for the admission webhook, as cert-manager's Secrets are mounted; read again every 5 s. Without it each replica makes its own, in memory, and enters its authority in the webhook configuration.",
  },
  {
    name: 'admission-cert-lifetime',
    type: 'string',
    value: 'DURATION',
    default: '24h',
    description: 'How long certificates of its own are good; they are renewed after two thirds of it.',
  },
  {
    name: 'admission-service-name',
    type: 'string',
    value: 'NAME',
    default: DEFAULT_ADMISSION_SERVICE,
    description: "The Service, in the operator's own namespace, by which the API server reaches the webhook.",
  },
  {
    name: 'admission-url',
    type: 'string',
    value: 'URL',
    description:
      'How the API server reaches the webhook of an operator outside the cluster, for example https://10.0.0.5:9443. Replaces the Service.',
  },
  {
    name: 'workload-kind',
    type: 'string',
    value: 'GROUP/VERSION/PLURAL:KIND=PATH',
    multiple: true,
    description:
      'A kind of a custom resource by the path of its pod template, for example apps.example.com/v1/gameservers:GameServer=spec.template. Policies may then name it in match.kinds; the operator needs the permissions get, list, watch and patch for it.',
  },
  {
    name: 'max-concurrent-reconciles',
    type: 'string',
    value: 'N',
    default: '16',
    description: 'Workloads that are worked on at once.',
  },
  {
    name: 'kube-api-connections',
    type: 'string',
    value: 'N',
    default: '8',
    description: 'Connections to the API server; watches have their own.',
  },
  {
    name: 'metrics-bind-address',
    type: 'string',
    value: 'HOST:PORT',
    default: ':8080',
    description: 'Where /metrics is served; 0 for nowhere.',
  },
  {
    name: 'dashboard-bind-address',
    type: 'string',
    value: 'HOST:PORT',
    default: '0',
    description:
      'Where the page of sidecar-drain dashboard is served over HTTPS, to bearer tokens that the API server knows and whose users may list policies, workloads and pods in all namespaces; 0 for nowhere. Its permissions come with config/dashboard or the chart. Not with --watch-namespaces.',
  },
  {
    name: 'dashboard-cert-dir',
    type: 'string',
    value: 'FOLDER',
    description:
      'Folder with tls.crt and tls.key for that page, read again every 5 s. Without it each replica makes its own certificate, in memory.',
  },
  {
    name: 'health-probe-bind-address',
    type: 'string',
    value: 'HOST:PORT',
    default: ':8081',
    description: 'Where /healthz and /readyz are served; 0 for nowhere.',
  },
  {
    name: 'log-level',
    type: 'string',
    value: 'LEVEL',
    choices: logLevels,
    default: 'info',
    description: 'error, warn, info or debug.',
  },
  {
    name: 'log-format',
    type: 'string',
    value: 'FORMAT',
    choices: logFormats,
    default: 'auto',
    description: 'json, text, or auto: text on a terminal, json elsewhere.',
  },
] as const satisfies readonly Flag[];
