import { resolve } from 'node:path';
import { parseGoDuration } from '../../drain/duration.ts';
import { parseMeshDefaults } from '../../drain/mesh/stated-defaults.ts';
import type { NativeSetting, ProxyImage, StatedFacts } from '../../drain/model/mesh.ts';
import { DEFAULT_ENDPOINT_DELAY_SECONDS, DEFAULT_LONGEST_REQUEST_SECONDS } from '../../drain/timeline/application.ts';
import {
  UsageError,
  type ExitCode,
  type Flag,
  type FlagValues,
  type Invocation,
  type Positional,
  type Variable,
} from '../command.ts';
import { judgedKinds, type JudgedKinds } from '../input/kinds.ts';
import { findProgram } from '../repository/programs.ts';
import type { RepositoryOptions } from '../repository/read.ts';
import { FILE_LIMIT_BYTES } from '../input/sources.ts';

/** What stands behind the flags is input as well, so that `lint FOLDER` and what hooks append both work. */
export const INPUT_POSITIONALS: readonly Positional[] = [
  { name: 'FILE', multiple: true, description: 'As with -f: files, folders, or - for standard input.' },
];

/** The files that a command was given, in either way. */
export function inputPaths({ flags, positionals }: Pick<Invocation, 'flags' | 'positionals'>): readonly string[] {
  return [...flags.strings('file'), ...positionals];
}

/** The flags that several commands share: where the input comes from, and what cannot be seen in it. */

export const INPUT_FLAGS: readonly Flag[] = [
  {
    name: 'file',
    short: 'f',
    type: 'string',
    multiple: true,
    value: 'FILE|DIR|-',
    description:
      'Manifests: YAML or JSON, several documents and lists in a file. A folder is walked (.yaml, .yml, .json); - is standard input.',
  },
  {
    name: 'namespace',
    short: 'n',
    type: 'string',
    value: 'NAMESPACE',
    description:
      'Namespace of manifests that state none (then the default is "default"); with --cluster and no files: look at this namespace only.',
  },
  {
    name: 'workload-kind',
    type: 'string',
    multiple: true,
    value: 'GROUP/VERSION/PLURAL:KIND=PATH',
    description:
      'A kind of a custom resource by the path of its pod template, for example apps.example.com/v1/gameservers:GameServer=spec.template.',
  },
  {
    name: 'kustomize',
    type: 'string',
    value: 'PROGRAM',
    description:
      'What kustomizations are built with; otherwise kustomize, else kubectl, as PATH has them. "none": they are not built, and patches are left out.',
  },
  {
    name: 'helm',
    type: 'string',
    value: 'PROGRAM',
    description: 'What charts are rendered with; otherwise helm, as PATH has it. "none": they are not rendered.',
  },
  {
    name: 'helm-values',
    type: 'string',
    multiple: true,
    value: 'FILE',
    description: 'Values for every chart that is rendered; they win over those of its releases.',
  },
  {
    name: 'allow-remote',
    type: 'boolean',
    description: 'Let kustomize download what kustomizations name elsewhere; otherwise those are not built.',
  },
  {
    name: 'max-file-size',
    type: 'string',
    value: 'MIB',
    default: `${FILE_LIMIT_BYTES / 1024 / 1024}`,
    description: 'Files larger than this many MiB are not read.',
  },
];

/** Policies that stand elsewhere; `policyFiles` reads it. */
export const POLICY_FLAG: Flag = {
  name: 'policy',
  short: 'p',
  type: 'string',
  multiple: true,
  value: 'FILE|DIR',
  description: 'Policies that are not among the other input.',
};

export function policyFiles(flags: FlagValues): readonly string[] {
  return flags.strings(POLICY_FLAG.name);
}

/** What is stated of nodes; the operator takes them too. */
export const NODE_FLAGS = [
  {
    name: 'node-drain',
    type: 'string',
    value: 'DURATION',
    description:
      "How long a node drain waits for a pod, if neither 10 minutes nor the value of the cluster autoscaler's own flag (--max-graceful-termination-sec).",
  },
  {
    name: 'node-shutdown',
    type: 'string',
    value: 'DURATION',
    description:
      "What the kubelets' graceful shutdown gives pods that are not critical: shutdownGracePeriod less shutdownGracePeriodCriticalPods.",
  },
] as const satisfies readonly Flag[];

export const TEXT_OR_JSON_FLAG: Flag = {
  name: 'output',
  short: 'o',
  type: 'string',
  value: 'text|json',
  choices: ['text', 'json'],
  default: 'text',
  description: 'The format.',
};

/** For hooks that hand over whatever has changed. */
export const ALLOW_EMPTY_FLAG: Flag = {
  name: 'allow-empty',
  type: 'boolean',
  description: 'Input without any workload is fine (exit code 0), for hooks that see changed files only.',
};

export const CLUSTER_FLAGS: readonly Flag[] = [
  {
    name: 'cluster',
    type: 'boolean',
    description:
      'Take the facts that the files do not give from a cluster, or everything when no file is given. Only reads.',
  },
  {
    name: 'kubeconfig',
    type: 'string',
    value: 'FILE',
    description: 'Which kubeconfig; otherwise KUBECONFIG, else ~/.kube/config.',
  },
  {
    name: 'context',
    type: 'string',
    value: 'NAME',
    description: 'Which context of the kubeconfig; otherwise its current one.',
  },
];

export const FACT_FLAGS: readonly Flag[] = [
  {
    name: 'assume',
    type: 'string',
    multiple: true,
    value: 'injected=true|false',
    choices: ['injected=true', 'injected=false'],
    description:
      "Whether pods get a sidecar, where the injector's configuration is not among the input. An explicit no on a pod or a namespace still wins.",
  },
  { name: 'istio-version', type: 'string', value: 'VERSION', description: 'The version of Istio, for example 1.30.3.' },
  {
    name: 'native-sidecars',
    type: 'string',
    value: 'true|false|auto',
    choices: ['true', 'false', 'auto'],
    description: 'ENABLE_NATIVE_SIDECARS of istiod, where its Deployment is not among the input.',
  },
  {
    name: 'mesh-defaults',
    type: 'string',
    value: 'KEY=VALUE,...',
    description:
      'Settings of a managed mesh, where no ConfigMap of it can be read: fields of meshConfig.defaultConfig and variables of its proxyMetadata, for example terminationDrainDuration=30s,EXIT_ON_ZERO_ACTIVE_CONNECTIONS=true.',
  },
  {
    name: 'kubernetes-version',
    type: 'string',
    value: 'VERSION',
    description: 'The oldest kubelet version, for example 1.33: with native sidecars "auto" it decides.',
  },
  {
    name: 'namespace-labels',
    type: 'string',
    multiple: true,
    value: '[NAMESPACE:]KEY=VALUE,...',
    description:
      'Labels of namespaces, for example db:istio-injection=enabled: joined to those that its manifest states; without NAMESPACE: of all that are not among the input.',
  },
  ...NODE_FLAGS,
  {
    name: 'longest-request',
    type: 'string',
    value: 'DURATION',
    default: `${DEFAULT_LONGEST_REQUEST_SECONDS}s`,
    description: 'The longest request that has to survive, for workloads that no policy selects.',
  },
  {
    name: 'endpoint-delay',
    type: 'string',
    value: 'DURATION',
    default: `${DEFAULT_ENDPOINT_DELAY_SECONDS}s`,
    description: "How long new requests go on arriving after a pod's deletion, for workloads that no policy selects.",
  },
  {
    name: 'proxy-image',
    type: 'string',
    value: 'with-shell|distroless',
    choices: ['with-shell', 'distroless'],
    description: 'Whether the proxy image has a shell, which decides whether hooks can run.',
  },
  {
    name: 'operator-namespace',
    type: 'string',
    value: 'NAMESPACE',
    default: 'sidecar-drain-system',
    description: "The operator's own namespace, which policies never touch.",
  },
  {
    name: 'unbounded-tenants',
    type: 'boolean',
    description:
      'Judge as an operator does that was started with this flag: a NamespacedSidecarDrainPolicy governs also where no SidecarDrainPolicy selects the workload.',
  },
];

export const FACT_VARIABLES: readonly Variable[] = [
  { name: 'KUBECONFIG', description: 'With --cluster: the kubeconfig, where --kubeconfig names none.' },
  {
    name: 'SIDECAR_DRAIN_WORKLOAD_KIND',
    description: 'As --workload-kind, several separated by commas, where the flag is not given.',
  },
  { name: 'NO_COLOR', description: 'Set to anything: no colours, not even on a terminal.' },
];

export const CANNOT_EXIT: ExitCode = {
  code: 2,
  meaning: 'it could not be done: wrong usage, no readable input, an unreachable cluster',
};

/** What the flags state, read once. */
export interface Stated {
  readonly facts: StatedFacts;
  readonly kubeletMinor?: number;
  readonly namespaceLabels: readonly {
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly longestRequest: number;
  readonly endpointDelay: number;
  readonly operatorNamespace: string;
  readonly unboundedTenants?: boolean;
}

export function statedBy(flags: FlagValues): Stated {
  const assumed = flags.strings('assume').at(-1);
  const istioVersion = flags.string('istio-version');
  const nativeSidecars = flags.string('native-sidecars') as NativeSetting | undefined;
  const proxyImage = flags.string('proxy-image') as ProxyImage | undefined;
  if (istioVersion !== undefined && !/^v?1\.\d{1,3}([.-].*)?$/.test(istioVersion)) {
    throw new UsageError(`--istio-version ${istioVersion}: write it as 1.30 or 1.30.3`);
  }
  const kubeletMinor = minorOf(flags.string('kubernetes-version'));
  return {
    facts: {
      ...(assumed === undefined ? {} : { injected: assumed === 'injected=true' }),
      ...(istioVersion === undefined ? {} : { istioVersion }),
      ...(nativeSidecars === undefined ? {} : { nativeSidecars }),
      ...(proxyImage === undefined ? {} : { proxyImage }),
      meshDefaults: meshDefaultsOf(flags.string('mesh-defaults')),
      nodeDrain: optionalSecondsOf(flags, 'node-drain'),
      nodeShutdown: optionalSecondsOf(flags, 'node-shutdown'),
    },
    kubeletMinor,
    namespaceLabels: flags.strings('namespace-labels').map(namespaceLabels),
    longestRequest: secondsOf(flags, 'longest-request', DEFAULT_LONGEST_REQUEST_SECONDS),
    endpointDelay: secondsOf(flags, 'endpoint-delay', DEFAULT_ENDPOINT_DELAY_SECONDS),
    operatorNamespace: flags.string('operator-namespace') ?? 'sidecar-drain-system',
    unboundedTenants: flags.boolean('unbounded-tenants'),
  };
}

/** The value of --mesh-defaults, of the CLI and of the operator. */
export function meshDefaultsOf(text: string | undefined): StatedFacts['meshDefaults'] {
  if (text === undefined || text === '') {
    return undefined;
  }
  const read = parseMeshDefaults(text);
  if (!read.ok) {
    throw new UsageError(`--mesh-defaults ${read.why}`);
  }
  return read.values;
}

/** The kinds that are read: the known ones, those of --workload-kind and those of SIDECAR_DRAIN_WORKLOAD_KIND. */
export function kindsFrom({ flags, io }: Pick<Invocation, 'flags' | 'io'>): JudgedKinds {
  const given = flags.strings('workload-kind');
  const made = judgedKinds(
    given.length > 0
      ? given
      : (io.env['SIDECAR_DRAIN_WORKLOAD_KIND'] ?? '').split(',').filter((text) => text.trim() !== ''),
  );
  if (!made.ok) {
    throw new UsageError(`--workload-kind ${made.why}`);
  }
  return made.kinds;
}

/** The programs of the flags, else of PATH. */
export function repositoryOptions(flags: FlagValues, { env }: Pick<Invocation['io'], 'env'>): RepositoryOptions {
  const program = (flag: string, names: readonly string[]): string | undefined => {
    const given = flags.string(flag);
    if (given === 'none') {
      return undefined;
    }
    const found = findProgram(given === undefined ? names : [given], env['PATH']);
    if (given !== undefined && found === undefined) {
      throw new UsageError(`--${flag} ${given}: no such program`);
    }
    return found;
  };
  return {
    kustomize: program('kustomize', ['kustomize', 'kubectl']),
    helm: program('helm', ['helm']),
    helmValues: flags.strings('helm-values').map((file) => resolve(file)),
    network: flags.boolean('allow-remote'),
    env,
  };
}

export function maxFileBytes(flags: FlagValues): number {
  const text = flags.string('max-file-size');
  if (text === undefined) {
    return FILE_LIMIT_BYTES;
  }
  const mebibytes = Number(text);
  // Above half a GiB a JavaScript string cannot hold the text.
  if (!Number.isFinite(mebibytes) || mebibytes <= 0 || mebibytes > 500) {
    throw new UsageError(`--max-file-size ${text}: a number of MiB between 1 and 500`);
  }
  return Math.floor(mebibytes * 1024 * 1024);
}

export function secondsOf(flags: FlagValues, name: string, otherwise: number): number {
  return optionalSecondsOf(flags, name) ?? otherwise;
}

function optionalSecondsOf(flags: FlagValues, name: string): number | undefined {
  const text = flags.string(name);
  if (text === undefined) {
    return undefined;
  }
  const parsed = parseGoDuration(text);
  if (!parsed.ok || parsed.seconds < 0) {
    throw new UsageError(`--${name} ${text}: write a duration with a unit, such as 30s or 1m30s`);
  }
  return parsed.seconds;
}

function minorOf(version: string | undefined): number | undefined {
  if (version === undefined) {
    return undefined;
  }
  const match = /^v?1\.(\d{1,3})(?:[.+-].*)?$/.exec(version);
  if (match?.[1] === undefined) {
    throw new UsageError(`--kubernetes-version ${version}: write it as 1.33 or 1.33.4`);
  }
  return Number(match[1]);
}

function namespaceLabels(text: string): { namespace?: string; labels: Record<string, string> } {
  const match = /^(?:([a-z0-9][a-z0-9-]*):)?(.+)$/.exec(text);
  const labels: Record<string, string> = {};
  for (const pair of (match?.[2] ?? '').split(',')) {
    const equals = pair.indexOf('=');
    if (equals <= 0) {
      throw new UsageError(`--namespace-labels ${text}: write KEY=VALUE,... or NAMESPACE:KEY=VALUE,...`);
    }
    labels[pair.slice(0, equals).trim()] = pair.slice(equals + 1).trim();
  }
  return { ...(match?.[1] === undefined ? {} : { namespace: match[1] }), labels };
}
