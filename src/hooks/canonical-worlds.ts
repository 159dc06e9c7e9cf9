import type {
  EnvoyStat,
  EstablishedConnection,
  ListeningSocket,
  PodWorld,
  ProxyImage,
  StatsInclusion,
} from './world.ts';
import { mayBeUndeclared } from './world.ts';
import { matchesPerl } from './tools/regex.ts';

/** A pod in which one thing at a time is so or not, and stays so. */
export interface WorldShape {
  readonly image: ProxyImage | 'unknown';
  readonly appPorts: readonly number[];
  readonly proxyListeners: boolean;
  readonly appListener: boolean;
  /** The agent's stream to istiod and other connections that have nothing to do with requests. */
  readonly otherConnections: boolean;
  readonly inboundConnections: number;
  readonly activeRequests: number;
  readonly isExported: (name: string) => boolean;
  /** What the proxy's own readiness and other GET endpoints answer. */
  readonly http: number | 'refused';
}

const PROXY_LISTENERS: readonly ListeningSocket[] = [
  { port: 15000, address: '127.0.0.1', program: 'envoy' },
  { port: 15001, address: '0.0.0.0', program: 'envoy' },
  { port: 15004, address: '127.0.0.1', program: 'pilot-agent' },
  { port: 15006, address: '0.0.0.0', program: 'envoy' },
  { port: 15020, address: '::', program: 'pilot-agent' },
  { port: 15021, address: '0.0.0.0', program: 'envoy' },
  { port: 15090, address: '0.0.0.0', program: 'envoy' },
];

/** Endpoints that a hook calls or reads, not ones that it waits for. */
const ALWAYS_THERE = /^\/(drain|quitquitquit|drain_listeners|healthcheck|stats)/;

const POD = '10.244.1.7';

const OTHER_CONNECTIONS: readonly EstablishedConnection[] = [
  { localAddress: POD, localPort: 41_000, remoteAddress: '10.96.0.10', remotePort: 15012, program: 'pilot-agent' },
  { localAddress: POD, localPort: 42_000, remoteAddress: '10.96.3.7', remotePort: 80 },
  { localAddress: '127.0.0.1', localPort: 15001, remoteAddress: POD, remotePort: 42_000, program: 'envoy' },
];

export function worldOf(shape: WorldShape): PodWorld {
  const listeners = [
    ...(shape.proxyListeners ? PROXY_LISTENERS : []),
    ...(shape.appListener ? shape.appPorts.map((port): ListeningSocket => ({ port, address: '0.0.0.0' })) : []),
  ];
  const connections = [...(shape.otherConnections ? OTHER_CONNECTIONS : []), ...inbound(shape)];
  let exported: EnvoyStat[] | undefined;
  return {
    image: shape.image,
    listeners: () => listeners,
    connections: () => connections,
    stats: () => (exported ??= statsOf(shape).filter((stat) => shape.isExported(stat.name))),
    http: (_at, _method, port, path) => {
      if (shape.appPorts.includes(port)) {
        return shape.appListener ? 'unknown' : 'refused';
      }
      if (!PROXY_LISTENERS.some((listener) => listener.port === port)) {
        return mayBeUndeclared(port) ? 'unknown' : 'refused';
      }
      return ALWAYS_THERE.test(path) ? 200 : shape.http;
    },
  };
}

/** The client's connection to Envoy, and both ends of Envoy's connection to the app. */
function inbound(shape: WorldShape): EstablishedConnection[] {
  const port = shape.appPorts[0] ?? 8080;
  return Array.from({ length: shape.inboundConnections }, (_, index) => index).flatMap(
    (index): EstablishedConnection[] => [
      {
        localAddress: POD,
        localPort: 15006,
        remoteAddress: '10.244.2.9',
        remotePort: 50_000 + index,
        program: 'envoy',
      },
      { localAddress: '127.0.0.6', localPort: 43_000 + index, remoteAddress: POD, remotePort: port, program: 'envoy' },
      { localAddress: POD, localPort: port, remoteAddress: '127.0.0.6', remotePort: 43_000 + index },
    ],
  );
}

function statsOf(shape: WorldShape): EnvoyStat[] {
  const port = shape.appPorts[0] ?? 8080;
  return [
    { name: 'listener.0.0.0.0_15006.downstream_cx_active', value: shape.inboundConnections },
    { name: 'listener.0.0.0.0_15001.downstream_cx_active', value: shape.otherConnections ? 1 : 0 },
    { name: `http.inbound_0.0.0.0_${port};.downstream_rq_active`, value: shape.activeRequests },
    { name: `http.inbound_0.0.0.0_${port};.downstream_cx_active`, value: shape.inboundConnections },
    { name: `cluster.inbound|${port}||.upstream_rq_active`, value: shape.activeRequests },
    { name: `cluster.inbound|${port}||.upstream_cx_active`, value: shape.inboundConnections },
    { name: 'server.total_connections', value: shape.inboundConnections },
    { name: 'listener_manager.total_listeners_active', value: 4 },
    { name: 'listener_manager.total_listeners_draining', value: 0 },
  ];
}

/** `requiredEnvoyStatsMatcherInclusionPrefixes` of istio/istio pkg/bootstrap/config.go: every Istio proxy exports these. */
const DEFAULT_PREFIXES = ['cluster_manager', 'listener_manager', 'server', 'cluster.xds-grpc', 'wasm'];

/** More than anybody lists; whoever writes the pod template writes them. */
const MAXIMUM_REGEXPS = 20;

/** What is asked for: the same dozen of names, again and again. */
const included = new WeakMap<StatsInclusion, Map<string, boolean>>();

function includes(inclusion: StatsInclusion, name: string): boolean {
  const known = included.get(inclusion) ?? new Map<string, boolean>();
  included.set(inclusion, known);
  let answer = known.get(name);
  if (answer === undefined) {
    answer =
      inclusion.suffixes.some((suffix) => name.endsWith(suffix)) ||
      inclusion.prefixes.some((prefix) => name.startsWith(prefix)) ||
      inclusion.regexps.slice(0, MAXIMUM_REGEXPS).some((pattern) => matchesPerl(pattern, name, 'line'));
    known.set(name, answer);
  }
  return answer;
}

/** Whether a proxy with these settings exports a stat. */
export function exportedBy(inclusion: StatsInclusion | undefined, exitOnZero: boolean): (name: string) => boolean {
  return (name) => {
    if (DEFAULT_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      return true;
    }
    // EXIT_ON_ZERO_ACTIVE_CONNECTIONS asks for the suffix of what it counts (same file, "Needed for draining").
    if (exitOnZero && name.endsWith('downstream_cx_active')) {
      return true;
    }
    return inclusion !== undefined && includes(inclusion, name);
  };
}

export function exportsAll(): boolean {
  return true;
}
