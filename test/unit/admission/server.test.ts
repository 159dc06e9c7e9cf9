import { request } from 'node:https';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { AdmissionOutcome } from '../../../src/admission/metrics.ts';
import type { AdmissionHandler } from '../../../src/admission/review.ts';
import { AdmissionServer } from '../../../src/admission/server.ts';
import { issueCertificate, type IssuedCertificate } from '../../../src/admission/x509.ts';

let identity: IssuedCertificate;
beforeAll(() => {
  identity = issue('first');
});

const servers: AdmissionServer[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(async (server) => {
      await server.stop();
    }),
  );
});

function issue(authority: string): IssuedCertificate {
  return issueCertificate({ authority, hosts: ['127.0.0.1'], now: Date.now(), lifetimeMs: 3_600_000 });
}

interface Started {
  readonly server: AdmissionServer;
  readonly outcomes: [kind: string, outcome: AdmissionOutcome][];
}

async function start(handler: AdmissionHandler, isReady = true): Promise<Started> {
  const outcomes: Started['outcomes'] = [];
  const server = new AdmissionServer({
    address: '127.0.0.1:0',
    handler,
    isReady: () => isReady,
    observe: (kind, outcome) => {
      outcomes.push([kind, outcome]);
    },
  });
  await server.start(identity);
  servers.push(server);
  return { server, outcomes };
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly connection: string | undefined;
  readonly issuer: string;
}

async function send(
  server: AdmissionServer,
  body: string,
  options: { method?: string; path?: string; ca?: string } = {},
): Promise<Reply> {
  return await new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: server.port,
        path: options.path ?? '/mutate?timeout=2s',
        method: options.method ?? 'POST',
        ca: options.ca ?? identity.ca,
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        const socket = response.socket as unknown as { getPeerCertificate(): { issuer?: { CN?: string } } };
        const issuer = socket.getPeerCertificate().issuer?.CN ?? '';
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8');
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: text, connection: response.headers.connection, issuer });
        });
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

const POD = { metadata: { name: 'web' }, spec: { containers: [] } };

function review(object: unknown = POD, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace: 'shop',
      object,
      ...more,
    },
  });
}

function responseOf({ body }: Reply): {
  uid: string;
  allowed: boolean;
  patch?: string;
  patchType?: string;
  warnings?: string[];
} {
  return (JSON.parse(body) as { response: ReturnType<typeof responseOf> }).response;
}

describe('AdmissionServer', () => {
  it('sends the patch and the warnings of the handler', async () => {
    const patch = [{ op: 'add', path: '/spec/terminationGracePeriodSeconds', value: 90 }] as const;
    const { server, outcomes } = await start(() => ({ patch, warnings: ['be warned'] }));

    const reply = responseOf(await send(server, review()));

    expect(reply).toMatchObject({ uid: 'u-1', allowed: true, patchType: 'JSONPatch', warnings: ['be warned'] });
    expect(JSON.parse(Buffer.from(reply.patch ?? '', 'base64').toString('utf8'))).toEqual(patch);
    expect(outcomes).toEqual([['Pod', 'patched']]);
  });

  it('hands over the request', async () => {
    const seen: unknown[] = [];
    const { server } = await start((each) => {
      seen.push(each);
      return {};
    });

    await send(
      server,
      review(POD, {
        dryRun: true,
        operation: 'UPDATE',
        oldObject: { metadata: {} },
        userInfo: { username: 'jane' },
        name: 'web',
      }),
    );

    expect(seen).toEqual([
      {
        uid: 'u-1',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        operation: 'UPDATE',
        namespace: 'shop',
        name: 'web',
        object: POD,
        oldObject: { metadata: {} },
        dryRun: true,
        userInfo: { username: 'jane' },
      },
    ]);
  });

  it.each<[string, AdmissionOutcome, boolean, AdmissionHandler]>([
    [
      'throws',
      'failed',
      true,
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', 'failed', true, () => Promise.reject(new Error('broken'))],
    [
      'has a patch that does not fit',
      'failed',
      true,
      () => ({ patch: [{ op: 'replace', path: '/spec/nowhere', value: 1 }] }),
    ],
    ['has nothing to say', 'unchanged', true, () => ({})],
    [
      'would have a patch, but the caches are not filled',
      'not-ready',
      false,
      () => ({ patch: [{ op: 'add', path: '/x', value: 1 }] }),
    ],
  ])('lets the request through as it is where the handler %s', async (_what, outcome, isReady, handler) => {
    const { server, outcomes } = await start(handler, isReady);

    const reply = responseOf(await send(server, review()));

    expect(reply).toEqual({ uid: 'u-1', allowed: true });
    expect(outcomes).toEqual([['Pod', outcome]]);
  });

  it.each([
    ['no JSON', '{', {}, 400],
    ['another kind', JSON.stringify({ apiVersion: 'v1', kind: 'Pod' }), {}, 400],
    ['an old version', review().replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'), {}, 400],
    ['no uid', review(POD, { uid: '' }), {}, 400],
    ['a body that is too long', review({ text: 'x'.repeat(3 * 1024 * 1024) }), {}, 413],
    ['another path', review(), { path: '/' }, 404],
    ['another method', '', { method: 'GET' }, 405],
  ])('refuses %s', async (_what, body, options, status) => {
    const { server } = await start(() => ({}));

    expect((await send(server, body, options)).status).toBe(status);
  });

  it('takes another certificate while serving', async () => {
    const { server } = await start(() => ({}));
    const before = await send(server, review());
    const next = issue('second');

    server.use(next);
    const after = await send(server, review(), { ca: next.ca });

    expect([before.issuer, after.issuer]).toEqual(['first', 'second']);
    await expect(send(server, review())).rejects.toThrow();
  });

  it('goes on answering while it drains, and asks callers to connect anew', async () => {
    const { server } = await start(() => ({}));

    server.drain();
    const reply = await send(server, review());

    expect(responseOf(reply).allowed).toBe(true);
    expect(reply.connection).toBe('close');
  });

  it.each([
    ['0', 'is nowhere'],
    ['nonsense', 'is not an address'],
  ])('cannot listen on %s', async (address, message) => {
    const server = new AdmissionServer({ address, handler: () => ({}), isReady: () => true });

    await expect(server.start(identity)).rejects.toThrow(message);
  });
});
