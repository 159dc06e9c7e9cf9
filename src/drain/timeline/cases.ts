import type { PodTemplate } from '../../api/kubernetes.ts';
import { effectiveSettings } from '../mesh/settings.ts';
import type { MeshFacts, ProxyConfigResource, ProxyImage } from '../model/mesh.ts';
import type { Seconds } from '../model/workload.ts';
import { DEFAULT_APPLICATION, type Application } from './application.ts';
import { simulateTermination, type Termination } from './simulate.ts';

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
}

export interface Observed {
  readonly requests?: Readonly<Record<string, 'survived' | 'lost'>>;
  readonly appExit?: { readonly code: number; readonly at: Seconds };
  readonly proxyExit?: { readonly code: number; readonly at: Seconds };
  readonly podGoneAt?: Seconds;
  readonly callsOutFailFrom?: Seconds | null;
  readonly newInboundConnectionsFailFrom?: Seconds | null;
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
    ...compareCalls(given.observed, termination),
    ...compareNewConnections(given.observed, termination),
  ];
}

export function playCase(given: TerminationCase): Termination {
  return simulateTermination({
    settings: settingsOf(given),
    application: { ...DEFAULT_APPLICATION, ...given.application },
    requests: given.load ?? [],
    deletedWithGracePeriod: given.deletedWithGracePeriodSeconds,
  });
}

export function settingsOf(given: TerminationCase): ReturnType<typeof effectiveSettings> {
  return effectiveSettings({
    template: given.podTemplate,
    namespace: { name: CASE_NAMESPACE, labels: {} },
    mesh: caseMesh(given),
  });
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
