import { PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { proxyContainer } from '../../mesh/settings.ts';
import type { SettingsCheckInput } from '../check.ts';

export function imageAuto({ settings }: SettingsCheckInput): Finding[] {
  const container = proxyContainer(settings.template);
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

export function proxyKindUnknown({ settings }: SettingsCheckInput): Finding[] {
  return settings.proxy.kind === 'Unknown'
    ? [finding('ProxyKindUnknown', `the kind of sidecar is not known; missing: ${settings.proxy.missing.join(', ')}`)]
    : [];
}
