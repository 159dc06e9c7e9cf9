// An owner's own apply beside values of ours, on the real API server: every way of writing, every field, every order. What we
// write is what the operator would: nothing where the owner declares the field.
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { useCluster } from '../support/cluster.ts';
import type { ManagedField } from '../../src/drain/model/workload.ts';
import type { ManagedValues } from '../../src/drain/model/managed.ts';
import { TemplateBench, type Json, type TemplateParts } from './template-support.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
let bench: TemplateBench;

beforeAll(async () => {
  bench = new TemplateBench(cluster, await cluster.namespace('owners-apply'));
});

const CONFIG = 'proxy.istio.io/config';
const proxy = (preStop: object): object => ({
  name: 'istio-proxy',
  image: 'auto',
  imagePullPolicy: 'IfNotPresent',
  lifecycle: { preStop },
});

interface Field {
  readonly field: string;
  readonly managed?: ManagedField;
  /** What we hold. Of an application's hook nothing in a workload: the other fields are ours there. */
  readonly ours: ManagedValues;
  /** What the owner's manifest states. */
  readonly theirs: TemplateParts & { readonly appPreStop?: object };
  /** Where it stands in a live object. */
  readonly read: (template: Json) => unknown;
}

const container = (template: Json, name: string): Json =>
  (template.spec.containers as Json[]).find((each) => each.name === name);
const preStopOf =
  (name: string) =>
  (template: Json): unknown =>
    container(template, name)?.lifecycle?.preStop;
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
    theirs: { containers: [proxy({ exec: { command: ['sleep', '7'] } })] },
    read: preStopOf('istio-proxy'),
  },
  {
    field: 'a hook of istio-proxy of another type',
    managed: 'proxyContainer',
    ours: OUR_HOOK,
    theirs: { containers: [proxy({ sleep: { seconds: 7 } })] },
    read: preStopOf('istio-proxy'),
  },
  {
    field: 'a preStop of the application',
    ours: { gracePeriodSeconds: 60, proxyConfig: 'terminationDrainDuration: 60s\n' },
    theirs: { appPreStop: { exec: { command: ['sleep', '3'] } } },
    read: preStopOf('app'),
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
async function weWrite(name: string, { managed, ours }: Field): Promise<void> {
  const { fields } = await bench.project(name);
  const ownership = managed === undefined ? 'Absent' : fields[managed].ownership;
  if (ownership === 'Declared' || ownership === 'Shared') {
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
 * The lines that do not go through without the admission webhook: nothing but a replacement of the list takes our handler out
 * from beside one of another type. The webhook does it (admission-delivery.test.ts), and under `delivery: Admission` nothing
 * of ours stands in a template.
 */
const REFUSED: Readonly<Record<string, { readonly status: number; readonly message: string }>> = {
  'kubectl apply --server-side, a hook of istio-proxy of another type, owner adds': TWO_HANDLERS,
  'kubectl apply, a hook of istio-proxy of another type, owner adds': TWO_HANDLERS,
  "Helm's three-way patch, a hook of istio-proxy of another type, owner adds": TWO_HANDLERS,
};

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

      const { status, message } = REFUSED[`${writer.how}, ${field.field}, ${order}`] ?? { status: 200, message: '' };
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
