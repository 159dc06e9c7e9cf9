import { PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { analyseAppHook } from '../../mesh/container-hooks.ts';
import { whereOf } from '../../mesh/settings.ts';
import type { UnboundedHook } from '../../promise/clocks.ts';
import { holdsAnyway, isClassic, type SettingsCheckInput } from '../check.ts';

/** What is the matter with the preStop of istio-proxy that somebody has put there: the first that applies. */
export function proxyHook(input: SettingsCheckInput): Finding[] {
  const { settings, clocks } = input;
  const hook = clocks.proxy.hook;
  const preStop = settings.proxyPreStop;
  if (hook === undefined || preStop === undefined || preStop.origin.level === 'BuiltIn') {
    return [];
  }
  const path = whereOf(preStop.origin);
  const about = `the preStop of ${PROXY_CONTAINER}`;
  const why = hook.recognised?.explanation ?? hook.summary;
  const severity = holdsAnyway(input) ? ('warning' as const) : undefined;
  if (hook.needsShell && settings.proxyImage.value === 'distroless') {
    const message = `${about} needs ${hook.tools.join(', ')}, and the proxy image is distroless: it fails at once`;
    return [finding('HookNeedsShell', message, { path, severity })];
  }
  if (hook.neverEnds) {
    return [finding('HookNeverEnds', `${about} never ends: ${why}`, { path })];
  }
  if (hook.statsNeeded.length > 0) {
    const message = `${about} reads ${hook.statsNeeded.join(', ')}, which this proxy does not export`;
    return [finding('StatsNotExported', message, { path, severity })];
  }
  if (hook.endsAtOnce && hook.waitsFor.some((what) => what !== 'Sleep')) {
    const message = `${about} ends at once although requests are in flight: ${why}`;
    return [finding('HookEndsAtOnce', message, { path, severity })];
  }
  if (typeof hook.atMost !== 'number') {
    const known = hook.atMost === 'unknown' ? ' that can be known' : '';
    return [finding('HookUnbounded', `${about} has no upper bound${known}: ${why}`, { path })];
  }
  return hook.fails ? [finding('HookFails', `${about} fails: ${why}`, { path })] : [];
}

/** Only a drain call, or one that ends the proxy, leaves nothing to follow. */
export function nativeDrainDropped({ settings, clocks }: SettingsCheckInput): Finding[] {
  const { hook } = clocks.proxy;
  const preStop = settings.proxyPreStop;
  if (
    settings.proxy.container !== 'Native' ||
    preStop === undefined ||
    preStop.origin.level === 'BuiltIn' ||
    hook === undefined ||
    hook.callsDrain ||
    hook.quitsAt !== undefined
  ) {
    return [];
  }
  return [
    finding(
      'HookDropsNativeDrain',
      `the preStop of ${PROXY_CONTAINER} replaces Istio's drain call: ${settings.terminationDrainDuration.value} s of terminationDrainDuration follow after the application has exited`,
      { path: whereOf(preStop.origin) },
    ),
  ];
}

/** Application hooks for whose length there is no bound. */
export function appHooks({ clocks }: SettingsCheckInput): Finding[] {
  return clocks.delay.unbounded.map(appHookFinding);
}

/** What a preStop without a bound is called, wherever it is said. */
export function appHookFinding({ container, path, summary, neverEnds }: UnboundedHook): Finding {
  if (neverEnds) {
    return finding(
      'HookNeverEnds',
      `the preStop of container ${container} never ends: ${summary}; it gets SIGTERM when the grace period is over, and SIGKILL 2 s later`,
      { path, action: 'Bound the hook by the clock: the container needs time after its SIGTERM.' },
    );
  }
  return finding('HookUnbounded', `the preStop of container ${container} ${summary}`, { path });
}

/** What a hook states for the case that nothing sets a variable is taken at its word, and that is said. */
export function defaultsOfAppHooks({ settings }: SettingsCheckInput): Finding[] {
  return settings.apps.flatMap(({ name, preStop, hookEnvironment }) => {
    const { defaults } = preStop === undefined ? NO_DEFAULTS : analyseAppHook(preStop.value, settings, hookEnvironment);
    return preStop === undefined || defaults.length === 0
      ? []
      : [
          finding(
            'HookDefaultCounts',
            `the preStop of container ${name} is taken to use its own default for ${defaults.join(', ')}: env sets none, and that the image sets none is assumed`,
            { path: whereOf(preStop.origin) },
          ),
        ];
  });
}

const NO_DEFAULTS = { defaults: [] };

/** Whether a request fails depends on the server, which is not known here. */
const ASKS_SERVERS: ReadonlySet<string> = new Set(['curl', 'wget', 'nc']);

/** A hook that cannot start, or fails, is over at once, and SIGTERM follows. */
export function failingAppHooks({ settings }: SettingsCheckInput): Finding[] {
  return settings.apps.flatMap(({ name, preStop, hookEnvironment }) => {
    const analysis = preStop === undefined ? undefined : analyseAppHook(preStop.value, settings, hookEnvironment);
    return analysis?.fails === true &&
      analysis.endsAtOnce &&
      preStop !== undefined &&
      !analysis.tools.some((tool) => ASKS_SERVERS.has(tool))
      ? [
          finding('HookFails', `the preStop of container ${name} fails at once, so that SIGTERM comes at once`, {
            path: whereOf(preStop.origin),
          }),
        ]
      : [];
  });
}

export function holdHook({ settings }: SettingsCheckInput): Finding[] {
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
        'postStart `pilot-agent wait` without holdApplicationUntilProxyStarts holds nothing: the application container comes before the proxy',
        { path: whereOf(postStart.origin) },
      ),
    ];
  }
  return [];
}
