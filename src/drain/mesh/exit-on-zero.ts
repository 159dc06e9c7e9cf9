import type { EffectiveSettings } from '../model/settings.ts';
import { countsInternalListeners } from './version.ts';

/** A gateway in an ambient mesh on an Istio whose EXIT_ON_ZERO_ACTIVE_CONNECTIONS never fires there: it lives until SIGKILL. */
export function neverSeesZero({ proxy, istioVersion }: Pick<EffectiveSettings, 'proxy' | 'istioVersion'>): boolean {
  return proxy.kind === 'Gateway' && proxy.ambient && countsInternalListeners(istioVersion);
}
