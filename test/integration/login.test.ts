// How the built program logs in where a kubeconfig asks for it: the bundle has only a part of the Kubernetes client.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { runProgram } from '../support/cli.ts';

/** What the program sends to an API server that lets nobody in, and what it says. */
async function loginOf(
  user: object,
  cluster: object = {},
): Promise<{ readonly sent: readonly (string | undefined)[]; readonly said: string }> {
  const sent = new Set<string | undefined>();
  const server = createServer((request, response) => {
    sent.add(request.headers.authorization);
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403 }),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'login-'));
  const kubeconfig = join(folder, 'config');
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'shop',
      clusters: [{ name: 'shop', cluster: { server: url, ...cluster } }],
      users: [{ name: 'anna', user }],
      contexts: [{ name: 'shop', context: { cluster: 'shop', user: 'anna' } }],
    }),
  );
  try {
    const { stderr } = await runProgram(['lint', '--cluster', '--kubeconfig', kubeconfig]);
    return { sent: [...sent], said: stderr.replaceAll(folder, 'FOLDER') };
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}

/** Signed by nobody: only a server would ask. */
function idToken(expires: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: 'anna', exp: expires })}.${part({})}`;
}

const openIdConnect = (token: string | undefined): object => ({
  'auth-provider': {
    name: 'oidc',
    config: {
      'client-id': 'shop',
      'idp-issuer-url': 'https://login.example.com',
      'refresh-token': 'again',
      ...(token === undefined ? {} : { 'id-token': token }),
    },
  },
});

describe('the program logs in', () => {
  it('with a token', async () => {
    expect((await loginOf({ token: 'plain' })).sent).toEqual(['Bearer plain']);
  });

  it('with what an exec plugin prints', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'p' },
    };
    const exec = {
      apiVersion: credential.apiVersion,
      command: process.execPath,
      args: ['-p', JSON.stringify(JSON.stringify(credential))],
      interactiveMode: 'Never',
    };

    expect((await loginOf({ exec })).sent).toEqual(['Bearer p']);
  });

  it('through a proxy', async () => {
    const asked = new Set<string | undefined>();
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.add(request.url);
      const { hostname, port } = new URL(`http://${request.url ?? ''}`);
      const upstream = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      expect((await loginOf({ token: 'plain' }, { 'proxy-url': address })).sent).toEqual(['Bearer plain']);
      expect(asked.size).toBe(1);
    } finally {
      proxy.close();
    }
  });

  it('with a token of the file before one of OpenID Connect, as kubectl does', async () => {
    const user = { token: 'plain', ...openIdConnect(idToken(1_700_000_000)) };

    expect((await loginOf(user)).sent).toEqual(['Bearer plain']);
  });

  it('by OpenID Connect, with the token of the file', async () => {
    const token = idToken(4_000_000_000);

    expect((await loginOf(openIdConnect(token))).sent).toEqual([`Bearer ${token}`]);
  });

  it('by OpenID Connect with whatever it cannot read: the API server judges it', async () => {
    expect((await loginOf(openIdConnect('opaque'))).sent).toEqual(['Bearer opaque']);
  });

  it('by OpenID Connect not with a token that has expired, and says what to do', async () => {
    expect(await loginOf(openIdConnect(idToken(1_700_000_000)))).toEqual({
      sent: [],
      said: 'sidecar-drain lint: FOLDER/config: the ID token of the user "anna" expired at 2023-11-14T22:13:20.000Z, and sidecar-drain renews none. Log in again; or, where the file has a refresh-token, run any kubectl command with this context, which renews the token in the file.\n',
    });
  });

  it('by OpenID Connect not without a token', async () => {
    const { sent, said } = await loginOf(openIdConnect(undefined));

    expect(sent).toEqual([]);
    expect(said).toContain('the user "anna" has no ID token (auth-provider oidc, id-token). Log in');
  });
});
