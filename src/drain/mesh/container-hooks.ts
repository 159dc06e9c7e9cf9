import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { analyseHook, type HookAnalysis } from '../../hooks/index.ts';
import type { ProxyImage } from '../model/mesh.ts';
import type { ContainerSettings, EffectiveSettings } from '../model/settings.ts';

/** Each of a pod's containers asks for it, and a pod may have thousands. */
const hookCounts = new WeakMap<EffectiveSettings['apps'], number>();

/** Hooks of the application's containers; they share what an analysis may cost. */
export function hooksOf({ apps }: EffectiveSettings): number {
  const count = hookCounts.get(apps) ?? apps.filter((app) => app.preStop !== undefined).length;
  hookCounts.set(apps, count);
  return count;
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
