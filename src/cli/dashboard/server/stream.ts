import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, createGzip } from 'node:zlib';
import type { DashboardSource } from './source.ts';

/** So that whatever stands between does not take silence for an end. */
const HEARTBEAT_MS = 20_000;
/** A page that does not read any more is let go; it comes again and gets all that is there. */
const MOST_UNREAD_BYTES = 32 * 1024 * 1024;

/**
 * Sends what the source tells as server-sent events, compressed where the browser says that it can.
 * @returns what ends it
 */
export function streamEvents(
  request: IncomingMessage,
  response: ServerResponse,
  source: DashboardSource,
  onEnd: () => void,
): () => void {
  response.setHeader('content-type', 'text/event-stream');
  const gzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
    ? createGzip({ flush: constants.Z_SYNC_FLUSH })
    : undefined;
  if (gzip !== undefined) {
    response.setHeader('content-encoding', 'gzip');
    gzip.pipe(response);
  }
  const out = gzip ?? response;
  let ended = false;
  let leave = (): void => undefined;
  const end = (): void => {
    if (ended) {
      return;
    }
    ended = true;
    clearInterval(beat);
    leave();
    gzip?.unpipe(response);
    gzip?.destroy();
    response.destroy();
    onEnd();
  };
  const write = (text: string): void => {
    if (ended) {
      return;
    }
    out.write(text);
    if (out.writableLength + response.writableLength > MOST_UNREAD_BYTES) {
      end();
    }
  };
  const beat = setInterval(() => {
    write(': \n\n');
  }, HEARTBEAT_MS);
  request.once('close', end);
  response.once('error', end);
  response.flushHeaders();
  leave = source.subscribe((event, data) => {
    write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  });
  if (ended) {
    leave();
  }
  return end;
}
