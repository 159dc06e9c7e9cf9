import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { analyseHook, missingWords, type HookAnalysis } from '../../hooks/index.ts';
import type { Intent } from '../promise/intent.ts';

const BOUNDED_FORM =
  'put a bound around it, for example exec: {command: [timeout, "60", /bin/sh, -c, "..."]}, count rounds, or take hook: EstablishedConnections';

/** Works on every proxy image, the distroless one included. */
const NO_PROGRAM_FORM =
  'a pause needs no program at all: sleep: {seconds: 60}; and every proxy image has pilot-agent: exec: {command: [pilot-agent, request, --debug-port=15020, POST, drain]}';

/**
 * Why the user's own hook cannot be what a promise rests on: it never ends, its length has no bound that can be known, or
 * it needs what no proxy image has. Played on a proxy image with a shell, the most that it could have. Undefined where it
 * may be written.
 */
export function customHookProblem({ hook, lifecycle }: Pick<Intent, 'hook' | 'lifecycle'>): string | undefined {
  if (hook !== 'Custom' || lifecycle === undefined) {
    return undefined;
  }
  return (
    handlerProblem('spec.drain.lifecycle.preStop', lifecycle.preStop, 'and then nothing of it holds the proxy') ??
    (lifecycle.postStart === undefined
      ? undefined
      : handlerProblem(
          'spec.drain.lifecycle.postStart',
          lifecycle.postStart,
          'and the kubelet restarts a container whose postStart fails, again and again',
        ))
  );
}

/**
 * A postStart is held to the same: the kubelet starts the next container of a classic pod when it is over, and restarts the
 * container whose postStart fails.
 */
function handlerProblem(path: string, handler: LifecycleHandler, consequence: string): string | undefined {
  const analysis = analyseCustomHook(handler);
  if (analysis.neverEnds) {
    return `${path} never ends: ${analysis.summary}; ${BOUNDED_FORM}`;
  }
  if (analysis.notUnderstood.length > 0 && typeof analysis.atMost !== 'number') {
    return `${path} has no bound that can be known (not understood: ${analysis.notUnderstood.join(', ')}${missingIn(analysis)}); ${BOUNDED_FORM}`;
  }
  if (typeof analysis.atMost !== 'number') {
    return `${path} has no upper bound: ${analysis.summary}; ${BOUNDED_FORM}`;
  }
  if (analysis.fails) {
    return `${path} fails at once on the proxy image with a shell, ${consequence}: ${analysis.summary}; ${NO_PROGRAM_FORM}`;
  }
  return undefined;
}

function missingIn({ missingTools }: HookAnalysis): string {
  return missingTools.length === 0 ? '' : `; it ${missingWords(missingTools)}`;
}

/** What the hook does in an istio-proxy whose image has a shell. */
export function analyseCustomHook(preStop: LifecycleHandler): HookAnalysis {
  return analyseHook(preStop, { container: 'Proxy', image: 'with-shell' });
}
