import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import type { Container, LifecycleHandler, PodTemplate } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER, STATE_ANNOTATION } from '../../api/names.ts';
import { ANNOTATION_FIELDS, ANNOTATION_OF, type AnnotationField, type ManagedValues } from '../model/managed.ts';
import { objectKind, type FieldOwners, type Workload } from '../model/workload.ts';
import { encodeState, heldValues, proxyContainerForm } from './note/state.ts';
import type { WorkloadState } from './note/state.ts';
import { SPEC_TEMPLATE } from './kinds.ts';

/**
 * The image that Istio's injector replaces, and the pull policy that must stand beside it: for `auto` the API server
 * would default `Always`, and that would override the injector's.
 */
export const INJECTED_IMAGE = 'auto';
export const INJECTED_PULL_POLICY = 'IfNotPresent';

/** The value that is wanted for each annotation of the pod template that we may write. */
function annotationsOf(values: ManagedValues): readonly (readonly [AnnotationField, string | undefined])[] {
  return ANNOTATION_FIELDS.map((field) => [field, values[field]]);
}

/**
 * Whose the container `istio-proxy` is that the hook stands in: one that we add, with all that it needs to be accepted,
 * or one that the user has for reasons of their own, in which the hook alone is ours.
 */
export type ProxyContainerForm = 'Add' | 'Existing';

function ownContainer(
  { proxyPreStop: preStop, proxyPostStart: postStart }: ManagedValues,
  form: ProxyContainerForm,
): Container {
  const lifecycle = postStart === undefined ? { preStop } : { postStart, preStop };
  return form === 'Add'
    ? { name: PROXY_CONTAINER, image: INJECTED_IMAGE, imagePullPolicy: INJECTED_PULL_POLICY, lifecycle }
    : { name: PROXY_CONTAINER, lifecycle };
}

/**
 * The server-side-apply document: only the leaves that we want to hold. With `uid`, so that a deleted workload is not
 * made again, and with `resourceVersion`, so that a decision on an old object is refused (409) instead of overwriting
 * what a user has just set. `state` comes from `nextState` with the same values.
 */
export function buildApply(workload: Workload, values: ManagedValues, state: WorkloadState): Record<string, unknown> {
  const held = heldValues(values, state);
  const annotations = annotationsOf(held).flatMap(([field, value]) =>
    value === undefined ? [] : [[ANNOTATION_OF[field], value] as const],
  );
  const container = held.proxyPreStop === undefined ? undefined : ownContainer(held, proxyContainerForm(state));
  const spec = {
    ...(held.gracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds: held.gracePeriodSeconds }),
    ...(container === undefined ? {} : { containers: [container] }),
  };
  const template = {
    ...(annotations.length === 0 ? {} : { metadata: { annotations: Object.fromEntries(annotations) } }),
    ...(Object.keys(spec).length === 0 ? {} : { spec }),
  };
  const path = workload.templatePath ?? SPEC_TEMPLATE;
  return {
    apiVersion: workload.apiVersion,
    kind: objectKind(workload.kind),
    metadata: {
      name: workload.name,
      namespace: workload.namespace,
      ...(workload.uid === undefined ? {} : { uid: workload.uid }),
      ...(workload.resourceVersion === undefined ? {} : { resourceVersion: workload.resourceVersion }),
      annotations: { [STATE_ANNOTATION]: encodeState(state) },
    },
    ...(Object.keys(template).length === 0 ? {} : nest(path, template)),
  };
}

function nest(path: readonly string[], value: unknown): Record<string, unknown> {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
}

/**
 * What the pod template is after that apply. With `fields`, what is ours and no longer wanted goes, as the API server
 * does it: an annotation vanishes, the grace period falls back to its default, a container of ours disappears.
 */
export function applyToTemplate(template: PodTemplate, values: ManagedValues, fields?: FieldOwners): PodTemplate {
  const annotations: Record<string, string> = { ...template.metadata?.annotations };
  for (const [field, value] of annotationsOf(values)) {
    if (value !== undefined) {
      annotations[ANNOTATION_OF[field]] = value;
    } else if (fields?.[field].ownership === 'Ours') {
      Reflect.deleteProperty(annotations, ANNOTATION_OF[field]);
    }
  }
  const grace =
    values.gracePeriodSeconds ??
    (fields?.gracePeriod.ownership === 'Ours'
      ? DEFAULT_GRACE_PERIOD_SECONDS
      : template.spec.terminationGracePeriodSeconds);
  return {
    metadata: { ...template.metadata, annotations },
    spec: {
      ...template.spec,
      containers: withEnvironment(
        withSleeps(containersAfter(template.spec.containers, values, fields), values.applicationSleep),
        values.proxyEnvironment,
      ),
      ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
    },
  };
}

/** Containers of the application that have a preStop after and had none before: it is only ever added. */
export function addedPreStops(
  before: PodTemplate,
  after: PodTemplate,
): readonly { readonly container: string; readonly preStop: LifecycleHandler }[] {
  return after.spec.containers.flatMap(({ name, lifecycle }) => {
    const old = before.spec.containers.find((container) => container.name === name);
    const preStop = lifecycle?.preStop;
    const isNew =
      name !== PROXY_CONTAINER && old !== undefined && old.lifecycle?.preStop === undefined && preStop !== undefined;
    return isNew ? [{ container: name, preStop }] : [];
  });
}

function withSleeps(containers: readonly Container[], sleep: ManagedValues['applicationSleep']): readonly Container[] {
  if (sleep === undefined) {
    return containers;
  }
  const preStop = { sleep: { seconds: sleep.seconds } };
  return containers.map((container) =>
    sleep.containers.includes(container.name)
      ? { ...container, lifecycle: { ...container.lifecycle, preStop } }
      : container,
  );
}

function withEnvironment(
  containers: readonly Container[],
  environment: ManagedValues['proxyEnvironment'],
): readonly Container[] {
  if (environment === undefined) {
    return containers;
  }
  const added = Object.entries(environment).map(([name, value]) => ({ name, value }));
  return containers.map((container) =>
    container.name === PROXY_CONTAINER
      ? { ...container, env: [...(container.env ?? []).filter(({ name }) => !(name in environment)), ...added] }
      : container,
  );
}

function containersAfter(
  containers: readonly Container[],
  values: ManagedValues,
  fields: FieldOwners | undefined,
): readonly Container[] {
  const present = containers.find((container) => container.name === PROXY_CONTAINER);
  if (values.proxyPreStop !== undefined) {
    if (present === undefined) {
      return [...containers, ownContainer(values, 'Add')];
    }
    const { lifecycle } = ownContainer(values, 'Existing');
    const merged: Container = { ...present, lifecycle: { ...present.lifecycle, ...lifecycle } };
    return containers.map((container) => (container === present ? merged : container));
  }
  if (present === undefined || fields?.proxyContainer.ownership !== 'Ours') {
    return containers;
  }
  return isOurContainer(present)
    ? containers.filter((container) => container !== present)
    : containers.map((container) => (container === present ? withoutPreStop(container) : container));
}

/** A container that holds nothing but what `Add` writes. */
export function isOurContainer(container: Container): boolean {
  const foreign = Object.keys(container).filter(
    (key) => !['name', 'image', 'imagePullPolicy', 'lifecycle'].includes(key),
  );
  return container.image === INJECTED_IMAGE && foreign.length === 0 && container.lifecycle?.postStart === undefined;
}

function withoutPreStop(container: Container): Container {
  const { lifecycle, ...rest } = container;
  return lifecycle?.postStart === undefined ? rest : { ...rest, lifecycle: { postStart: lifecycle.postStart } };
}
