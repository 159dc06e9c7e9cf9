// What a kind of object is called and where it lives: the path of a list, an item, a subresource.

import type { KubernetesObject } from '../api/kubernetes.ts';

export interface ResourceNames {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
}

/** A resource with its paths worked out once: a request only joins strings. */
export interface Resource extends Readonly<ResourceNames> {
  /** `apps/v1`, or `v1` of the core group. */
  readonly apiVersion: string;
  /** `/apis/apps/v1`, or `/api/v1`. */
  readonly prefix: string;
  /** As in RBAC and in the API server's messages: `deployments.apps`, `events`. */
  readonly fullName: string;
}

export function defineResource(names: ResourceNames): Resource {
  const { group, version, plural, kind, namespaced } = names;
  return {
    group,
    version,
    plural,
    kind,
    namespaced,
    apiVersion: group === '' ? version : `${group}/${version}`,
    prefix: group === '' ? `/api/${version}` : `/apis/${group}/${version}`,
    fullName: group === '' ? plural : `${plural}.${group}`,
  };
}

/** The collection: of one namespace, or of all where none is given. */
export function listPath(resource: Resource, namespace?: string): string {
  if (namespace === undefined) {
    return `${resource.prefix}/${resource.plural}`;
  }
  if (!resource.namespaced) {
    throw new TypeError(`${resource.fullName} is cluster-scoped and has no namespace (got "${namespace}").`);
  }
  return `${resource.prefix}/namespaces/${segment(namespace)}/${resource.plural}`;
}

export function itemPath(resource: Resource, name: string, namespace?: string, subresource?: string): string {
  if (resource.namespaced && namespace === undefined) {
    throw new TypeError(`${resource.fullName} "${name}" needs a namespace.`);
  }
  const path = `${listPath(resource, namespace)}/${segment(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

const plainSegment = /^[a-zA-Z0-9][a-zA-Z0-9.-]*$/;

// Names of RBAC objects may hold colons and more; a name must never become another path.
function segment(value: string): string {
  if (value === '' || value === '.' || value === '..') {
    throw new TypeError(`"${value}" is not a name of an object.`);
  }
  return plainSegment.test(value) ? value : encodeURIComponent(value);
}

export type QueryValue = string | number | boolean | undefined;

export function withQuery(path: string, query: Readonly<Record<string, QueryValue>>): string {
  let result = path;
  let separator = path.includes('?') ? '&' : '?';
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === '' || value === false) {
      continue;
    }
    result += `${separator}${key}=${encodeURIComponent(value)}`;
    separator = '&';
  }
  return result;
}

/** `namespace/name`, or `name`: the key under which stores and queues know an object. */
export function objectKey(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : [namespace, name].join('/');
}

export function keyOf(object: KubernetesObject): string {
  return objectKey(object.metadata?.namespace, object.metadata?.name ?? '');
}

export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  return slash === -1
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
