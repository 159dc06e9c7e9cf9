import type { EffectiveSettings } from '../../model/settings.ts';
import type { Scenario } from '../lanes.ts';
import type { ContainerEnd, RequestOutcome, Termination } from '../termination.ts';
import type { Survival } from '../verdict.ts';

/** A termination that has been played, with what it was played from. */
export interface Played {
  readonly settings: EffectiveSettings;
  readonly scenario: Scenario;
  /** With every hook of unknown length as short as it certainly is. */
  readonly termination: Termination;
  /** With every such hook as long as the grace period lets it be; the same one where there is none. */
  readonly latest: Termination;
  readonly survival: Survival;
  /** The same pod while a request never ends: what a drain that waits for requests does at most. */
  readonly busy: Termination;
}

/** The one request that a timeline follows. */
export const REQUEST_ID = 'in-flight';

/** The agent's own drain call was made: SIGTERM then ends the proxy at once. */
export function agentDrained(end: ContainerEnd): boolean {
  return end.preStop?.effects.some((effect) => effect.kind === 'AgentDrain') === true;
}

export function requestOf(termination: Termination): RequestOutcome | undefined {
  return termination.requests.find((request) => request.id === REQUEST_ID);
}

/** The outcome that decides where two are possible. */
export function worse(one: RequestOutcome | undefined, other: RequestOutcome | undefined): RequestOutcome | undefined {
  return one?.survived === false ? one : (other ?? one);
}

export function containersOf(termination: Termination): ContainerEnd[] {
  return [...termination.apps, ...(termination.proxy === undefined ? [] : [termination.proxy])];
}
