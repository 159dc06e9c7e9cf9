// The server and the load generator as plain processes: what they do, and that they tell the truth about it.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { lateCalls, loadRequests, parseLines, requestsOfPod, type ProgramLine } from '../../../e2e/observe/lines.ts';
import { bundlePrograms } from '../../../e2e/programs/bundle.ts';
import { projectRoot } from '../../support/control-plane/paths.ts';
import { freePort } from '../../support/control-plane/processes.ts';

jest.setTimeout(40_000);

let folder: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'e2e-programs-'));
  for (const [name, text] of Object.entries(await bundlePrograms(projectRoot()))) {
    writeFileSync(join(folder, `${name}.mjs`), text);
  }
});

afterAll(() => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Program {
  readonly child: ChildProcess;
  lines(): ProgramLine[];
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  until(event: string, count?: number): Promise<void>;
}

function start(name: 'server' | 'load', env: Record<string, string>): Program {
  const child = spawn(process.execPath, [join(folder, `${name}.mjs`)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  let text = '';
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    listeners.forEach((listener) => {
      listener();
    });
  });
  return {
    child,
    lines: () => parseLines(text),
    exited: new Promise((resolve) => {
      child.on('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    }),
    until: (event, count = 1) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (parseLines(text).filter((line) => line.event === event).length >= count) {
            listeners.delete(look);
            resolve();
          }
        };
        listeners.add(look);
        look();
      }),
  };
}

async function startServer(env: Record<string, string> = {}): Promise<{ server: Program; url: string }> {
  const port = await freePort();
  const server = start('server', { POD_NAME: 'server-1', PORT: String(port), LISTEN_ADDRESS: '127.0.0.1', ...env });
  await server.until('listening');
  return { server, url: `http://127.0.0.1:${port}` };
}

function startLoad(targets: string, env: Record<string, string> = {}): Program {
  return start('load', {
    LOAD_NAME: 'mesh',
    TARGETS: targets,
    HOST: 'server.shop.svc',
    HOLD_SECONDS: '2',
    INTERVAL_MS: '200',
    LOAD_SECONDS: '1',
    ...env,
  });
}

describe('the server', () => {
  it('finishes what is in flight at SIGTERM, refuses what is new, and exits with 0', async () => {
    const { server, url } = await startServer();
    const inFlight = fetch(`${url}/hold?seconds=2&id=r1`);
    await server.until('request');

    server.child.kill('SIGTERM');
    await server.until('sigterm');
    const refused = await fetch(`${url}/ok`).then(
      () => 'answered',
      () => 'refused',
    );
    const answer = await inFlight;

    expect(refused).toBe('refused');
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 200,
      body: { pod: 'server-1', id: 'r1', seconds: 2 },
    });
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.lines().map(({ event }) => event)).toEqual(['listening', 'request', 'sigterm', 'finished', 'exit']);
  });

  it('calls its peer once a second after SIGTERM and tells which calls failed', async () => {
    const peer = await startServer({ POD_NAME: 'peer-1' });
    const { server, url } = await startServer();
    const armed = await fetch(`${url}/late-call?seconds=4&url=${encodeURIComponent(`${peer.url}/ok`)}`);

    server.child.kill('SIGTERM');
    await server.until('late-call', 2);
    peer.server.child.kill('SIGKILL');

    expect(armed.status).toBe(200);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(lateCalls(server.lines())?.map(({ ok }) => ok)).toEqual([true, true, false, false]);
  });

  it('says of a log that does not reach SIGTERM that nothing was seen', async () => {
    const { server } = await startServer();
    server.child.kill('SIGKILL');
    await server.exited;

    expect(lateCalls(server.lines())).toBeUndefined();
  });
});

describe('the load generator', () => {
  it('records requests that survive', async () => {
    const { server, url } = await startServer();
    const load = startLoad(url);

    expect(await load.exited).toEqual({ code: 0, signal: null });
    const requests = loadRequests(load.lines());
    expect(requests.length).toBeGreaterThanOrEqual(3);
    expect(
      requests.every(
        ({ survived, pod, sentAt, endedAt }) =>
          survived === true && pod === 'server-1' && (endedAt ?? 0) - sentAt >= 1990,
      ),
    ).toBe(true);
    server.child.kill('SIGTERM');
    await server.exited;
    expect(requestsOfPod('server-1', new Map([['server-1', server.lines()]]), requests)).toHaveLength(requests.length);
  });

  it('records requests that are lost in flight, and ones that are refused, and to whom they had gone', async () => {
    const { server, url } = await startServer();
    const load = startLoad(url, { LOAD_SECONDS: '2' });
    await server.until('request', 3);

    server.child.kill('SIGKILL');

    await load.exited;
    const requests = loadRequests(load.lines());
    const lost = requestsOfPod('server-1', new Map([['server-1', server.lines()]]), requests);
    expect(lost.length).toBeGreaterThanOrEqual(3);
    expect(new Set(lost.map(({ survived, error }) => `${survived}: ${error}`))).toEqual(
      new Set(['false: socket hang up']),
    );
    const refused = requests.filter(({ id }) => !lost.some((each) => each.id === id));
    expect(refused.length).toBeGreaterThan(0);
    expect(
      refused.every(
        ({ survived, error }) => survived === false && /ECONNREFUSED|socket hang up|ECONNRESET/.test(error ?? ''),
      ),
    ).toBe(true);
  });

  it('takes the first address that answers', async () => {
    const { server, url } = await startServer();
    const load = startLoad(`http://127.0.0.1:${await freePort()} ${url}`);

    await load.exited;

    expect(load.lines().find(({ event }) => event === 'ready')?.target).toBe(url);
    server.child.kill('SIGKILL');
  });

  it('says what it tried where nothing answers', async () => {
    const load = startLoad(`http://127.0.0.1:${await freePort()}`, { FIND_SECONDS: '1' });

    expect(await load.exited).toEqual({ code: 1, signal: null });
    expect(load.lines()).toEqual([
      expect.objectContaining({ event: 'unreachable', last: expect.stringContaining('ECONNREFUSED') }),
    ]);
  });
});
