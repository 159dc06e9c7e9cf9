import type { LifecycleHandler } from '../api/kubernetes.ts';
import type { HookAnalysis, Length } from './analyse.ts';
import { recogniseProductHook } from './product-hook.ts';
import { missingWords } from './tools/image.ts';
import type { HookRun } from './world.ts';

/** Hooks that are copied all over the field, found by what they do; the name only makes the explanation friendlier. */
export interface Recognised {
  readonly kind:
    | 'ProductHook'
    | 'DrainCall'
    | 'SleepHook'
    | 'WaitCommand'
    | 'SourceDocumentHook'
    | 'FilteredHook'
    | 'EstablishedHook'
    | 'StatsHook';
  readonly explanation: string;
}

type Facts = Omit<HookAnalysis, 'summary' | 'recognised'>;

const EXPLANATIONS: Readonly<Record<Recognised['kind'], string>> = {
  ProductHook:
    'written by this product: checks its tools, asks for the drain, waits at least its duration and then until nothing is in flight, at most maxWait',
  DrainCall:
    "Istio's own preStop of native sidecars: it starts the drain and returns; SIGTERM then ends the proxy at once",
  SleepHook: 'a fixed sleep: it takes its whole length whether anything is in flight or not',
  WaitCommand:
    'pilot-agent wait: it returns as soon as its URL answers 200 and fails when its time is up; it starts no drain',
  SourceDocumentHook:
    'the well-known loop that waits until nobody listens but Envoy: it never ends, because pilot-agent itself listens on 15020 until SIGTERM',
  FilteredHook:
    "the well-known loop with pilot-agent filtered out: it waits for the app's listener, which a graceful app closes at SIGTERM, so that it ends while requests are in flight",
  EstablishedHook:
    "a loop that waits while connections to Envoy's inbound port are established: an idle keep-alive client holds it",
  StatsHook: "a loop over Envoy's own stats: it works only where the proxy exports them",
};

export function recognise(handler: LifecycleHandler, facts: Facts): Recognised | undefined {
  const kind = kindOf(handler, facts);
  return kind === undefined ? undefined : { kind, explanation: EXPLANATIONS[kind] };
}

function kindOf(handler: LifecycleHandler, facts: Facts): Recognised['kind'] | undefined {
  if (recogniseProductHook(handler) !== undefined) {
    return 'ProductHook';
  }
  const { waitsFor, tools } = facts;
  const looksAtSockets = tools.includes('netstat') || tools.includes('ss') || tools.includes('lsof');
  if (waitsFor.includes('AnyListener') && looksAtSockets) {
    return 'SourceDocumentHook';
  }
  if (waitsFor.includes('AppListener') && looksAtSockets) {
    return 'FilteredHook';
  }
  if (waitsFor.includes('InboundConnections') && looksAtSockets) {
    return 'EstablishedHook';
  }
  if (waitsFor.includes('ActiveRequests') || waitsFor.includes('Stats') || facts.statsNeeded.length > 0) {
    return 'StatsHook';
  }
  const [command, argument] = handler.exec?.command ?? [];
  if (command?.endsWith('pilot-agent') === true && argument === 'wait') {
    return 'WaitCommand';
  }
  if (waitsFor.length === 1 && waitsFor[0] === 'Sleep' && !facts.callsDrain && typeof facts.atMost === 'number') {
    return 'SleepHook';
  }
  return waitsFor.length === 0 && facts.callsDrain ? 'DrainCall' : undefined;
}

function inWords(length: Length): string {
  if (length === 'unbounded') {
    return 'without end';
  }
  return length === 'unknown' ? 'for a time that cannot be known' : `${round(length)} s`;
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

const WAITS: Readonly<Record<HookAnalysis['waitsFor'][number], string>> = {
  Sleep: 'a fixed time',
  AppListener: 'the app to close its listener',
  AnyListener: 'every listener of the pod to close',
  InboundConnections: 'inbound connections to end',
  AnyConnection: 'every connection of the pod to end',
  ActiveRequests: "Envoy's count of active requests to reach zero",
  Stats: "Envoy's count of connections to reach zero",
  HttpEndpoint: 'an HTTP endpoint',
  Unknown: 'something that is not understood',
};

/** How long it takes as far as that is known, and what is not known about it. */
function unknownWords({ atLeast, atMost, notUnderstood }: Facts): string {
  const unknown = `not known: ${notUnderstood.join('; ')}`;
  if (typeof atMost === 'number') {
    return `takes ${round(atLeast)} s to ${round(atMost)} s; ${unknown}`;
  }
  const least = atLeast > 0 ? `takes at least ${round(atLeast)} s, and` : 'takes any time,';
  return `${least} no upper bound can be known; ${unknown}`;
}

/** One sentence: what it waits for, how long that takes, and what of it the image does not have. */
export function summarise(handler: LifecycleHandler, facts: Facts, busy: HookRun): string {
  const missing = missingWords(facts.missingTools);
  const what = summaryOf(handler, facts, busy);
  return missing === '' ? what : `${what}; it ${missing}`;
}

function summaryOf(handler: LifecycleHandler, facts: Facts, busy: HookRun): string {
  if (busy.how === 'CannotStart') {
    return facts.needsShell && facts.missingTools.length === 0
      ? 'cannot start: the proxy image is distroless and has no shell and none of its tools'
      : 'cannot start: the image has no such program, or the handler is not a valid one';
  }
  if (facts.notUnderstood.length > 0) {
    return unknownWords(facts);
  }
  const start = facts.callsDrain ? 'asks the agent to drain, ' : '';
  // What sleeps for ever waits for no time that could pass.
  const waits = facts.waitsFor.filter((one) => one !== 'Sleep' || !facts.neverEnds).map((one) => WAITS[one]);
  const waiting = waits.length === 0 ? 'waits for nothing' : `waits for ${waits.join(' and for ')}`;
  if (facts.neverEnds) {
    return `${start}${waits.length === 0 ? 'waits for nothing that could happen' : waiting}, and never ends, not even in a quiet pod`;
  }
  if (facts.fails && facts.endsAtOnce) {
    return `${start}fails at once`;
  }
  if (facts.atMost === facts.atLeast) {
    const length = facts.atLeast === 0 ? 'it ends at once' : `it takes ${inWords(facts.atMost)}`;
    return `${start}${waiting}; ${length} whether requests are in flight or not${handler.exec !== undefined && facts.fails ? ', and ends with an error' : ''}`;
  }
  const most = facts.atMost === 'unbounded' ? 'without an upper bound' : `at most ${inWords(facts.atMost)}`;
  const hurry = facts.endsAtOnce
    ? ', but it ends at once while requests are in flight and the app has closed its listener'
    : '';
  return `${start}${waiting}: at least ${inWords(facts.atLeast)}, ${most}${hurry}`;
}
