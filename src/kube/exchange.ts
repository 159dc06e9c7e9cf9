// One request on the wire: what undici tells its handlers, turned into one promise. This is undici's lowest public
// level, `dispatch`: no Readable per answer, no URL object, one timer. `Pool.request` costs a stream more.

import type { Dispatcher } from 'undici';
import { offAbort, onAbort } from './aborts.ts';
import type { AbortWatch } from './aborts.ts';
import { ConnectionError, errorText } from './errors.ts';

export interface Answer {
  status: number;
  retryAfter: string | undefined;
  body: string;
}

// Answers that are errors are read for their Status only.
const maxErrorBytes = 256 * 1024;

/** Shared by both kinds of exchange: settling once, deadline, abort, and whether the request had left. */
abstract class Exchange<T> implements Dispatcher.DispatchHandler {
  status = 0;
  protected retryAfter: string | undefined;
  protected chunks: Buffer[] = [];
  protected bytes = 0;
  private controller: Dispatcher.DispatchController | undefined;
  private settled = false;
  private timer: NodeJS.Timeout | undefined;
  private failure: Error | undefined;
  private abortWatch: AbortWatch | undefined;

  constructor(
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
    protected readonly what: string,
  ) {
    if (signal === undefined) {
      return;
    }
    if (signal.aborted) {
      this.cancel(abortReason(signal));
      return;
    }
    this.abortWatch = onAbort(signal, () => {
      this.cancel(abortReason(signal));
    });
  }

  protected abstract onStart(): void;
  protected abstract onChunk(chunk: Buffer): void;
  protected abstract onEnd(): T;

  startTimer(milliseconds: number, message: string): void {
    if (this.settled) {
      return;
    }
    this.timer = setTimeout(() => {
      this.cancel(
        new ConnectionError(
          'KUBE_TIMEOUT',
          `${this.what}: ${message} within ${milliseconds} ms.`,
          this.controller !== undefined,
        ),
      );
    }, milliseconds);
  }

  protected stopTimer(): void {
    if (this.timer === undefined) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  get done(): boolean {
    return this.settled;
  }

  /** Ends the exchange from our side, also while it still waits for a free connection. */
  cancel(error: Error): void {
    this.failure ??= error;
    this.fail(error);
    this.controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.settled) {
      controller.abort(this.failure ?? new Error('cancelled'));
    }
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) {
      return;
    }
    this.status = status;
    const retryAfter = headers['retry-after'];
    if (typeof retryAfter === 'string') {
      this.retryAfter = retryAfter;
    }
    this.onStart();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.settled) {
      this.onChunk(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.settled) {
      return;
    }
    let value: T;
    try {
      value = this.onEnd();
    } catch (error) {
      this.fail(error);
      return;
    }
    this.finish();
    this.resolve(value);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(this.failure ?? connectionError(error, this.what, this.controller !== undefined, this.status !== 0));
  }

  protected collect(chunk: Buffer, limit: number): void {
    if (this.bytes >= limit) {
      return;
    }
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  protected text(): string {
    const [first] = this.chunks;
    if (first === undefined) {
      return '';
    }
    return this.chunks.length === 1 ? first.toString('utf8') : Buffer.concat(this.chunks, this.bytes).toString('utf8');
  }

  protected fail(error: unknown): void {
    if (this.settled) {
      return;
    }
    this.finish();
    this.reject(error);
  }

  private finish(): void {
    this.settled = true;
    this.stopTimer();
    if (this.abortWatch !== undefined) {
      offAbort(this.abortWatch);
    }
  }
}

class Collected extends Exchange<Answer> {
  protected onStart(): void {
    // Nothing to do before the body is whole.
  }

  protected onChunk(chunk: Buffer): void {
    this.collect(chunk, Infinity);
  }

  protected onEnd(): Answer {
    return { status: this.status, retryAfter: this.retryAfter, body: this.text() };
  }
}

export interface StreamSink {
  /** The server accepted the request: the body that follows is what was asked for. */
  onOpen(): void;
  /** Called synchronously, so a slow reader slows the socket down. What it throws ends the stream. */
  onChunk(chunk: Buffer): void;
}

class Streamed extends Exchange<Answer | undefined> {
  sink: StreamSink | undefined;

  protected onStart(): void {
    this.stopTimer();
    if (this.status < 300) {
      this.sink?.onOpen();
    }
  }

  protected onChunk(chunk: Buffer): void {
    if (this.status >= 300) {
      this.collect(chunk, maxErrorBytes);
      return;
    }
    try {
      this.sink?.onChunk(chunk);
    } catch (error) {
      this.cancel(error instanceof Error ? error : new Error(String(error)));
    }
  }

  protected onEnd(): Answer | undefined {
    return this.status >= 300 ? { status: this.status, retryAfter: this.retryAfter, body: this.text() } : undefined;
  }
}

export interface WireRequest {
  origin: string;
  path: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers: string[];
  body?: string | Buffer | undefined;
}

/** The whole answer, or an error, within `timeoutMs` (the wait for a free connection counts). */
export function exchange(
  pool: Dispatcher,
  wire: WireRequest,
  what: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const handler = new Collected(resolve, reject, signal, what);
    if (handler.done) {
      return;
    }
    handler.startTimer(timeoutMs, 'no complete answer');
    pool.dispatch({ ...wire, body: wire.body ?? null, headersTimeout: 0, bodyTimeout: 0 }, handler);
  });
}

/** The body goes to the sink piece by piece. The result is an answer only when the server refused. */
export function exchangeStream(
  pool: Dispatcher,
  wire: WireRequest,
  what: string,
  timeouts: { headersMs: number; idleMs: number },
  sink: StreamSink,
  signal: AbortSignal | undefined,
): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const handler = new Streamed(resolve, reject, signal, what);
    if (handler.done) {
      return;
    }
    handler.sink = sink;
    handler.startTimer(timeouts.headersMs, 'no answer');
    // undici's bodyTimeout is the watchdog: it runs out when no byte came for that long.
    pool.dispatch({ ...wire, body: wire.body ?? null, headersTimeout: 0, bodyTimeout: timeouts.idleMs }, handler);
  });
}

export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error(typeof reason === 'string' ? reason : 'aborted');
}

const tlsCodes = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|EPROTO)/;

function connectionError(error: Error, what: string, sent: boolean, started: boolean): ConnectionError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const text = errorText(error);
  if (tlsCodes.test(code) && !sent) {
    return new ConnectionError(
      'KUBE_TLS',
      `${what}: the certificate of the API server is not accepted (${code}): ${text}. Check the certificate authority and the server name of this kubeconfig.`,
      false,
      error,
    );
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return new ConnectionError('KUBE_TIMEOUT', `${what}: the stream was silent for too long.`, true, error);
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return new ConnectionError('KUBE_TIMEOUT', `${what}: cannot connect to the API server: ${text}.`, false, error);
  }
  if (started) {
    return new ConnectionError('KUBE_STREAM_BROKEN', `${what}: the answer broke off: ${text}.`, true, error);
  }
  return new ConnectionError(
    'KUBE_UNREACHABLE',
    sent
      ? `${what}: the connection broke before the answer: ${text}.`
      : `${what}: cannot reach the API server: ${text}.`,
    sent,
    error,
  );
}
