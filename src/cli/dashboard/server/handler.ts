import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { DashboardSource } from './source.ts';
import { streamEvents } from './stream.ts';

/** A file of the page. */
export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

/** Why a request is not answered. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The page itself, in which nothing of the cluster stands, is shown all the same: it asks for what is missing. */
  readonly withPage?: true;
}

/** Who may look. */
export interface Door {
  /** Undefined lets the request in. */
  admit(request: IncomingMessage): Promise<Refusal | undefined>;
}

/** The page needs nothing from elsewhere, sends nothing elsewhere, and stands in no frame. Drawings carry style attributes. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
/** A stream goes on while its viewer may look, and is asked about again after this. */
const ASK_AGAIN_MS = 60_000;
/** Tabs of the page that may be open at a time. */
const MOST_STREAMS = 16;

type Packed = Asset & { readonly gzip: Buffer };

/** Answers for the page, to GET alone, whoever listens. */
export class DashboardHandler {
  private readonly packed: ReadonlyMap<string, Packed>;
  private readonly source: DashboardSource;
  private readonly door: Door;
  private readonly streams = new Set<() => void>();

  constructor(assets: readonly Asset[], source: DashboardSource, door: Door) {
    this.packed = new Map(assets.map((asset) => [asset.path, { ...asset, gzip: gzipSync(asset.text) }]));
    this.source = source;
    this.door = door;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.answer(request, response).catch((error: unknown) => {
      say(response, 500, error instanceof Error ? error.message : String(error));
    });
  };

  endStreams(): void {
    for (const end of this.streams) {
      end();
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) {
      response.setHeader(name, value);
    }
    if (request.method !== 'GET') {
      say(response, 405, 'this page only reads');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://page');
    const asset = this.packed.get(url.pathname);
    const refusal = await this.door.admit(request);
    if (refusal !== undefined && !(asset !== undefined && refusal.withPage === true)) {
      refuse(response, refusal);
      return;
    }
    if (asset !== undefined) {
      // Browsers run no script of an answer that is an error.
      response.statusCode = refusal !== undefined && asset.path === '/' ? refusal.status : 200;
      response.setHeader('content-type', asset.type);
      sendPacked(request, response, asset);
      return;
    }
    switch (url.pathname) {
      case '/events':
        this.openStream(request, response);
        return;
      case '/workload':
        await this.sendWorkload(url.searchParams.get('key') ?? '', response);
        return;
      default:
        say(response, 404, 'there is only one page: /');
    }
  }

  private openStream(request: IncomingMessage, response: ServerResponse): void {
    if (this.streams.size >= MOST_STREAMS) {
      say(response, 503, `this page is open ${MOST_STREAMS} times already`);
      return;
    }
    const end = streamEvents(request, response, this.source, () => {
      clearInterval(asking);
      this.streams.delete(end);
    });
    const asking = setInterval(() => {
      this.door.admit(request).then(
        (refusal) => {
          if (refusal !== undefined) {
            end();
          }
        },
        () => {
          end();
        },
      );
    }, ASK_AGAIN_MS);
    this.streams.add(end);
  }

  private async sendWorkload(key: string, response: ServerResponse): Promise<void> {
    const found = await this.source.workload(key);
    if (found === undefined) {
      say(response, 404, 'there is no such workload');
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(found));
  }
}

function refuse(response: ServerResponse, { status, message, headers = {} }: Refusal): void {
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, value);
  }
  say(response, status, message);
}

function sendPacked(request: IncomingMessage, response: ServerResponse, { text, gzip }: Packed): void {
  if (/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzip);
    return;
  }
  response.end(text);
}

function say(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${message}\n`);
}
