// The errors of this room. Each one carries a stable code and says what to do.
//   ApiError         the API server answered, and the answer was no
//   ConnectionError  no answer, or half of one
//   KubeConfigError  we do not know where the API server is or who we are

export interface StatusCause {
  field?: string;
  message?: string;
  reason?: string;
}

/** The `Status` object that the API server sends instead of what was asked for. */
export interface Status {
  kind?: string;
  code?: number;
  reason?: string;
  message?: string;
  metadata?: { continue?: string; resourceVersion?: string };
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
}

/** What was asked for; metrics labels and messages come from it. */
export interface RequestPurpose {
  /** As in RBAC rules: get, list, watch, create, update, patch, delete. */
  verb: string;
  /** As in RBAC rules: `deployments.apps`, `events`, `sidecardrainpolicies.sidecardrain.io/status`; a path otherwise. */
  resource: string;
  namespace?: string | undefined;
  name?: string | undefined;
}

// The schema of the server does not know a field that we apply. Sending it again cannot help, although the code is 500.
const schemaError = /field not declared in schema|failed to create typed patch object|failed to convert .* to typed/;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code = 'KUBE_API_ERROR';
  /** HTTP status. */
  readonly status: number;
  /** Reason of the API server, such as NotFound, Conflict, Invalid, Expired; may be empty. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  readonly details: Status['details'];
  /** The message of the API server, without our advice. */
  readonly serverMessage: string;
  readonly purpose: RequestPurpose;
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: Status | undefined, text: string, purpose: RequestPurpose, retryAfterMs?: number) {
    const serverMessage = body?.message ?? (text.trim().slice(0, 500) || `HTTP ${status}`);
    super(messageFor(status, serverMessage, purpose));
    this.status = status;
    this.reason = body?.reason ?? '';
    this.causes = body?.details?.causes ?? [];
    this.details = body?.details;
    this.serverMessage = serverMessage;
    this.purpose = purpose;
    this.retryAfterMs =
      retryAfterMs ??
      (body?.details?.retryAfterSeconds === undefined ? undefined : body.details.retryAfterSeconds * 1000);
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  get isForbidden(): boolean {
    return this.status === 403;
  }

  get isUnauthorized(): boolean {
    return this.status === 401;
  }

  /** The resourceVersion or uid was not the present one, or another field manager owns a field. */
  get isConflict(): boolean {
    return this.status === 409 && this.reason !== 'AlreadyExists';
  }

  get isAlreadyExists(): boolean {
    return this.status === 409 && this.reason === 'AlreadyExists';
  }

  /** Conflicts of a server-side apply name the other managers in their causes. */
  get isApplyConflict(): boolean {
    return this.isConflict && this.causes.some((cause) => cause.reason === 'FieldManagerConflict');
  }

  get isInvalid(): boolean {
    return this.status === 422 || (this.status === 400 && this.reason === 'BadRequest');
  }

  /** The resourceVersion or the continue token is too old: list again. */
  get isGone(): boolean {
    return this.status === 410;
  }

  get isTooManyRequests(): boolean {
    return this.status === 429;
  }

  /** An apply with a field that the server's schema does not know; answered 500, never mended by a retry. */
  get isSchemaError(): boolean {
    return this.status >= 400 && schemaError.test(this.serverMessage);
  }

  /** The same request may succeed later. Whether it may be *sent* again is for the caller to know. */
  get retryable(): boolean {
    if (this.isSchemaError) {
      return false;
    }
    return (
      this.status === 429 || this.status === 500 || this.status === 502 || this.status === 503 || this.status === 504
    );
  }
}

function messageFor(status: number, serverMessage: string, purpose: RequestPurpose): string {
  const what = `${purpose.verb} ${purpose.resource}${where(purpose)}`;
  switch (status) {
    case 401:
      return (
        `${what}: the API server does not accept our credentials (401): ${serverMessage}. ` +
        'Renew the token or client certificate of this kubeconfig, or log in again.'
      );
    case 403:
      return `${what}: forbidden (403): ${serverMessage}. ${grant(purpose)}`;
    default:
      return `${what}: ${serverMessage} (${status})`;
  }
}

function where(purpose: RequestPurpose): string {
  const name =
    purpose.name === undefined
      ? ''
      : ` ${purpose.namespace === undefined ? '' : `${purpose.namespace}/`}${purpose.name}`;
  if (name !== '') {
    return name;
  }
  return purpose.namespace === undefined ? '' : ` in namespace ${purpose.namespace}`;
}

function grant(purpose: RequestPurpose): string {
  if (purpose.resource.startsWith('/')) {
    return `Grant it with a ClusterRole rule: nonResourceURLs: ["${purpose.resource}"], verbs: ["${purpose.verb}"].`;
  }
  const slash = purpose.resource.indexOf('/');
  const subresource = slash === -1 ? '' : purpose.resource.slice(slash);
  const full = slash === -1 ? purpose.resource : purpose.resource.slice(0, slash);
  const dot = full.indexOf('.');
  const plural = dot === -1 ? full : full.slice(0, dot);
  const group = dot === -1 ? '' : full.slice(dot + 1);
  return `Grant it with an RBAC rule: apiGroups: ["${group}"], resources: ["${plural}${subresource}"], verbs: ["${purpose.verb}"].`;
}

export type ConnectionErrorCode =
  'KUBE_UNREACHABLE' | 'KUBE_TIMEOUT' | 'KUBE_STREAM_BROKEN' | 'KUBE_TLS' | 'KUBE_BAD_ANSWER' | 'KUBE_CREDENTIALS';

/** No answer or a torn one. `sent` tells whether the server may have seen the request. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ConnectionErrorCode;
  readonly sent: boolean;

  constructor(code: ConnectionErrorCode, message: string, sent: boolean, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.sent = sent;
  }

  get retryable(): boolean {
    return this.code !== 'KUBE_TLS';
  }
}

export type KubeConfigErrorCode =
  | 'KUBECONFIG_NOT_FOUND'
  | 'KUBECONFIG_UNREADABLE'
  | 'KUBECONFIG_INVALID'
  | 'KUBECONFIG_NO_CONTEXT'
  | 'KUBECONFIG_CREDENTIALS';

/** One line: what is wrong with the kubeconfig, and what to do. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
  readonly code: KubeConfigErrorCode;

  constructor(code: KubeConfigErrorCode, message: string, cause?: unknown) {
    super(oneLine(message), { cause });
    this.code = code;
  }
}

/** Messages of YAML parsers and plugins span many lines; a log line and a condition have one. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

export function isApiError(error: unknown): error is ApiError {
  return error instanceof ApiError;
}

/** The text of anything that was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((inner: unknown) => errorText(inner)).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
