// An owner's own apply beside values of ours, on the real API server: every way of writing, every field, every order. What we
// write is what the operator would: nothing where the owner declares the field.
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { useCluster } from '../support/cluster.ts';
import type { ManagedField } from '../../src/drain/model/workload.ts';
import type { ManagedValues } from '../../src/drain/model/managed.ts';
import { secondHandlerPolicy } from '../../src/cli/render/second-handler.ts';
import {
  bookedTo,
  noteOf,
  SECOND_HANDLERS,
  type ProxyLifecycle,
  type SecondHandlerCase,
} from '../fixtures/drain/second-handlers.ts';
import { eventually } from '../support/scene.ts';
import { MANAGER, managersOf, TemplateBench, type Json, type TemplateParts } from './template-support.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
let bench: TemplateBench;

beforeAll(async () => {
  bench = new TemplateBench(cluster, await cluster.namespace('owners-apply'));
});

const CONFIG = 'proxy.istio.io/config';
const proxy = (lifecycle: object): object => ({
  name: 'istio-proxy',
  image: 'auto',
  imagePullPolicy: 'IfNotPresent',
  lifecycle,
});

interface Field {
  readonly field: string;
  readonly managed?: ManagedField;
  /** What we hold. Of an application's hook nothing in a workload: the other fields are ours there. */
  readonly ours: ManagedValues;
  /** What the owner's manifest states. */
  readonly theirs: TemplateParts & { readonly appPreStop?: object };
  /** We write no postStart where the owner has one. */
  readonly unlessTheirs?: true;
  /** Where it stands in a live object. */
  readonly read: (template: Json) => unknown;
}

const container = (template: Json, name: string): Json =>
  (template.spec.containers as Json[]).find((each) => each.name === name);
const hookOf =
  (name: string, hook: 'preStop' | 'postStart' = 'preStop') =>
  (template: Json): unknown =>
    container(template, name)?.lifecycle?.[hook];
const OUR_HOOK: ManagedValues = { proxyPreStop: { exec: { command: ['pilot-agent', 'version'] } } };

const FIELDS: readonly Field[] = [
  {
    field: 'the grace period',
    managed: 'gracePeriod',
    ours: { gracePeriodSeconds: 60 },
    theirs: { grace: 45 },
    read: (template) => template.spec.terminationGracePeriodSeconds as unknown,
  },
  {
    field: 'the annotation',
    managed: 'proxyConfig',
    ours: { proxyConfig: 'terminationDrainDuration: 60s\n' },
    theirs: { annotations: { [CONFIG]: 'concurrency: 2\n' } },
    read: (template) => template.metadata.annotations?.[CONFIG] as unknown,
  },
  {
    field: 'a hook of istio-proxy',
    managed: 'proxyContainer',
    ours: OUR_HOOK,
    theirs: { containers: [proxy({ preStop: { exec: { command: ['sleep', '7'] } } })] },
    read: hookOf('istio-proxy'),
  },
  {
    field: 'a hook of istio-proxy of another type',
    managed: 'proxyContainer',
    ours: OUR_HOOK,
    theirs: { containers: [proxy({ preStop: { sleep: { seconds: 7 } } })] },
    read: hookOf('istio-proxy'),
  },
  {
    field: 'a postStart of istio-proxy of another type',
    managed: 'proxyContainer',
    ours: { ...OUR_HOOK, proxyPostStart: { exec: { command: ['pilot-agent', 'wait'] } } },
    theirs: { containers: [proxy({ postStart: { sleep: { seconds: 1 } } })] },
    unlessTheirs: true,
    read: hookOf('istio-proxy', 'postStart'),
  },
  {
    field: 'a preStop of the application',
    ours: { gracePeriodSeconds: 60, proxyConfig: 'terminationDrainDuration: 60s\n' },
    theirs: { appPreStop: { exec: { command: ['sleep', '3'] } } },
    read: hookOf('app'),
  },
];

function manifestOf(name: string, { appPreStop, ...parts }: Field['theirs']): Json {
  const manifest = bench.manifest(name, parts);
  if (appPreStop !== undefined) {
    manifest.spec.template.spec.containers[0].lifecycle = { preStop: appPreStop };
  }
  return manifest;
}

interface Answer {
  readonly status: number;
  readonly message: string;
}

interface Writer {
  readonly how: string;
  /** `before` is the manifest that this owner applied last, or undefined. */
  readonly apply: (manifest: Json, before: Json) => Promise<Answer>;
}

async function call(
  method: 'PATCH' | 'PUT',
  manifest: Json,
  body: object,
  contentType: string,
  query: string,
): Promise<Answer> {
  const answer = await cluster.client.raw<Json>(method, `${bench.path(manifest.metadata.name as string)}?${query}`, {
    body,
    contentType,
  });
  return { status: answer.status, message: String(answer.body?.message ?? '') };
}

async function created(manifest: Json): Promise<Answer> {
  await cluster.create(manifest);
  return { status: 201, message: '' };
}

/** What a three-way patch holds: all of the manifest, and a null for what the one before had beside it. */
function threeWay(manifest: Json, before: Json): Json {
  const [now, then] = [manifest.spec.template, before.spec.template];
  const has = (template: Json, name: string): boolean => container(template, name) !== undefined;
  const containers = (now.spec.containers as Json[]).map((each) =>
    each.lifecycle === undefined && container(then, each.name as string)?.lifecycle !== undefined
      ? { ...each, lifecycle: null }
      : each,
  );
  const gone = has(then, 'istio-proxy') && !has(now, 'istio-proxy') ? [{ name: 'istio-proxy', $patch: 'delete' }] : [];
  const annotations =
    then.metadata.annotations !== undefined && now.metadata.annotations === undefined
      ? { annotations: { [CONFIG]: null } }
      : {};
  const grace =
    then.spec.terminationGracePeriodSeconds !== undefined && now.spec.terminationGracePeriodSeconds === undefined
      ? { terminationGracePeriodSeconds: null }
      : {};
  return {
    spec: {
      template: {
        metadata: { ...now.metadata, ...annotations },
        spec: { ...now.spec, ...grace, containers: [...containers, ...gone] },
      },
    },
  };
}

const WRITERS: readonly Writer[] = [
  {
    how: 'kubectl apply',
    apply: async (manifest) => {
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
      return { status: code === 0 ? 200 : 422, message: stderr };
    },
  },
  {
    how: 'kubectl apply --server-side',
    apply: (manifest) =>
      call('PATCH', manifest, manifest as object, 'application/apply-patch+yaml', 'fieldManager=owner&force=false'),
  },
  {
    how: "Helm's three-way patch",
    apply: (manifest, before) =>
      before === undefined
        ? created(manifest)
        : call(
            'PATCH',
            manifest,
            threeWay(manifest, before) as object,
            'application/strategic-merge-patch+json',
            'fieldManager=owner',
          ),
  },
  {
    how: 'PUT',
    apply: (manifest, before) =>
      before === undefined
        ? created(manifest)
        : call('PUT', manifest, manifest as object, 'application/json', 'fieldManager=owner'),
  },
  {
    how: 'a merge patch',
    apply: (manifest, before) =>
      before === undefined
        ? created(manifest)
        : call(
            'PATCH',
            manifest,
            { spec: { template: manifest.spec.template } },
            'application/merge-patch+json',
            'fieldManager=owner',
          ),
  },
];

/** What the operator does under conflicts: Report. */
async function weWrite(name: string, { managed, ours, unlessTheirs, read }: Field): Promise<void> {
  const { fields, template } = await bench.project(name);
  const ownership = managed === undefined ? 'Absent' : fields[managed].ownership;
  if (ownership === 'Declared' || ownership === 'Shared' || (unlessTheirs === true && read(template) !== undefined)) {
    return;
  }
  const { status, body } = await bench.write(name, ours);
  expect([status, body.message]).toEqual([200, undefined]);
  await bench.yieldFields(name);
}

const ORDERS = ['owner first', 'we first', 'owner adds', 'owner removes'] as const;
type Order = (typeof ORDERS)[number];

/** The applies of the owner, true with the field; we write after the first. */
const APPLIES: Readonly<Record<Order, readonly [boolean, boolean]>> = {
  'owner first': [true, true],
  'we first': [false, false],
  'owner adds': [false, true],
  'owner removes': [true, false],
};

const ROWS = WRITERS.flatMap((writer) => FIELDS.flatMap((field) => ORDERS.map((order) => ({ writer, field, order }))));
const TWO_HANDLERS = { status: 422, message: 'may not specify more than 1 handler type' };

/**
 * The lines that do not go through by themselves: nothing but a replacement of the list takes our handler out from beside one of
 * another type. The admission webhook does it (admission-delivery.test.ts), and an admission policy (below); under `delivery:
 * Admission` nothing of ours stands in a template.
 */
const REFUSED: Readonly<Record<string, { readonly status: number; readonly message: string }>> = Object.fromEntries(
  ['kubectl apply --server-side', 'kubectl apply', "Helm's three-way patch"].flatMap((how) =>
    ['a hook', 'a postStart'].map((what) => [
      `${how}, ${what} of istio-proxy of another type, owner adds`,
      TWO_HANDLERS,
    ]),
  ),
);

function lineOf({ writer, field, order }: (typeof ROWS)[number]): string {
  return `${writer.how}, ${field.field}, ${order}`;
}

let count = 0;

describe("an owner's own apply", () => {
  it.each(ROWS.map((row) => ({ ...row, how: row.writer.how, what: row.field.field })))(
    '$how, $what, $order',
    async ({ writer, field, order }) => {
      const name = `w${(count += 1)}`;
      const [first, second] = APPLIES[order].map((has) => manifestOf(name, has ? field.theirs : {}));
      const answer = await writer.apply(first, undefined);
      expect(answer.status).toBeLessThan(300);
      await weWrite(name, field);

      const again = await writer.apply(second, first);

      const { status, message } = REFUSED[lineOf({ writer, field, order })] ?? { status: 200, message: '' };
      expect([again.status, again.message]).toEqual([status, expect.stringContaining(message)]);
      const [, has] = APPLIES[order];
      if (has && status === 200) {
        expect(field.read((await bench.get(name)).spec.template)).toEqual(
          field.read(manifestOf(name, field.theirs).spec.template),
        );
      }
    },
  );
});

/** In a namespace of its own: other tests share the API server, and the lines above are refused. */
describe("an owner's own apply, with the admission policy", () => {
  beforeAll(async () => {
    bench = new TemplateBench(cluster, await cluster.namespace('owners-apply-policy'));
    const [policy, binding] = secondHandlerPolicy(bench.namespace) as Json[];
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': bench.namespace } };
    await cluster.create(policy);
    await cluster.create({ ...binding, spec: { ...binding.spec, matchResources: { namespaceSelector } } });
    // The API server takes a moment to enforce a policy.
    await standing('probe', SECOND_HANDLERS[0]!);
    await eventually(
      async () => (await add('probe', SECOND_HANDLERS[0]!, '&dryRun=All')).status === 200,
      'a second handler goes in',
    );
  });

  it.each(ROWS.filter((row) => lineOf(row) in REFUSED).map((row) => ({ ...row, line: lineOf(row) })))(
    'goes through, and in the end all is theirs: $line',
    async ({ writer, field }) => {
      const [name, twin] = [`p${(count += 1)}`, `t${count}`];
      for (const each of [name, twin]) {
        expect((await writer.apply(manifestOf(each, {}), undefined)).status).toBeLessThan(300);
      }
      await weWrite(name, field);

      const answers = [name, twin].map(
        async (each) => await writer.apply(manifestOf(each, field.theirs), manifestOf(each, {})),
      );

      expect(await Promise.all(answers)).toEqual(Array(2).fill({ status: 200, message: '' }));
      expect(field.read((await bench.get(name)).spec.template)).toEqual(
        field.read(manifestOf(name, field.theirs).spec.template),
      );
      expect((await bench.project(name)).fields.proxyContainer.ownership).toBe(
        hookOf('istio-proxy')(manifestOf(name, field.theirs).spec.template) === undefined ? 'Ours' : 'Declared',
      );

      await bench.restore(name);

      const [left, never] = await Promise.all([name, twin].map(async (each) => await bench.get(each)));
      expect(JSON.stringify(left.spec).replaceAll(name, twin)).toBe(JSON.stringify(never.spec));
      expect(left.metadata.annotations ?? {}).not.toHaveProperty('sidecardrain.io/state');
      expect(managersOf(left).map((each) => each.split(' ')[0])).not.toContain(MANAGER);
    },
  );

  it.each(SECOND_HANDLERS)('takes out a handler that is ours: $what', async (case_) => {
    const name = `s${(count += 1)}`;
    await standing(name, case_);

    const { status, body } = await add(name, case_);

    const after = case_.byPolicy ?? case_.after;
    const passes = after !== undefined && after !== 'refused' && !hasTwo(after);
    expect([status, passes ? undefined : body.message]).toEqual(
      passes ? [200, undefined] : [422, expect.stringContaining(TWO_HANDLERS.message)],
    );
    if (passes) {
      expect(container(body.spec.template, 'istio-proxy').lifecycle).toEqual(after);
      const ours = JSON.stringify(
        ((body.metadata.managedFields ?? []) as Json[]).filter(({ manager }) => manager === MANAGER),
      );
      expect(Object.keys(case_.adds).filter((hook) => ours.includes(`"f:${hook}"`))).toEqual([]);
    }
  });

  it('does so in a CronJob', async () => {
    const case_ = SECOND_HANDLERS[0]!;
    const spec = {
      schedule: '0 0 1 1 *',
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: containersOf(case_) } } } },
    };
    const metadata = { name: 'job', namespace: bench.namespace, annotations: { [STATE]: noteOf(case_)! } };
    await cluster.create({ apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec });
    const path = `/apis/batch/v1/namespaces/${bench.namespace}/cronjobs/job?fieldManager=owner`;

    const { status, body } = await cluster.client.raw<Json>('PATCH', path, {
      body: { spec: { jobTemplate: { spec: { template: { spec: { containers: [added(case_)] } } } } } },
      contentType: 'application/strategic-merge-patch+json',
    });

    expect([status, body.spec?.jobTemplate.spec.template.spec.containers[1].lifecycle]).toEqual([200, case_.after]);
  });
});

const STATE = 'sidecardrain.io/state';

function containersOf({ stands }: SecondHandlerCase): object[] {
  return [{ name: 'app', image: 'app:1' }, { ...proxy(stands) }];
}

function added({ adds }: SecondHandlerCase): object {
  return { name: 'istio-proxy', lifecycle: adds };
}

function hasTwo(lifecycle: ProxyLifecycle): boolean {
  return Object.values(lifecycle).some((handlers) => Object.keys(handlers as object).length > 1);
}

/** A Deployment as the line says that it stands there. */
async function standing(name: string, case_: SecondHandlerCase): Promise<void> {
  const note = noteOf(case_);
  const manifest = bench.manifest(name, { ownAnnotations: note === undefined ? {} : { [STATE]: note } });
  manifest.spec.template.spec.containers = containersOf(case_);
  await cluster.create(manifest);
  await cluster.client.call('PATCH', bench.path(name), {
    body: [{ op: 'replace', path: '/metadata/managedFields', value: bookedTo(case_, ['spec', 'template']) }],
    contentType: 'application/json-patch+json',
  });
}

/** The owner's merge. */
function add(name: string, case_: SecondHandlerCase, more = ''): Promise<{ status: number; body: Json }> {
  return cluster.client.raw<Json>('PATCH', `${bench.path(name)}?fieldManager=owner${more}`, {
    body: { spec: { template: { spec: { containers: [added(case_)] } } } },
    contentType: 'application/strategic-merge-patch+json',
  });
}
