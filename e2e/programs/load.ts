// The load of the end-to-end suite: starts one long request after another, each on a connection of its own, and tells on
// standard output, one line of JSON each, when it started and how it ended. Node.js alone, in one file.
//
//   TARGETS       addresses to try, best first, separated by spaces: http://10.0.0.7:8080. The first that answers /ok is taken.
//                 Joined by commas they stand for one service, whose pods are taken in turn (pod addresses).
//   HOST          the Host header, by which a mesh finds the service
//   HOLD_SECONDS  how long each request takes; INTERVAL_MS between starts; LOAD_SECONDS after which no more are started
import { writeSync } from 'node:fs';
import { request } from 'node:http';

interface Outcome {
  readonly ok: boolean;
  readonly status?: number;
  readonly pod?: string;
  readonly error?: string;
}

const PROBE_TIMEOUT_MS = 3000;
const FIND_LIMIT_MS = Number(process.env.FIND_SECONDS ?? '60') * 1000;
const name = process.env.LOAD_NAME ?? 'load';
const host = process.env.HOST ?? '';
const hold = Number(process.env.HOLD_SECONDS ?? '10');
const interval = Number(process.env.INTERVAL_MS ?? '1000');
const limit = Number(process.env.LOAD_SECONDS ?? '600') * 1000;
/** Beyond it a request counts as lost: nothing that the suite does takes longer. */
const REQUEST_TIMEOUT_MS = (hold + 20) * 1000;

let sequence = 0;
function tell(event: string, fields: Record<string, unknown>): void {
  writeSync(1, `${JSON.stringify({ n: ++sequence, at: new Date().toISOString(), event, ...fields })}\n`);
}

function get(url: string, timeout: number): Promise<Outcome> {
  return new Promise((resolve) => {
    let status: number | undefined;
    const failed = (error: Error): void => {
      resolve({ ok: false, ...(status === undefined ? {} : { status }), error: error.message });
    };
    const outgoing = request(url, { agent: false, headers: host === '' ? {} : { host } }, (response) => {
      status = response.statusCode ?? 0;
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', failed);
      response.on('end', () => {
        const pod = podOf(body);
        // An answer that was cut short ends too, but not completely.
        const ok = status === 200 && response.complete && pod !== undefined;
        resolve({
          ok,
          status: status ?? 0,
          ...(pod === undefined ? {} : { pod }),
          ...(ok ? {} : { error: body.trim().slice(0, 200) || 'the answer is incomplete' }),
        });
      });
    });
    outgoing.setTimeout(timeout, () => {
      outgoing.destroy(new Error(`no answer within ${timeout / 1000} s`));
    });
    outgoing.on('error', failed);
    outgoing.end();
  });
}

function podOf(body: string): string | undefined {
  try {
    const { pod } = JSON.parse(body) as { pod?: unknown };
    return typeof pod === 'string' ? pod : undefined;
  } catch {
    return undefined;
  }
}

async function findTarget(): Promise<string[] | undefined> {
  const candidates = (process.env.TARGETS ?? '')
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => each.split(','));
  const deadline = Date.now() + FIND_LIMIT_MS;
  let last = 'no target was given';
  // A sidecar that is still starting refuses everything, so all are tried again and again.
  while (Date.now() < deadline) {
    for (const candidate of candidates) {
      const outcome = await get(`${candidate[0] ?? ''}/ok`, PROBE_TIMEOUT_MS);
      if (outcome.ok) {
        return candidate;
      }
      last = `${candidate[0] ?? ''}: ${outcome.status ?? ''} ${outcome.error ?? ''}`;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 500);
    });
  }
  tell('unreachable', { last });
  return undefined;
}

let open = 0;
async function one(url: string, id: string): Promise<void> {
  open++;
  tell('start', { id, seconds: hold, url });
  const outcome = await get(`${url}/hold?seconds=${hold}&id=${id}`, REQUEST_TIMEOUT_MS);
  open--;
  tell('end', { id, ...outcome });
}

let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});

async function main(): Promise<number> {
  const target = await findTarget();
  if (target === undefined) {
    return 1;
  }
  tell('ready', { target: target.join(',') });
  const until = Date.now() + limit;
  for (let count = 1; !stopping && Date.now() < until; count++) {
    void one(target[count % target.length] ?? '', `${name}-${count}`);
    await new Promise((resolve) => {
      setTimeout(resolve, interval);
    });
  }
  while (open > 0) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  tell('done', {});
  return 0;
}

void main().then((code) => {
  process.exit(code);
});
