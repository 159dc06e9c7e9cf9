import type { Seconds } from '../api/duration.ts';

/** `with-shell` has sh, netstat and awk; `distroless` has none of them. */
export type ProxyImage = 'with-shell' | 'distroless';

/** Istio's `proxyStatsMatcher`: which of Envoy's stats a proxy exports besides those that Istio always lets it export. */
export interface StatsInclusion {
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
  readonly regexps: readonly string[];
}

/** A listening TCP socket in the pod's network namespace. */
export interface ListeningSocket {
  readonly port: number;
  readonly address: '0.0.0.0' | '127.0.0.1' | '::';
  /**
   * The program that `netstat -p` shows from inside the proxy container: `envoy`, `pilot-agent`, or undefined where
   * the process belongs to another container, which netstat prints as `-` [measured].
   */
  readonly program?: 'envoy' | 'pilot-agent';
}

/**
 * Containers need not declare the ports that they listen on, so that of others nobody knows; on the lowest ones, which
 * a hook asks to be refused, nobody listens.
 */
export function mayBeUndeclared(port: number): boolean {
  return port >= LOWEST_UNDECLARED;
}

const LOWEST_UNDECLARED = 20;

/** An established TCP connection, seen from the pod. */
export interface EstablishedConnection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly program?: 'envoy' | 'pilot-agent';
}

export interface EnvoyStat {
  readonly name: string;
  readonly value: number;
}

/** The pod around a hook, as a function of time (seconds after deletion). All members are pure and must not depend on call order. */
export interface PodWorld {
  readonly image: ProxyImage | 'unknown';
  listeners(at: Seconds): readonly ListeningSocket[];
  connections(at: Seconds): readonly EstablishedConnection[];
  /** Only the stats that this proxy exports. */
  stats(at: Seconds): readonly EnvoyStat[];
  /** HTTP status of a request to the pod's own localhost: `refused` when nothing listens, `unknown` when only the app could tell. */
  http(at: Seconds, method: string, port: number, path: string): number | 'refused' | 'unknown';
}

/** What a hook does to the proxy besides waiting. */
export interface HookEffect {
  readonly at: Seconds;
  /**
   * - `AgentDrain`: `POST drain` on 15020; a later SIGTERM ends the proxy at once.
   * - `AgentQuit`: `POST quitquitquit` on 15020 (or Envoy's on 15000); the proxy ends now.
   * - `EnvoyDrain`: `POST drain_listeners?graceful` on 15000; draining begins, SIGTERM is unaffected.
   * - `EnvoyStopListeners`: the same without `graceful`; new connections are refused from then on.
   */
  readonly kind: 'AgentDrain' | 'AgentQuit' | 'EnvoyDrain' | 'EnvoyStopListeners';
}

export interface HookRun {
  /** When it ended; `undefined` where it still ran at `until`, and where that is not known. */
  readonly endsAt?: Seconds;
  /** Where `how` is Unknown: it has certainly not ended before. */
  readonly atLeast?: Seconds;
  /** Where `how` is Unknown: it has certainly ended then; absent where it may still run at `until`. */
  readonly atMost?: Seconds;
  readonly how: 'Completed' | 'Failed' | 'CannotStart' | 'StillRunning' | 'Unknown';
  readonly effects: readonly HookEffect[];
  /** What could not be understood, word for word; not empty exactly when `how` is Unknown. */
  readonly notUnderstood: readonly string[];
  /** In an app container: when the hook itself tells the app to stop, for example by `nginx -s quit` or `kill 1`. */
  readonly toldAppToStopAt?: Seconds;
  /** What was taken for granted because nobody can look into an app image, for example that it has `curl`. */
  readonly assumed?: readonly string[];
}
