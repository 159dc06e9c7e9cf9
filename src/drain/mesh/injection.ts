import type { Container, LabelSelector, PodTemplate } from '../../api/kubernetes.ts';
import {
  INJECT_KEY,
  INJECTION_TEMPLATES_ANNOTATION,
  INJECTION_LABEL,
  LINKERD_INJECT,
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONTAINER,
  REVISION_LABEL,
  SYSTEM_NAMESPACES,
} from '../../api/names.ts';
import type { InjectorWebhook, MeshFacts, NamespaceFacts, Revision } from '../model/mesh.ts';
import type { ProxyVerdict } from '../model/settings.ts';
import { matchesSelector } from '../selection/labels.ts';
import { gatewayRole, speaksHbone, wholeGateway } from './gateways.ts';
import {
  istioMinor,
  NATIVE_ANNOTATION_SINCE_MINOR,
  NATIVE_AUTO_KUBELET_MINOR,
  NATIVE_AUTO_SINCE_MINOR,
  PLAIN_BOOLEANS_SINCE_MINOR,
} from './version.ts';

const AMBIENT_LABEL = 'istio.io/dataplane-mode';

/** Which proxy the pods of a template will get, by the webhooks' own selectors and then the injector's rules. */
export function proxyOf(template: PodTemplate, namespace: NamespaceFacts, mesh: MeshFacts): ProxyVerdict {
  const ambient = isAmbient(template, namespace);
  const manual = manuallyInjected(template, ambient, namespace, mesh);
  if (manual !== undefined) {
    return manual;
  }
  const injection = injectionOf(template, namespace, mesh);
  if (injection.kind === 'No') {
    return { kind: 'None', container: 'None', because: injection.because, missing: [], ambient };
  }
  if (injection.kind === 'Unknown') {
    return { kind: 'Unknown', container: 'Unknown', because: injection.because, missing: injection.missing, ambient };
  }
  const revision = { revision: injection.revision, ...(injection.assumed === true ? { assumed: true as const } : {}) };
  const templates = list(template.metadata?.annotations?.[INJECTION_TEMPLATES_ANNOTATION]);
  if (templates.some((name) => name.startsWith('grpc'))) {
    return {
      kind: 'GrpcAgent',
      container: 'None',
      ...revision,
      because: [...injection.because, `the injection template is ${templates.join(',')}: an agent without Envoy`],
      missing: [],
      ambient,
    };
  }
  if (templates.includes('gateway')) {
    return {
      kind: 'Gateway',
      container: 'Classic',
      ...revision,
      because: [...injection.because, 'the injection template is gateway'],
      missing: [],
      ambient: ambient || speaksHbone(template, findRevision(mesh, injection.revision)),
    };
  }
  const form = formOf(template, findRevision(mesh, injection.revision), mesh);
  const because = [...injection.because, ...form.because];
  if (form.kind === 'Unknown') {
    return { kind: 'Unknown', container: 'Unknown', ...revision, because, missing: form.missing, ambient };
  }
  return { kind: form.kind, container: form.kind, ...revision, because, missing: [], ambient };
}

export function findRevision(mesh: MeshFacts, name: string | undefined): Revision | undefined {
  return name === undefined ? undefined : mesh.revisions.find((revision) => revision.name === name);
}

/** A template that `istioctl kube-inject` has already filled in carries the whole proxy; nothing will be injected again. */
function manuallyInjected(
  template: PodTemplate,
  ambient: boolean,
  namespace: NamespaceFacts,
  mesh: MeshFacts,
): ProxyVerdict | undefined {
  const proxy = template.spec.containers.find((container) => container.name === PROXY_CONTAINER);
  if (proxy !== undefined && isZtunnel(proxy)) {
    const because = ["ztunnel is the nodes' own proxy: it has no pilot-agent and none of a sidecar's settings"];
    return { kind: 'None', container: 'None', because, missing: [], ambient };
  }
  const role = proxy?.image === undefined || proxy.image === 'auto' ? undefined : gatewayRole(proxy);
  if (role !== undefined) {
    // istiod keeps the pods of a Gateway out of redirection by a label of their own; they speak to the mesh all the same.
    const inAmbient = ambient || namespace.labels?.[AMBIENT_LABEL] === 'ambient';
    return wholeGateway(template, role, inAmbient, mesh);
  }
  const because = ['the pod template already contains an istio-proxy container with an image of its own'];
  const native = template.spec.initContainers?.find((container) => container.name === PROXY_CONTAINER);
  if (native !== undefined && native.image !== 'auto' && native.restartPolicy === 'Always') {
    return { kind: 'Native', container: 'Native', because, missing: [], ambient };
  }
  if (proxy?.image !== undefined && proxy.image !== 'auto') {
    return { kind: 'Classic', container: 'Classic', because, missing: [], ambient };
  }
  return undefined;
}

/** ztunnel's container bears the sidecar's name, in Istio's own chart too. */
function isZtunnel({ image, args }: Container): boolean {
  return args?.includes('ztunnel') === true || /(^|[/-])ztunnel[-:@]|(^|[/-])ztunnel$/.test(image ?? '');
}

type Injection =
  | { readonly kind: 'Yes'; readonly revision: string; readonly because: string[]; readonly assumed?: true }
  | { readonly kind: 'No'; readonly because: string[] }
  | { readonly kind: 'Unknown'; readonly because: string[]; readonly missing: string[] };

function injectionOf(template: PodTemplate, namespace: NamespaceFacts, mesh: MeshFacts): Injection {
  const ignored = ignoredByInjector(template, namespace);
  if (ignored !== undefined) {
    return { kind: 'No', because: [ignored] };
  }
  if (mesh.stated.injected === false) {
    return { kind: 'No', because: ['it was stated that nothing is injected'] };
  }
  if (mesh.stated.injected === true) {
    const revision = statedRevision(template, namespace, mesh);
    const answer = plainAnswer(template, namespace, findRevision(mesh, revision), mesh);
    if (answer?.sure === true) {
      return { kind: 'No', because: [answer.no] };
    }
    return answer === undefined
      ? { kind: 'Yes', revision, because: ['injection was stated'] }
      : { kind: 'Yes', revision, because: [answer.no, 'but injection was stated'], assumed: true };
  }
  if (mesh.istio === 'Absent') {
    return { kind: 'No', because: ['there is no Istio injector'] };
  }
  if (mesh.istio === 'Unknown') {
    return {
      kind: 'Unknown',
      because: [],
      missing: [mesh.unknownBecause ?? "the injector's MutatingWebhookConfigurations"],
    };
  }
  if (namespace.labels === undefined) {
    return { kind: 'Unknown', because: [], missing: [`the labels of namespace ${namespace.name}`] };
  }
  const webhook = webhookFor(template, namespace.labels, mesh.webhooks);
  if (webhook === undefined) {
    return { kind: 'No', because: ['no injector webhook selects this namespace and these pod labels'] };
  }
  const revision = findRevision(mesh, webhook.revision);
  const minor = istioMinor(mesh.stated.istioVersion ?? revision?.version);
  if (webhook.assumed !== true) {
    return injectorRules(template, webhook, revision, minor);
  }
  const answer = plainAnswer(template, namespace, revision, mesh);
  const injection = injectorRules(template, webhook, revision, minor);
  return answer !== undefined
    ? { kind: 'No', because: [answer.no] }
    : injection.kind === 'Yes'
      ? { ...injection, assumed: true }
      : injection;
}

/** Why the pods would not be injected. `sure`: no statement about the mesh as a whole takes it back. */
interface PlainNo {
  readonly no: string;
  readonly sure: boolean;
}

/**
 * The no that stands in the manifests, by the selectors of Istio's own webhooks (manifests/charts/istio-control/
 * istio-discovery, files/webhooks): a pod's own no, a namespace that is switched off, one of another mesh, and one that
 * was seen and asks for nothing. Undefined where nothing says no.
 */
function plainAnswer(
  template: PodTemplate,
  namespace: NamespaceFacts,
  revision: Revision | undefined,
  mesh: MeshFacts,
): PlainNo | undefined {
  const podLabels = template.metadata?.labels ?? {};
  const annotations = template.metadata?.annotations ?? {};
  const word = podLabels[INJECT_KEY] ?? annotations[INJECT_KEY] ?? '';
  if (askedFor(word, istioMinor(mesh.stated.istioVersion ?? revision?.version)) === false) {
    return { no: `${INJECT_KEY} of the pods is ${word}`, sure: true };
  }
  const seen = namespace.labels !== undefined && namespace.assumed !== true;
  const labels = namespace.labels ?? {};
  const switched = labels[INJECTION_LABEL];
  if (switched !== undefined && switched !== 'enabled') {
    return { no: `namespace ${namespace.name} has ${INJECTION_LABEL}: ${switched}`, sure: true };
  }
  const podAsks = podLabels[INJECT_KEY] === 'true' || podLabels[REVISION_LABEL] !== undefined;
  const namespaceAsks = switched === 'enabled' || labels[REVISION_LABEL] !== undefined;
  if (podAsks || namespaceAsks) {
    return undefined;
  }
  if (isLinkerds(annotations[LINKERD_INJECT] ?? (namespace.linkerd === true ? 'enabled' : undefined))) {
    return {
      no: `${LINKERD_INJECT} puts the pods into Linkerd's mesh, and nothing asks for Istio's sidecar`,
      sure: true,
    };
  }
  if (isAmbient(template, namespace)) {
    return { no: `the pods are ambient, and nothing asks for a sidecar`, sure: true };
  }
  // Labels of namespaces are often added by other tools than those that hold the manifest.
  return seen && revision?.injector?.byDefault !== true
    ? { no: `namespace ${namespace.name} has no label that asks for injection, and neither have the pods`, sure: false }
    : undefined;
}

function isLinkerds(value: string | undefined): boolean {
  return value === 'enabled' || value === 'ingress';
}

/** Where injection is stated but the webhooks are not known: the revision that the labels name, else the only or default one. */
function statedRevision(template: PodTemplate, namespace: NamespaceFacts, mesh: MeshFacts): string {
  const label = template.metadata?.labels?.['istio.io/rev'] ?? namespace.labels?.['istio.io/rev'];
  const tagged = mesh.webhooks.find((webhook) => webhook.tag !== undefined && webhook.tag === label);
  const only = mesh.revisions.length === 1 ? mesh.revisions[0]?.name : undefined;
  return (
    tagged?.revision ??
    (label !== undefined && findRevision(mesh, label) !== undefined ? label : undefined) ??
    only ??
    'default'
  );
}

function webhookFor(
  template: PodTemplate,
  namespaceLabels: Readonly<Record<string, string>>,
  webhooks: readonly InjectorWebhook[],
): InjectorWebhook | undefined {
  const podLabels = template.metadata?.labels ?? {};
  return webhooks.find(
    (webhook) =>
      (webhook.namespaceSelector === undefined || matchesSelector(webhook.namespaceSelector, namespaceLabels)) &&
      (webhook.objectSelector === undefined || matchesSelector(webhook.objectSelector, podLabels)),
  );
}

function ignoredByInjector(template: PodTemplate, namespace: NamespaceFacts): string | undefined {
  if (template.spec.hostNetwork === true) {
    return 'the pods use the host network';
  }
  if (template.spec.windows === true) {
    return 'the pods are for Windows nodes, for which Istio has no sidecar';
  }
  if (SYSTEM_NAMESPACES.includes(namespace.name)) {
    return `the injector ignores namespace ${namespace.name}`;
  }
  return undefined;
}

/** istio/istio pkg/kube/inject/inject.go injectRequired: label, else annotation, then the never and always selectors, then the policy. */
function injectorRules(
  template: PodTemplate,
  webhook: InjectorWebhook,
  revision: Revision | undefined,
  minor: number | undefined,
): Injection {
  const because = [`webhook ${webhook.name} of ${webhook.configuration} selects them`];
  const labels = template.metadata?.labels ?? {};
  const asked = labels[INJECT_KEY] ?? template.metadata?.annotations?.[INJECT_KEY] ?? '';
  const answer = askedFor(asked, minor);
  if (answer === true) {
    return { kind: 'Yes', revision: webhook.revision, because: [...because, `${INJECT_KEY} is ${asked}`] };
  }
  if (answer === false) {
    return { kind: 'No', because: [...because, `but ${INJECT_KEY} is ${asked}`] };
  }
  const injector = revision?.injector;
  if (injector?.neverInjectSelector.some((selector) => selects(selector, labels)) === true) {
    return { kind: 'No', because: [...because, 'but neverInjectSelector of the injector matches'] };
  }
  if (injector?.alwaysInjectSelector.some((selector) => selects(selector, labels)) === true) {
    return {
      kind: 'Yes',
      revision: webhook.revision,
      because: [...because, 'alwaysInjectSelector of the injector matches'],
    };
  }
  if (injector?.policy === 'disabled') {
    return { kind: 'No', because: [...because, "but the injector's policy is disabled"] };
  }
  return { kind: 'Yes', revision: webhook.revision, because };
}

/** Undefined: nobody asked, or in words that this Istio does not know, so that the injector's own rules decide. */
function askedFor(value: string, minor: number | undefined): boolean | undefined {
  if (value === '') {
    return undefined;
  }
  if (minor === undefined || minor >= PLAIN_BOOLEANS_SINCE_MINOR) {
    return value === 'true' ? true : value === 'false' ? false : undefined;
  }
  return ['y', 'yes', 'true', 'on'].includes(value.toLowerCase());
}

/** An empty selector of the injector selects nothing, unlike Kubernetes' own. */
function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const empty = Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
  return !empty && matchesSelector(selector, labels);
}

type Form =
  | { readonly kind: 'Classic' | 'Native'; readonly because: string[] }
  | { readonly kind: 'Unknown'; readonly because: string[]; readonly missing: string[] };

function formOf(template: PodTemplate, revision: Revision | undefined, mesh: MeshFacts): Form {
  const version = mesh.stated.istioVersion ?? revision?.version;
  const minor = istioMinor(version);
  const annotation = template.metadata?.annotations?.[NATIVE_SIDECAR_ANNOTATION];
  // An unknown version is taken as one that knows the annotation: every supported Istio does.
  if (
    annotation !== undefined &&
    annotation !== '' &&
    (minor === undefined || minor >= NATIVE_ANNOTATION_SINCE_MINOR)
  ) {
    // Until 1.26 only "true" made a sidecar native; since then everything but "false" does.
    const native =
      minor !== undefined && minor < NATIVE_AUTO_SINCE_MINOR ? annotation === 'true' : annotation !== 'false';
    return { kind: native ? 'Native' : 'Classic', because: [`${NATIVE_SIDECAR_ANNOTATION} is "${annotation}"`] };
  }
  const setting = mesh.stated.nativeSidecars ?? revision?.nativeSidecars;
  if (setting === undefined && minor === undefined) {
    return { kind: 'Unknown', because: [], missing: ['the version of Istio, or ENABLE_NATIVE_SIDECARS of istiod'] };
  }
  const effective = setting ?? (minor !== undefined && minor >= NATIVE_AUTO_SINCE_MINOR ? 'auto' : 'false');
  const source = setting === undefined ? `the default of Istio ${version ?? ''}` : 'ENABLE_NATIVE_SIDECARS';
  if (effective !== 'auto') {
    return { kind: effective === 'true' ? 'Native' : 'Classic', because: [`${source} is ${effective}`] };
  }
  const pinned = template.spec.nodeName;
  // Istio looks at all nodes where it does not find the one that the pod names.
  const own = pinned === undefined ? undefined : mesh.nodes.kubeletMinorByNode?.[pinned];
  const kubelet = own ?? mesh.nodes.lowestKubeletMinor;
  if (kubelet === undefined) {
    return { kind: 'Unknown', because: [`${source} is auto`], missing: ['the kubelet versions of the nodes'] };
  }
  const because = [`${source} is auto and the ${own === undefined ? 'oldest' : "node's"} kubelet is 1.${kubelet}`];
  return { kind: kubelet >= NATIVE_AUTO_KUBELET_MINOR ? 'Native' : 'Classic', because };
}

function isAmbient(template: PodTemplate, namespace: NamespaceFacts): boolean {
  const mode = template.metadata?.labels?.[AMBIENT_LABEL] ?? namespace.labels?.[AMBIENT_LABEL];
  return mode === 'ambient';
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** `istioctl kube-inject` has filled the template in: what it found then is all that mesh config will ever say to these pods. */
export function isFilledIn(proxy: ProxyVerdict): boolean {
  return (proxy.kind === 'Classic' || proxy.kind === 'Native') && proxy.revision === undefined;
}
