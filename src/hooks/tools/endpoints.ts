import type { Shell } from '../shell/run-state.ts';
import { addEffect, lookAt, NotUnderstood, unknownText } from '../shell/run-state.ts';
import { prometheusText, statsText } from './stats.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Ports that the proxy or its agent listens on; they refuse once the hook has told the proxy to quit. */
const PROXY_PORTS = new Set([15000, 15001, 15004, 15006, 15020, 15021, 15053, 15090]);

/** Envoy's admin endpoints that change something; Envoy answers 405 unless they are POSTed. */
const ENVOY_MUTATIONS = new Set([
  '/quitquitquit',
  '/drain_listeners',
  '/healthcheck/fail',
  '/healthcheck/ok',
  '/reset_counters',
  '/logging',
  '/runtime_modify',
  '/reopen_logs',
  '/cpuprofiler',
  '/heapprofiler',
]);
const METHOD_NOT_ALLOWED = 405;

/** Calls that act on the proxy, which answers them whatever else has happened in the pod. */
const ACTS = /^\/(drain|quitquitquit|drain_listeners|healthcheck\/(fail|ok))/;

/** A request to the pod's own localhost, with what it does to the proxy. */
export function request(shell: Shell, method: string, port: number, pathAndQuery: string): Answer | 'refused' {
  const { run } = shell;
  if (PROXY_PORTS.has(port) && run.now >= run.proxyGoneAt) {
    if (run.proxyMayBeGone) {
      throw new NotUnderstood('whether the proxy is still there');
    }
    return 'refused';
  }
  const full = pathAndQuery.startsWith('/') ? pathAndQuery : `/${pathAndQuery}`;
  const answer = run.world.http(ACTS.test(full) ? run.now : lookAt(run), method, port, full);
  if (answer === 'refused') {
    return 'refused';
  }
  const path = (full.split('?')[0] ?? '').replace(/(.)\/$/, '$1');
  const query = full.includes('?') ? full.slice(full.indexOf('?') + 1) : '';
  if (port === 15020) {
    return agent(shell, method, path, answer);
  }
  if (port === 15000) {
    return envoy(shell, { method, path, query, answer });
  }
  if (port === 15090 && path === '/stats/prometheus') {
    return { status: 200, body: prometheusText(shell, query) };
  }
  if (answer === 'unknown') {
    throw new NotUnderstood(`${method} to port ${port}${full}`);
  }
  return { status: answer, body: unknownText(`the answer of port ${port}${full}`) };
}

/** pilot-agent's status port (istio/istio pilot/cmd/pilot-agent/status/server.go). */
function agent(shell: Shell, method: string, path: string, answer: number | 'unknown'): Answer {
  if (path === '/drain' || path === '/quitquitquit') {
    if (method !== 'POST') {
      return { status: METHOD_NOT_ALLOWED, body: 'Method not allowed\n' };
    }
    addEffect(shell.run, path === '/drain' ? 'AgentDrain' : 'AgentQuit');
    return { status: 200, body: 'OK' };
  }
  if (path === '/stats/prometheus' || path === '/metrics') {
    return { status: 200, body: prometheusText(shell, '') };
  }
  if (answer === 'unknown') {
    throw new NotUnderstood(`${method} to port 15020${path}`);
  }
  return { status: answer, body: path === '/healthz/ready' ? '' : unknownText(`the answer of port 15020${path}`) };
}

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly answer: number | 'unknown';
}

/** Envoy's admin interface. */
function envoy(shell: Shell, { method, path, query, answer }: Ask): Answer {
  if (ENVOY_MUTATIONS.has(path)) {
    if (method !== 'POST') {
      return { status: METHOD_NOT_ALLOWED, body: 'Method Not Allowed\n' };
    }
    if (path === '/quitquitquit') {
      addEffect(shell.run, 'AgentQuit');
    }
    if (path === '/drain_listeners') {
      addEffect(shell.run, /(^|&)graceful(=|&|$)/.test(query) ? 'EnvoyDrain' : 'EnvoyStopListeners');
    }
    return { status: 200, body: 'OK\n' };
  }
  if (path === '/stats') {
    return { status: 200, body: statsText(shell, query) };
  }
  if (path === '/stats/prometheus') {
    return { status: 200, body: prometheusText(shell, query) };
  }
  if (path === '/ready') {
    return { status: 200, body: 'LIVE\n' };
  }
  const status = answer === 'unknown' ? 200 : answer;
  return { status, body: unknownText(`the answer of Envoy's ${path}`) };
}

export interface Target {
  readonly port: number;
  readonly path: string;
}

const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]', '0.0.0.0']);
const HTTP_PORT = 80;

/** A URL to the pod itself; `undefined` for every other. */
export function localTarget(url: string): Target | undefined {
  const match = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^/:?#]+)(?::(\d+))?([/?][^#]*)?/i.exec(url);
  if (match === null || match[1]?.toLowerCase() === 'https' || !LOCAL_HOSTS.has(match[2] ?? '')) {
    return undefined;
  }
  const path = match[4] ?? '/';
  return { port: Number(match[3] ?? HTTP_PORT), path: path.startsWith('/') ? path : `/${path}` };
}
