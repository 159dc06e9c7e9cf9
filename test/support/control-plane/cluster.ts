import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuditLog } from './audit.ts';
import { ApiError, Client, type KubeObject } from './client.ts';

/** What another process needs to use a running control plane. */
export interface Connection {
  url: string;
  /** Certificate authority of the API server, PEM. */
  caFile: string;
  adminToken: string;
  kubeconfigPath: string;
  folder: string;
  /** Absent where the control plane was started without it. */
  kubectlPath?: string;
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CountFilter {
  /** As in the metric: GET, LIST, WATCH, POST, PUT, PATCH, APPLY, DELETE. */
  verb?: string | string[];
  group?: string;
  version?: string;
  resource?: string;
  subresource?: string;
  /** HTTP status, e.g. '200' */
  code?: string;
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key!, value!]));
}

export function kubeconfigText(url: string, caData: string, token: string, namespace = 'default'): string {
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'test',
          cluster: { server: url, 'certificate-authority-data': Buffer.from(caData).toString('base64') },
        },
      ],
      users: [{ name: 'user', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'user', namespace } }],
      'current-context': 'test',
    },
    undefined,
    2,
  );
}

/** A running API server as its administrator sees it. */
export class Cluster {
  readonly client: Client;
  readonly audit: AuditLog;
  readonly caData: string;
  private readonly plurals = new Map<string, Map<string, { plural: string; namespaced: boolean }>>();

  constructor(readonly connection: Connection) {
    this.caData = readFileSync(connection.caFile, 'utf8');
    this.client = new Client(connection.url, this.caData, connection.adminToken);
    this.audit = new AuditLog(join(connection.folder, 'audit.log'));
  }

  get url(): string {
    return this.connection.url;
  }

  get caFile(): string {
    return this.connection.caFile;
  }

  get kubeconfigPath(): string {
    return this.connection.kubeconfigPath;
  }

  /** A folder of this control plane for files of tests: removed with it. */
  get folder(): string {
    return this.connection.folder;
  }

  get adminClientConfig(): { server: string; caFile: string; caData: string; token: string } {
    return { server: this.url, caFile: this.caFile, caData: this.caData, token: this.connection.adminToken };
  }

  /** Runs kubectl, as the administrator or with another kubeconfig. A failure is a result, not an exception. */
  kubectl(args: string[], options: { input?: string; kubeconfig?: string } = {}): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      const kubeconfig = options.kubeconfig ?? this.kubeconfigPath;
      const { kubectlPath } = this.connection;
      if (kubectlPath === undefined) {
        throw new Error('this control plane was started without kubectl');
      }
      const child = spawn(kubectlPath, args, {
        // HOME: the discovery cache belongs to this control plane, not to whoever runs the tests.
        env: {
          ...process.env,
          KUBECONFIG: kubeconfig,
          HOME: this.folder,
          KUBECACHEDIR: join(this.folder, 'kube-cache'),
        },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
      child.stdin.on('error', () => undefined);
      child.stdin.end(options.input ?? '');
    });
  }

  /** kubectl that must succeed; returns its standard output. */
  async kubectlOk(args: string[], options: { input?: string; kubeconfig?: string } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, options);
    if (code !== 0) {
      throw new Error(`kubectl ${args.join(' ')} failed with exit code ${code}: ${stderr.trim()}`);
    }
    return stdout;
  }

  /** A token of the service account, which must exist. */
  async tokenFor(account: { namespace: string; name: string }): Promise<string> {
    const path = `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } };
    const answer = await this.client.call<{ status: { token: string } }>('POST', path, { body });
    return answer.status.token;
  }

  /** Writes a kubeconfig under which a program has exactly the permissions of the service account, and returns its path. */
  async kubeconfigFor(account: { namespace: string; name: string }): Promise<string> {
    const token = await this.tokenFor(account);
    const path = join(this.folder, `kubeconfig-${account.namespace}-${account.name}-${randomBytes(3).toString('hex')}`);
    await writeFile(path, kubeconfigText(this.url, this.caData, token, account.namespace), { mode: 0o600 });
    return path;
  }

  /** Path of an object or, without a name, of its collection; plural and scope come from the server's discovery. */
  async pathOf(object: {
    apiVersion: string;
    kind: string;
    metadata?: { name?: string; namespace?: string };
  }): Promise<string> {
    const { apiVersion, kind, metadata } = object;
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    if (!this.plurals.get(apiVersion)?.has(kind)) {
      const { resources } = await this.client.call<{
        resources: { name: string; kind: string; namespaced: boolean }[];
      }>('GET', base);
      const plain = resources.filter(({ name }) => !name.includes('/'));
      this.plurals.set(
        apiVersion,
        new Map(plain.map((entry) => [entry.kind, { plural: entry.name, namespaced: entry.namespaced }])),
      );
    }
    const resource = this.plurals.get(apiVersion)?.get(kind);
    if (resource === undefined) {
      throw new Error(`the API server has no kind ${kind} in ${apiVersion}`);
    }
    const scope = resource.namespaced && metadata?.namespace !== undefined ? `/namespaces/${metadata.namespace}` : '';
    return `${base}${scope}/${resource.plural}${metadata?.name === undefined ? '' : `/${metadata.name}`}`;
  }

  /** A plain create (POST). */
  async create<T = KubeObject>(object: object): Promise<T> {
    const { apiVersion, kind, metadata } = object as {
      apiVersion: string;
      kind: string;
      metadata: { namespace?: string };
    };
    const namespace = metadata.namespace;
    const path = await this.pathOf({ apiVersion, kind, metadata: namespace === undefined ? {} : { namespace } });
    return this.client.call<T>('POST', path, { body: object });
  }

  /** Server-side apply. */
  async apply<T = KubeObject>(object: object, options: { fieldManager?: string; force?: boolean } = {}): Promise<T> {
    const path = await this.pathOf(object as { apiVersion: string; kind: string });
    const query = `?fieldManager=${options.fieldManager ?? 'test'}&force=${options.force ?? true}`;
    return this.client.call<T>('PATCH', path + query, { contentType: 'application/apply-patch+yaml', body: object });
  }

  /** Every document of a YAML text or folder as `kubectl apply -f`, client-side: fields become owned by an Update. */
  kubectlApply(yaml: string): Promise<string> {
    return this.kubectlOk(['apply', '-f', '-'], { input: yaml });
  }

  /** A namespace of a test's own. With a controller manager it is returned once pods can be created in it. */
  async namespace(
    prefix = 'test',
    labels: Record<string, string> = {},
    options: { controllerManager?: boolean } = {},
  ): Promise<string> {
    const name = `${prefix}-${randomBytes(4).toString('hex')}`;
    await this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    if (options.controllerManager ?? true) {
      await this.waitFor(`/api/v1/namespaces/${name}/serviceaccounts/default`, () => true);
    }
    return name;
  }

  /** Reads `path` until `accept` says yes of what is there, and returns that. Says what it saw last when it gives up. */
  async waitFor<T = KubeObject>(path: string, accept: (object: T) => boolean, timeoutMs = 60_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    let last = 'nothing';
    for (;;) {
      try {
        const object = await this.client.call<T>('GET', path);
        if (accept(object)) {
          return object;
        }
        last = JSON.stringify(object);
      } catch (error) {
        last = (error as Error).message;
        if (error instanceof ApiError && ![404, 429, 500, 503].includes(error.status)) {
          throw error;
        }
      }
      if (Date.now() > deadline) {
        throw new Error(`${path} was not as expected within ${timeoutMs / 1000} s; last seen: ${last.slice(0, 3000)}`);
      }
      await sleep(50);
    }
  }

  /** Waits until nothing is at `path`. */
  async waitForGone(path: string, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { status } = await this.client.raw('GET', path).catch(() => ({ status: 0 }));
      if (status === 404) {
        return;
      }
      if (Date.now() > deadline) {
        throw new Error(`${path} was still there after ${timeoutMs / 1000} s`);
      }
      await sleep(50);
    }
  }

  /** Waits until the API server serves every kind that is defined. `kubectl wait` fails on a definition that has no conditions yet. */
  async crdsEstablished(): Promise<void> {
    interface Definitions extends KubeObject {
      items: { status?: { conditions?: { type: string; status: string }[] } }[];
    }
    await this.waitFor<Definitions>('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', ({ items }) =>
      items.every(({ status }) =>
        status?.conditions?.some((each) => each.type === 'Established' && each.status === 'True'),
      ),
    );
  }

  /**
   * Every state of the objects of a collection that is stored from now on, however late it is read. The objects that are there
   * already are given first.
   */
  async follow(collection: string, look: (object: KubeObject) => void): Promise<{ stop: () => Promise<void> }> {
    const [path, query = ''] = collection.split('?');
    const more = query === '' ? '' : `&${query}`;
    const list = await this.client.call<{ metadata: { resourceVersion: string }; items: KubeObject[] }>(
      'GET',
      collection,
    );
    list.items.forEach(look);
    const abort = new AbortController();
    const running = (async () => {
      try {
        const from = `resourceVersion=${list.metadata.resourceVersion}`;
        for await (const { type, object } of this.client.watch(`${path}?watch=1&${from}${more}`, abort.signal)) {
          if (type === 'ADDED' || type === 'MODIFIED') {
            look(object);
          }
        }
      } catch {
        // Ended by us.
      }
    })();
    return {
      stop: async () => {
        abort.abort();
        await running;
      },
    };
  }

  /** Waits until the authorizer knows that the user may do this: it learns of roles and bindings a moment after they are made. */
  async waitUntilAllowed(
    user: string | { namespace: string; name: string },
    attributes: { verb: string; group?: string; resource: string; namespace?: string; name?: string },
  ): Promise<void> {
    const name = typeof user === 'string' ? user : `system:serviceaccount:${user.namespace}:${user.name}`;
    const groups =
      typeof user === 'string' ? [] : ['system:serviceaccounts', `system:serviceaccounts:${user.namespace}`];
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: name, groups: [...groups, 'system:authenticated'], resourceAttributes: attributes },
    };
    const deadline = Date.now() + 60_000;
    for (;;) {
      const answer = await this.client.call<{ status: { allowed: boolean } }>(
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        { body },
      );
      if (answer.status.allowed) {
        return;
      }
      if (Date.now() > deadline) {
        throw new Error(`${name} was not allowed within 60 s: ${JSON.stringify(attributes)}`);
      }
      await sleep(50);
    }
  }

  /** Requests that the API server counted itself since its last start (`apiserver_request_total`). */
  async apiServerRequestCount(filter: CountFilter = {}): Promise<number> {
    const { body } = await this.client.raw<string>('GET', '/metrics', { accept: 'text/plain' });
    const verbs = typeof filter.verb === 'string' ? [filter.verb] : filter.verb;
    let sum = 0;
    for (const [, text, value] of body.matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)) {
      const labels = labelsOf(text!);
      const plain = (['group', 'version', 'resource', 'subresource', 'code'] as const).every(
        (key) => filter[key] === undefined || labels[key] === filter[key],
      );
      if (plain && (verbs === undefined || verbs.includes(labels.verb ?? ''))) {
        sum += Number(value);
      }
    }
    return sum;
  }

  /** Ends this process's connections; the control plane stays. */
  async disconnect(): Promise<void> {
    await this.client.close();
  }
}
