import { exportedBy, mayBeUndeclared } from '../../hooks/index.ts';
import type { EnvoyStat, EstablishedConnection, ListeningSocket, PodWorld } from '../../hooks/index.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';

/** An interval of time in which something holds: from `from` up to, not including, `to`. */
export interface Interval {
  readonly from: Seconds;
  readonly to: Seconds;
}

/** A port on which the application listens until `closesAt`. */
export interface AppListener {
  readonly port: number;
  readonly closesAt: Seconds;
}

/** What goes on in the pod while a hook runs, as plain intervals. */
export interface PodActivity {
  /** One per inbound request that the app serves; it ends when the app has finished it. */
  readonly inbound: readonly Interval[];
  /** The application's listeners; several containers may close theirs at different times. */
  readonly appListeners: readonly AppListener[];
  readonly idleKeepAliveClient: boolean;
  /** Outbound connections that the app holds open, if any. */
  readonly pooledOutbound?: Interval;
}

const POD_ADDRESS = '10.244.0.17';
const INBOUND_PORT = 15006;
const OUTBOUND_PORT = 15001;

/**
 * Sockets that are open in every pod with a sidecar, until the proxy gets SIGTERM [measured: pilot-agent's 15020 is
 * what keeps the well-known netstat loop running for ever].
 */
const PROXY_LISTENERS: readonly ListeningSocket[] = [
  { port: 15006, address: '0.0.0.0', program: 'envoy' },
  { port: 15001, address: '0.0.0.0', program: 'envoy' },
  { port: 15021, address: '0.0.0.0', program: 'envoy' },
  { port: 15090, address: '0.0.0.0', program: 'envoy' },
  { port: 15000, address: '127.0.0.1', program: 'envoy' },
  { port: 15004, address: '127.0.0.1', program: 'pilot-agent' },
  { port: 15020, address: '::', program: 'pilot-agent' },
];

/** The agent's stream to istiod, open for the pod's whole life. */
const CONTROL_PLANE_CONNECTION: EstablishedConnection = {
  localAddress: POD_ADDRESS,
  localPort: 41222,
  remoteAddress: '10.96.0.15',
  remotePort: 15012,
  program: 'pilot-agent',
};

/** True in `[from, to)`: a request that ends in the very moment of a look is over [measured]. */
export function isActive(interval: Interval, at: Seconds): boolean {
  return interval.from <= at && at < interval.to;
}

export function countActive(intervals: readonly Interval[], at: Seconds): number {
  let active = 0;
  for (const interval of intervals) {
    if (isActive(interval, at)) {
      active++;
    }
  }
  return active;
}

/** Builds the pod that hooks look at. While a drain runs a connection counts only as long as its request does [measured]. */
export function buildWorld(settings: EffectiveSettings, activity: PodActivity): PodWorld {
  const appPort = settings.appPorts[0] ?? 8080;
  const hasProxy = settings.proxy.container !== 'None';
  return {
    image: settings.proxyImage.value,
    listeners(at) {
      const app = activity.appListeners
        .filter(({ closesAt }) => at < closesAt)
        .map(({ port }): ListeningSocket => ({ port, address: '0.0.0.0' }));
      return hasProxy ? [...PROXY_LISTENERS, ...app] : app;
    },
    connections(at) {
      const all: EstablishedConnection[] = hasProxy ? [CONTROL_PLANE_CONNECTION] : [];
      let clientPort = 50_000;
      for (const interval of activity.inbound) {
        clientPort++;
        if (!isActive(interval, at)) {
          continue;
        }
        const client = { remoteAddress: '10.244.0.33', remotePort: clientPort };
        if (!hasProxy) {
          all.push({ localAddress: POD_ADDRESS, localPort: appPort, ...client });
          continue;
        }
        // Envoy's side of the client's connection, then both ends of Envoy's own connection to the app.
        all.push({ localAddress: POD_ADDRESS, localPort: INBOUND_PORT, ...client, program: 'envoy' });
        all.push({
          localAddress: '127.0.0.6',
          localPort: clientPort,
          remoteAddress: POD_ADDRESS,
          remotePort: appPort,
          program: 'envoy',
        });
        all.push({ localAddress: POD_ADDRESS, localPort: appPort, remoteAddress: '127.0.0.6', remotePort: clientPort });
      }
      if (activity.idleKeepAliveClient) {
        all.push({
          localAddress: POD_ADDRESS,
          localPort: hasProxy ? INBOUND_PORT : appPort,
          remoteAddress: '10.244.0.44',
          remotePort: 50_000,
          ...(hasProxy ? { program: 'envoy' as const } : {}),
        });
      }
      if (hasProxy && activity.pooledOutbound !== undefined && isActive(activity.pooledOutbound, at)) {
        all.push({ localAddress: POD_ADDRESS, localPort: 38_000, remoteAddress: '10.96.3.7', remotePort: 80 });
        all.push({
          localAddress: '127.0.0.1',
          localPort: OUTBOUND_PORT,
          remoteAddress: POD_ADDRESS,
          remotePort: 38_000,
          program: 'envoy',
        });
      }
      return all;
    },
    stats(at) {
      const requests = countActive(activity.inbound, at);
      const idle = activity.idleKeepAliveClient ? 1 : 0;
      const outbound = activity.pooledOutbound !== undefined && isActive(activity.pooledOutbound, at) ? 1 : 0;
      return proxyStats(appPort, requests, requests + idle, outbound).filter((stat) => isExported(stat.name, settings));
    },
    http(at, method, port, path) {
      return answer(settings, activity, { at, method, port, path });
    },
  };
}

interface HttpAsk {
  readonly at: Seconds;
  readonly method: string;
  readonly port: number;
  readonly path: string;
}

function answer(settings: EffectiveSettings, activity: PodActivity, ask: HttpAsk): number | 'refused' | 'unknown' {
  if (settings.appPorts.includes(ask.port)) {
    return activity.appListeners.some(({ port, closesAt }) => port === ask.port && ask.at < closesAt)
      ? 'unknown'
      : 'refused';
  }
  if (!PROXY_LISTENERS.some((listener) => listener.port === ask.port)) {
    return mayBeUndeclared(ask.port) ? 'unknown' : 'refused';
  }
  if (settings.proxy.container === 'None') {
    return 'refused';
  }
  const path = ask.path.split('?')[0] ?? '';
  if (ask.port === 15021) {
    return path === '/healthz/ready' ? 200 : 404;
  }
  if (ask.port === 15020) {
    const known = ['/healthz/ready', '/stats/prometheus', '/debug/ndsz', '/metrics'];
    const posts = ['/quitquitquit', '/drain'];
    if (posts.includes(path)) {
      return ask.method === 'POST' ? 200 : 405;
    }
    return known.includes(path) ? 200 : 404;
  }
  return 200;
}

function proxyStats(
  appPort: number,
  requests: number,
  inboundConnections: number,
  outboundConnections: number,
): EnvoyStat[] {
  return [
    { name: 'listener.0.0.0.0_15006.downstream_cx_active', value: inboundConnections },
    { name: 'listener.0.0.0.0_15001.downstream_cx_active', value: outboundConnections },
    { name: `http.inbound_0.0.0.0_${appPort};.downstream_rq_active`, value: requests },
    { name: `http.inbound_0.0.0.0_${appPort};.downstream_cx_active`, value: inboundConnections },
    { name: `cluster.inbound|${appPort}||.upstream_rq_active`, value: requests },
    { name: `cluster.inbound|${appPort}||.upstream_cx_active`, value: requests },
    { name: 'server.total_connections', value: inboundConnections },
    { name: 'listener_manager.total_listeners_active', value: 4 },
    { name: 'listener_manager.total_listeners_draining', value: 0 },
  ];
}

/** Whether this proxy exports a stat: none of the `*_active` ones unless somebody asks for them [measured]. */
export function isExported(
  name: string,
  settings: Pick<EffectiveSettings, 'statsInclusion' | 'exitOnZeroActiveConnections'>,
): boolean {
  return exportedBy(settings.statsInclusion.value, settings.exitOnZeroActiveConnections.value)(name);
}
