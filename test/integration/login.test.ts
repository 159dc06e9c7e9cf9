// How the built program logs in where a kubeconfig asks for it: the bundle has only a part of the Kubernetes client.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { runProgram } from '../support/cli.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { answer, FakeServer, status } from '../unit/kube/fake-server.ts';

/** What the program sends to an API server that lets nobody in, and what it says. */
async function loginOf(
  user: object,
  cluster: object = {},
): Promise<{ readonly sent: readonly (string | undefined)[]; readonly said: string }> {
  const server = await FakeServer.start((_request, response) => {
    answer(response, 403, status(403, 'Forbidden', 'nobody may'));
  });
  const url = `http://127.0.0.1:${server.port}`;
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
    const sent = new Set(server.requests.map(({ headers }) => headers.authorization));
    return { sent: [...sent], said: stderr.replaceAll(folder, 'FOLDER') };
  } finally {
    await server.stop();
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
    const proxy = await startConnectProxy();
    try {
      expect((await loginOf({ token: 'plain' }, { 'proxy-url': proxy.url })).sent).toEqual(['Bearer plain']);
      expect(new Set(proxy.asked).size).toBe(1);
    } finally {
      await proxy.close();
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
