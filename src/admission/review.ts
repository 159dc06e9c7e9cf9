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

export type AdmissionHandler = (request: AdmissionRequest) => AdmissionAnswer;
