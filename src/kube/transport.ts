// Requests to the API server, with everything that a request in a real cluster needs: deadlines, retries that honour
// 429 and Retry-After, a limit on writes in flight, fresh credentials after a 401, metrics, and errors that say what
// to do. client-node's own requests open a TLS connection each and have none of this.

import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import { offAbort, onAbort } from './aborts.ts';
import { Connection } from './connection.ts';
import type { ClusterConfig } from './config.ts';
import { ApiError, ConnectionError } from './errors.ts';
import type { RequestPurpose, Status } from './errors.ts';
import { abortReason, exchange, exchangeStream } from './exchange.ts';
import type { Answer, StreamSink, WireRequest } from './exchange.ts';
import { silentLogger, sleep, systemClock } from './ports.ts';
import type { Clock, Logger } from './ports.ts';
import { defaultRetryPolicy, mayRetry, parseRetryAfter, retryDelayMs } from './retry.ts';
import type { RetryMode, RetryPolicy } from './retry.ts';

export interface ApiRequest extends RequestPurpose {
  method: WireRequest['method'];
  /** Path and query, below the base address of the server. */
  path: string;
  body?: string | Buffer | undefined;
  contentType?: string | undefined;
  /** `application/json` where none is given. */
  accept?: string | undefined;
  /**
   * `idempotent`: doing it twice is the same as once, so a failure after it was sent may be repeated.
   * Reads are; writes say so themselves (a resourceVersion or a uid in them makes them so).
   */
  retry?: RetryMode | undefined;
  /** For each attempt, the wait for a connection included. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Never waits behind other requests or the limit of writes: the renewal of the lease. */
  urgent?: boolean | undefined;
  /** Among the writes that wait for their turn: the higher one first. */
  priority?: number | undefined;
  /** Sends once, whatever happens: the caller has a loop of its own. */
  once?: boolean | undefined;
}

export interface StreamRequest extends RequestPurpose {
  path: string;
  accept?: string | undefined;
  headersTimeoutMs: number;
  /** The stream is given up when no byte came for this long. */
  idleTimeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface RequestObservation {
  verb: string;
  method: string;
  resource: string;
  /** The HTTP status, or `<error>` where there was no answer, as in client-go. */
  code: string;
  seconds: number;
}

export interface TransportOptions {
  config: ClusterConfig;
  /** `sidecar-drain-operator/1.2.3`. */
  userAgent: string;
  /** Connections for requests; watches have their own. */
  connections?: number;
  /** Writes that may be under way at once. Two connections are left for reads by default. */
  maxWritesInFlight?: number;
  timeoutMs?: number;
  connectTimeoutMs?: number;
  retryPolicy?: Partial<RetryPolicy>;
  logger?: Logger;
  clock?: Clock;
  random?: () => number;
  onRequest?: (observation: RequestObservation) => void;
  onRetry?: (purpose: RequestPurpose, error: unknown, delayMs: number) => void;
}

// Admission webhooks may take up to 30 s, and the server's own limit for a request is 60 s; giving up before the
// webhooks do would leave writes behind whose fate we do not know.
const defaultTimeoutMs = 45_000;
const json = 'application/json';

export class Transport {
  readonly host: string;
  private readonly connection: Connection;
  private readonly writes: PQueue;
  private readonly policy: RetryPolicy;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly random: () => number;

  constructor(private readonly options: TransportOptions) {
    const connections = options.connections ?? 8;
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.policy = { ...defaultRetryPolicy, ...options.retryPolicy };
    this.connection = new Connection({
      config: options.config,
      connections,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      userAgent: options.userAgent,
      logger: this.logger,
    });
    this.host = new URL(options.config.server).host;
    this.writes = new PQueue({ concurrency: options.maxWritesInFlight ?? Math.max(1, connections - 2) });
  }

  /** TCP connections opened so far. */
  get connectionsOpened(): number {
    return this.connection.opened;
  }

  /** Writes that wait or are under way. */
  get writesPending(): number {
    return this.writes.size + this.writes.pending;
  }

  /** The parsed JSON of the answer; undefined when it has no body. */
  request<T>(request: ApiRequest): Promise<T> {
    // One signal ends hundreds of writes that wait; Node would call its eleventh listener a leak.
    if (request.signal !== undefined) {
      setMaxListeners(0, request.signal);
    }
    if (request.method === 'GET' || request.urgent === true) {
      return this.send(request, parse) as Promise<T>;
    }
    return this.inTurn(request, () => this.send(request, parse) as Promise<T>);
  }

  /** The answer as it came: `/version`, `/readyz`, `/metrics`. */
  requestText(request: ApiRequest): Promise<string> {
    return this.send(request, (answer) => answer.body);
  }

  /**
   * Sends a GET whose body goes to the sink as it comes; resolves when the server ends it. No retries: who reads a
   * stream knows where to go on.
   */
  async stream(request: StreamRequest, sink: StreamSink): Promise<void> {
    await this.connection.ready();
    const { generation } = this.connection;
    const started = this.clock.monotonic();
    let observed = false;
    const observe = (code: string) => {
      if (observed) {
        return;
      }
      observed = true;
      this.observe(request, 'GET', code, started);
    };
    const wire = this.wire('GET', request.path, this.connection.headers(request.accept ?? json, undefined), undefined);
    let refusal: Answer | undefined;
    try {
      refusal = await exchangeStream(
        this.connection.pool('streams'),
        wire,
        purposeText(request),
        { headersMs: request.headersTimeoutMs, idleMs: request.idleTimeoutMs },
        {
          onOpen: () => {
            observe('200');
            sink.onOpen();
          },
          onChunk: (chunk) => {
            sink.onChunk(chunk);
          },
        },
        request.signal,
      );
    } catch (error) {
      observe('<error>');
      throw error;
    }
    if (refusal === undefined) {
      return;
    }
    observe(String(refusal.status));
    if (refusal.status === 401) {
      await this.connection.renew(generation);
    }
    throw this.apiError(refusal, request);
  }

  async close(): Promise<void> {
    this.writes.clear();
    await this.connection.close();
  }

  /** Waits for a place among the writes in flight; not any longer than the signal lasts. */
  private inTurn<T>(request: ApiRequest, work: () => Promise<T>): Promise<T> {
    const { signal } = request;
    const options = request.priority === undefined ? {} : { priority: request.priority };
    if (signal === undefined) {
      return this.writes.add(work, options);
    }
    if (signal.aborted) {
      return Promise.reject(abortReason(signal));
    }
    return new Promise((resolve, reject) => {
      const watch = onAbort(signal, () => {
        reject(abortReason(signal));
      });
      this.writes
        .add(() => {
          offAbort(watch);
          return signal.aborted ? Promise.reject(abortReason(signal)) : work();
        }, options)
        .then(resolve, reject);
    });
  }

  private async send<T>(request: ApiRequest, read: (answer: Answer, request: ApiRequest) => T): Promise<T> {
    const mode = request.retry ?? (request.method === 'GET' ? 'idempotent' : 'never');
    let renewed = false;
    for (let failures = 1; ; failures += 1) {
      let error: unknown;
      let generation = 0;
      try {
        const waiting = this.connection.ready();
        if (waiting !== undefined) {
          await waiting;
        }
        generation = this.connection.generation;
        return read(await this.attempt(request), request);
      } catch (caught) {
        error = caught;
      }
      if (error instanceof ApiError && error.isUnauthorized && !renewed) {
        // Tokens expire between two looks at them. A request that was turned away did nothing.
        renewed = true;
        await this.connection.renew(generation);
        continue;
      }
      if (request.once === true || failures >= this.policy.attempts || !mayRetry(error, mode)) {
        throw error;
      }
      const delayMs = retryDelayMs(error, failures, this.policy, this.random);
      this.options.onRetry?.(request, error, delayMs);
      this.logger.debug('retrying a request to the API server', {
        error,
        delayMs: Math.round(delayMs),
        attempt: failures,
      });
      await sleep(this.clock, delayMs, request.signal);
      if (isAborted(request.signal)) {
        throw abortReason(request.signal);
      }
    }
  }

  private async attempt(request: ApiRequest): Promise<Answer> {
    const started = this.clock.monotonic();
    const wire = this.wire(
      request.method,
      request.path,
      this.connection.headers(request.accept ?? json, request.contentType),
      request.body,
    );
    let answer: Answer;
    try {
      answer = await exchange(
        this.connection.pool(request.urgent === true ? 'streams' : 'requests'),
        wire,
        purposeText(request),
        request.timeoutMs ?? this.options.timeoutMs ?? defaultTimeoutMs,
        request.signal,
      );
    } catch (error) {
      this.observe(request, request.method, '<error>', started);
      throw error;
    }
    this.observe(request, request.method, String(answer.status), started);
    if (answer.status >= 300) {
      throw this.apiError(answer, request);
    }
    return answer;
  }

  private wire(
    method: WireRequest['method'],
    path: string,
    headers: string[],
    body: string | Buffer | undefined,
  ): WireRequest {
    return { origin: this.connection.origin, path: this.connection.basePath + path, method, headers, body };
  }

  private apiError(answer: Answer, request: RequestPurpose): ApiError {
    return new ApiError(
      answer.status,
      statusOf(answer.body),
      answer.body,
      purposeOf(request),
      parseRetryAfter(answer.retryAfter, this.clock.now()),
    );
  }

  private observe(request: RequestPurpose, method: string, code: string, started: number): void {
    this.options.onRequest?.({
      verb: request.verb,
      method,
      resource: request.resource,
      code,
      seconds: (this.clock.monotonic() - started) / 1000,
    });
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function parse(answer: Answer, request: ApiRequest): unknown {
  if (answer.body === '') {
    return undefined;
  }
  try {
    return JSON.parse(answer.body) as unknown;
  } catch (error) {
    throw new ConnectionError(
      'KUBE_BAD_ANSWER',
      `${purposeText(request)}: the answer is not JSON: ${answer.body.slice(0, 80)}. Is this address a Kubernetes API server?`,
      true,
      error,
    );
  }
}

function statusOf(body: string): Status | undefined {
  if (!body.startsWith('{')) {
    return undefined;
  }
  try {
    const parsed = JSON.parse(body) as Status;
    return parsed.kind === 'Status' || parsed.message !== undefined ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function purposeOf(request: RequestPurpose): RequestPurpose {
  return { verb: request.verb, resource: request.resource, namespace: request.namespace, name: request.name };
}

function purposeText(request: RequestPurpose): string {
  return `${request.verb} ${request.resource}`;
}
