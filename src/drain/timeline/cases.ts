import type { Container, LifecycleHandler, PodTemplate } from '../../api/kubernetes.ts';
import { effectiveSettings } from '../mesh/settings.ts';
import type { MeshFacts, ProxyConfigResource, ProxyImage } from '../model/mesh.ts';
import type { Sourced } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import { DEFAULT_APPLICATION, type Application } from './application.ts';
import { simulateTermination } from './simulate.ts';
import type { Termination } from './termination.ts';

/** A termination that was measured on a real cluster, as data: what was deployed, what went on, what was seen. */
export interface TerminationCase {
  readonly id: string;
  readonly proxy: 'classic' | 'native' | 'none';
  readonly istioDefaultsToNative?: boolean;
  readonly proxyImage?: ProxyImage;
  readonly podTemplate: PodTemplate;
  readonly proxyConfigs?: readonly CaseProxyConfig[];
  /** False where the ProxyConfig was made after the pod, so that the pod never saw it. */
  readonly proxyConfigSeenByInjection?: boolean;
  readonly deletedWithGracePeriodSeconds?: number;
  /** `pod`, `drain`, `evict`, `job`: all of them end in the deletion of the pod, and differ in nothing else [measured]. */
  readonly deletedBy?: string;
  /** Kind of what made the pod. */
  readonly workload?: string;
  readonly application?: Partial<Application>;
  readonly load?: readonly CaseLoad[];
  readonly observed: Observed;
}

export interface CaseProxyConfig {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly creationTimestamp?: string };
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Record<string, string> };
    readonly environmentVariables?: Record<string, string>;
    readonly image?: { readonly imageType?: string };
  };
}

export interface CaseLoad {
  readonly id: string;
  readonly startsAt: Seconds;
  readonly lasts: Seconds;
  readonly callsOutAt?: Seconds;
  /** `ws` and `stream` are cut with the proxy, and the server then gives them up; every other request it works to its end. */
  readonly protocol?: string;
}

export interface Observed {
  readonly requests?: Readonly<Record<string, 'survived' | 'lost'>>;
  readonly appExit?: { readonly code: number; readonly at: Seconds };
  readonly proxyExit?: { readonly code: number; readonly at: Seconds };
  readonly podGoneAt?: Seconds;
  readonly callsOutFailFrom?: Seconds | null;
  readonly newInboundConnectionsFailFrom?: Seconds | null;
  /** Every container that was seen to end. */
  readonly containers?: Readonly<Record<string, { readonly code: number; readonly at: Seconds }>>;
  /** The first thing that each container's process was told: SIGTERM, and in a native proxy the drain. */
  readonly signalsAt?: Readonly<Record<string, Seconds>>;
}

/** Times may differ by this much: kubelet, agent and probes all work in whole seconds. */
export const CASE_TOLERANCE_SECONDS = 2;

const CASE_NAMESPACE = 'mesh';
/** The Istio of the measurements: it honours the native annotation and has the native drain hook. */
const CASE_ISTIO_VERSION = '1.29.0';

/** Runs one case through the engine and says, in words, what differs; empty where all agrees. */
export function compareCase(given: TerminationCase): string[] {
  const termination = playCase(given);
  return [
    ...compareProxyKind(given),
    ...compareRequests(given.observed, termination),
    ...compareExit('appExit', given.observed.appExit, lastExit(termination)),
    ...compareExit(
      'proxyExit',
      given.observed.proxyExit,
      termination.proxy && { code: termination.proxy.exitCode, at: termination.proxy.exitAt },
    ),
    ...compareTime('podGoneAt', given.observed.podGoneAt, termination.podGoneAt),
    ...compareContainers(given.observed, termination),
    ...compareCalls(given.observed, termination),
    ...compareNewConnections(given.observed, termination),
  ];
}

export function playCase(given: TerminationCase): Termination {
  return simulateTermination({
    settings: settingsOf(given),
    application: {
      ...DEFAULT_APPLICATION,
      helpersRunOn: helpersRunOn(given),
      answersHookAfter: answersHookAfter(given),
      ...given.application,
    },
    requests: (given.load ?? []).map(({ protocol, ...request }) => ({
      ...request,
      ...(protocol === 'ws' || protocol === 'stream' ? { stream: true as const } : {}),
    })),
    deletedWithGracePeriod: given.deletedWithGracePeriodSeconds,
  });
}

export function settingsOf(given: TerminationCase): ReturnType<typeof effectiveSettings> {
  const settings = effectiveSettings({
    template: given.podTemplate,
    namespace: { name: CASE_NAMESPACE, labels: {} },
    mesh: caseMesh(given),
  });
  const helpers = new Set(Object.keys(helpersRunOn(given)));
  const bare = new Set(given.podTemplate.spec.containers.filter(hasNoPrograms).map(({ name }) => name));
  return {
    ...settings,
    apps: settings.apps.map((app) => ({
      ...app,
      serves: app.serves && !helpers.has(app.name),
      preStop: app.preStop?.value.exec !== undefined && bare.has(app.name) ? NOTHING_TO_START : app.preStop,
    })),
  };
}

/** The server of the later measurements stands alone in its image: no shell, no `sleep`. */
function hasNoPrograms({ image }: Container): boolean {
  return image?.endsWith('/app:2') === true;
}

/** The kubelet finds no such program; what it was does not matter. */
const NOTHING_TO_START: Sourced<LifecycleHandler> = {
  value: { exec: { command: [''] } },
  origin: { level: 'Template' },
};

/** A container of the measurements whose `ROLE` is `sidecar` serves nothing, and runs on for `LINGER` seconds after SIGTERM. */
function helpersRunOn({ podTemplate: { spec } }: TerminationCase): Record<string, Seconds> {
  const entries = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ name, env = [] }) => {
    const value = (variable: string): string | undefined => env.find((one) => one.name === variable)?.value;
    return value('ROLE') === 'sidecar' ? [[name, Number(value('LINGER') ?? 0)] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** The server of the measurements answers `/sleep?s=N` after N seconds, and everything else at once. */
function answersHookAfter({ podTemplate: { spec } }: TerminationCase): Seconds | undefined {
  const paths = spec.containers.flatMap(({ lifecycle }) => lifecycle?.preStop?.httpGet?.path ?? []);
  const [path] = paths;
  return path === undefined ? undefined : Number(/^\/sleep\?s=(\d+)$/.exec(path)?.[1] ?? 0);
}

function caseMesh(given: TerminationCase): MeshFacts {
  const seen = given.proxyConfigSeenByInjection === false ? [] : (given.proxyConfigs ?? []);
  return {
    istio: 'Present',
    rootNamespace: 'istio-system',
    revisions: [{ name: 'default', version: CASE_ISTIO_VERSION }],
    webhooks: [],
    proxyConfigs: seen.map(resourceOf),
    nodes: {},
    stated: {
      injected: given.proxy !== 'none',
      nativeSidecars: (given.istioDefaultsToNative ?? given.proxy === 'native') ? 'true' : 'false',
      proxyImage: given.proxyImage,
    },
  };
}

function resourceOf(raw: CaseProxyConfig): ProxyConfigResource {
  return {
    namespace: raw.metadata.namespace ?? CASE_NAMESPACE,
    name: raw.metadata.name,
    creationTimestamp: raw.metadata.creationTimestamp,
    ...(raw.spec?.selector === undefined ? {} : { selector: raw.spec.selector }),
    environmentVariables: raw.spec?.environmentVariables ?? {},
    ...(raw.spec?.image?.imageType === undefined ? {} : { imageType: raw.spec.image.imageType }),
  };
}

function compareProxyKind(given: TerminationCase): string[] {
  const kind = settingsOf(given).proxy.container.toLowerCase();
  return kind === given.proxy ? [] : [`proxy: the engine says ${kind}, it was ${given.proxy}`];
}

function compareRequests(observed: Observed, termination: Termination): string[] {
  return Object.entries(observed.requests ?? {}).flatMap(([id, outcome]) => {
    const request = termination.requests.find((candidate) => candidate.id === id);
    const forecast = request?.survived === true ? 'survived' : 'lost';
    return forecast === outcome
      ? []
      : [
          `request ${id}: the engine says ${forecast}${at(request?.at)}, it ${outcome === 'lost' ? 'was lost' : 'survived'}`,
        ];
  });
}

function compareExit(
  what: string,
  observed: { code: number; at: Seconds } | undefined,
  forecast: { code: number; at: Seconds } | undefined,
): string[] {
  if (observed === undefined) {
    return [];
  }
  if (forecast === undefined) {
    return [`${what}: the engine has no such container, it ended with ${observed.code} at ${observed.at}`];
  }
  const differs =
    forecast.code !== observed.code ? [`${what}: the engine says code ${forecast.code}, it was ${observed.code}`] : [];
  return [...differs, ...compareTime(`${what}.at`, observed.at, forecast.at)];
}

function compareContainers({ containers = {}, signalsAt = {} }: Observed, termination: Termination): string[] {
  const { apps, sidecars, proxy } = termination;
  const ends = [...apps, ...sidecars, ...(proxy === undefined ? [] : [proxy])];
  const endOf = (name: string): (typeof ends)[number] | undefined => ends.find((end) => end.name === name);
  return [
    ...Object.entries(containers).flatMap(([name, seen]) => {
      const end = endOf(name);
      return compareExit(`container ${name}`, seen, end && { code: end.exitCode, at: end.exitAt });
    }),
    ...Object.entries(signalsAt).flatMap(([name, seen]) => {
      const end = endOf(name);
      const told =
        end?.role === 'Proxy' ? Math.min(termination.drainStartsAt ?? Infinity, end.sigtermAt) : end?.sigtermAt;
      return told === undefined
        ? [`signal to ${name}: the engine has no such container`]
        : compareTime(`signal to ${name}`, seen, told);
    }),
  ];
}

function compareTime(what: string, observed: Seconds | undefined, forecast: Seconds): string[] {
  return observed === undefined || Math.abs(observed - forecast) <= CASE_TOLERANCE_SECONDS
    ? []
    : [`${what}: the engine says ${forecast} s, it was ${observed} s`];
}

function compareCalls(observed: Observed, termination: Termination): string[] {
  if (observed.callsOutFailFrom === undefined) {
    return [];
  }
  const forecast = termination.callsOutFailFrom;
  if (observed.callsOutFailFrom === null) {
    return forecast === undefined ? [] : [`callsOutFailFrom: the engine says ${forecast} s, none failed`];
  }
  return forecast === undefined
    ? [`callsOutFailFrom: the engine says none fails, they failed from ${observed.callsOutFailFrom} s`]
    : compareTime('callsOutFailFrom', observed.callsOutFailFrom, forecast);
}

function compareNewConnections(observed: Observed, termination: Termination): string[] {
  const seen = observed.newInboundConnectionsFailFrom;
  const forecast = termination.newInboundConnections;
  if (seen === undefined) {
    return [];
  }
  if (seen === null) {
    return forecast.endedBy === 'DrainDuration'
      ? [`newInboundConnectionsFailFrom: the engine says ${forecast.until} s, none failed`]
      : [];
  }
  return compareTime('newInboundConnectionsFailFrom', seen, forecast.until);
}

function lastExit(termination: Termination): { code: number; at: Seconds } | undefined {
  const last = [...termination.apps].sort((a, b) => b.exitAt - a.exitAt)[0];
  return last && { code: last.exitCode, at: last.exitAt };
}

function at(seconds: Seconds | undefined): string {
  return seconds === undefined ? '' : ` at ${seconds} s`;
}
