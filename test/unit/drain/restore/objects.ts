// Deployments for tests of writing and restoring without an API server: an apply and a JSON patch as the API server would
// carry them out, reduced to what decides here. test/integration shows the same with the real one.
import type { JsonPatchOperation } from '../../../../src/drain/restore/json-patch.ts';

export const FIELD_MANAGER = 'sidecar-drain-operator';
export type Json = any; // eslint-disable-line @typescript-eslint/no-explicit-any

/** Carries out a forced server-side apply of ours. */
export function applied(object: Json, document: Json): Json {
  const result = structuredClone(object);
  Object.assign((result.metadata.annotations ??= {}), document.metadata.annotations);
  const template = result.spec.template;
  const wanted = document.spec?.template ?? {};
  const owned: Json = {};
  const previous =
    (result.metadata.managedFields ?? []).find(
      (entry: Json) => entry.manager === FIELD_MANAGER && entry.operation === 'Apply',
    )?.fieldsV1?.['f:spec']?.['f:template'] ?? {};
  for (const key of Object.keys(previous['f:metadata']?.['f:annotations'] ?? {})) {
    const name = key.slice(2);
    if (wanted.metadata?.annotations?.[name] === undefined) {
      delete template.metadata.annotations[name];
    }
  }
  for (const [name, value] of Object.entries(wanted.metadata?.annotations ?? {})) {
    ((template.metadata ??= {}).annotations ??= {})[name] = value;
    ((owned['f:metadata'] ??= {})['f:annotations'] ??= {})[`f:${name}`] = {};
  }
  if (template.metadata?.annotations !== undefined && Object.keys(template.metadata.annotations).length === 0) {
    delete template.metadata.annotations;
  }
  if (wanted.spec?.terminationGracePeriodSeconds !== undefined) {
    template.spec.terminationGracePeriodSeconds = wanted.spec.terminationGracePeriodSeconds;
    (owned['f:spec'] ??= {})['f:terminationGracePeriodSeconds'] = {};
  } else if (previous['f:spec']?.['f:terminationGracePeriodSeconds'] !== undefined) {
    template.spec.terminationGracePeriodSeconds = 30;
  }
  const key = 'k:{"name":"istio-proxy"}';
  const container = wanted.spec?.containers?.[0];
  const oldContainer = previous['f:spec']?.['f:containers']?.[key];
  const present = template.spec.containers.find((each: Json) => each.name === 'istio-proxy');
  if (container !== undefined) {
    const merged = {
      terminationMessagePath: '/dev/termination-log',
      ...present,
      ...container,
      lifecycle: { ...present?.lifecycle, ...container.lifecycle },
    };
    template.spec.containers =
      present === undefined
        ? [...template.spec.containers, merged]
        : template.spec.containers.map((each: Json) =>
            each === present ? { ...each, lifecycle: merged.lifecycle } : each,
          );
    const leaves: Json = { 'f:name': {}, 'f:lifecycle': { 'f:preStop': { 'f:exec': { 'f:command': {} } } } };
    if (container.image !== undefined) {
      Object.assign(leaves, { '.': {}, 'f:image': {}, 'f:imagePullPolicy': {} });
    }
    ((owned['f:spec'] ??= {})['f:containers'] ??= {})[key] = leaves;
  } else if (oldContainer !== undefined && present !== undefined) {
    if (oldContainer['f:image'] !== undefined) {
      template.spec.containers = template.spec.containers.filter((each: Json) => each !== present);
    } else {
      delete present.lifecycle.preStop;
      // Seen at the API server: an emptied lifecycle goes with its last hook, also one that a user wrote as {}.
      if (Object.keys(present.lifecycle).length === 0) {
        delete present.lifecycle;
      }
    }
  }
  const others = (result.metadata.managedFields ?? [])
    .filter((entry: Json) => entry.manager !== FIELD_MANAGER)
    .map((entry: Json) => ({
      ...entry,
      fieldsV1: takeAway(entry.fieldsV1, { 'f:spec': { 'f:template': owned } }, object, result),
    }));
  result.metadata.managedFields = [
    ...others,
    {
      manager: FIELD_MANAGER,
      operation: 'Apply',
      fieldsV1: {
        'f:metadata': { 'f:annotations': { 'f:sidecardrain.io/state': {} } },
        'f:spec': { 'f:template': owned },
      },
    },
  ];
  result.metadata.resourceVersion = String(Number(result.metadata.resourceVersion) + 1);
  return result;
}

/** A forced apply takes a field from its owners where it changes the value. */
function takeAway(fields: Json, taken: Json, before: Json, after: Json): Json {
  const result: Json = {};
  for (const [key, inner] of Object.entries(fields as Record<string, Json>)) {
    if (taken[key] === undefined) {
      result[key] = inner;
    } else if (Object.keys(taken[key]).length > 0) {
      result[key] = takeAway(inner, taken[key], step(before, key), step(after, key));
    } else if (JSON.stringify(step(before, key)) === JSON.stringify(step(after, key))) {
      result[key] = inner;
    }
  }
  return result;
}

function step(value: Json, key: string): Json {
  if (key.startsWith('k:')) {
    const { name } = JSON.parse(key.slice(2)) as { name: string };
    return (value ?? []).find((item: Json) => item.name === name);
  }
  return value?.[key.slice(2)];
}

/** Carries out a JSON patch; what a `replace` changes becomes ours by an Update entry, as at the API server. */
export function patched(object: Json, operations: readonly JsonPatchOperation[]): Json {
  const result = structuredClone(object);
  for (const operation of operations) {
    const keys = operation.path
      .split('/')
      .slice(1)
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop()!;
    const parent = keys.reduce((node: Json, key) => node[key], result);
    if (parent === undefined || (operation.op !== 'add' && parent[last] === undefined)) {
      throw new Error(`no such path: ${operation.path}`);
    }
    if (operation.op === 'remove') {
      if (Array.isArray(parent)) {
        parent.splice(Number(last), 1);
      } else {
        delete parent[last];
      }
    } else if (operation.op === 'test') {
      if (JSON.stringify(parent[last]) !== JSON.stringify(operation.value)) {
        throw new Error(`test failed: ${operation.path}`);
      }
    } else if (operation.path === '/metadata/resourceVersion') {
      if (parent[last] !== operation.value) {
        throw new Error('409');
      }
    } else {
      parent[last] = operation.value;
    }
  }
  return result;
}

/** What counts as the same: everything but managedFields, generation and resourceVersion. */
export function visible(object: Json): string {
  const metadata = { ...object.metadata };
  for (const key of ['managedFields', 'generation', 'resourceVersion']) {
    delete metadata[key];
  }
  return JSON.stringify({ ...object, metadata });
}

export function deployment({
  grace = 30,
  annotations,
  containers = [],
  manager = 'helm',
  operation = 'Update',
  owns = {},
  ownAnnotations,
}: {
  readonly grace?: number;
  readonly annotations?: Record<string, string>;
  readonly containers?: readonly object[];
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly owns?: object;
  readonly ownAnnotations?: Record<string, string>;
} = {}): Json {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'checkout',
      namespace: 'shop',
      uid: 'u-1',
      resourceVersion: '7',
      generation: 1,
      ...(ownAnnotations === undefined ? {} : { annotations: ownAnnotations }),
      managedFields: [{ manager, operation, fieldsV1: { 'f:spec': { 'f:template': owns } } }],
    },
    spec: {
      template: {
        metadata: { labels: { app: 'checkout' }, ...(annotations === undefined ? {} : { annotations }) },
        spec: { containers: [{ name: 'app', image: 'app:1' }, ...containers], terminationGracePeriodSeconds: grace },
      },
    },
  };
}

export const ownsGrace = { 'f:spec': { 'f:terminationGracePeriodSeconds': {} } };
export const ownsAnnotation = { 'f:metadata': { 'f:annotations': { 'f:proxy.istio.io/config': {} } } };
