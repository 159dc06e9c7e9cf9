import { PROXY_CONTAINER } from '../../api/names.ts';
import { finding, type Finding } from '../../api/reasons.ts';
import { recogniseProductHook } from '../hooks/index.ts';
import { proxyContainer, whereOf } from '../mesh/settings.ts';
import type { EffectiveSettings, Sourced } from '../model/settings.ts';
import type { Workload } from '../model/workload.ts';
import { brokenDrainClauses, longestPromised, neededGrace, type Clocks } from '../plan/promise.ts';
import type { Intent } from '../plan/intent.ts';

/** What a check looks at. `intent` is the governing policy's wish, or the stated assumption where there is no policy. */
export interface CheckInput {
  readonly workload: Workload;
  readonly settings: EffectiveSettings;
  readonly intent: Intent;
  readonly clocks: Clocks;
}

/** A check is small and pure: one rule, its findings. */
export type Check = (input: CheckInput) => Finding[];

/** Above this the cluster autoscaler stops waiting for a pod (--max-graceful-termination-sec, default 600). */
export const NODE_BUDGET_SECONDS = 600;

const GRACE_PATH = 'spec.template.spec.terminationGracePeriodSeconds';

function isClassic(settings: EffectiveSettings): boolean {
  return settings.proxy.container === 'Classic';
}

function isStated(value: Sourced<unknown>): boolean {
  return value.origin.level !== 'BuiltIn' && value.origin.level !== 'MeshConfig';
}

function graceTooShort({ settings, intent, clocks }: CheckInput): Finding[] {
  if (settings.proxy.container === 'None') {
    return [];
  }
  const needed = neededGrace(settings, intent, clocks);
  const present = settings.gracePeriod.value;
  if (present >= needed) {
    return [];
  }
  const sum =
    settings.proxy.container === 'Native'
      ? `${clocks.delay.seconds} s until the application gets SIGTERM + ${longestPromised(intent)} s for its requests`
      : `${Math.max(needed - intent.margin, 0)} s for preStop and drain`;
  return [
    finding(
      'GraceTooShort',
      `terminationGracePeriodSeconds is ${present}, needed are ${needed}: ${sum} + ${intent.margin} s margin`,
      { path: GRACE_PATH, action: `Set terminationGracePeriodSeconds: ${needed}.` },
    ),
  ];
}

function drainTooShort({ settings, intent, clocks }: CheckInput): Finding[] {
  const unsure = settings.proxy.container === 'Unknown';
  return brokenDrainClauses(settings, intent, clocks)
    .slice(0, 1)
    .map((clause) =>
      finding(clause.code, unsure ? `if the sidecar is classic: ${clause.message}` : clause.message, {
        path: whereOf(settings.terminationDrainDuration.origin),
        ...(unsure ? { severity: 'warning' as const } : {}),
      }),
    );
}

function drainIgnored({ settings, clocks }: CheckInput): Finding[] {
  const drain = settings.terminationDrainDuration;
  if (!isClassic(settings) || drain.origin.level === 'BuiltIn') {
    return [];
  }
  const own = settings.proxyPreStop === undefined ? undefined : recogniseProductHook(settings.proxyPreStop.value);
  const by =
    clocks.proxy.callsDrain && own === undefined
      ? 'the preStop asks the agent for the drain, and SIGTERM then ends the proxy at once'
      : settings.exitOnZeroActiveConnections.value
        ? 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS is true'
        : undefined;
  return by === undefined
    ? []
    : [
        finding('DrainIgnored', `terminationDrainDuration ${drain.value} s is ignored: ${by}`, {
          path: whereOf(drain.origin),
        }),
      ];
}

function inertOnNative({ settings, clocks }: CheckInput): Finding[] {
  if (settings.proxy.container !== 'Native' || !clocks.proxy.callsDrain) {
    return [];
  }
  const inert: [string, Sourced<unknown>][] = [
    ['terminationDrainDuration', settings.terminationDrainDuration],
    ['EXIT_ON_ZERO_ACTIVE_CONNECTIONS', settings.exitOnZeroActiveConnections],
    ['MINIMUM_DRAIN_DURATION', settings.minimumDrainDuration],
  ];
  return inert
    .filter(([, value]) => isStated(value))
    .map(([name, value]) =>
      finding('InertOnNative', `${name} has no effect on this native sidecar`, { path: whereOf(value.origin) }),
    );
}

function minimumDrainInert({ settings }: CheckInput): Finding[] {
  const minimum = settings.minimumDrainDuration;
  if (!isClassic(settings) || minimum.origin.level === 'BuiltIn' || settings.exitOnZeroActiveConnections.value) {
    return [];
  }
  return [
    finding(
      'MinimumDrainInert',
      `MINIMUM_DRAIN_DURATION ${minimum.value} s has no effect: EXIT_ON_ZERO_ACTIVE_CONNECTIONS is not true`,
      { path: whereOf(minimum.origin) },
    ),
  ];
}

function outboundNotCovered({ settings, intent, clocks }: CheckInput): Finding[] {
  const covered = clocks.proxy.floor >= clocks.delay.seconds + intent.duration && intent.duration > 0;
  if (!isClassic(settings) || !settings.exitOnZeroActiveConnections.value || covered) {
    return [];
  }
  return [
    finding(
      'OutboundNotCovered',
      `the proxy may leave ${clocks.proxy.floor} s after deletion when no connection is open; calls that the application makes later are refused`,
      { path: whereOf(settings.minimumDrainDuration.origin) },
    ),
  ];
}

/** The hooks of every container, with what is known of each. */
function hookFindings({ settings, clocks, workload }: CheckInput): Finding[] {
  const found: Finding[] = [];
  const hook = clocks.proxy.hook;
  const preStop = settings.proxyPreStop;
  if (hook !== undefined && preStop !== undefined && preStop.origin.level !== 'BuiltIn') {
    const path = whereOf(preStop.origin);
    const why = hook.recognised === undefined ? hook.summary : `${hook.recognised.explanation}`;
    if (hook.needsShell && settings.proxyImage.value === 'distroless') {
      found.push(
        finding(
          'HookNeedsShell',
          `the preStop of ${PROXY_CONTAINER} needs ${hook.tools.join(', ')}, and the proxy image is distroless: it fails at once`,
          { path },
        ),
      );
    } else if (hook.neverEnds) {
      found.push(finding('HookNeverEnds', `the preStop of ${PROXY_CONTAINER} never ends: ${why}`, { path }));
    } else if (hook.statsNeeded.length > 0) {
      found.push(
        finding(
          'StatsNotExported',
          `the preStop of ${PROXY_CONTAINER} reads ${hook.statsNeeded.join(', ')}, which this proxy does not export`,
          { path },
        ),
      );
    } else if (hook.endsAtOnce && hook.waitsFor.some((what) => what !== 'Sleep')) {
      found.push(
        finding(
          'HookEndsAtOnce',
          `the preStop of ${PROXY_CONTAINER} ends at once although requests are in flight: ${why}`,
          { path },
        ),
      );
    } else if (typeof hook.atMost !== 'number') {
      found.push(
        finding(
          'HookUnbounded',
          `the preStop of ${PROXY_CONTAINER} has no upper bound${hook.atMost === 'unknown' ? ' that can be known' : ''}: ${why}`,
          { path },
        ),
      );
    }
    if (settings.proxy.container === 'Native' && !hook.callsDrain) {
      found.push(
        finding(
          'HookDropsNativeDrain',
          `the preStop of ${PROXY_CONTAINER} replaces Istio's drain call: ${settings.terminationDrainDuration.value} s of terminationDrainDuration follow after the application has exited`,
          { path },
        ),
      );
    }
  }
  for (const unbounded of clocks.delay.unbounded) {
    found.push(
      finding(
        'HookUnbounded',
        `the preStop of container ${unbounded.container} in ${workload.name} has no upper bound that can be known: ${unbounded.summary}`,
        { path: unbounded.path },
      ),
    );
  }
  return found;
}

function holdHook({ settings }: CheckInput): Finding[] {
  if (!isClassic(settings)) {
    return [];
  }
  const postStart = settings.proxyPostStart;
  const waits = postStart?.value.exec?.command?.join(' ').includes('pilot-agent wait') === true;
  if (settings.holdApplicationUntilProxyStarts.value && !waits) {
    return [
      finding(
        'HoldHookLost',
        'holdApplicationUntilProxyStarts is true, but the postStart of istio-proxy does not run pilot-agent wait',
        { path: whereOf(postStart?.origin ?? settings.holdApplicationUntilProxyStarts.origin) },
      ),
    ];
  }
  if (!settings.holdApplicationUntilProxyStarts.value && waits && postStart?.origin.level === 'Template') {
    return [
      finding(
        'PostStartWithoutHold',
        'postStart `pilot-agent wait` without holdApplicationUntilProxyStarts holds nothing: the application stands before the proxy',
        { path: whereOf(postStart.origin) },
      ),
    ];
  }
  return [];
}

function settingProblems({ settings, workload }: CheckInput): Finding[] {
  const found = settings.problems.map((problem) => finding(problem.kind, problem.message, { path: problem.path }));
  const refused = settings.podsRefused;
  if (refused?.code === 'HookHandlerIllegal') {
    found.push(finding('HookHandlerIllegal', refused.message, { path: `lifecycle of container ${PROXY_CONTAINER}` }));
  }
  for (const name of workload.misplaced ?? []) {
    found.push(
      finding(
        'AnnotationMisplaced',
        `${name} stands on the ${workload.kind} itself; Istio reads it on the pod template only`,
        { path: `metadata.annotations["${name}"]` },
      ),
    );
  }
  return found;
}

function imageAuto({ settings, workload }: CheckInput): Finding[] {
  const container = proxyContainer(workload.template);
  if (container?.image !== 'auto') {
    return [];
  }
  const path = `image of container ${PROXY_CONTAINER}`;
  if (settings.proxy.kind === 'None') {
    return [
      finding(
        'ImageAutoNotInjected',
        `container ${PROXY_CONTAINER} has image auto, but ${settings.proxy.because[settings.proxy.because.length - 1] ?? 'nothing is injected'}: its pods never start`,
        { path },
      ),
    ];
  }
  return container.imagePullPolicy === undefined || container.imagePullPolicy === 'Always'
    ? [
        finding(
          'ImageAutoPullAlways',
          `container ${PROXY_CONTAINER} has image auto and ${container.imagePullPolicy === undefined ? 'no imagePullPolicy, which becomes Always' : 'imagePullPolicy: Always'}`,
          { path },
        ),
      ]
    : [];
}

function listenerCloses({ settings, intent, clocks }: CheckInput): Finding[] {
  if (!isClassic(settings) || clocks.proxy.callsDrain) {
    return [];
  }
  const longest = Number.isFinite(clocks.proxy.ceiling)
    ? Math.max(0, settings.terminationDrainDuration.value)
    : Math.min(settings.gracePeriod.value, clocks.delay.seconds + longestPromised(intent));
  const drain = settings.drainDuration;
  return longest > drain.value
    ? [
        finding(
          'ListenerClosesBeforeDrainEnds',
          `the drain can last ${longest} s, but new inbound connections are refused after drainDuration ${drain.value} s`,
          { path: whereOf(drain.origin) },
        ),
      ]
    : [];
}

function nodeBudget({ settings }: CheckInput): Finding[] {
  const grace = settings.gracePeriod.value;
  return grace > NODE_BUDGET_SECONDS
    ? [
        finding(
          'GraceExceedsNodeBudget',
          `terminationGracePeriodSeconds is ${grace}; node drains and the cluster autoscaler commonly wait ${NODE_BUDGET_SECONDS} s`,
          { path: GRACE_PATH },
        ),
      ]
    : [];
}

function jobNeverCompletes({ settings, workload }: CheckInput): Finding[] {
  return (workload.kind === 'Job' || workload.kind === 'CronJob') && isClassic(settings)
    ? [finding('JobNeverCompletes', "with a classic sidecar the job's pods do not end when the work is done")]
    : [];
}

function proxyKindUnknown({ settings }: CheckInput): Finding[] {
  return settings.proxy.kind === 'Unknown'
    ? [finding('ProxyKindUnknown', `the kind of sidecar is not known; missing: ${settings.proxy.missing.join(', ')}`)]
    : [];
}

/** Every check, in the order in which findings are shown. A new finding is a new line here. */
export const CHECKS: readonly Check[] = [
  settingProblems,
  graceTooShort,
  drainTooShort,
  hookFindings,
  drainIgnored,
  minimumDrainInert,
  inertOnNative,
  outboundNotCovered,
  listenerCloses,
  holdHook,
  imageAuto,
  nodeBudget,
  jobNeverCompletes,
  proxyKindUnknown,
];

/** What is the matter with a workload today, whatever a policy would do. */
export function findingsOf(input: CheckInput): Finding[] {
  return CHECKS.flatMap((check) => check(input));
}
