import { PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { whereOf } from '../../mesh/settings.ts';
import { isClassic, type CheckInput } from '../check.ts';

/** The hooks of every container, with what is known of each. */
export function hookFindings({ settings, clocks, workload }: CheckInput): Finding[] {
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

export function holdHook({ settings }: CheckInput): Finding[] {
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
