import type { LifecycleHandler } from '../api/kubernetes.ts';
import type { Seconds } from '../api/duration.ts';

export type WaitFor = 'EstablishedConnections' | 'ActiveRequests';

export interface ProductHookParameters {
  /** The hook takes at least this long. */
  readonly duration: Seconds;
  /** Then it waits until nothing is in flight, and ends after this time in any case. */
  readonly maxWait: Seconds;
  readonly waitFor: WaitFor;
}

/** Grows when the text changes in a way that matters; hooks of every version are recognised by their first line. */
const VERSION = 1;

/**
 * Each ends with status 0 only when it has really read that nothing is in flight: a look that fails, or prints
 * nothing, counts as busy.
 *
 * The gauge is asked for without `usedonly`: on a proxy that never had a request it would be left out, and nobody could
 * tell that from a failed look.
 */
const LOOKS: Readonly<Record<WaitFor, { readonly tools: string; readonly look: string; readonly decide: string }>> = {
  EstablishedConnections: {
    tools: 'netstat awk pilot-agent',
    look: 'netstat -tn',
    decide: `awk '$1 == "Proto" { ok = 1 } $6 == "ESTABLISHED" && $4 ~ /:15006$/ { busy = 1 } END { exit !ok || busy }'`,
  },
  ActiveRequests: {
    tools: 'awk pilot-agent',
    look: `pilot-agent request GET 'stats?filter=^http.inbound.*downstream_rq_active$'`,
    decide: `awk -F': ' '/downstream_rq_active/ { ok = 1; busy += $2 } END { exit !ok || busy > 0 }'`,
  },
};

const HUNDREDTHS = 100;

function hundredths(seconds: Seconds): number {
  return Math.round(seconds * HUNDREDTHS);
}

/**
 * The preStop that this product writes for a classic sidecar.
 *
 * 1. It looks for its tools first and fails where one is missing. Nothing has happened by then, so that SIGTERM starts
 *    Istio's own drain, with `terminationDrainDuration` as the net.
 * 2. Only then it asks the agent to drain. From here on SIGTERM ends the proxy at once, so the hook has to last.
 * 3. It reads the time from /proc/uptime: the wall clock may jump, and counting rounds would add the time of each look.
 *    Its hundredths are kept, since whole seconds would let it end up to a second early. It goes on after
 *    `maxWait - 1` only where `duration` asks for it, so that its last sleep does not carry it past `maxWait`.
 *
 * Plain POSIX sh: dash, busybox ash and bash run it alike.
 */
export function productHook(parameters: ProductHookParameters): LifecycleHandler {
  const { duration, maxWait, waitFor } = parameters;
  const { tools, look, decide } = LOOKS[waitFor];
  const script = [
    `# sidecardrain.io hook ${VERSION}: ${waitFor}, at least ${duration}s, at most ${maxWait}s`,
    `for tool in ${tools}; do command -v $tool >/dev/null || exit 1; done`,
    'clock() { read -r up idle </proc/uptime && now=${up%.*}${up#*.}; }',
    `quiet() { seen=$(${look}) && echo "$seen" | ${decide}; }`,
    'clock || exit 1',
    'start=$now',
    'pilot-agent request --debug-port=15020 POST drain || exit 1',
    'while :; do',
    '  clock',
    '  waited=$((now - start))',
    `  if [ $waited -ge ${hundredths(duration)} ]; then`,
    `    if [ $waited -gt ${hundredths(maxWait) - HUNDREDTHS} ] || quiet; then exit 0; fi`,
    '  fi',
    '  sleep 1',
    'done',
  ].join('\n');
  return { exec: { command: ['/bin/sh', '-c', script] } };
}

const MARK =
  /^# sidecardrain\.io hook \d+: (EstablishedConnections|ActiveRequests), at least (\d+(?:\.\d+)?)s, at most (\d+(?:\.\d+)?)s$/m;

/** The parameters of a hook that this product wrote, in this version or an earlier one; `undefined` for others. */
export function recogniseProductHook(handler: LifecycleHandler): ProductHookParameters | undefined {
  const script = handler.exec?.command?.[2];
  const match = script === undefined ? null : MARK.exec(script);
  if (match === null) {
    return undefined;
  }
  return {
    waitFor: match[1] === 'ActiveRequests' ? 'ActiveRequests' : 'EstablishedConnections',
    duration: Number(match[2]),
    maxWait: Number(match[3]),
  };
}
