import { afterEach, describe, expect, it } from '@jest/globals';
import { BindError, HealthServer, Metrics } from '../../../src/runtime/index.ts';
import type { HealthServerOptions } from '../../../src/runtime/index.ts';

const servers: HealthServer[] = [];

async function start(options: Partial<HealthServerOptions> = {}): Promise<HealthServer> {
  const server = new HealthServer({ address: '127.0.0.1:0', flag: '--health-address', ...options });
  servers.push(server);
  await server.start();
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    await server.stop();
  }
});

async function get(
  server: HealthServer,
  path: string,
  method = 'GET',
): Promise<{ status: number; body: string; type: string | null }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { status: response.status, body: await response.text(), type: response.headers.get('content-type') };
}

describe('checks', () => {
  it('are all there is to health, and each can be asked for by its name', async () => {
    const server = await start();
    let reason: string | undefined = undefined;
    server.addReadiness('caches', () => reason);
    server.addReadiness('leader', () => Promise.resolve(undefined));

    expect(await get(server, '/readyz')).toMatchObject({ status: 200, body: 'ok' });
    reason = 'deployments.apps is not synced';
    expect(await get(server, '/readyz')).toMatchObject({
      status: 503,
      body: '[+]ping ok\n[-]caches failed: deployments.apps is not synced\n[+]leader ok\nreadyz check failed\n',
    });
    expect(await get(server, '/readyz/leader')).toMatchObject({ status: 200, body: 'ok' });
    expect(await get(server, '/readyz?exclude=caches')).toMatchObject({ status: 200 });
    expect(await get(server, '/healthz?verbose')).toMatchObject({
      status: 200,
      body: '[+]ping ok\nhealthz check passed\n',
    });
    expect(await get(server, '/livez')).toMatchObject({ status: 200, body: 'ok' });
    expect(await get(server, '/readyz/nothing')).toMatchObject({
      status: 404,
      body: expect.stringContaining('there are: ping caches leader'),
    });
  });

  it('that throw have failed', async () => {
    const server = await start();
    server.addLiveness('loop', () => {
      throw new Error('stuck');
    });
    expect(await get(server, '/healthz')).toMatchObject({
      status: 503,
      body: expect.stringContaining('[-]loop failed: stuck'),
    });
  });
});

describe('endpoints', () => {
  it('serves metrics where they are asked for', async () => {
    const metrics = new Metrics({ processMetrics: false });
    const server = await start({ metrics });
    const answer = await get(server, '/metrics');
    expect(answer.type).toContain('text/plain');
    expect(answer.body).toContain('# TYPE rest_client_requests_total counter');
  });

  it.each([
    ['/metrics', 'GET', 404],
    ['/', 'GET', 404],
    ['/healthz', 'POST', 405],
    ['/healthz', 'HEAD', 200],
    ['/healthz/', 'GET', 200],
  ])('%s %s answers %i', async (path, method, status) => {
    const server = await start();
    expect((await get(server, path, method)).status).toBe(status);
  });

  it('can serve metrics alone', async () => {
    const server = await start({
      health: false,
      metrics: { contentType: 'text/plain', text: () => Promise.resolve('m 1\n') },
    });
    expect((await get(server, '/metrics')).body).toBe('m 1\n');
    expect(await get(server, '/healthz')).toMatchObject({ status: 404, body: 'not found; there are: /metrics\n' });
  });

  it('answers 500 when the metrics cannot be made, and goes on', async () => {
    const server = await start({ metrics: { contentType: 'text/plain', text: () => Promise.reject(new Error('x')) } });
    expect((await get(server, '/metrics')).status).toBe(500);
    expect((await get(server, '/healthz')).status).toBe(200);
  });
});

describe('addresses', () => {
  it('a port in use is one clear line', async () => {
    const first = await start();
    const second = new HealthServer({ address: `127.0.0.1:${first.port}`, flag: '--health-address' });
    const error = await second.start().catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(BindError);
    expect(error).toMatchObject({
      code: 'BIND_FAILED',
      message: `Cannot listen on 127.0.0.1:${first.port} (--health-address): the port is in use by another process. Choose another one with --health-address, or 0 for none.`,
    });
  });

  it.each(['8081', 'localhost', ':99999', 'http://x:1', '::1:80'])('"%s" is refused', async (address) => {
    await expect(new HealthServer({ address, flag: '--health-address' }).start()).rejects.toThrow(
      `--health-address "${address}" is not an address. Write :8081`,
    );
  });

  it('an address that this machine does not have is one clear line', async () => {
    await expect(new HealthServer({ address: '203.0.113.1:0', flag: '--health-address' }).start()).rejects.toThrow(
      'this machine has no such address',
    );
  });

  it.each(['0', ''])('"%s" means no server', async (address) => {
    const server = await start({ address });
    expect(server.port).toBeUndefined();
  });

  it.each([':0', '[::1]:0', 'localhost:0'])('"%s" is listened on', async (address) => {
    const server = await start({ address });
    expect(server.port).toBeGreaterThan(0);
  });
});

it('stops though a client holds its connection open', async () => {
  const server = await start();
  await get(server, '/healthz');
  await server.stop();
  await expect(server.stop()).resolves.toBeUndefined();
});
