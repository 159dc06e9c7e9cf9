import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, EXIT_CANNOT, EXIT_OK, UsageError, type Command, type Invocation } from './cli/command.ts';
import { meshDefaultsOf } from './cli/facts/flags.ts';
import { createAdmissionHandler } from './admission/index.ts';
import { makeAdmission } from './admission-wiring.ts';
import { CONTROLLER_FLAGS, DEFAULT_ADMISSION_SERVICE, DEFAULT_LEASE } from './controller-flags.ts';
import { serveReviewedDashboard } from './dashboard-wiring.ts';
import { Operator } from './controllers/operator.ts';
import type { NativeSetting, ProxyImage, StatedFacts } from './drain/model/mesh.ts';
import { parseGoDuration } from './drain/duration.ts';
import { boundHooksByCpuTime } from './hooks/index.ts';
import { kindTable, type KindTable } from './drain/template/index.ts';
import { DEFAULT_CAPS } from './drain/rollout/gate.ts';
import { DEFAULT_PATIENCE } from './drain/rollout/patience.ts';
import {
  ConnectionError,
  isApiError,
  KubeClient,
  KubeConfigError,
  loadClusterConfig,
  oneLine,
  errorText,
  Transport,
} from './kube/index.ts';
import {
  BindError,
  cpuMillis,
  createLogger,
  EventLoopWatch,
  favourMemory,
  HealthServer,
  Lifecycle,
  Metrics,
  type LogFormat,
  type LogLevel,
} from './runtime/index.ts';
import { watchedNamespaces } from './watched-namespaces.ts';

declare const __VERSION__: string;

const DEFAULT_NAMESPACE = 'sidecar-drain-system';
const DAY_SECONDS = 24 * 3600;

type FlagName = (typeof CONTROLLER_FLAGS)[number]['name'];

const PREFIX = 'SIDECAR_DRAIN_';
/** Nobody who reads a log notices it, and a process that is killed loses no more of it than this; warnings do not wait. */
const LOG_BATCH_MS = 50;
/** An API server that is away is asked again after this, then ever later up to the longest. */
const GREET_AGAIN_MS = 500;
const LONGEST_GREET_MS = 5_000;

/** `--log-level` is also SIDECAR_DRAIN_LOG_LEVEL. */
function variableOf(flag: FlagName): string {
  return PREFIX + flag.toUpperCase().replaceAll('-', '_');
}

/** The operator as a command. It stands outside the rooms, because it wires them. */
export const controllerCommand: Command = {
  name: 'controller',
  summary: 'Run the operator: keep workloads to the SidecarDrainPolicies of a cluster',
  description:
    'Watches SidecarDrainPolicies and the workloads that they select, and keeps those to them. Runs in a pod, or anywhere with --kubeconfig.',
  flags: CONTROLLER_FLAGS,
  environment: [
    { name: 'KUBECONFIG', description: 'Kubeconfig, where --kubeconfig is not given.' },
    { name: 'POD_NAMESPACE', description: "The operator's own namespace, where --namespace is not given." },
    {
      name: `${PREFIX}*`,
      description:
        'Every flag has a variable, for example SIDECAR_DRAIN_LOG_LEVEL for --log-level. A flag that is given wins.',
    },
  ],
  exitCodes: [
    { code: EXIT_OK, meaning: 'stopped in order after a signal' },
    { code: 1, meaning: 'the lease was lost or its work could not begin, or an unexpected error' },
    { code: EXIT_CANNOT, meaning: 'could not start: kubeconfig, address, or an API server that refuses us' },
  ],
  examples: [{ text: 'Run on the cluster of a kubeconfig', arguments: 'controller --kubeconfig ~/.kube/config' }],
  run: runController,
};

async function runController(invocation: Invocation): Promise<number> {
  favourMemory();
  boundHooksByCpuTime(cpuMillis);
  const setting = settingsOf(invocation);
  const logger = createLogger({
    level: (setting.text('log-level') ?? 'info') as LogLevel,
    format: (setting.text('log-format') ?? 'auto') as LogFormat,
    stream: invocation.io.stderr,
    batchMs: LOG_BATCH_MS,
  });
  const kubeconfig = setting.text('kubeconfig');
  const config = await loadClusterConfig({ file: kubeconfig, context: setting.text('context') }).catch(
    (error: unknown) => {
      throw error instanceof KubeConfigError ? new CliError(error.message) : error;
    },
  );
  const metrics = new Metrics();
  const host = new URL(config.server).host;
  const transport = new Transport({
    config,
    userAgent: `sidecar-drain-operator/${__VERSION__}`,
    connections: setting.count('kube-api-connections', 8),
    logger,
    onRequest: metrics.requestObserver(host),
    onRetry: metrics.retryObserver(host),
  });
  const client = new KubeClient(transport);
  const life = new Lifecycle({ logger });
  let lost = false;
  const ended = new Promise<number>((resolve) => {
    life.signal.addEventListener('abort', () => {
      // stop() is idempotent: this waits for the stop that the signal began.
      resolve(life.stop(lost ? 1 : 0, 'signal'));
    });
  });
  const namespace = setting.text('namespace') ?? invocation.io.env.POD_NAMESPACE ?? DEFAULT_NAMESPACE;
  const istioNamespaces = setting.texts('istio-namespace', ['istio-system']);
  const watchNamespaces = watchedNamespaces(setting.texts('watch-namespaces', []), setting.text('admission') === 'on');
  const dashboardAt = dashboardAddress(setting, watchNamespaces);
  const kinds = kindsOf(setting);
  const stated = statedFacts(setting);
  const unboundedTenants = setting.flag('unbounded-tenants') || watchNamespaces !== undefined;
  const admission =
    setting.text('admission') !== 'on'
      ? undefined
      : makeAdmission(
          {
            namespace,
            istioNamespaces,
            kinds: kinds.all,
            inCluster: kubeconfig === undefined && invocation.io.env.KUBERNETES_SERVICE_HOST !== undefined,
            address: setting.text('admission-bind-address') ?? ':9443',
            certificateFolder: setting.text('admission-cert-dir'),
            certificateLifetimeSeconds: setting.seconds('admission-cert-lifetime', DAY_SECONDS),
            serviceName: setting.text('admission-service-name') ?? DEFAULT_ADMISSION_SERVICE,
            url: webhookUrl(setting.text('admission-url')),
          },
          {
            client,
            logger,
            metrics,
            operator: () => operator,
            handler: createAdmissionHandler({ picture: () => operator.admissionPicture, now: Date.now }),
          },
        );
  const operator: Operator = new Operator({
    client,
    logger,
    metrics,
    namespace,
    istioNamespaces,
    watchNamespaces,
    kinds,
    ...(admission === undefined ? {} : { admission }),
    stated,
    caps: {
      workloads: setting.count('max-rolling-workloads', DEFAULT_CAPS.workloads),
      perNamespace: setting.count('max-rolling-per-namespace', DEFAULT_CAPS.perNamespace),
    },
    patience: {
      ...DEFAULT_PATIENCE,
      afterForeignChange: setting.seconds('foreign-change-wait', DEFAULT_PATIENCE.afterForeignChange),
      fightDistance: setting.seconds('fight-distance', DEFAULT_PATIENCE.fightDistance),
    },
    concurrency: setting.count('max-concurrent-reconciles', 16),
    unboundedTenants,
    admissionPolicies: setting.text('admission-policies') === 'on',
    observeTerminations: setting.text('observe-terminations') !== 'off',
    reports: setting.text('reports') === 'off' ? 'off' : 'auto',
    leaderElection:
      !setting.flag('no-leader-elect') &&
      (setting.flag('leader-elect') ||
        (kubeconfig === undefined && invocation.io.env.KUBERNETES_SERVICE_HOST !== undefined)),
    leaseName: setting.text('leader-elect-lease-name') ?? DEFAULT_LEASE,
    onLost: (why) => {
      lost = true;
      logger.error(`${why}: ending`);
      void life.stopAndExit(1, why);
    },
  });
  const health = new HealthServer({
    address: setting.text('health-probe-bind-address') ?? ':8081',
    flag: '--health-probe-bind-address',
    logger,
  });
  const eventLoop = new EventLoopWatch({ logger });
  let unanswered: string | undefined;
  health.addReadiness('api-server', () => unanswered);
  health.addReadiness('caches', () => operator.notReadyBecause());
  health.addReadiness('admission', () => admission?.notReadyBecause());
  health.addReadiness('event-loop', () => eventLoop.blockedBecause());
  const metricsServer = new HealthServer({
    address: setting.text('metrics-bind-address') ?? ':8080',
    flag: '--metrics-bind-address',
    health: false,
    metrics,
    logger,
  });

  eventLoop.start();
  life.install();
  life.onStop('event loop', () => {
    eventLoop.stop();
  });
  life.onStop('connections', () => transport.close());
  try {
    await health.start();
    life.onStop('health endpoints', () => health.stop());
    await metricsServer.start();
    life.onStop('metrics endpoint', () => metricsServer.stop());
  } catch (error) {
    await life.stop(EXIT_CANNOT, 'an address cannot be bound');
    throw error instanceof BindError ? new CliError(error.message) : error;
  }
  await greet(client, config.server);
  if (life.signal.aborted) {
    return await ended;
  }
  try {
    await admission?.start();
  } catch (error) {
    await life.stop(EXIT_CANNOT, 'the admission webhook cannot be served');
    throw new CliError(`the admission webhook cannot be served: ${oneLine(errorText(error))}`);
  }
  // Side by side: the webhook answers from what the caches held until the last API server has gone elsewhere, while the lease is released at once.
  life.onStop('controllers', async () => {
    await Promise.all([operator.stop(), admission?.stop()]);
  });
  try {
    const dashboard = await serveReviewedDashboard(
      {
        address: dashboardAt,
        certificateFolder: setting.text('dashboard-cert-dir'),
        namespace,
        kinds: kinds.all,
        stated,
        unboundedTenants,
        cluster: config.context === '' ? config.server : config.context,
        version: __VERSION__,
      },
      { client, logger },
    );
    life.onStop('dashboard', async () => dashboard?.stop());
  } catch (error) {
    await life.stop(EXIT_CANNOT, 'the dashboard cannot be served');
    throw new CliError(`the dashboard cannot be served: ${oneLine(errorText(error))}`);
  }
  logger.info('starting', {
    version: __VERSION__,
    node: process.version,
    zoneData: process.versions.tz,
    server: config.server,
    context: config.context,
    watchNamespaces,
  });
  operator.start().then(
    () => {
      life.running();
    },
    (error: unknown) => {
      if (!life.signal.aborted) {
        logger.error('cannot start', { error });
        void life.stopAndExit(1, 'start failed');
      }
    },
  );
  return await ended;

  /**
   * One early request: a wrong credential or certificate ends with one clear line. An API server that is away is waited for,
   * not ready meanwhile: an exit would leave the return to the kubelet's back-off of minutes.
   */
  async function greet(api: KubeClient, server: string): Promise<void> {
    for (let tries = 1; !life.signal.aborted; tries++) {
      try {
        await api.raw('/version', { signal: life.signal });
        break;
      } catch (error) {
        if (life.signal.aborted || (isApiError(error) && error.isForbidden)) {
          break;
        }
        unanswered = `the API server ${server} does not answer as expected: ${oneLine(errorText(error))}; check the kubeconfig and that the cluster is up`;
        if (!mayAnswerLater(error)) {
          await life.stop(EXIT_CANNOT, 'the API server does not answer');
          throw new CliError(unanswered);
        }
        logger.warn(`${unanswered}; retrying`, { tries });
        const pauseMs = Math.min(GREET_AGAIN_MS * tries, LONGEST_GREET_MS);
        await sleep(pauseMs, undefined, { signal: life.signal }).catch(() => undefined);
      }
    }
    unanswered = undefined;
  }
}

/** Nobody there, or not ready: that passes. A wrong certificate or credential does not. */
function mayAnswerLater(error: unknown): boolean {
  return isApiError(error)
    ? error.retryable
    : error instanceof ConnectionError &&
        (error.code === 'KUBE_UNREACHABLE' || error.code === 'KUBE_TIMEOUT' || error.code === 'KUBE_STREAM_BROKEN');
}

interface Settings {
  text(name: FlagName): string | undefined;
  texts(name: FlagName, otherwise: readonly string[]): readonly string[];
  flag(name: FlagName): boolean;
  /** Seconds of a Go duration. */
  seconds<T extends number | undefined>(name: FlagName, otherwise: T): number | T;
  /** A whole number from 1 to 1000. */
  count(name: FlagName, otherwise: number): number;
}

function settingsOf({ flags: given, io }: Invocation): Settings {
  const text = (name: FlagName): string | undefined => given.string(name) ?? nonEmpty(io.env[variableOf(name)]);
  return {
    text,
    texts(name, otherwise) {
      const values = given.strings(name);
      const variable = nonEmpty(io.env[variableOf(name)]);
      return values.length > 0 ? values : variable === undefined ? otherwise : variable.split(',');
    },
    flag: (name) => given.boolean(name) || io.env[variableOf(name)] === 'true',
    seconds(name, otherwise) {
      const value = text(name);
      if (value === undefined) {
        return otherwise;
      }
      const parsed = parseGoDuration(value);
      if (!parsed.ok || parsed.seconds < 0) {
        throw new UsageError(`--${name} must be a duration such as 30m, not "${value}"`);
      }
      return parsed.seconds;
    },
    count(name, otherwise) {
      const value = text(name);
      const number = value === undefined ? otherwise : Number(value);
      if (!Number.isInteger(number) || number < 1 || number > 1000) {
        throw new UsageError(`--${name} must be a whole number from 1 to 1000, not "${value ?? ''}"`);
      }
      return number;
    },
  };
}

function kindsOf(setting: Settings): KindTable {
  const made = kindTable(setting.texts('workload-kind', []));
  if (!made.ok) {
    throw new UsageError(`--workload-kind ${made.why}`);
  }
  return made.table;
}

function webhookUrl(text: string | undefined): string | undefined {
  if (text !== undefined && !(URL.canParse(text) && new URL(text).protocol === 'https:')) {
    throw new UsageError(`--admission-url must be an https URL such as https://10.0.0.5:9443, not "${text}"`);
  }
  return text;
}

/** Whoever looks at the page is asked about in all namespaces, and tokens are reviewed for the whole cluster. */
function dashboardAddress(setting: Settings, watchNamespaces: readonly string[] | undefined): string {
  const address = setting.text('dashboard-bind-address') ?? '0';
  if (watchNamespaces !== undefined && address !== '0') {
    throw new UsageError('--dashboard-bind-address cannot be used with --watch-namespaces');
  }
  return address;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}

function statedFacts(setting: Settings): StatedFacts {
  const version = setting.text('istio-version');
  const native = setting.text('native-sidecars');
  const image = setting.text('proxy-image');
  const injected = setting.text('assume-injected');
  return {
    ...(version === undefined ? {} : { istioVersion: version }),
    ...(native === undefined ? {} : { nativeSidecars: native as NativeSetting }),
    ...(image === undefined ? {} : { proxyImage: image as ProxyImage }),
    ...(injected === undefined ? {} : { injected: injected === 'true' }),
    meshDefaults: meshDefaultsOf(setting.text('mesh-defaults')),
    nodeDrain: setting.seconds('node-drain', undefined),
    nodeShutdown: setting.seconds('node-shutdown', undefined),
  };
}
