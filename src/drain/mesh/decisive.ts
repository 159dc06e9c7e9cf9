import type { Container, LabelSelector, PodTemplate } from '../../api/kubernetes.ts';
import { GATEWAY_NAME_LABELS, INJECTION_LABEL, PROXY_CONTAINER } from '../../api/names.ts';
import type { MeshFacts, NamespaceFacts } from '../model/mesh.ts';
import { memoizeByObject } from '../memoize.ts';

/**
 * What of a pod template decides how its pods end: names, versions and images of applications do not. Thousands of templates
 * of a fleet are a few dozen then, and what follows from them is worked out once. Nothing else is passed on, so that a rule
 * cannot rest on what is left out here.
 */
export function decisiveTemplate({ metadata, spec }: PodTemplate, mesh: MeshFacts): PodTemplate {
  return {
    metadata: { labels: decisiveLabels(metadata?.labels, mesh), annotations: metadata?.annotations },
    spec: {
      ...spec,
      containers: spec.containers.map(decisiveContainer),
      initContainers: spec.initContainers?.map(decisiveContainer),
    },
  };
}

/** The same of a namespace. */
export function decisiveNamespace({ name, labels, assumed, linkerd }: NamespaceFacts, mesh: MeshFacts): NamespaceFacts {
  return { name, labels: labels === undefined ? undefined : decisiveLabels(labels, mesh), assumed, linkerd };
}

function decisiveContainer(container: Container): Container {
  return container.name === PROXY_CONTAINER
    ? container
    : { ...container, image: undefined, imagePullPolicy: undefined };
}

type Labels = Readonly<Record<string, string>>;

const NO_LABELS: Labels = Object.freeze({});

function decisiveLabels(labels: Labels = NO_LABELS, mesh: MeshFacts): Labels {
  const asked = labelsAskedFor(mesh);
  let kept: Record<string, string> | undefined;
  for (const key of Object.keys(labels)) {
    if (asked.has(key) || isIstios(key)) {
      kept ??= {};
      kept[key] = labels[key] ?? '';
    }
  }
  return kept ?? NO_LABELS;
}

/** Istio's own words stand below `istio.io` and its subdomains, but for one. */
function isIstios(key: string): boolean {
  return key.startsWith('istio.io/') || key.includes('.istio.io/') || key === INJECTION_LABEL;
}

/** Keys of all selectors that the mesh has for pods and namespaces. */
const labelsAskedFor = memoizeByObject((mesh: MeshFacts): ReadonlySet<string> => {
  const selectors: (LabelSelector | undefined)[] = [
    ...mesh.webhooks.flatMap(({ namespaceSelector, objectSelector }) => [namespaceSelector, objectSelector]),
    ...mesh.revisions.flatMap(({ injector }) => [
      ...(injector?.neverInjectSelector ?? []),
      ...(injector?.alwaysInjectSelector ?? []),
    ]),
    ...(mesh.proxyConfigs ?? []).map(({ selector }) => selector),
  ];
  return new Set([...GATEWAY_NAME_LABELS, ...selectors.flatMap(keysOf)]);
});

function keysOf(selector: LabelSelector | undefined): string[] {
  return [...Object.keys(selector?.matchLabels ?? {}), ...(selector?.matchExpressions ?? []).map(({ key }) => key)];
}
