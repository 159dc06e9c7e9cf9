import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { EventRecorder, KubeClient, loadClusterConfig, Transport, defineResource } from '../../src/kube/index.ts';
import type { EventRecorderOptions } from '../../src/kube/index.ts';
import { useCluster } from '../support/cluster.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
const configMaps = defineResource({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
const events = defineResource({ group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true });
let transport: Transport;
let client: KubeClient;

interface Event {
  reason: string;
  message: string;
  count: number;
  involvedObject: { name: string };
}

function recorder(results: string[], options: Partial<EventRecorderOptions> = {}): EventRecorder {
  return new EventRecorder({
    client,
    component: 'sidecar-drain-operator',
    instance: 'pod-1',
    onEvent: (result) => {
      results.push(result);
    },
    ...options,
  });
}

async function eventsIn(namespace: string): Promise<string[]> {
  const { items } = await client.list<Event>(events, { namespace });
  return items.map((item) => `${item.involvedObject.name} ${item.reason} x${item.count}: ${item.message}`).sort();
}

async function subject(
  namespace: string,
  name: string,
): Promise<{ apiVersion: string; kind: string; namespace: string; name: string; uid: string }> {
  const { metadata } = await client.create<{ metadata: { uid: string } }>(
    configMaps,
    { metadata: { name } },
    namespace,
  );
  return { apiVersion: 'v1', kind: 'ConfigMap', namespace, name, uid: metadata.uid };
}

beforeAll(async () => {
  transport = new Transport({ config: await loadClusterConfig({ file: cluster.kubeconfigPath }), userAgent: 'test' });
  client = new KubeClient(transport);
});
afterAll(() => transport.close());

describe('events', () => {
  it('are what kubectl describe shows', async () => {
    const ns = await cluster.namespace('events');
    const one = await subject(ns, 'one');
    const results: string[] = [];
    const sut = recorder(results);
    sut.event(one, 'Warning', 'FieldConflict', 'The grace period is declared by flux.');
    await sut.stop();

    const shown = await cluster.kubectlOk(['describe', 'configmap', 'one', '-n', ns]);
    expect(shown).toMatch(
      /Warning\s+FieldConflict\s+\d+s?\s+sidecar-drain-operator\s+The grace period is declared by flux\./,
    );
    expect(results).toEqual(['sent']);
  });

  it('about cluster-scoped objects are shown too', async () => {
    const nodes = await client.list<{ metadata: { name: string; uid: string } }>(
      defineResource({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false }),
    );
    const node = nodes.items[0]!.metadata;
    const sut = recorder([]);
    sut.event(
      { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid },
      'Normal',
      'Noticed',
      `Seen at ${Date.now()}.`,
    );
    await sut.stop();

    expect(await cluster.kubectlOk(['describe', 'node', node.name])).toMatch(
      /Normal\s+Noticed\s+\S+\s+sidecar-drain-operator\s+Seen at \d+\./,
    );
  });

  it('are not repeated within the window; after it the count says how often it happened', async () => {
    const ns = await cluster.namespace('events');
    const one = await subject(ns, 'one');
    const results: string[] = [];
    const sut = recorder(results, { windowMs: 300 });
    sut.event(one, 'Normal', 'Written', 'a');
    sut.event(one, 'Normal', 'Written', 'a');
    sut.event(one, 'Normal', 'Written', 'a');
    sut.event(one, 'Normal', 'Written', 'b');
    await new Promise((resolve) => {
      setTimeout(resolve, 400);
    });
    sut.event(one, 'Normal', 'Written', 'a');
    await sut.stop();

    expect(await eventsIn(ns)).toEqual(['one Written x1: a', 'one Written x1: b', 'one Written x4: a']);
    expect(results.filter((result) => result === 'duplicate')).toHaveLength(2);
  });

  it('of one object are limited, and do not use up those of others', async () => {
    const ns = await cluster.namespace('events');
    const [noisy, quiet] = [await subject(ns, 'noisy'), await subject(ns, 'quiet')];
    const results: string[] = [];
    const sut = recorder(results, { burst: 3 });
    for (let index = 0; index < 10; index += 1) {
      sut.event(noisy, 'Normal', 'Again', `number ${index}`);
    }
    sut.event(quiet, 'Normal', 'Once', 'hello');
    await sut.stop();

    expect(await eventsIn(ns)).toEqual([
      'noisy Again x1: number 0',
      'noisy Again x1: number 1',
      'noisy Again x1: number 2',
      'quiet Once x1: hello',
    ]);
    expect(results.filter((result) => result === 'limited')).toHaveLength(7);
  });

  it('that are too long for the API are shortened', async () => {
    const ns = await cluster.namespace('events');
    const one = await subject(ns, 'o'.repeat(253));
    const results: string[] = [];
    const sut = recorder(results);
    sut.event(one, 'Normal', 'R'.repeat(300), 'm'.repeat(3_000));
    await sut.stop();

    expect(results).toEqual(['sent']);
  });

  it('that cannot be written bother nobody: no permission, a namespace that is gone', async () => {
    const ns = await cluster.namespace('events');
    const one = await subject(ns, 'one');
    const weak = new Transport({
      config: await loadClusterConfig({ file: await cluster.kubeconfigFor({ namespace: ns, name: 'default' }) }),
      userAgent: 'test',
    });
    const warnings: string[] = [];
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      error: () => undefined,
      child: () => logger,
      warn: (_message: string, fields?: Readonly<Record<string, unknown>>) => {
        warnings.push((fields?.error as Error).message);
      },
    };
    const results: string[] = [];
    const sut = recorder(results, { client: new KubeClient(weak), logger });
    sut.event(one, 'Normal', 'A', 'a');
    sut.event({ ...one, namespace: 'no-such-namespace' }, 'Normal', 'B', 'b');
    await sut.stop();
    await weak.close();

    expect(results).toEqual(['failed', 'failed']);
    expect(warnings).toEqual([expect.stringContaining('apiGroups: [""], resources: ["events"], verbs: ["create"]')]);
  });

  it('wait until the writes of the operator are done', async () => {
    const ns = await cluster.namespace('events');
    const one = await subject(ns, 'one');
    const results: string[] = [];
    const sut = recorder(results);
    const writes = Array.from({ length: 200 }, (_, index) =>
      client.mergePatch(configMaps, { name: 'one', namespace: ns }, { data: { a: `${index}` } }),
    );
    sut.event(one, 'Normal', 'Written', 'after the others');
    let sentBefore = 0;
    await Promise.all(
      writes.map(async (write) => {
        await write;
        sentBefore = transport.writesPending > 0 ? results.length : sentBefore;
      }),
    );
    await sut.stop();

    expect(sentBefore).toBe(0);
    expect(results).toEqual(['sent']);
  });
});
