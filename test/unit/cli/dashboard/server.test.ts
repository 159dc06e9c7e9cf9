import { request, type IncomingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { gunzipSync } from 'node:zlib';
import { dashboardAssets } from '../../../../src/cli/dashboard/assets.ts';
import { serveDashboard, type RunningServer } from '../../../../src/cli/dashboard/server/server.ts';
import type { Send } from '../../../../src/cli/dashboard/server/source.ts';

let server: RunningServer;
let listeners: Set<Send>;

beforeEach(async () => {
  listeners = new Set();
  server = await serveDashboard(
    dashboardAssets('1.2.3'),
    {
      subscribe: (send) => {
        send('hello', { cluster: 'test' });
        listeners.add(send);
        return () => {
          listeners.delete(send);
        };
      },
      workload: () => Promise.resolve(undefined),
    },
    0,
  );
});

afterEach(async () => {
  await server.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** By node:http, because fetch sets Host itself. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request(new URL(path, server.url), { headers, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('the server of the dashboard', () => {
  it('listens on the loopback interface', () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  it.each(['/', '/page.js', '/page.css', '/events', '/workload?key=a'])(
    'refuses %s under the name of somebody else, whose page may have let it point here',
    async (path) => {
      const { port } = new URL(server.url);
      const { status, body } = await ask(path, { host: `rebound.example:${port}` });

      expect(status).toBe(403);
      expect(body.toString()).toBe(`open this page as http://127.0.0.1:${port}/\n`);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    expect((await ask('/', {}, method)).status).toBe(405);
  });

  it('answers under localhost, lets the page ask nobody else, and lets no page frame it', async () => {
    const { port } = new URL(server.url);
    const { status, headers } = await ask('/', { host: `localhost:${port}` });

    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(headers['content-security-policy']).toContain("connect-src 'self'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('compresses for those who can read it', async () => {
    const plain = await ask('/page.js');
    const packed = await ask('/page.js', { 'accept-encoding': 'gzip' });

    expect(gunzipSync(packed.body).equals(plain.body)).toBe(true);
    expect(packed.body.length).toBeLessThan(plain.body.length);
  });

  it('says which paths and which workloads there are not', async () => {
    expect((await ask('/../etc/passwd')).status).toBe(404);
    const { status, body } = await ask('/workload?key=Deployment/a/b');
    expect([status, body.toString()]).toEqual([404, 'there is no such workload\n']);
  });

  it('streams what the source tells, and lets it go when the reader leaves', async () => {
    const abort = new AbortController();
    const answer = await fetch(new URL('/events', server.url), { signal: abort.signal });
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe('event: hello\ndata: {"cluster":"test"}\n\n');

    for (const send of listeners) {
      send('rows', { put: [], gone: ['Deployment/a/b'] });
    }
    const second = await reader?.read();
    expect(Buffer.from(second?.value ?? []).toString()).toBe(
      'event: rows\ndata: {"put":[],"gone":["Deployment/a/b"]}\n\n',
    );

    abort.abort();
    while (listeners.size > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
  });

  it('serves so many pages at a time, and not more', async () => {
    const abort = new AbortController();
    for (let open = 0; open < 16; open++) {
      await fetch(new URL('/events', server.url), { signal: abort.signal });
    }
    const { status, body } = await ask('/events');
    abort.abort();

    expect([status, body.toString()]).toEqual([503, 'this page is open 16 times already\n']);
  });

  it('says that its port is taken, and what to do', async () => {
    const port = Number(new URL(server.url).port);
    const source = { subscribe: () => () => undefined, workload: () => Promise.resolve(undefined) };

    await expect(serveDashboard([], source, port)).rejects.toThrow(
      `port ${port} is taken: give another one with --port, or --port 0 for any that is free`,
    );
  });
});
