import { DEFAULT_ROOT_NAMESPACE, INJECT_KEY, NAMESPACE_NAME_LABEL } from '../../api/names.ts';
import { assembleMesh, DEFAULT_REVISION } from '../../drain/mesh/facts.ts';
import type { InjectorWebhook, MeshFacts, NamespaceFacts } from '../../drain/model/mesh.ts';
import type { Collected } from '../input/collected.ts';
import { minorsOf } from '../input/node-facts.ts';
import type { Stated } from './flags.ts';

/** All that workloads are judged by, and what of it was assumed. */
export interface Facts {
  readonly mesh: MeshFacts;
  /** In words, for the head of every output; empty where everything is known or stated. */
  readonly assumptions: readonly string[];
  /** The injector's configuration was not seen and not stated: that the sidecar's form is unknown is then said once, not for every workload. */
  readonly injectionAssumed: boolean;
  namespace(name: string): NamespaceFacts;
}

/**
 * Stands in for the injector's webhooks where none are among the input: everything is injected that does not say no.
 * Whoever lints a repository wants to know what a sidecar would do to it.
 */
const ASSUMED_WEBHOOK: Omit<InjectorWebhook, 'revision'> = {
  configuration: 'the injector',
  name: '(assumed)',
  assumed: true,
  namespaceSelector: { matchExpressions: [{ key: 'istio-injection', operator: 'NotIn', values: ['disabled'] }] },
  objectSelector: { matchExpressions: [{ key: INJECT_KEY, operator: 'NotIn', values: ['false'] }] },
};

export interface FactOptions {
  /** The facts come from a cluster that was looked at whole: what is not there does not exist. */
  readonly complete: boolean;
  /** Why the webhooks could not be read, with `complete`. */
  readonly webhooksUnknownBecause?: string;
}

export function factsOf(collected: Collected, stated: Stated, options: FactOptions): Facts {
  const { complete } = options;
  const injectionAssumed = !complete && stated.facts.injected === undefined && collected.webhooks.length === 0;
  const revisions = new Set([...collected.configMaps, ...collected.istiods].map((record) => record.revision));
  const revision = revisions.size === 1 ? ([...revisions][0] ?? DEFAULT_REVISION) : DEFAULT_REVISION;
  const minors =
    stated.kubeletMinor === undefined
      ? minorsOf(collected.nodes)
      : new Map([['stated by --kubernetes-version', stated.kubeletMinor]]);
  const mesh = assembleMesh({
    configMaps: collected.configMaps,
    istiods: collected.istiods,
    webhooks: injectionAssumed ? [{ ...ASSUMED_WEBHOOK, revision }] : collected.webhooks,
    proxyConfigs: collected.proxyConfigs,
    kubeletMinorByNode: minors,
    shortNodes: [...collected.nodes.short.values()],
    nodeGroups: [...collected.nodes.groups.values()].flat(),
    autoscalerLimit: collected.nodes.autoscaler,
    stated: stated.facts,
    cluster: complete ? true : undefined,
    webhooksUnknownBecause: options.webhooksUnknownBecause,
    defaultRootNamespace: DEFAULT_ROOT_NAMESPACE,
  });
  const known = new Map<string, NamespaceFacts>();
  return {
    mesh,
    injectionAssumed,
    assumptions: injectionAssumed ? assumptionsOf(mesh) : [],
    namespace(name) {
      let facts = known.get(name);
      if (facts === undefined) {
        const labels = labelsOf(name, collected, stated);
        const linkerd = collected.linkerdNamespaces.has(name) ? { linkerd: true as const } : {};
        // Whoever states labels states those that matter here, not all that there are.
        const assumed = collected.namespaces.has(name) ? {} : { assumed: true as const };
        facts =
          labels === undefined && injectionAssumed
            ? { name, labels: { [NAMESPACE_NAME_LABEL]: name }, ...assumed, ...linkerd }
            : { name, labels, ...(labels === undefined ? {} : assumed), ...linkerd };
        known.set(name, facts);
      }
      return facts;
    },
  };
}

function labelsOf(name: string, collected: Collected, stated: Stated): Readonly<Record<string, string>> | undefined {
  const seen = collected.namespaces.get(name);
  // Labels are often added outside of the repository: what is stated of this very namespace joins what its manifest says.
  const own = stated.namespaceLabels.find((each) => each.namespace === name)?.labels;
  const found =
    seen === undefined && own === undefined
      ? stated.namespaceLabels.find((each) => each.namespace === undefined)?.labels
      : { ...seen, ...own };
  return found === undefined ? undefined : { [NAMESPACE_NAME_LABEL]: name, ...found };
}

function assumptionsOf(mesh: MeshFacts): string[] {
  const assumptions = [
    'pods are injected unless they or their namespace say no (no injector configuration among the input; say --assume injected=true|false)',
  ];
  const { istioVersion, nativeSidecars } = mesh.stated;
  const formKnown =
    nativeSidecars === 'true' ||
    nativeSidecars === 'false' ||
    istioVersion !== undefined ||
    mesh.revisions.some((revision) => revision.version !== undefined || revision.nativeSidecars !== undefined);
  if (!formKnown) {
    assumptions.push(
      'whether sidecars are classic or native is not known, so what must hold for either is checked (say --istio-version and --kubernetes-version, or --native-sidecars)',
    );
  }
  return assumptions;
}
