// Where the API server is and who we are. The kubeconfig and its ways to log in (client certificates, tokens, token
// files, exec plugins) are client-node's, but for ID tokens (id-token.ts); this file picks the source, names the
// context, keeps credentials fresh, and turns everything that can be wrong into one line.
//
// Order of sources: an explicit file, $KUBECONFIG (a list; the first file that defines an entry wins, as in kubectl),
// the service account of the pod, ~/.kube/config.

import { access, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { errorText, KubeConfigError, oneLine } from './errors.ts';
import { idTokenOf, type AuthProvider } from './id-token.ts';

export const serviceAccountRoot = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface Credentials {
  /** Headers that say who we are: authorization, impersonate-user. Flat: name, value, name, value. */
  readonly headers: readonly string[];
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface ClusterConfig {
  /** Base address without a slash at its end: `https://10.0.0.1:6443`. */
  readonly server: string;
  readonly context: string;
  readonly namespace: string;
  /** Where this configuration came from, for people. */
  readonly source: string;
  readonly serverName?: string | undefined;
  readonly insecureSkipTlsVerify: boolean;
  readonly proxyUrl?: string | undefined;
  /** Tokens rotate, plugins hand out new certificates: asked again every `credentialsMaxAgeMs`, and with `fresh` after a 401. */
  credentials(fresh?: boolean): Promise<Credentials>;
  /** 0: they never change. */
  readonly credentialsMaxAgeMs: number;
}

export interface LoadConfigOptions {
  /** `--kubeconfig`. */
  file?: string | undefined;
  /** `--context`. */
  context?: string | undefined;
  env?: Readonly<Record<string, string | undefined>>;
  home?: string;
  /** Prefix of the pod's files, where the service account is not at the usual place. */
  podRoot?: string;
}

// A service account's token file is replaced by the kubelet long before it expires; client-go reads it once a minute.
const rotatingMaxAgeMs = 30_000;

type Source = { kind: 'files'; files: string[]; label: string } | { kind: 'pod'; root: string; label: string };

export async function loadClusterConfig(options: LoadConfigOptions = {}): Promise<ClusterConfig> {
  const source = await findSource(options);
  const load = () => loadKubeConfig(source, options.context);
  const first = await load();
  const context = first.getContextObject(first.getCurrentContext());
  const cluster = first.getCurrentCluster();
  const user = first.getCurrentUser();
  if (context === null || cluster === null) {
    throw noContext(first, source, options.context);
  }
  if (user === null && context.user) {
    throw new KubeConfigError(
      'KUBECONFIG_INVALID',
      `${source.label}: context "${context.name}" names the user "${context.user}", which is not in the file. Add it under users, or take another context.`,
    );
  }
  checkServer(cluster.server, source);

  const rotating = user !== null && Boolean(user.exec ?? user.authProvider ?? user.certFile ?? user.keyFile);
  let kubeConfig = first;
  const credentials = async (fresh = false): Promise<Credentials> => {
    // client-node caches what plugins say until it expires; only a new KubeConfig forgets it.
    if (fresh) {
      kubeConfig = await load();
    }
    return readCredentials(kubeConfig, source);
  };
  // Wrong credentials show at once, with the name of the file, and not as the first failed request.
  await credentials();
  return {
    server: cluster.server.replace(/\/+$/, ''),
    context: context.name,
    namespace: context.namespace?.trim() || 'default',
    source: source.label,
    serverName: cluster.tlsServerName ?? undefined,
    insecureSkipTlsVerify: cluster.skipTLSVerify === true,
    proxyUrl: cluster.proxyUrl ?? undefined,
    credentials,
    credentialsMaxAgeMs: rotating ? rotatingMaxAgeMs : 0,
  };
}

async function findSource(options: LoadConfigOptions): Promise<Source> {
  const env = options.env ?? process.env;
  if (options.file !== undefined && options.file !== '') {
    await mustRead(options.file, 'the flag --kubeconfig');
    return { kind: 'files', files: [options.file], label: options.file };
  }
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  if (listed.length > 0) {
    const present: string[] = [];
    for (const file of listed) {
      if (await exists(file)) {
        present.push(file);
      }
    }
    // kubectl skips missing files of the list; that none is there is a mistake.
    if (present.length === 0) {
      await mustRead(listed[0] ?? '', 'the environment variable KUBECONFIG');
    }
    return { kind: 'files', files: present, label: `KUBECONFIG=${present.join(delimiter)}` };
  }
  const root = options.podRoot ?? '';
  if (env.KUBERNETES_SERVICE_HOST && (await exists(`${root}${serviceAccountRoot}/token`))) {
    return { kind: 'pod', root, label: `service account of this pod (${root}${serviceAccountRoot})` };
  }
  const home = options.home ?? env.HOME ?? homedir();
  const standard = join(home, '.kube', 'config');
  if (await exists(standard)) {
    return { kind: 'files', files: [standard], label: standard };
  }
  throw new KubeConfigError(
    'KUBECONFIG_NOT_FOUND',
    `No cluster is configured: there is no --kubeconfig flag, no KUBECONFIG variable, no service account of a pod, and no file ${standard}. Name a kubeconfig file with --kubeconfig FILE.`,
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function mustRead(file: string, origin: string): Promise<void> {
  try {
    if ((await stat(file)).isDirectory()) {
      throw new KubeConfigError(
        'KUBECONFIG_UNREADABLE',
        `${file} (from ${origin}) is a folder. Name the kubeconfig file in it.`,
      );
    }
    await readFile(file);
  } catch (error) {
    if (error instanceof KubeConfigError) {
      throw error;
    }
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new KubeConfigError(
        'KUBECONFIG_NOT_FOUND',
        `There is no file ${file} (from ${origin}). Check the path.`,
        error,
      );
    }
    throw new KubeConfigError(
      'KUBECONFIG_UNREADABLE',
      `Cannot read ${file} (from ${origin}): ${errorText(error)}. Check its owner and mode; this process runs as user ${process.getuid?.() ?? '?'}.`,
      error,
    );
  }
}

async function loadKubeConfig(source: Source, contextName: string | undefined): Promise<KubeConfig> {
  // Loaded on demand: the library is large, and the commands that work on files never need it.
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const kubeConfig = new KubeConfig();
  if (source.kind === 'pod') {
    kubeConfig.loadFromCluster(source.root);
    return kubeConfig;
  }
  for (const file of source.files) {
    const part = new KubeConfig();
    try {
      const text = await readFile(file, 'utf8');
      if (text.trim() === '') {
        throw new Error('the file is empty');
      }
      part.loadFromString(text);
      part.makePathsAbsolute(dirname(file));
    } catch (error) {
      throw new KubeConfigError(
        'KUBECONFIG_INVALID',
        `${file} is not a valid kubeconfig: ${shorten(oneLine(errorText(error)))}. Check it with: kubectl config view --kubeconfig ${file}`,
        error,
      );
    }
    merge(kubeConfig, part);
  }
  if (contextName !== undefined && contextName !== '') {
    if (kubeConfig.getContextObject(contextName) === null) {
      throw noContext(kubeConfig, source, contextName);
    }
    kubeConfig.setCurrentContext(contextName);
  }
  takeIdToken(kubeConfig, source);
  return kubeConfig;
}

/** Makes of a user of OpenID Connect one with a token: the present ID token of the file. */
function takeIdToken(kubeConfig: KubeConfig, source: Source): void {
  const user = kubeConfig.getCurrentUser();
  // As in kubectl: whatever else a user logs in by goes first.
  if (user === null || user.token || user.exec || user.username) {
    return;
  }
  const found = idTokenOf(user.authProvider as AuthProvider | undefined, Date.now());
  if (found === undefined) {
    return;
  }
  const { token, expiredAt } = found;
  if (token === undefined) {
    throw new KubeConfigError(
      'KUBECONFIG_CREDENTIALS',
      `${source.label}: the user "${user.name}" has no ID token (auth-provider oidc, id-token). Log in, so that the file has one.`,
    );
  }
  if (expiredAt !== undefined) {
    throw new KubeConfigError(
      'KUBECONFIG_CREDENTIALS',
      `${source.label}: the ID token of the user "${user.name}" expired at ${expiredAt}, and sidecar-drain renews none. Log in again; or, where the file has a refresh-token, run any kubectl command with this context, which renews the token in the file.`,
    );
  }
  kubeConfig.users = kubeConfig.users.map((one) => (one === user ? { ...one, token, authProvider: undefined } : one));
}

// client-node's own merge refuses files that name the same cluster twice; kubectl lets the first win.
function merge(into: KubeConfig, part: KubeConfig): void {
  into.clusters = [
    ...into.clusters,
    ...part.clusters.filter((one) => !into.clusters.some((other) => other.name === one.name)),
  ];
  into.users = [...into.users, ...part.users.filter((one) => !into.users.some((other) => other.name === one.name))];
  into.contexts = [
    ...into.contexts,
    ...part.contexts.filter((one) => !into.contexts.some((other) => other.name === one.name)),
  ];
  if (!into.currentContext && part.currentContext) {
    into.setCurrentContext(part.currentContext);
  }
}

function noContext(kubeConfig: KubeConfig, source: Source, wanted: string | undefined): KubeConfigError {
  const names = kubeConfig.contexts.map((context) => context.name);
  const known = names.length === 0 ? 'It has no contexts.' : `It has: ${names.join(', ')}.`;
  const current = wanted ?? kubeConfig.getCurrentContext();
  if (!current) {
    return new KubeConfigError(
      'KUBECONFIG_NO_CONTEXT',
      `${source.label} has no current-context. ${known} Choose one with --context NAME.`,
    );
  }
  const context = kubeConfig.getContextObject(current);
  if (context !== null) {
    return new KubeConfigError(
      'KUBECONFIG_INVALID',
      `${source.label}: context "${current}" names the cluster "${context.cluster}", which is not in the file. Add it under clusters, or take another context.`,
    );
  }
  return new KubeConfigError(
    'KUBECONFIG_NO_CONTEXT',
    `${source.label} has no context "${current}". ${known} Choose one with --context NAME.`,
  );
}

function checkServer(server: string, source: Source): void {
  let url: URL;
  try {
    url = new URL(server);
  } catch (error) {
    throw new KubeConfigError(
      'KUBECONFIG_INVALID',
      `${source.label}: the server "${server}" is not an address. It should look like https://10.0.0.1:6443.`,
      error,
    );
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new KubeConfigError(
      'KUBECONFIG_INVALID',
      `${source.label}: the server "${server}" must start with https:// (or http://).`,
    );
  }
}

async function readCredentials(kubeConfig: KubeConfig, source: Source): Promise<Credentials> {
  const cluster = kubeConfig.getCurrentCluster();
  // client-node refuses plain http unless TLS verification is off; kubectl (and `kubectl proxy`) know no such rule.
  if (cluster?.server.startsWith('http:') === true) {
    (cluster as { skipTLSVerify: boolean }).skipTLSVerify = true;
  }
  const options: HttpsOptions = {};
  try {
    await kubeConfig.applyToHTTPSOptions(options);
  } catch (error) {
    throw new KubeConfigError(
      'KUBECONFIG_CREDENTIALS',
      `${source.label}: cannot get the credentials of context "${kubeConfig.getCurrentContext()}": ${shorten(errorText(error))}. Run its login command, or check the files and the plugin that its user names.`,
      error,
    );
  }
  const headers: string[] = [];
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) {
      headers.push(name.toLowerCase(), String(value).trim());
    }
  }
  if (options.auth) {
    headers.push('authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`);
  }
  return { headers, ca: toBuffer(options.ca), cert: toBuffer(options.cert), key: toBuffer(options.key) };
}

interface HttpsOptions {
  headers?: Record<string, string | undefined>;
  auth?: string;
  ca?: Buffer | string;
  cert?: Buffer | string;
  key?: Buffer | string;
}

function toBuffer(value: Buffer | string | undefined): Buffer | undefined {
  if (value === undefined) {
    return undefined;
  }
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function shorten(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}
