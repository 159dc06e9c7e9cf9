// Self-healing GitOps tools, as small actors against the real API server. Each holds a manifest "in Git", asks the API server
// by dry run what a sync would make of the live object, and syncs where that differs: what Argo CD does (by client-side
// apply, or with ServerSideApply and ServerSideDiff) and what Flux does (always by server-side apply). The merging is the API
// server's own. What is made simple: they look at an interval instead of watching, and Git only ever says what it said.
import { ApiError, type Cluster } from './control-plane/index.ts';
import { workloadPath, type WorkloadObject } from './scene.ts';

export interface ToolOptions {
  /** The field manager, as the tool writes it. */
  readonly manager: string;
  readonly how: 'ClientSideApply' | 'ServerSideApply' | 'Update' | 'Replace';
  readonly intervalMs?: number;
  /** Argo CD's ignoreDifferences[].managedFieldsManagers, with RespectIgnoreDifferences=true. */
  readonly ignoredManagers?: readonly string[];
  /** JSON pointers that are neither compared nor written: driftDetection.ignore of a Flux HelmRelease. */
  readonly ignoredPaths?: readonly string[];
}

type Json = Record<string, unknown>;
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Keeps one Deployment as its manifest says. */
export class GitOpsTool {
  /** Looks that found the object other than Git wants it. */
  outOfSync = 0;
  looks = 0;
  private manifest: Json;
  private timer: NodeJS.Timeout | undefined;
  private busy: Promise<void> = Promise.resolve();
  private readonly path: string;

  constructor(
    private readonly cluster: Cluster,
    private readonly options: ToolOptions,
    manifest: object,
  ) {
    this.manifest = manifest as Json;
    const { namespace, name } = (manifest as { metadata: { namespace: string; name: string } }).metadata;
    this.path = workloadPath(namespace, name);
  }

  /**
   * Syncs: what people do when they commit and wait. Somebody else's write in between (409) is met by another sync. No look
   * comes between the commit and its sync, or it would find the object other than Git wants it.
   */
  async sync(manifest?: object): Promise<void> {
    const synced = this.busy.then(async () => {
      this.manifest = (manifest as Json | undefined) ?? this.manifest;
      await again(async () => this.send(await this.live(), false));
    });
    this.busy = synced.catch(() => undefined);
    await synced;
  }

  start(): void {
    this.timer = setInterval(() => {
      this.busy = this.busy.then(() => this.look()).catch(() => undefined);
    }, this.options.intervalMs ?? 400);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.busy;
  }

  private async live(): Promise<WorkloadObject | undefined> {
    const { status, body } = await this.cluster.client.raw<WorkloadObject>('GET', this.path);
    return status === 404 ? undefined : body;
  }

  private async look(): Promise<void> {
    const live = await this.live();
    if (live === undefined) {
      return;
    }
    const predicted = await this.send(live, true);
    // Somebody's write between the two would be taken for a difference to Git: the next look tells.
    if ((await this.live())?.metadata.resourceVersion !== live.metadata.resourceVersion) {
      return;
    }
    this.looks += 1;
    const ignored = this.ignoredIn(live);
    const compared = (object: WorkloadObject): string =>
      JSON.stringify(sorted(ignored.reduce((all, path) => without(all, path), desiredPart(object))));
    if (compared(predicted) !== compared(live)) {
      this.outOfSync += 1;
      await this.send(await this.live(), false);
    }
  }

  /** The manifest as the tool sends it: what is ignored stays as it is in the cluster. */
  private wanted(live: WorkloadObject | undefined): Json {
    return live === undefined
      ? this.manifest
      : this.ignoredIn(live).reduce<Json>((manifest, path) => keeping(manifest, live, path), this.manifest);
  }

  private async send(live: WorkloadObject | undefined, dryRun: boolean): Promise<WorkloadObject> {
    const { manager, how } = this.options;
    const query = `?fieldManager=${manager}${dryRun ? '&dryRun=All' : ''}`;
    const wanted = this.wanted(live);
    if (how === 'ServerSideApply') {
      return await this.cluster.client.call<WorkloadObject>('PATCH', `${this.path}${query}&force=true`, {
        contentType: 'application/apply-patch+yaml',
        body: wanted,
      });
    }
    if (how === 'Replace' && live !== undefined) {
      const { resourceVersion } = live.metadata;
      return await this.cluster.client.call<WorkloadObject>('PUT', `${this.path}${query}`, {
        body: { ...wanted, metadata: { ...(wanted['metadata'] as Json), resourceVersion } },
      });
    }
    // A three-way merge against a Git that has not dropped a field is the merge of its manifest.
    const { annotations } = this.manifest['metadata'] as { annotations?: Json };
    const body =
      how !== 'ClientSideApply'
        ? wanted
        : {
            ...wanted,
            metadata: {
              ...(wanted['metadata'] as Json),
              annotations: { ...annotations, [LAST_APPLIED]: JSON.stringify(this.manifest) },
            },
          };
    return live === undefined
      ? await this.cluster.client.call<WorkloadObject>(
          'POST',
          `${this.path.slice(0, this.path.lastIndexOf('/'))}${query}`,
          { body },
        )
      : await this.cluster.client.call<WorkloadObject>('PATCH', `${this.path}${query}`, {
          contentType: 'application/strategic-merge-patch+json',
          body,
        });
  }

  private ignoredIn(live: WorkloadObject): string[][] {
    const { ignoredManagers = [], ignoredPaths = [] } = this.options;
    const entries = (live.metadata['managedFields'] ?? []) as { manager: string; fieldsV1?: Json }[];
    return [
      ...entries
        .filter(({ manager }) => ignoredManagers.includes(manager))
        .flatMap(({ fieldsV1 }) => leaves(fieldsV1 ?? {})),
      ...ignoredPaths.map((path) =>
        path
          .split('/')
          .slice(1)
          .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')),
      ),
    ];
  }
}

/** What is said to be tried again (409) is, as often as it is said: the other writers come to an end. */
async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'Conflict')) {
        throw error;
      }
    }
  }
}

/** Paths of managedFields; `k:{...}` becomes the list item that it names. */
function leaves(fields: Json): string[][] {
  return Object.entries(fields)
    .filter(([key]) => key !== '.')
    .flatMap(([key, inner]) => {
      const rest = leaves(inner as Json);
      const step = key.startsWith('f:') ? key.slice(2) : key;
      return rest.length === 0 ? [[step]] : rest.map((path) => [step, ...path]);
    });
}

/** What a tool compares: nothing that only the API server and controllers write. */
function desiredPart({ metadata, spec }: WorkloadObject): Json {
  const { labels = {}, annotations = {} } = metadata;
  const rest = Object.fromEntries(
    Object.entries(annotations).filter(([key]) => key !== LAST_APPLIED && key !== 'deployment.kubernetes.io/revision'),
  );
  return { metadata: { labels, annotations: rest }, spec };
}

function itemIndex(list: readonly unknown[], step: string): number {
  const key = step.startsWith('k:') ? (JSON.parse(step.slice(2)) as Json) : undefined;
  return key === undefined
    ? Number(step)
    : list.findIndex((item) => Object.entries(key).every(([name, value]) => (item as Json)[name] === value));
}

function child(value: unknown, step: string): unknown {
  return Array.isArray(value) ? value[itemIndex(value, step)] : (value as Json | undefined)?.[step];
}

function without(value: Json, path: readonly string[]): Json {
  const copy = structuredClone(value);
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((current, step) => (current === undefined ? undefined : child(current, step)), copy);
  if (typeof parent === 'object' && parent !== null) {
    Reflect.deleteProperty(parent, path.at(-1) ?? '');
  }
  return copy;
}

/** The manifest with the live value at a path, where the manifest states one there. */
function keeping(manifest: Json, live: Json, path: readonly string[]): Json {
  const stated = path.reduce<unknown>(
    (current, step) => (current === undefined ? undefined : child(current, step)),
    manifest,
  );
  const present = path.reduce<unknown>(
    (current, step) => (current === undefined ? undefined : child(current, step)),
    live,
  );
  if (stated === undefined || present === undefined) {
    return stated === undefined ? manifest : without(manifest, path);
  }
  const copy = structuredClone(manifest);
  const parent = path.slice(0, -1).reduce<unknown>((current, step) => child(current, step), copy) as Json;
  parent[path.at(-1) ?? ''] = present;
  return copy;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  return typeof value !== 'object' || value === null
    ? value
    : Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, inner]) => [key, sorted(inner)]),
      );
}
