import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { analyseHook, type HookAnalysis } from '../../hooks/index.ts';
import type { ProxyImage } from '../model/mesh.ts';
import type { ContainerSettings, EffectiveSettings } from '../model/settings.ts';

/** Hooks of the application's containers; they share what an analysis may cost. */
export function hooksOf(settings: EffectiveSettings): number {
  return settings.apps.filter((app) => app.preStop !== undefined).length;
}

/** What a preStop of an application container does in this pod. */
export function analyseAppHook(
  hook: LifecycleHandler,
  settings: EffectiveSettings,
  environment?: ContainerSettings['hookEnvironment'],
): HookAnalysis {
  return analyseHook(hook, {
    container: 'App',
    image: 'unknown',
    environment,
    appPorts: settings.appPorts,
    hooksInPod: hooksOf(settings),
  });
}

/** What a preStop of the proxy does in this pod, with the image that it has or that is assumed. */
export function analyseProxyHook(
  hook: LifecycleHandler,
  settings: EffectiveSettings,
  image: ProxyImage | 'unknown' = settings.proxyImage.value,
): HookAnalysis {
  return analyseHook(hook, {
    container: 'Proxy',
    image,
    appPorts: settings.appPorts,
    statsInclusion: settings.statsInclusion.value,
    exitOnZero: settings.exitOnZeroActiveConnections.value,
  });
}
