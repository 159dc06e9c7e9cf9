// The verbs of the Kubernetes API. Nothing here knows a kind: what a resource is called comes with each call.

import { isApiError } from './errors.ts';
import { itemPath, listPath, withQuery } from './resources.ts';
import type { Resource } from './resources.ts';
import type { RetryMode } from './retry.ts';
import type { Transport } from './transport.ts';

/** Answers with the metadata of an object only. On an apply this saves the server a fifth to a third of its work. */
export const metadataOnlyAccept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
export const metadataListAccept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  retry?: RetryMode | undefined;
  /** Sends once; see ApiRequest. */
  once?: boolean | undefined;
  urgent?: boolean | undefined;
  priority?: number | undefined;
  /** `status`, `scale`. */
  subresource?: string | undefined;
  /** The answer holds apiVersion, kind and metadata only. */
  metadataOnly?: boolean | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Asks for validation, admission and the would-be result, and stores nothing. */
  dryRun?: boolean | undefined;
  fieldManager?: string | undefined;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Takes fields from other managers instead of a 409. */
  force?: boolean | undefined;
}

export interface ListOptions extends CallOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Objects per page. */
  limit?: number | undefined;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface DeleteOptions extends WriteOptions {
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  gracePeriodSeconds?: number | undefined;
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
}

export interface Page<T> {
  items: T[];
  resourceVersion: string;
}

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'test' | 'move' | 'copy';
  path: string;
  value?: unknown;
  from?: string;
}

export interface ObjectRef {
  name: string;
  namespace?: string | undefined;
}

interface RawList<T> {
  items?: T[] | null;
  metadata?: { continue?: string; resourceVersion?: string };
}

export const pageSize = 500;

export class KubeClient {
  constructor(readonly transport: Transport) {}

  get<T>(resource: Resource, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return this.transport.request<T>({
      method: 'GET',
      path: itemPath(resource, ref.name, ref.namespace, options.subresource),
      accept: options.metadataOnly === true ? metadataOnlyAccept : undefined,
      ...purpose('get', resource, ref, options),
      ...options,
    });
  }

  /** The object, or undefined where there is none. A 403 is still an error: not to know is not the same as absence. */
  async find<T>(resource: Resource, ref: ObjectRef, options: CallOptions = {}): Promise<T | undefined> {
    try {
      return await this.get<T>(resource, ref, options);
    } catch (error) {
      if (isApiError(error) && error.isNotFound) {
        return undefined;
      }
      throw error;
    }
  }

  /** Everything at once; for large collections take `pages` and keep only what is needed. */
  async list<T>(resource: Resource, options: ListOptions = {}): Promise<Page<T>> {
    const items: T[] = [];
    let resourceVersion = '';
    for await (const page of this.pages<T>(resource, options)) {
      for (const item of page.items) {
        items.push(item);
      }
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  async *pages<T>(resource: Resource, options: ListOptions = {}): AsyncGenerator<Page<T>, void, undefined> {
    const path = listPath(resource, options.namespace);
    let token: string | undefined;
    do {
      const page: RawList<T> = await this.transport.request<RawList<T>>({
        method: 'GET',
        path: withQuery(path, {
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
          limit: options.limit ?? pageSize,
          continue: token,
          // A continue token brings its own version.
          resourceVersion: token === undefined ? options.resourceVersion : undefined,
          resourceVersionMatch: token === undefined ? options.resourceVersionMatch : undefined,
        }),
        accept: options.metadataOnly === true ? metadataListAccept : undefined,
        verb: 'list',
        resource: resource.fullName,
        namespace: options.namespace,
        retry: options.retry,
        once: options.once,
        urgent: options.urgent,
        timeoutMs: options.timeoutMs,
        signal: options.signal,
      });
      token = page.metadata?.continue;
      yield { items: page.items ?? [], resourceVersion: page.metadata?.resourceVersion ?? '' };
    } while (token !== undefined && token !== '');
  }

  create<T>(resource: Resource, object: unknown, namespace?: string, options: WriteOptions = {}): Promise<T> {
    return this.write<T>(
      'POST',
      'create',
      resource,
      { name: '', namespace },
      object,
      json,
      options,
      listPath(resource, namespace),
    );
  }

  /** Server-side apply. `object` holds apiVersion, kind, metadata.name and the fields that this manager wants. */
  apply<T>(resource: Resource, ref: ObjectRef, object: unknown, options: ApplyOptions): Promise<T> {
    // JSON is YAML; the server takes applies under this type only.
    return this.write<T>(
      'PATCH',
      'patch',
      resource,
      ref,
      object,
      'application/apply-patch+yaml',
      options,
      undefined,
      options.force === true,
    );
  }

  jsonPatch<T>(
    resource: Resource,
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    options: WriteOptions = {},
  ): Promise<T> {
    return this.write<T>('PATCH', 'patch', resource, ref, operations, 'application/json-patch+json', options);
  }

  mergePatch<T>(resource: Resource, ref: ObjectRef, patch: unknown, options: WriteOptions = {}): Promise<T> {
    return this.write<T>('PATCH', 'patch', resource, ref, patch, 'application/merge-patch+json', options);
  }

  replace<T>(resource: Resource, ref: ObjectRef, object: unknown, options: WriteOptions = {}): Promise<T> {
    return this.write<T>('PUT', 'update', resource, ref, object, json, options);
  }

  delete<T>(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<T> {
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: options.propagationPolicy,
      gracePeriodSeconds: options.gracePeriodSeconds,
      preconditions: options.preconditions,
    };
    return this.write<T>('DELETE', 'delete', resource, ref, body, json, options);
  }

  /** Paths that are no resource: `/version`, `/apis`, `/apis/apps/v1`. */
  raw<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.transport.request<T>({ method: 'GET', path, verb: 'get', resource: path, ...options });
  }

  rawText(path: string, options: CallOptions = {}): Promise<string> {
    return this.transport.requestText({ method: 'GET', path, verb: 'get', resource: path, ...options });
  }

  private write<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    verb: string,
    resource: Resource,
    ref: ObjectRef,
    body: unknown,
    contentType: string,
    options: WriteOptions,
    path?: string,
    force = false,
  ): Promise<T> {
    let target = path ?? itemPath(resource, ref.name, ref.namespace, options.subresource);
    let separator = '?';
    if (options.fieldManager !== undefined) {
      target += `${separator}fieldManager=${encodeURIComponent(options.fieldManager)}`;
      separator = '&';
    }
    if (force) {
      target += `${separator}force=true`;
      separator = '&';
    }
    if (options.dryRun === true) {
      target += `${separator}dryRun=All`;
    }
    return this.transport.request<T>({
      method,
      path: target,
      // A text is taken as it is: who writes the same patch often can make it once.
      body: typeof body === 'string' ? body : JSON.stringify(body),
      contentType,
      accept: options.metadataOnly === true ? metadataOnlyAccept : undefined,
      ...purpose(verb, resource, ref, options),
      retry: options.retry,
      once: options.once,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      urgent: options.urgent,
      priority: options.priority,
    });
  }
}

const json = 'application/json';

function purpose(
  verb: string,
  resource: Resource,
  ref: ObjectRef,
  options: CallOptions,
): { verb: string; resource: string; namespace: string | undefined; name: string | undefined } {
  return {
    verb,
    resource: options.subresource === undefined ? resource.fullName : `${resource.fullName}/${options.subresource}`,
    namespace: ref.namespace,
    name: ref.name === '' ? undefined : ref.name,
  };
}
