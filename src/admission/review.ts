import type { KubernetesObject } from '../api/kubernetes.ts';
import type { JsonPatchOperation } from '../drain/restore/index.ts';

/**
 * AdmissionReview of `admission.k8s.io/v1`, the parts that this product reads and writes.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
 */

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
}

export interface AdmissionRequest {
  readonly uid: string;
  /** Of the object as it is in this review: with matchPolicy Equivalent the API server converts to what the rule names. */
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly operation: AdmissionOperation;
  readonly namespace: string;
  /** Empty where the API server has yet to make the name (generateName), as for nearly every pod. */
  readonly name: string;
  /** Its `metadata.namespace` may be missing: the API server fills it in only after admission. */
  readonly object: KubernetesObject | undefined;
  readonly oldObject: KubernetesObject | undefined;
  readonly dryRun: boolean;
  readonly userInfo: AdmissionUser;
}

/** What the handler says. Nothing in it can refuse: this webhook improves objects, it never stands in anybody's way. */
export interface AdmissionAnswer {
  readonly patch?: readonly JsonPatchOperation[];
  /** Shown by kubectl to whoever made the request; the API server cuts them at 256 characters each and 4096 together. */
  readonly warnings?: readonly string[];
}

/** A pod may have to wait a moment until its workload is known. */
export type AdmissionHandler = (request: AdmissionRequest) => AdmissionAnswer | Promise<AdmissionAnswer>;

export type ReadReview =
  { readonly ok: true; readonly request: AdmissionRequest } | { readonly ok: false; readonly because: string };

/** Reads what the API server sent. Only what could not even be answered is refused: no JSON, no v1 review, no uid. */
export function readReview(text: string): ReadReview {
  let review: unknown;
  try {
    review = JSON.parse(text);
  } catch {
    return { ok: false, because: 'the body is not JSON' };
  }
  if (!isRecord(review) || review.apiVersion !== 'admission.k8s.io/v1' || review.kind !== 'AdmissionReview') {
    return { ok: false, because: 'the body is not an AdmissionReview of admission.k8s.io/v1' };
  }
  const { request } = review;
  if (!isRecord(request) || typeof request.uid !== 'string' || request.uid === '') {
    return { ok: false, because: 'the review has no request with a uid' };
  }
  const kind = recordOf(request.kind);
  const resource = recordOf(request.resource);
  return {
    ok: true,
    request: {
      uid: request.uid,
      kind: { group: textOf(kind.group), version: textOf(kind.version), kind: textOf(kind.kind) },
      resource: {
        group: textOf(resource.group),
        version: textOf(resource.version),
        resource: textOf(resource.resource),
      },
      operation: textOf(request.operation) as AdmissionOperation,
      namespace: textOf(request.namespace),
      name: textOf(request.name),
      object: isRecord(request.object) ? request.object : undefined,
      oldObject: isRecord(request.oldObject) ? request.oldObject : undefined,
      dryRun: request.dryRun === true,
      userInfo: recordOf(request.userInfo),
    },
  };
}

/** The answer as it is sent: always allowed. */
export function writeReview(uid: string, { patch = [], warnings = [] }: AdmissionAnswer): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: true,
      ...(patch.length === 0
        ? {}
        : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
      ...(warnings.length === 0 ? {} : { warnings }),
    },
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
