// What is tried, and how long everything takes. Pure.
import type { Application } from '../../src/drain/timeline/application.ts';

export type Form = 'classic' | 'native';
export const SCENARIO_NAMES = [
  'default',
  'fixed',
  'adaptive',
  'combined',
  'custom-hook',
  'literal-hook-cured',
  'proxyconfig',
  'new-requests',
  'gateway',
] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export function isScenario(text: string): text is ScenarioName {
  return (SCENARIO_NAMES as readonly string[]).includes(text);
}

/** Seconds. */
export interface Timing {
  /** The application's own preStop: until then clients may still send to a pod that is going. */
  readonly preStop: number;
  /** How long each request takes. */
  readonly hold: number;
  /** For how long after SIGTERM the application calls its peer, once a second. */
  readonly lateCalls: number;
  readonly duration: number;
  readonly maxWait: number;
  /** Between two requests of one load generator. */
  readonly interval: number;
}

/**
 * With Istio's defaults a classic proxy is gone after 5 s, so requests of 20 s are lost; a native one waits for the
 * application, so only requests beyond the grace period of 30 s are. The late calls of a classic pod go on after its last
 * request, or they would not show what an adaptive drain leaves uncovered; and they end before a fixed one does.
 */
const TIMINGS: Readonly<Record<Form, Timing>> = {
  classic: { preStop: 5, hold: 20, lateCalls: 24, duration: 27, maxWait: 30, interval: 1 },
  native: { preStop: 5, hold: 36, lateCalls: 20, duration: 40, maxWait: 45, interval: 1 },
};

export function timingOf(form: Form, changes: Partial<Timing>): Timing {
  return { ...TIMINGS[form], ...changes };
}

/** Many short requests, so that some arrive in the moment in which a pod closes its listener. */
export const NEW_REQUESTS_TIMING: Timing = {
  preStop: 5,
  hold: 0.2,
  lateCalls: 0,
  duration: 5,
  maxWait: 10,
  interval: 0.02,
};

/** How the server behaves, in the engine's words. */
export function applicationOf(timing: Timing): Application {
  return {
    onSigterm: 'CloseListenerFinishInFlight',
    runsOnAfterSigterm: timing.lateCalls,
    callsOutEverySecond: 'NewConnection',
    idleKeepAliveClient: false,
  };
}

/** What of a policy a scenario states beside what all of them do; undefined where there is no policy. */
export interface ScenarioPolicy {
  readonly drain: Readonly<Record<string, unknown>>;
  readonly conflicts?: 'Force';
}

export function policyOf(scenario: ScenarioName, timing: Timing): ScenarioPolicy | undefined {
  const duration = `${timing.duration}s`;
  const maxWait = `${timing.maxWait}s`;
  switch (scenario) {
    case 'default':
    case 'new-requests':
    case 'gateway':
      return undefined;
    case 'fixed':
      return { drain: { mode: 'Fixed', duration } };
    case 'adaptive':
      return { drain: { mode: 'Adaptive', maxWait } };
    case 'combined':
      return { drain: { mode: 'Combined', duration, maxWait } };
    case 'custom-hook':
      return {
        drain: {
          mode: 'Adaptive',
          maxWait,
          strategy: 'PreStopHook',
          hook: 'Custom',
          // A pause by the kubelet needs nothing of the proxy image.
          lifecycle: { preStop: { sleep: { seconds: timing.preStop + timing.maxWait } } },
        },
      };
    case 'literal-hook-cured':
      return { drain: { mode: 'Adaptive', maxWait }, conflicts: 'Force' };
    case 'proxyconfig':
      return { drain: { mode: 'Adaptive', maxWait, environment: 'ProxyConfig' } };
  }
}

/** The Gateway of scenario `gateway`; istiod adds `-istio` to the name of its Deployment. */
export const GATEWAY = 'edge';

/** The policy that judges it: by the label that istiod puts on its pods. */
export function gatewayPolicyOf({ maxWait }: Timing): Readonly<Record<string, unknown>> {
  return {
    match: {
      workloadSelector: { matchLabels: { 'gateway.networking.k8s.io/gateway-name': GATEWAY } },
      proxies: ['Gateway'],
    },
    drain: { mode: 'Fixed', duration: `${maxWait}s` },
  };
}

/** The preStop on istio-proxy that is copied all over the field, and that never ends: pilot-agent itself listens. */
export const LITERAL_HOOK =
  'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done';

/**
 * What must come of the application's late calls. `Either`: it is the forecast alone that says.
 */
export function lateCallsExpected(scenario: ScenarioName, form: Form): 'Work' | 'Fail' {
  const works: readonly ScenarioName[] = ['fixed', 'combined', 'custom-hook'];
  return form === 'native' || works.includes(scenario) ? 'Work' : 'Fail';
}

/** What does not fit together, in words. */
export function timingProblems(form: Form, timing: Timing): string[] {
  const problems: string[] = [];
  if (timing.duration < timing.hold || timing.maxWait < timing.hold) {
    problems.push(
      `E2E_DURATION and E2E_MAX_WAIT must not be shorter than E2E_HOLD (${timing.hold}s): the policies would promise less than the requests need`,
    );
  }
  if (timing.maxWait < timing.duration) {
    problems.push('E2E_MAX_WAIT must not be shorter than E2E_DURATION');
  }
  if (timing.lateCalls >= timing.duration) {
    problems.push(
      `E2E_LATE_CALLS (${timing.lateCalls}s) must be shorter than E2E_DURATION: later ones are not promised`,
    );
  }
  if (form === 'classic' && timing.lateCalls + timing.preStop <= timing.hold + 2) {
    problems.push(
      'E2E_LATE_CALLS and E2E_PRE_STOP together must be more than 2s longer than E2E_HOLD, or no late call comes after the last request',
    );
  }
  return problems;
}
