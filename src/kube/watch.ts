// One watch: the stream of a collection's changes, parsed line by line as the bytes come. It ends in one of few ways,
// and says which: the server ended it, the resourceVersion is too old, the server reported an error, or it broke.

import { ApiError, ConnectionError, errorText } from './errors.ts';
import type { Status } from './errors.ts';
import { metadataOnlyAccept } from './client.ts';
import { LineSplitter, LineTooLongError } from './lines.ts';
import { listPath, withQuery } from './resources.ts';
import type { Resource } from './resources.ts';
import type { Transport } from './transport.ts';

export interface WatchQuery {
  resource: Resource;
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  metadataOnly: boolean;
  /** Unset together with sendInitialEvents: the most recent state. */
  resourceVersion?: string | undefined;
  /** The present objects come first, as ADDED, then a bookmark that says so. */
  sendInitialEvents: boolean;
  timeoutSeconds: number;
  idleTimeoutMs: number;
  headersTimeoutMs: number;
  maxLineBytes: number;
}

export interface WatchSink {
  onOpen(): void;
  onObject(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown): void;
  /** `initialEventsEnd`: everything that was there has been sent. */
  onBookmark(resourceVersion: string, initialEventsEnd: boolean): void;
  onBytes(): void;
}

/** A line that is not JSON, or half of one. */
export class TornStreamError extends Error {
  override readonly name = 'TornStreamError';
  readonly code = 'KUBE_TORN_STREAM';
}

interface WatchEvent {
  type?: string;
  object?: { metadata?: { resourceVersion?: string; annotations?: Record<string, string> } };
}

const initialEventsEnd = 'k8s.io/initial-events-end';

/** Resolves when the server ends the watch as agreed; rejects in every other case. */
export async function watch(
  transport: Transport,
  query: WatchQuery,
  sink: WatchSink,
  signal: AbortSignal,
): Promise<void> {
  const path = withQuery(listPath(query.resource, query.namespace), {
    watch: true,
    allowWatchBookmarks: true,
    sendInitialEvents: query.sendInitialEvents,
    resourceVersionMatch: query.sendInitialEvents ? 'NotOlderThan' : undefined,
    resourceVersion: query.resourceVersion,
    labelSelector: query.labelSelector,
    fieldSelector: query.fieldSelector,
    timeoutSeconds: query.timeoutSeconds,
  });
  const purpose = { verb: 'watch', resource: query.resource.fullName, namespace: query.namespace };
  const lines = new LineSplitter((line) => {
    const event = parseLine(line);
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        sink.onObject(event.type, event.object);
        return;
      case 'BOOKMARK': {
        const metadata = event.object?.metadata;
        sink.onBookmark(metadata?.resourceVersion ?? '', metadata?.annotations?.[initialEventsEnd] === 'true');
        return;
      }
      case 'ERROR': {
        const status = (event.object ?? {}) as Status;
        throw new ApiError(status.code ?? 500, status, '', purpose);
      }
      default:
        throw new TornStreamError(`The watch sent an event of the unknown type "${String(event.type)}".`);
    }
  }, query.maxLineBytes);

  await transport.stream(
    {
      path,
      accept: query.metadataOnly ? metadataOnlyAccept : undefined,
      ...purpose,
      headersTimeoutMs: query.headersTimeoutMs,
      idleTimeoutMs: query.idleTimeoutMs,
      signal,
    },
    {
      onOpen: () => {
        sink.onOpen();
      },
      onChunk: (chunk) => {
        sink.onBytes();
        lines.write(chunk);
      },
    },
  );
  if (lines.pending > 0) {
    throw new TornStreamError(`The watch ended in the middle of a line, after ${lines.pending} bytes of it.`);
  }
}

function parseLine(line: string): WatchEvent {
  try {
    return JSON.parse(line) as WatchEvent;
  } catch (error) {
    throw new TornStreamError(`The watch sent a line that is not JSON (${errorText(error)}): ${line.slice(0, 120)}`);
  }
}

/** Where the stream itself is bad, as opposed to the server's saying no. */
export function isTorn(error: unknown): boolean {
  return (
    error instanceof TornStreamError ||
    error instanceof LineTooLongError ||
    (error instanceof ConnectionError && error.code === 'KUBE_STREAM_BROKEN')
  );
}
