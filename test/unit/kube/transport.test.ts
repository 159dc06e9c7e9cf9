import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:net';
import { ApiError, ConnectionError, KubeClient, Transport, defineResource } from '../../../src/kube/index.ts';
import type { RequestObservation, TransportOptions } from '../../../src/kube/index.ts';
import { answer, eventually, FakeServer, fakeConfig, status } from './fake-server.ts';
import type { Handler } from './fake-server.ts';
import { freePort } from '../../support/control-plane/processes.ts';

const deployments = defineResource({
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
});
const cart = { name: 'cart', namespace: 'shop' };
const fast = { baseMs: 5, maxMs: 20 };
const cleanups: (() => Promise<void>)[] = [];

async function setup(
  handler: Handler,
  options: Partial<TransportOptions> = {},
): Promise<{ server: FakeServer; transport: Transport; client: KubeClient }> {
  const server = await FakeServer.start(handler);
  const transport = new Transport({
    config: server.config,
    userAgent: 'sidecar-drain-operator/test',
    retryPolicy: fast,
    ...options,
  });
  cleanups.push(
    () => transport.close(),
    () => server.stop(),
  );
  return { server, transport, client: new KubeClient(transport) };
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

describe('refusals that pass', () => {
  it.each([
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [502, ''],
    [503, 'ServiceUnavailable'],
    [504, 'Timeout'],
  ])('a read goes on after %i', async (code, reason) => {
    const { server, client } = await setup((_request, response, count) => {
      if (count < 3) {
        answer(response, code, status(code, reason, 'not now'));
      } else {
        answer(response, 200, { kind: 'Deployment' });
      }
    });

    await expect(client.get(deployments, cart)).resolves.toEqual({ kind: 'Deployment' });
    expect(server.requests).toHaveLength(3);
  });

  it('gives up after the agreed number of attempts, with the last answer', async () => {
    const { server, client } = await setup(
      (_request, response) => {
        answer(response, 503, status(503, 'ServiceUnavailable', 'etcd has no leader'));
      },
      { retryPolicy: { ...fast, attempts: 4 } },
    );

    await expect(client.get(deployments, cart)).rejects.toMatchObject({
      status: 503,
      serverMessage: 'etcd has no leader',
    });
    expect(server.requests).toHaveLength(4);
  });

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Date.now() + 2_000).toUTCString()],
  ])(
    'waits as long as Retry-After says, as %s, also before a write that may be sent once only',
    async (_name, header) => {
      const { server, client } = await setup((_request, response, count) => {
        if (count === 1) {
          answer(response, 429, status(429, 'TooManyRequests', 'slow down'), { 'retry-after': header() });
        } else {
          answer(response, 200, {});
        }
      });

      await client.mergePatch(deployments, cart, { metadata: {} });
      const [first, second] = server.requests;
      expect(second!.at - first!.at).toBeGreaterThanOrEqual(990);
    },
  );

  it('waits no longer than the bound, whatever Retry-After says', async () => {
    const { server, client } = await setup(
      (_request, response, count) => {
        if (count === 1) {
          answer(response, 429, status(429, 'TooManyRequests', 'slow down'), { 'retry-after': '3600' });
        } else {
          answer(response, 200, {});
        }
      },
      { retryPolicy: { ...fast, maxRetryAfterMs: 50 } },
    );

    await client.get(deployments, cart);
    expect(server.requests).toHaveLength(2);
  });
});

describe('writes', () => {
  const tornThenFine: Handler = (_request, response, count) => {
    if (count === 1) {
      response.destroy();
    } else {
      answer(response, 200, { metadata: { resourceVersion: '2' } });
    }
  };

  it('are not sent again after a broken connection unless the caller says that it is safe', async () => {
    const { server, client } = await setup(tornThenFine);

    await expect(client.apply(deployments, cart, {}, { fieldManager: 'm' })).rejects.toMatchObject({
      code: 'KUBE_UNREACHABLE',
      sent: true,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('are sent again where it is safe', async () => {
    const { server, client } = await setup(tornThenFine);

    await expect(client.apply(deployments, cart, {}, { fieldManager: 'm', retry: 'idempotent' })).resolves.toEqual({
      metadata: { resourceVersion: '2' },
    });
    expect(server.requests).toHaveLength(2);
  });

  it('are not sent again after a 500 for a field that the schema does not know', async () => {
    const { server, client } = await setup((_request, response) => {
      answer(
        response,
        500,
        status(
          500,
          '',
          'failed to create typed patch object (shop/cart; apps/v1, Kind=Deployment): .spec.bogus: field not declared in schema',
        ),
      );
    });

    const error = await client
      .apply(deployments, cart, {}, { fieldManager: 'm', retry: 'idempotent' })
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ isSchemaError: true, retryable: false });
    expect(server.requests).toHaveLength(1);
  });

  it('never have more under way than the limit, while reads go past them', async () => {
    let writing = 0;
    let most = 0;
    let readDuringWrites = false;
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { client, transport } = await setup(
      async (request, response) => {
        if (request.method === 'GET') {
          readDuringWrites = writing > 0;
          answer(response, 200, {});
          return;
        }
        writing += 1;
        most = Math.max(most, writing);
        await held;
        await new Promise((resolve) => {
          setTimeout(resolve, 20);
        });
        writing -= 1;
        answer(response, 200, {});
      },
      { connections: 5, maxWritesInFlight: 3 },
    );

    const writes = Array.from({ length: 20 }, () => client.mergePatch(deployments, cart, {}));
    await eventually(() => writing === 3, 'as many writes as may be are under way');
    await client.get(deployments, cart);
    release();
    await Promise.all(writes);

    expect(most).toBe(3);
    expect(readDuringWrites).toBe(true);
    expect(transport.writesPending).toBe(0);
  });

  it('of higher priority go first', async () => {
    const order: string[] = [];
    const { client } = await setup(
      async (request, response) => {
        order.push(request.body);
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
        answer(response, 200, {});
      },
      { maxWritesInFlight: 1 },
    );

    await Promise.all([
      client.mergePatch(deployments, cart, '"first"'),
      client.mergePatch(deployments, cart, '"low"', { priority: 0 }),
      client.mergePatch(deployments, cart, '"high"', { priority: 1 }),
    ]);

    expect(order).toEqual(['"first"', '"high"', '"low"']);
  });
});

describe('deadlines', () => {
  it.each([
    ['a connection that hangs', (() => undefined) satisfies Handler],
    [
      'a body that never ends',
      ((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"kind":');
      }) satisfies Handler,
    ],
  ])('end the wait for %s', async (_name, handler) => {
    const { server, client } = await setup(handler);

    const error = await client
      .get(deployments, cart, { timeoutMs: 600, once: true })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: 'KUBE_TIMEOUT', message: expect.stringContaining('get deployments.apps') });
    expect(server.requests).toHaveLength(1);
  });

  it('count for each attempt, so a read survives one slow answer', async () => {
    const { server, client } = await setup((_request, response, count) => {
      if (count > 1) {
        answer(response, 200, { kind: 'Deployment' });
      }
    });

    await expect(client.get(deployments, cart, { timeoutMs: 60 })).resolves.toEqual({ kind: 'Deployment' });
    expect(server.requests).toHaveLength(2);
  });

  it('free the connection that hung', async () => {
    const { server, client } = await setup(
      (_request, response, count) => {
        if (count > 1) {
          answer(response, 200, {});
        }
      },
      { connections: 1 },
    );

    await expect(client.get(deployments, cart, { timeoutMs: 60, once: true })).rejects.toMatchObject({
      code: 'KUBE_TIMEOUT',
      sent: true,
    });
    await expect(client.get(deployments, cart, { timeoutMs: 2_000, once: true })).resolves.toEqual({});
    expect(server.connections).toBe(2);
  });

  it('include the wait for a free connection, and the request that gave up is never sent', async () => {
    let free = (): void => undefined;
    const { server, client } = await setup(
      (_request, response, count) => {
        if (count === 1) {
          free = () => {
            answer(response, 200, {});
          };
        } else {
          answer(response, 200, {});
        }
      },
      { connections: 1 },
    );

    const first = client.get(deployments, cart);
    await eventually(() => server.requests.length === 1, 'the connection is taken');
    await expect(
      client.get(deployments, { name: 'late', namespace: 'shop' }, { timeoutMs: 50, once: true }),
    ).rejects.toMatchObject({ code: 'KUBE_TIMEOUT', sent: false });
    free();
    await first;
    await client.get(deployments, { name: 'next', namespace: 'shop' });

    expect(server.requests.map((request) => request.url)).toEqual([
      expect.stringContaining('/cart'),
      expect.stringContaining('/next'),
    ]);
  });
});

describe('abort', () => {
  it.each([
    ['while the server thinks', 0],
    ['between attempts', 503],
  ])('ends a request %s', async (_name, code) => {
    const controller = new AbortController();
    const { server, client } = await setup(
      (_request, response) => {
        if (code !== 0) {
          answer(response, code, status(code, '', 'later'));
        }
        setTimeout(() => {
          controller.abort(new Error('we do not lead any more'));
        }, 20);
      },
      { retryPolicy: { baseMs: 10_000, maxMs: 10_000 } },
    );

    await expect(client.get(deployments, cart, { signal: controller.signal })).rejects.toThrow(
      'we do not lead any more',
    );
    expect(server.requests).toHaveLength(1);
  });

  it('takes waiting writes out of the line', async () => {
    const controller = new AbortController();
    const { server, client } = await setup(() => undefined, { maxWritesInFlight: 1 });

    const writes = [1, 2, 3].map(() => client.mergePatch(deployments, cart, {}, { signal: controller.signal }));
    const results = Promise.allSettled(writes);
    await eventually(() => server.requests.length === 1, 'the first write was sent');
    controller.abort(new Error('stop'));

    expect((await results).map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(server.requests).toHaveLength(1);
  });

  it('may be listened to by many requests without a warning of Node', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => {
      warnings.push(warning.name);
    };
    process.on('warning', onWarning);
    const { client } = await setup((_request, response) => {
      answer(response, 200, {});
    });
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => client.mergePatch(deployments, cart, {}, { signal })));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    process.off('warning', onWarning);

    expect(warnings).toEqual([]);
  });

  it('sends nothing when it came before', async () => {
    const { server, client } = await setup((_request, response) => {
      answer(response, 200, {});
    });

    await expect(client.get(deployments, cart, { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow(
      'too late',
    );
    expect(server.requests).toHaveLength(0);
  });
});

describe('answers that cannot be used', () => {
  it.each([
    ['HTML of a login page', '<html>log in</html>', 'Is this address a Kubernetes API server?'],
    ['half of a document', '{"items": [', 'is not JSON'],
  ])('%s', async (_name, body, message) => {
    const { client } = await setup(
      (_request, response) => {
        answer(response, 200, body);
      },
      { retryPolicy: { ...fast, attempts: 1 } },
    );

    await expect(client.get(deployments, cart)).rejects.toMatchObject({
      code: 'KUBE_BAD_ANSWER',
      message: expect.stringContaining(message),
    });
  });

  it('an answer that breaks off is read again', async () => {
    const { server, client } = await setup((_request, response, count) => {
      if (count > 1) {
        answer(response, 200, { kind: 'Deployment' });
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"kind":"Depl', () => {
        response.destroy();
      });
    });

    await expect(client.get(deployments, cart)).resolves.toEqual({ kind: 'Deployment' });
    expect(server.requests).toHaveLength(2);
  });
});

describe('reaching the server', () => {
  it('says that nobody answers there', async () => {
    const port = await freePort();
    const transport = new Transport({
      config: fakeConfig(`http://127.0.0.1:${port}`),
      userAgent: 'x',
      retryPolicy: { ...fast, attempts: 2 },
    });
    cleanups.push(() => transport.close());

    await expect(new KubeClient(transport).raw('/version')).rejects.toMatchObject({
      code: 'KUBE_UNREACHABLE',
      sent: false,
      message: expect.stringContaining('cannot reach the API server'),
    });
  });

  it('sends what never left again, also writes', async () => {
    const port = await freePort();
    const transport = new Transport({
      config: fakeConfig(`http://127.0.0.1:${port}`),
      userAgent: 'x',
      retryPolicy: { attempts: 1_000, baseMs: 30, maxMs: 30 },
    });
    cleanups.push(() => transport.close());
    const patched = new KubeClient(transport).mergePatch(deployments, cart, {});
    await new Promise((resolve) => {
      setTimeout(resolve, 60);
    });

    const bodies: string[] = [];
    const late = createServer((socket) => {
      socket.once('data', (data) => {
        bodies.push(data.toString());
        socket.end(
          'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}',
        );
      });
    });
    await new Promise<void>((resolve) => {
      late.listen(port, '127.0.0.1', resolve);
    });
    cleanups.push(
      () =>
        new Promise<void>((resolve) => {
          late.close(() => {
            resolve();
          });
        }),
    );

    await expect(patched).resolves.toEqual({});
    expect(bodies).toHaveLength(1);
  });

  it('names itself, and keeps the path that stands in the address of the server', async () => {
    const { server } = await setup((_request, response) => {
      answer(response, 200, {});
    });
    const transport = new Transport({
      config: fakeConfig(`http://127.0.0.1:${server.port}/k8s/clusters/c-1`),
      userAgent: 'sidecar-drain-operator/9.9.9',
    });
    cleanups.push(() => transport.close());

    await new KubeClient(transport).get(deployments, cart, { metadataOnly: true });

    expect(server.requests[0]).toMatchObject({
      url: '/k8s/clusters/c-1/apis/apps/v1/namespaces/shop/deployments/cart',
      headers: {
        'user-agent': 'sidecar-drain-operator/9.9.9',
        accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      },
    });
  });

  it('uses a few connections for many requests', async () => {
    const { server, client, transport } = await setup(
      (_request, response) => {
        answer(response, 200, {});
      },
      { connections: 4, maxWritesInFlight: 16 },
    );

    await Promise.all(Array.from({ length: 300 }, () => client.mergePatch(deployments, cart, {})));

    expect(server.requests).toHaveLength(300);
    expect(server.connections).toBeLessThanOrEqual(4);
    expect(transport.connectionsOpened).toBe(server.connections);
  });
});

describe('credentials', () => {
  it('are asked for again after a 401, once', async () => {
    let issued = 0;
    const fresh: boolean[] = [];
    const server = await FakeServer.start((request, response) => {
      if (request.headers.authorization === 'Bearer 1') {
        answer(response, 401, status(401, 'Unauthorized', 'expired'));
      } else {
        answer(response, 200, {});
      }
    });
    const transport = new Transport({
      userAgent: 'x',
      retryPolicy: fast,
      config: {
        ...server.config,
        credentials: (again = false) => {
          fresh.push(again);
          issued += 1;
          return Promise.resolve({ headers: ['authorization', `Bearer ${issued}`] });
        },
      },
    });
    cleanups.push(
      () => transport.close(),
      () => server.stop(),
    );
    const client = new KubeClient(transport);

    await Promise.all([client.get(deployments, cart), client.mergePatch(deployments, cart, {})]);

    expect(fresh).toEqual([false, true]);
    expect(server.requests.filter((request) => request.headers.authorization === 'Bearer 2')).toHaveLength(2);
  });

  it('that stay refused end with a message that says what to do', async () => {
    const { server, client } = await setup((_request, response) => {
      answer(response, 401, status(401, 'Unauthorized', 'Unauthorized'));
    });

    await expect(client.get(deployments, cart)).rejects.toThrow('Renew the token or client certificate');
    expect(server.requests).toHaveLength(2);
  });

  it('are looked at again when they are old, and the old ones go on when that fails', async () => {
    let asked = 0;
    const server = await FakeServer.start((_request, response) => {
      answer(response, 200, {});
    });
    const transport = new Transport({
      userAgent: 'x',
      config: {
        ...server.config,
        credentialsMaxAgeMs: 1,
        credentials: () => {
          asked += 1;
          if (asked === 2) {
            return Promise.reject(new Error('the plugin crashed'));
          }
          return Promise.resolve({ headers: ['authorization', `Bearer ${asked}`] });
        },
      },
    });
    cleanups.push(
      () => transport.close(),
      () => server.stop(),
    );
    const client = new KubeClient(transport);
    for (let index = 0; index < 3; index += 1) {
      await client.get(deployments, cart);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }

    expect(server.requests.map((request) => request.headers.authorization)).toEqual([
      'Bearer 1',
      'Bearer 1',
      'Bearer 3',
    ]);
  });

  it('with another certificate go over new connections, while what is under way ends on the old ones', async () => {
    let ca = 'one';
    const waiting: (() => void)[] = [];
    const server = await FakeServer.start((request, response) => {
      if (request.url.endsWith('slow')) {
        waiting.push(() => {
          answer(response, 200, { kind: 'Slow' });
        });
      } else {
        answer(response, 200, {});
      }
    });
    const transport = new Transport({
      userAgent: 'x',
      connections: 1,
      config: {
        ...server.config,
        credentialsMaxAgeMs: 1,
        credentials: () => Promise.resolve({ headers: [], ca: Buffer.from(ca) }),
      },
    });
    cleanups.push(
      () => transport.close(),
      () => server.stop(),
    );
    const client = new KubeClient(transport);

    const slow = client.get(deployments, { name: 'slow', namespace: 'shop' });
    await eventually(() => waiting.length === 1, 'the request is under way');
    ca = 'two';
    await client.get(deployments, cart);
    await client.get(deployments, cart);
    waiting[0]!();

    await expect(slow).resolves.toEqual({ kind: 'Slow' });
    expect(server.connections).toBe(2);
  });

  it('that cannot be had at all are an error with a code', async () => {
    const transport = new Transport({
      userAgent: 'x',
      retryPolicy: { ...fast, attempts: 2 },
      config: fakeConfig('http://127.0.0.1:1', { credentials: () => Promise.reject(new Error('no plugin')) }),
    });
    cleanups.push(() => transport.close());

    await expect(new KubeClient(transport).raw('/version')).rejects.toMatchObject({
      code: 'KUBE_CREDENTIALS',
      message: expect.stringContaining('no plugin'),
    });
  });
});

describe('observations', () => {
  it('count every attempt, with its verb, resource and code', async () => {
    const seen: RequestObservation[] = [];
    const retried: number[] = [];
    const { client } = await setup(
      (_request, response, count) => {
        if (count === 1) {
          answer(response, 503, status(503, 'ServiceUnavailable', 'x'));
        } else if (count === 2) {
          response.destroy();
        } else {
          answer(response, 200, {});
        }
      },
      {
        onRequest: (one) => {
          seen.push(one);
        },
        onRetry: (_purpose, _error, delayMs) => {
          retried.push(delayMs);
        },
      },
    );

    await client.jsonPatch(deployments, cart, [], { subresource: 'status', retry: 'idempotent' });

    expect(seen.map(({ verb, method, resource, code }) => [verb, method, resource, code])).toEqual([
      ['patch', 'PATCH', 'deployments.apps/status', '503'],
      ['patch', 'PATCH', 'deployments.apps/status', '<error>'],
      ['patch', 'PATCH', 'deployments.apps/status', '200'],
    ]);
    expect(retried).toHaveLength(2);
  });
});

describe('pages', () => {
  it('follow the continue token, which brings its own version', async () => {
    const { server, client } = await setup((request, response) => {
      const last = request.query.get('continue') !== null;
      answer(response, 200, {
        metadata: { resourceVersion: '7', ...(last ? {} : { continue: 'a+b/c' }) },
        items: last ? [{ n: 3 }] : [{ n: 1 }, { n: 2 }],
      });
    });

    const all = await client.list(deployments, { limit: 2, resourceVersion: '5', labelSelector: 'a in (b,c)' });

    expect(all).toEqual({ items: [{ n: 1 }, { n: 2 }, { n: 3 }], resourceVersion: '7' });
    expect(server.requests.map((request) => Object.fromEntries(request.query))).toEqual([
      { labelSelector: 'a in (b,c)', limit: '2', resourceVersion: '5' },
      { labelSelector: 'a in (b,c)', limit: '2', continue: 'a+b/c' },
    ]);
  });

  it('an empty list has null for its items', async () => {
    const { client } = await setup((_request, response) => {
      answer(response, 200, { metadata: { resourceVersion: '1' }, items: null });
    });
    await expect(client.list(deployments)).resolves.toEqual({ items: [], resourceVersion: '1' });
  });
});

describe('find', () => {
  it('knows absence from not being allowed to look', async () => {
    const { client } = await setup((request, response) => {
      const code = request.url.endsWith('cart') ? 404 : 403;
      answer(response, code, status(code, code === 404 ? 'NotFound' : 'Forbidden', 'x'));
    });

    await expect(client.find(deployments, cart)).resolves.toBeUndefined();
    await expect(client.find(deployments, { name: 'other', namespace: 'shop' })).rejects.toBeInstanceOf(ApiError);
  });
});
