import type { LifecycleHandler, PodTemplate } from '../../api/kubernetes.ts';
import { proxyContainer } from '../mesh/settings.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { ProxyClocks } from '../promise/clocks.ts';
import type { Intent } from '../promise/intent.ts';

/** What is written in place of a preStop that keeps no promise, and why. */
export interface HookCure {
  readonly preStop: LifecycleHandler;
  readonly why: string;
}

/**
 * Istio's own preStop of a native sidecar: asked to drain by it, the agent ends at once at SIGTERM, which comes when the
 * application has exited (pilot-agent of Istio 1.21 and later).
 */
const AGENT_DRAIN: LifecycleHandler = {
  exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] },
};

/**
 * A preStop that does nothing. A server-side apply cannot take out what somebody else states, and another type of
 * handler beside theirs would be refused ("may not specify more than 1 handler type"), so it is an exec like theirs; and
 * of a program that every proxy image has.
 */
const NOTHING: LifecycleHandler = { exec: { command: ['pilot-agent', 'version'] } };

/**
 * What to write instead of a preStop on `istio-proxy` under which no setting keeps the promise: one that never ends, or
 * one that ends at once where the policy's own hook is wanted. Undefined where theirs can stay.
 */
export function hookCure(
  template: PodTemplate,
  settings: EffectiveSettings,
  { hook }: ProxyClocks,
  intent: Intent,
): HookCure | undefined {
  const present = proxyContainer(template)?.lifecycle?.preStop;
  if (present?.exec === undefined || hook === undefined) {
    return undefined;
  }
  const native = settings.proxy.container === 'Native';
  const wantsOwnHook = intent.strategy === 'PreStopHook' && !native;
  if (!hook.neverEnds && !(hook.endsAtOnce && (wantsOwnHook || (native && !hook.callsDrain)))) {
    return undefined;
  }
  const fault = hook.neverEnds ? 'never ends' : 'ends at once';
  return native
    ? { preStop: AGENT_DRAIN, why: `in place of a preStop that ${fault} (${hook.summary}): Istio's own drain call` }
    : {
        preStop: NOTHING,
        why: `in place of a preStop that ${fault} (${hook.summary}): one that does nothing, so that the drain begins at once`,
      };
}

/** The commands that may come in place of a hook: what the API server has to let the operator write. */
export const CURE_COMMANDS: readonly (readonly string[])[] = [AGENT_DRAIN, NOTHING].map(
  ({ exec }) => exec?.command ?? [],
);
