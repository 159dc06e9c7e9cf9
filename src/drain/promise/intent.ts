import { parsePolicyDuration, type DefaultedSidecarDrainPolicySpec, type DrainLifecycle } from '../../api/policy.ts';
import { fnv1a } from '../hash.ts';
import type { Seconds } from '../model/workload.ts';

/** What a policy asks for, in seconds: the plan works with this, whoever wrote the policy. */
export interface Intent {
  readonly mode: 'Fixed' | 'Adaptive' | 'Combined';
  /** In-flight requests get at least this long from the application's SIGTERM; 0 in Adaptive. */
  readonly duration: Seconds;
  /** At most this long; equal to `duration` in Fixed. */
  readonly maxWait: Seconds;
  readonly endpointDelay: Seconds;
  readonly strategy: 'Auto' | 'ActiveConnections' | 'PreStopHook';
  readonly hook: 'EstablishedConnections' | 'ActiveRequests' | 'Custom';
  /** The user's own lifecycle of `istio-proxy`; only with hook Custom. */
  readonly lifecycle?: DrainLifecycle;
  /** Whether containers that serve get a preStop of `endpointDelay`; only in pods, never in a template. */
  readonly application: 'Leave' | 'Delay';
  readonly environment: 'Annotation' | 'ProxyConfig';
  readonly drainDuration: 'Leave' | 'Follow';
  readonly form: 'Keep' | 'Native';
  readonly holdApplicationUntilProxyStarts: 'Keep' | 'Enabled';
  readonly graceChange: 'RaiseOnly' | 'Never';
  readonly margin: Seconds;
  readonly graceMaximum: Seconds;
}

/**
 * A short text that is equal exactly where two intents want the same. It is kept in the workload's state: it tells a
 * changed intent, which is followed, from an operator upgrade that words the same intent differently, which rolls nothing.
 */
export function intentKey(intent: Intent): string {
  const known = keys.get(intent);
  if (known !== undefined) {
    return known;
  }
  const fields = Object.entries(intent)
    .filter(([name, value]) => name !== 'graceMaximum' && value !== LATER_DEFAULTS[name])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const key = fnv1a(JSON.stringify(fields));
  keys.set(intent, key);
  return key;
}

/**
 * Fields that came after keys were first written, with the value that they have where nobody states them: left out then,
 * so that an upgrade of the operator changes no key.
 */
const LATER_DEFAULTS: Readonly<Record<string, unknown>> = { application: 'Leave' };

/** A policy has one intent, and every workload under it asks for its key. */
const keys = new WeakMap<Intent, string>();

/** What a policy (with its defaults filled in) wants, in seconds. */
export function intentOf(spec: DefaultedSidecarDrainPolicySpec): Intent {
  const { drain, gracePeriod, proxy } = spec;
  const duration = drain.duration === undefined ? 0 : parsePolicyDuration(drain.duration);
  return {
    mode: drain.mode,
    duration,
    maxWait: drain.maxWait === undefined ? duration : parsePolicyDuration(drain.maxWait),
    endpointDelay: parsePolicyDuration(drain.endpointDelay),
    strategy: drain.strategy ?? 'Auto',
    hook: drain.hook ?? 'EstablishedConnections',
    lifecycle: drain.lifecycle,
    application: drain.application,
    environment: drain.environment,
    drainDuration: drain.drainDuration,
    form: proxy.form,
    holdApplicationUntilProxyStarts: proxy.holdApplicationUntilProxyStarts,
    graceChange: gracePeriod.change,
    margin: parsePolicyDuration(gracePeriod.margin),
    graceMaximum: parsePolicyDuration(gracePeriod.maximum),
  };
}

/** What is assumed where no policy says anything: requests of a stated length that shall survive, and nothing more. */
export function assumedIntent(longestRequest: Seconds, endpointDelay: Seconds): Intent {
  return {
    mode: 'Fixed',
    duration: longestRequest,
    maxWait: longestRequest,
    endpointDelay,
    strategy: 'Auto',
    hook: 'EstablishedConnections',
    application: 'Leave',
    environment: 'Annotation',
    drainDuration: 'Leave',
    form: 'Keep',
    holdApplicationUntilProxyStarts: 'Keep',
    graceChange: 'RaiseOnly',
    // Strictly less than the grace period is all that the platform asks for.
    margin: 1,
    graceMaximum: Infinity,
  };
}
