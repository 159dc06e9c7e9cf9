import type { HookRun } from '../../hooks/index.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import type { Application, InboundRequest } from './application.ts';

/**
 * The kubelet leaves a container at least this long between SIGTERM and SIGKILL, also where its preStop has used up
 * the grace period (kubelet `minimumGracePeriodInSeconds`; measured: 137 at grace + 2).
 */
export const MINIMUM_SHUTDOWN_WINDOW_SECONDS = 2;

/** From the end of the last container until the pod object is gone [measured: about 1.5 s]. */
export const POD_REMOVAL_SECONDS = 1.5;

/** Exit code of a container that was ended by SIGKILL. */
export const SIGKILL_EXIT_CODE = 137;

/**
 * How long a preStop of unknown length is taken to last: `EndAtOnce` as long as it certainly does, `NeverEnd` until the
 * grace period is over, a number so many seconds, but never less than it certainly does.
 */
export type UnknownHooks = 'NeverEnd' | 'EndAtOnce' | Seconds;

export interface TerminationInput {
  readonly settings: EffectiveSettings;
  readonly application: Application;
  readonly requests: readonly InboundRequest[];
  /** The grace period of the delete call itself, which replaces the template's. */
  readonly deletedWithGracePeriod?: Seconds;
  /** `NeverEnd` where nothing is said. */
  readonly unknownHooks?: UnknownHooks;
}

export interface ContainerEnd {
  readonly name: string;
  readonly role: 'App' | 'Proxy';
  /** Requests may be for this container; false of the proxy. */
  readonly serves: boolean;
  readonly preStop?: HookRun;
  readonly sigtermAt: Seconds;
  /** When SIGKILL comes if it still runs. */
  readonly sigkillAt: Seconds;
  readonly exitAt: Seconds;
  readonly exitCode: 0 | typeof SIGKILL_EXIT_CODE;
  readonly how: 'Finished' | 'DrainOver' | 'NoConnectionLeft' | 'EndedByAgentCall' | 'Sigkill';
}

export interface RequestOutcome {
  readonly id: string;
  readonly survived: boolean;
  /** When it was answered or lost. */
  readonly at: Seconds;
  readonly lostBecause?: 'ProxyGone' | 'AppGone' | 'AppRefuses' | 'ProxyRefuses' | 'OutboundGone';
}

export interface Termination {
  readonly gracePeriod: Seconds;
  readonly apps: readonly ContainerEnd[];
  /** Other native sidecars of the pod. */
  readonly sidecars: readonly ContainerEnd[];
  readonly proxy?: ContainerEnd;
  readonly podGoneAt: Seconds;
  /** When the proxy began to drain, if it did before its end. */
  readonly drainStartsAt?: Seconds;
  /** From then on a container that may be the one that serves has closed its listeners. */
  readonly appListenerClosesAt: Seconds;
  /** New inbound TCP connections are refused from then on, and why. */
  readonly newInboundConnections: {
    readonly until: Seconds;
    readonly endedBy: 'DrainDuration' | 'ProxyExit' | 'AppListener';
  };
  /** Outbound calls of the app work until then. */
  readonly outboundUntil: Seconds;
  /** The first late call of the app (`callsOutEverySecond`) that fails; undefined where none does. */
  readonly callsOutFailFrom?: Seconds;
  readonly requests: readonly RequestOutcome[];
  /** Hooks whose length could not be known, with what was not understood. */
  readonly unknownHooks: readonly { readonly container: string; readonly notUnderstood: readonly string[] }[];
}

/** When SIGKILL comes to a container whose SIGTERM came at `sigtermAt`. */
export function sigkillAfter(sigtermAt: Seconds, gracePeriod: Seconds): Seconds {
  return Math.max(gracePeriod, sigtermAt + MINIMUM_SHUTDOWN_WINDOW_SECONDS);
}

export function lastExitOf(ends: readonly ContainerEnd[]): Seconds {
  return ends.reduce((last, end) => Math.max(last, end.exitAt), 0);
}
