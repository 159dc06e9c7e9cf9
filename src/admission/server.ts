import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { silentLogger, systemClock, type Clock, type Logger } from '../kube/index.ts';
import { BindError, listenOn, parseAddress } from '../runtime/index.ts';
import type { AdmissionOutcome } from './metrics.ts';
import { patchProblem } from './patch.ts';
import {
  readReview,
  writeReview,
  type AdmissionAnswer,
  type AdmissionHandler,
  type AdmissionRequest,
} from './review.ts';

export interface ServingCertificate {
  /** PEM, with whatever stands between it and the authority. */
  readonly cert: string;
  readonly key: string;
}

export interface AdmissionServerOptions {
  /** As in `--admission-bind-address`. */
  readonly address: string;
  readonly handler: AdmissionHandler;
  /** Before this says true every request is let through as it is: half a picture decides nothing. */
  readonly isReady: () => boolean;
  readonly observe?: (kind: string, outcome: AdmissionOutcome, seconds: number) => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export const MUTATE_PATH = '/mutate';

/** The API server's own limit for a request's body. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** For a whole request. The API server waits two seconds. */
const REQUEST_DEADLINE_MS = 5_000;
/**
 * The API server keeps idle connections for 90 s (Go's default transport). It does not repeat a POST on a connection that the
 * other side closed at that moment, so it has to be the one that closes.
 */
const KEEP_ALIVE_MS = 120_000;
/** A broken handler must not fill the log with one line for each pod of a rollout. */
const LOG_EVERY_MS = 10_000;

/** HTTPS for AdmissionReview: whatever happens in here, the request that it is asked about is let through. */
export class AdmissionServer {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private server: Server | undefined;
  private draining = false;
  private loggedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: AdmissionServerOptions) {
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
  }

  get port(): number | undefined {
    const address = this.server?.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  }

  async start(certificate: ServingCertificate): Promise<void> {
    const { address } = this.options;
    const flag = '--admission-bind-address';
    const target = parseAddress(address, flag);
    if (target === undefined) {
      throw new BindError(`${flag} "${address}" is nowhere, and --admission is on. Write :9443 or 127.0.0.1:9443.`);
    }
    const server = createServer(
      {
        ...certificate,
        minVersion: 'TLSv1.2',
        requestTimeout: REQUEST_DEADLINE_MS,
        headersTimeout: REQUEST_DEADLINE_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => {
        this.serve(request, response).catch((error: unknown) => {
          this.logger.debug('an admission request was cut off', { error });
          response.destroy();
        });
      },
    );
    await listenOn(server, target, { address, flag });
    server.on('error', (error) => {
      this.logger.error('the admission server failed', { error });
    });
    // Port scanners and clients that do not trust us: theirs to know, unless somebody looks for the reason.
    server.on('tlsClientError', (error) => {
      this.logger.debug('a TLS handshake with the admission server failed', { error });
    });
    this.server = server;
    this.logger.info('serving', { address, port: this.port, endpoints: MUTATE_PATH });
  }

  /** For connections from now on; those that are open go on under the certificate they began with. */
  use(certificate: ServingCertificate): void {
    this.server?.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
  }

  /** Goes on answering, and asks the API server to connect anew for what comes next, which may then be another replica. */
  drain(): void {
    this.draining = true;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) {
      return;
    }
    this.server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeIdleConnections();
      setTimeout(() => {
        server.closeAllConnections();
      }, 1_000).unref();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.draining) {
      response.setHeader('connection', 'close');
    }
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== MUTATE_PATH) {
      this.refuse(request, response, 404, `not found: only ${MUTATE_PATH} is served`);
      return;
    }
    if (request.method !== 'POST') {
      this.refuse(request, response, 405, 'method not allowed: use POST');
      return;
    }
    const body = await readBody(request);
    const began = this.clock.monotonic();
    if (body === undefined) {
      this.refuse(request, response, 413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
      this.options.observe?.('', 'malformed', 0);
      return;
    }
    const review = readReview(body);
    if (!review.ok) {
      this.refuse(request, response, 400, review.because);
      this.options.observe?.('', 'malformed', 0);
      return;
    }
    const [answer, outcome] = await this.decide(review.request);
    send(response, 200, 'application/json', writeReview(review.request.uid, answer));
    this.options.observe?.(review.request.kind.kind, outcome, (this.clock.monotonic() - began) / 1000);
  }

  private async decide(request: AdmissionRequest): Promise<[AdmissionAnswer, AdmissionOutcome]> {
    if (!this.options.isReady()) {
      return [{}, 'not-ready'];
    }
    try {
      const answer = await this.options.handler(request);
      const { patch = [] } = answer;
      if (patch.length === 0) {
        return [answer, 'unchanged'];
      }
      const problem = patchProblem(request.object, patch);
      if (problem === undefined) {
        return [answer, 'patched'];
      }
      this.complain(request, 'an admission patch does not fit its object; it was let through as it is', { problem });
    } catch (error) {
      this.complain(request, 'an admission request could not be decided; it was let through as it is', { error });
    }
    return [{}, 'failed'];
  }

  private complain(request: AdmissionRequest, message: string, fields: Record<string, unknown>): void {
    const now = this.clock.monotonic();
    if (now - this.loggedAt < LOG_EVERY_MS) {
      return;
    }
    this.loggedAt = now;
    this.logger.error(message, {
      ...fields,
      kind: request.kind.kind,
      namespace: request.namespace,
      name: request.name,
      operation: request.operation,
      note: `logged at most once every ${LOG_EVERY_MS / 1000} s; sidecar_drain_admission_requests_total{outcome="failed"} counts them all`,
    });
  }

  private refuse(request: IncomingMessage, response: ServerResponse, status: number, message: string): void {
    // What is left of the body is not worth reading.
    response.setHeader('connection', 'close');
    send(response, status, 'text/plain; charset=utf-8', `${message}\n`);
    request.resume();
    this.logger.debug('an admission request was refused', { status, reason: message });
  }
}

/** Undefined where it is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    return undefined;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  // A loop that is left early would otherwise close the connection before it has its answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) {
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
