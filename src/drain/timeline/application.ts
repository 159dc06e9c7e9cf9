import type { Seconds } from '../model/workload.ts';

/** How the application behaves when its pod ends. Nothing in a pod template says it, so it is a model with stated defaults. */
export interface Application {
  /**
   * - `CloseListenerFinishInFlight`: what graceful servers do: close the listener, finish what is in flight, exit.
   * - `KeepListeningUntilIdle`: accept until nothing is in flight, then exit.
   * - `ExitAtOnce`: no graceful shutdown; what is in flight dies with the process.
   */
  readonly onSigterm: 'CloseListenerFinishInFlight' | 'KeepListeningUntilIdle' | 'ExitAtOnce';
  /** Work that goes on after SIGTERM whatever is in flight (flushing, late calls). */
  readonly runsOnAfterSigterm: Seconds;
  /** Late outbound calls, one a second from SIGTERM until the app exits, over new connections or pooled ones. */
  readonly callsOutEverySecond?: 'NewConnection' | 'Pooled';
  /** One plaintext HTTP/1.1 client that keeps an idle connection open for ever. */
  readonly idleKeepAliveClient: boolean;
  /** How long its server takes to answer an `httpGet` preStop; nobody knows where it is not stated. */
  readonly answersHookAfter?: Seconds;
  /** Seconds that containers which serve nothing, and native helpers, run on after their SIGTERM, by name; 0 for the others. */
  readonly helpersRunOn?: Readonly<Record<string, Seconds>>;
}

/** A request to the application. Times are seconds after deletion; one in flight at deletion starts before 0. */
export interface InboundRequest {
  readonly id: string;
  readonly startsAt: Seconds;
  /** Seconds from `startsAt`; `Infinity` for a request that outlasts everything. */
  readonly lasts: Seconds;
  /** While serving it the app calls another service at this time. */
  readonly callsOutAt?: Seconds;
  /**
   * A stream (a WebSocket, a response that is written bit by bit): the server finds out when it is cut and gives it up. A
   * plain request is worked to its end, whether anybody waits for the answer or not [measured].
   */
  readonly stream?: true;
}

export const DEFAULT_APPLICATION: Application = {
  onSigterm: 'CloseListenerFinishInFlight',
  runsOnAfterSigterm: 0,
  idleKeepAliveClient: false,
};

/** Longest request that is assumed where nobody states one (no policy, no flag). */
export const DEFAULT_LONGEST_REQUEST_SECONDS = 15;

/** How long load balancers and clients go on sending after deletion, where nobody states it. */
export const DEFAULT_ENDPOINT_DELAY_SECONDS = 5;
