// The application of the end-to-end suite: long requests, a graceful end, and calls to a peer that it makes while it ends.
// One file, Node.js alone, so that it runs in any image that has Node.js 18 or newer.
//
//   GET /ok                          200 at once
//   GET /hold?seconds=20&id=r1       200 after that time
//   GET /late-call?seconds=22&url=U  calls U once a second for that time, from SIGTERM on (as LATE_CALLS_* do)
//
// At SIGTERM it closes its listener, finishes what is in flight, makes its late calls and exits with 0: the behaviour that
// the engine calls CloseListenerFinishInFlight. What happens is told on standard output, one line of JSON each.
import { writeSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

interface LateCalls {
  readonly seconds: number;
  readonly url: string;
  readonly host?: string;
}

const CALL_TIMEOUT_MS = 3000;
const pod = process.env.POD_NAME ?? 'local';
const port = Number(process.env.PORT ?? '8080');
let inFlight = 0;
let ending = false;
let late: LateCalls | undefined = lateCallsOf(
  process.env.LATE_CALLS_SECONDS,
  process.env.LATE_CALLS_URL,
  process.env.LATE_CALLS_HOST,
);
let lateCallsDone = false;

let sequence = 0;
function tell(event: string, fields: Record<string, unknown> = {}): void {
  // Written at once: the last lines before an exit count most. The number lets a reader who came back leave out what it knows.
  writeSync(1, `${JSON.stringify({ n: ++sequence, at: new Date().toISOString(), pod, event, ...fields })}\n`);
}

function lateCallsOf(
  seconds: string | null | undefined,
  url: string | null | undefined,
  host: string | null | undefined,
): LateCalls | undefined {
  const length = Number(seconds ?? '');
  return url === undefined || url === null || url === '' || !(length > 0)
    ? undefined
    : { seconds: length, url, ...(host === undefined || host === null || host === '' ? {} : { host }) };
}

function answer(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ pod, ...body })}\n`);
}

function serve(incoming: IncomingMessage, response: ServerResponse): void {
  const url = new URL(incoming.url ?? '/', 'http://server');
  const query = url.searchParams;
  switch (url.pathname) {
    case '/ok':
      answer(response, 200, {});
      return;
    case '/late-call':
      late = lateCallsOf(query.get('seconds'), query.get('url'), query.get('host'));
      answer(
        response,
        late === undefined ? 400 : 200,
        late === undefined ? { error: 'seconds and url are needed' } : { armed: true },
      );
      return;
    case '/hold':
      hold(response, query.get('id') ?? '', Number(query.get('seconds') ?? '10'));
      return;
    default:
      answer(response, 404, { error: 'no such path' });
  }
}

function hold(response: ServerResponse, id: string, seconds: number): void {
  inFlight++;
  tell('request', { id, seconds });
  let clientGone = false;
  response.on('close', () => {
    if (!response.writableFinished) {
      clientGone = true;
      tell('client-gone', { id });
    }
  });
  // Worked to its end even where the client has gone, as most applications do.
  setTimeout(() => {
    inFlight--;
    if (!clientGone) {
      answer(response, 200, { id, seconds });
    }
    tell('finished', { id, clientGone });
    endIfIdle();
  }, seconds * 1000);
}

function callPeer({ url, host }: LateCalls): Promise<{ ok: boolean; status?: number; error?: string }> {
  return new Promise((resolve) => {
    // A connection of its own for each call: pooled ones would stay open and hide that new ones are refused.
    const outgoing = request(
      url,
      { agent: false, timeout: CALL_TIMEOUT_MS, headers: host === undefined ? {} : { host } },
      (response) => {
        response.resume();
        response.on('error', (error) => {
          resolve({ ok: false, error: error.message });
        });
        response.on('end', () => {
          resolve({ ok: response.statusCode === 200, status: response.statusCode ?? 0 });
        });
      },
    );
    outgoing.on('timeout', () => {
      outgoing.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`));
    });
    outgoing.on('error', (error) => {
      resolve({ ok: false, error: error.message });
    });
    outgoing.end();
  });
}

/** One call 1 s, 2 s, ... after SIGTERM. */
function startLateCalls(calls: LateCalls): void {
  let made = 0;
  const last = Math.floor(calls.seconds);
  const timer = setInterval(() => {
    const call = ++made;
    const at = new Date().toISOString();
    void callPeer(calls).then((outcome) => {
      tell('late-call', { call, calledAt: at, ...outcome });
      if (call === last) {
        lateCallsDone = true;
        endIfIdle();
      }
    });
    if (made === last) {
      clearInterval(timer);
    }
  }, 1000);
}

function endIfIdle(): void {
  if (ending && inFlight === 0 && lateCallsDone) {
    tell('exit');
    process.exit(0);
  }
}

// A server that drops idle connections of its own accord races with a proxy that is about to use one: a lost request that
// has nothing to do with termination.
const server = createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, serve);
server.on('error', (error) => {
  tell('error', { message: error.message });
  process.exit(1);
});
server.listen(port, process.env.LISTEN_ADDRESS, () => {
  tell('listening', { port });
});

process.on('SIGTERM', () => {
  if (ending) {
    return;
  }
  ending = true;
  tell('sigterm', { inFlight });
  server.close();
  if (late === undefined) {
    lateCallsDone = true;
  } else {
    startLateCalls(late);
  }
  endIfIdle();
});
