import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceAccountRoot } from '../../../src/kube/config.ts';
import { KubeConfigError, loadClusterConfig } from '../../../src/kube/index.ts';
import type { LoadConfigOptions } from '../../../src/kube/index.ts';

let folder = '';
const inFolder = (name: string) => join(folder, name);

function kubeconfig(parts: {
  server?: string;
  cluster?: object;
  user?: object;
  context?: object;
  current?: string | null;
  prefix?: string;
}): string {
  const prefix = parts.prefix ?? 'a';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: `${prefix}-cluster`, cluster: { server: parts.server ?? 'https://10.0.0.1:6443', ...parts.cluster } },
    ],
    users: [{ name: `${prefix}-user`, user: parts.user ?? { token: 't0ken' } }],
    contexts: [
      {
        name: `${prefix}-context`,
        context: { cluster: `${prefix}-cluster`, user: `${prefix}-user`, ...parts.context },
      },
    ],
    ...(parts.current === null ? {} : { 'current-context': parts.current ?? `${prefix}-context` }),
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  await mkdir(inFolder('home/.kube'), { recursive: true });
  await Promise.all([
    writeFile(inFolder('plain'), kubeconfig({ context: { namespace: 'shop' } })),
    writeFile(inFolder('second'), kubeconfig({ prefix: 'b', server: 'https://b.example/' })),
    writeFile(inFolder('no-current'), kubeconfig({ current: null })),
    writeFile(inFolder('wrong-current'), kubeconfig({ current: 'gone' })),
    writeFile(inFolder('no-cluster'), kubeconfig({ context: { cluster: 'gone' } })),
    writeFile(inFolder('no-user'), kubeconfig({ context: { user: 'gone' } })),
    writeFile(
      inFolder('no-server'),
      JSON.stringify({ clusters: [{ name: 'x', cluster: {} }], users: [], contexts: [] }),
    ),
    writeFile(inFolder('bad-server'), kubeconfig({ server: 'not an address' })),
    writeFile(inFolder('ftp-server'), kubeconfig({ server: 'ftp://10.0.0.1' })),
    writeFile(inFolder('bad-yaml'), 'clusters: [\n  {name: "x"\nusers'),
    writeFile(inFolder('empty'), '\n'),
    writeFile(
      inFolder('missing-cert'),
      kubeconfig({ user: { 'client-certificate': 'gone.crt', 'client-key': 'gone.key' } }),
    ),
    writeFile(
      inFolder('bad-plugin'),
      kubeconfig({
        user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin-anywhere' } },
      }),
    ),
    writeFile(
      inFolder('tls'),
      kubeconfig({
        cluster: { 'certificate-authority': 'ca.crt', 'tls-server-name': 'kubernetes' },
        user: { 'client-certificate': 'user.crt', 'client-key-data': Buffer.from('key').toString('base64') },
      }),
    ),
    writeFile(inFolder('ca.crt'), 'ca'),
    writeFile(inFolder('user.crt'), 'cert'),
    writeFile(
      inFolder('basic'),
      kubeconfig({ user: { username: 'me', password: 'pw' }, server: 'http://127.0.0.1:8001' }),
    ),
    writeFile(inFolder('impersonate'), kubeconfig({ user: { token: 't', as: 'system:serviceaccount:a:b' } })),
    writeFile(inFolder('home/.kube/config'), kubeconfig({ prefix: 'home' })),
  ]);
});

afterAll(() => rm(folder, { recursive: true }));

function load(options: LoadConfigOptions): ReturnType<typeof loadClusterConfig> {
  return loadClusterConfig({ env: {}, home: inFolder('nobody'), ...options });
}

describe('loadClusterConfig finds', () => {
  it('the file of the flag', async () => {
    const config = await load({ file: inFolder('plain') });
    expect(config).toMatchObject({
      server: 'https://10.0.0.1:6443',
      context: 'a-context',
      namespace: 'shop',
      source: inFolder('plain'),
    });
    expect((await config.credentials()).headers).toEqual(['authorization', 'Bearer t0ken']);
  });

  it('the files of KUBECONFIG: the first one says which context, missing ones do not matter', async () => {
    const env = { KUBECONFIG: `${inFolder('gone')}:${inFolder('plain')}:${inFolder('second')}` };
    await expect(load({ env })).resolves.toMatchObject({ context: 'a-context' });
    await expect(load({ env, context: 'b-context' })).resolves.toMatchObject({
      context: 'b-context',
      server: 'https://b.example',
      namespace: 'default',
    });
  });

  it('the flag before KUBECONFIG, KUBECONFIG before the home folder', async () => {
    const env = { KUBECONFIG: inFolder('second') };
    await expect(load({ env, file: inFolder('plain'), home: inFolder('home') })).resolves.toMatchObject({
      context: 'a-context',
    });
    await expect(load({ env, home: inFolder('home') })).resolves.toMatchObject({ context: 'b-context' });
    await expect(load({ home: inFolder('home') })).resolves.toMatchObject({ context: 'home-context' });
  });

  it('certificates beside the file, and the name that the certificate of the server has', async () => {
    const config = await load({ file: inFolder('tls') });
    const { ca, cert, key, headers } = await config.credentials();
    expect([ca?.toString(), cert?.toString(), key?.toString(), headers]).toEqual(['ca', 'cert', 'key', []]);
    expect(config).toMatchObject({ serverName: 'kubernetes', insecureSkipTlsVerify: false });
    expect(config.credentialsMaxAgeMs).toBeGreaterThan(0);
  });

  it('a password, and a plain http server', async () => {
    const config = await load({ file: inFolder('basic') });
    expect((await config.credentials()).headers).toEqual([
      'authorization',
      `Basic ${Buffer.from('me:pw').toString('base64')}`,
    ]);
  });

  it('impersonation', async () => {
    const config = await load({ file: inFolder('impersonate') });
    expect((await config.credentials()).headers).toEqual(
      expect.arrayContaining(['impersonate-user', 'system:serviceaccount:a:b']),
    );
  });

  it('an ID token of OpenID Connect, and reads it again where kubectl has renewed it', async () => {
    const file = inFolder('oidc');
    const idToken = (exp: number): string =>
      ['{"alg":"none"}', JSON.stringify({ exp }), ''].map((part) => Buffer.from(part).toString('base64url')).join('.');
    const write = async (token: string): Promise<void> => {
      const user = { 'auth-provider': { name: 'oidc', config: { 'id-token': token } } };
      await writeFile(file, kubeconfig({ user }));
    };
    await write(idToken(4_000_000_000));
    const config = await loadClusterConfig({ file });
    expect((await config.credentials()).headers).toEqual(['authorization', `Bearer ${idToken(4_000_000_000)}`]);

    await write(idToken(1_700_000_000));
    await expect(config.credentials(true)).rejects.toMatchObject({ code: 'KUBECONFIG_CREDENTIALS' });
    await write(idToken(4_000_000_001));

    expect((await config.credentials(true)).headers).toEqual(['authorization', `Bearer ${idToken(4_000_000_001)}`]);
  });

  it('a token that a plugin prints, and asks it again for a fresh one', async () => {
    const plugin = inFolder('plugin.sh');
    const counter = inFolder('counter');
    await writeFile(counter, '');
    await writeFile(
      plugin,
      `#!/bin/sh
echo x >> ${counter}
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"number-%s"}}' "$(wc -l < ${counter} | tr -d ' ')"
`,
    );
    await chmod(plugin, 0o755);
    await writeFile(
      inFolder('plugin'),
      kubeconfig({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } } }),
    );

    const config = await load({ file: inFolder('plugin') });
    const cached = await config.credentials();
    const fresh = await config.credentials(true);

    expect(cached.headers).toEqual(['authorization', 'Bearer number-1']);
    expect(fresh.headers).toEqual(['authorization', 'Bearer number-2']);
    expect(config.credentialsMaxAgeMs).toBeGreaterThan(0);
  });
});

describe('the service account of a pod', () => {
  const root = serviceAccountRoot;
  const address = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  beforeAll(async () => {
    // client-node looks at the environment itself.
    Object.assign(process.env, address);
    await mkdir(`${inFolder('pod')}${root}`, { recursive: true });
    await writeFile(`${inFolder('pod')}${root}/token`, 'first\n');
    await writeFile(`${inFolder('pod')}${root}/ca.crt`, 'ca');
    await writeFile(`${inFolder('pod')}${root}/namespace`, 'sidecar-drain-system\n');
  });
  afterAll(() => {
    for (const name of Object.keys(address)) {
      Reflect.deleteProperty(process.env, name);
    }
  });

  it('is taken inside of a pod, and its token is read again when the kubelet has replaced it', async () => {
    const config = await load({ env: address, podRoot: inFolder('pod'), home: inFolder('home') });
    expect(config).toMatchObject({ server: 'https://[fd00::1]:443', namespace: 'sidecar-drain-system' });
    expect(config.credentialsMaxAgeMs).toBeGreaterThan(0);
    await writeFile(`${inFolder('pod')}${root}/token`, 'second\n');

    const { ca, headers } = await config.credentials(true);
    expect([ca?.toString(), headers]).toEqual(['ca', ['authorization', 'Bearer second']]);
  });

  it('is not looked at outside of one', async () => {
    await expect(load({ podRoot: inFolder('pod'), home: inFolder('home') })).resolves.toMatchObject({
      context: 'home-context',
    });
  });
});

describe('loadClusterConfig says in one line what is wrong', () => {
  it.each<[string, LoadConfigOptions & { named?: string }, string, string]>([
    ['no configuration at all', {}, 'KUBECONFIG_NOT_FOUND', 'Name a kubeconfig file with --kubeconfig FILE'],
    ['a file that is not there', { named: 'gone' }, 'KUBECONFIG_NOT_FOUND', 'from the flag --kubeconfig'],
    ['a folder', { named: 'home' }, 'KUBECONFIG_UNREADABLE', 'is a folder'],
    ['an empty file', { named: 'empty' }, 'KUBECONFIG_INVALID', 'the file is empty'],
    ['broken YAML', { named: 'bad-yaml' }, 'KUBECONFIG_INVALID', 'kubectl config view'],
    ['a cluster without a server', { named: 'no-server' }, 'KUBECONFIG_INVALID', 'server is missing'],
    ['a server that is no address', { named: 'bad-server' }, 'KUBECONFIG_INVALID', 'https://10.0.0.1:6443'],
    ['a server of another protocol', { named: 'ftp-server' }, 'KUBECONFIG_INVALID', 'must start with https://'],
    ['no current-context', { named: 'no-current' }, 'KUBECONFIG_NO_CONTEXT', 'Choose one with --context NAME'],
    ['a current-context that is not there', { named: 'wrong-current' }, 'KUBECONFIG_NO_CONTEXT', 'It has: a-context'],
    [
      'a --context that is not there',
      { named: 'plain', context: 'prod' },
      'KUBECONFIG_NO_CONTEXT',
      'has no context "prod". It has: a-context',
    ],
    ['a context without its cluster', { named: 'no-cluster' }, 'KUBECONFIG_INVALID', 'names the cluster "gone"'],
    ['a context without its user', { named: 'no-user' }, 'KUBECONFIG_INVALID', 'names the user "gone"'],
    ['a certificate that is not there', { named: 'missing-cert' }, 'KUBECONFIG_CREDENTIALS', 'gone.crt'],
    ['a plugin that is not installed', { named: 'bad-plugin' }, 'KUBECONFIG_CREDENTIALS', 'no-such-plugin-anywhere'],
  ])('%s', async (_name, { named, ...options }, code, text) => {
    const error = await load({ ...options, ...(named === undefined ? {} : { file: inFolder(named) }) }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(KubeConfigError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
    expect((error as Error).message).not.toContain('\n');
  });

  it('KUBECONFIG names only files that are not there', async () => {
    await expect(load({ env: { KUBECONFIG: inFolder('gone') } })).rejects.toMatchObject({
      code: 'KUBECONFIG_NOT_FOUND',
      message: expect.stringContaining('the environment variable KUBECONFIG'),
    });
  });
});
