import type { KubernetesObject, PodTemplate } from '../../api/kubernetes.ts';
import { effectiveSettings } from '../mesh/settings.ts';
import type { MeshFacts, NamespaceFacts } from '../model/mesh.ts';
import type { EffectiveSettings, ProxyVerdict } from '../model/settings.ts';
import { proxyOfPod, type RawPod } from './pod.ts';

const NO_PROXY: ProxyVerdict = {
  kind: 'None',
  container: 'None',
  because: ['the pod has no istio-proxy'],
  missing: [],
  ambient: false,
};

/**
 * The settings of one pod: its template may say something else by now. An injected pod carries its proxy, so nothing has to
 * be guessed; one without a proxy has none, whatever webhooks would do now.
 */
export function settingsOfPod(raw: KubernetesObject, mesh: MeshFacts, namespace: NamespaceFacts): EffectiveSettings {
  const pod = raw as unknown as RawPod & { spec: PodTemplate['spec'] };
  const { labels = {}, annotations = {} } = pod.metadata;
  return effectiveSettings({
    template: { metadata: { labels, annotations }, spec: pod.spec },
    namespace,
    mesh,
    proxy: proxyOfPod(pod) === 'None' ? NO_PROXY : undefined,
  });
}
