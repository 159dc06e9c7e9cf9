import type { ManagedValues } from '../../src/drain/model/managed.ts';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { useCluster } from '../support/cluster.ts';
import { fieldsOf, MANAGER, managersOf, TemplateBench } from './template-support.ts';
import type { TemplateParts } from './template-support.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
let bench: TemplateBench;

beforeAll(async () => {
  bench = new TemplateBench(cluster, await cluster.namespace('template-restore'));
});

let count = 0;
const nextName = (): string => `r${(count += 1)}`;
const preStop = { exec: { command: ['sh', '-c', 'sleep 5'] } };
const everything: ManagedValues = {
  gracePeriodSeconds: 300,
  proxyConfig: 'terminationDrainDuration: 60s\n',
  proxyPreStop: preStop,
  statsSuffixes: 'downstream_rq_active',
  nativeSidecar: 'true',
  proxyConfigMark: 'm',
};

const makers: Record<string, (manifest: object) => Promise<unknown>> = {
  'client-side apply': (manifest) => cluster.kubectlApply(JSON.stringify(manifest)),
  'server-side apply': (manifest) =>
    cluster.kubectlOk(['apply', '--server-side', '--field-manager=flux', '-f', '-'], {
      input: JSON.stringify(manifest),
    }),
  'plain create': (manifest) => cluster.create(manifest),
};

const shapes: Record<string, [TemplateParts, ManagedValues]> = {
  'nothing of ours in it': [{}, everything],
  'a grace period': [{ grace: 60 }, { gracePeriodSeconds: 300 }],
  'a grace period of 30': [{ grace: 30 }, { gracePeriodSeconds: 300 }],
  'an annotation, JSON': [
    { annotations: { 'proxy.istio.io/config': '{"concurrency":2}', 'sidecar.istio.io/inject': 'true' } },
    { proxyConfig: '{"concurrency":2,"drainDuration":"1m"}' },
  ],
  'an annotation, YAML with comments': [
    { annotations: { 'proxy.istio.io/config': '# ours\nconcurrency: 2   # two\n' } },
    { proxyConfig: '# ours\nconcurrency: 2   # two\ndrainDuration: 1m\n' },
  ],
  'an empty annotation': [{ annotations: { 'proxy.istio.io/config': '' } }, { proxyConfig: 'drainDuration: 1m\n' }],
  'a container istio-proxy': [
    { containers: [{ name: 'istio-proxy', image: 'auto', resources: { requests: { cpu: '10m' } } }] },
    { gracePeriodSeconds: 300, proxyPreStop: preStop },
  ],
  'an empty lifecycle': [
    { containers: [{ name: 'istio-proxy', image: 'auto', lifecycle: {} }] },
    { proxyPreStop: preStop },
  ],
  'a postStart': [
    { containers: [{ name: 'istio-proxy', image: 'auto', lifecycle: { postStart: preStop } }] },
    { proxyPreStop: preStop },
  ],
  'nothing of ours in it, a postStart wanted': [{}, { ...everything, proxyPostStart: preStop }],
  'a container istio-proxy, a postStart wanted': [
    { containers: [{ name: 'istio-proxy', image: 'auto', lifecycle: {} }] },
    { proxyPreStop: preStop, proxyPostStart: preStop },
  ],
  'annotations of its own': [{ ownAnnotations: { team: 'shop' } }, everything],
};

describe.each(Object.keys(makers))('an object made by %s is as it was, to the byte', (how) => {
  it.each(Object.keys(shapes))('with %s', async (shape) => {
    const name = nextName();
    const [parts, values] = shapes[shape]!;
    await makers[how]!(bench.manifest(name, parts));
    const start = await bench.visible(name);

    expect((await bench.write(name, values)).status).toBe(200);
    expect(await bench.visible(name)).not.toBe(start);
    const patches = await bench.restore(name);

    expect(await bench.visible(name)).toBe(start);
    expect(patches).toBeLessThanOrEqual(2);
    expect(managersOf(await bench.get(name)).join()).not.toContain(MANAGER);
  });
});

describe.each(['StatefulSet', 'DaemonSet'])('a %s', (kind) => {
  it('is as it was, to the byte', async () => {
    const name = nextName();
    await cluster.kubectlApply(JSON.stringify(bench.manifest(name, {}, kind)));
    const start = await bench.visible(name, kind);
    await bench.write(name, everything, kind);
    await bench.restore(name, 'Restore', kind);
    expect(await bench.visible(name, kind)).toBe(start);
  });
});

describe('ownership', () => {
  it('of an object made by server-side apply is what it was, entry by entry, although we had taken fields by force', async () => {
    const name = nextName();
    await makers['server-side apply']!(
      bench.manifest(name, { grace: 60, annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' } }),
    );
    const before = await bench.get(name);
    await bench.write(name, { ...everything, proxyConfig: 'concurrency: 2\nterminationDrainDuration: 60s\n' });
    expect(fieldsOf(await bench.get(name), 'flux')).not.toEqual(fieldsOf(before, 'flux'));
    await bench.restore(name);

    const after = await bench.get(name);
    expect(managersOf(after)).toEqual(['flux Apply']);
    expect(fieldsOf(after, 'flux')).toEqual(fieldsOf(before, 'flux'));
  });

  it('is worth restoring: what its owner drops from the manifest later goes, as it would have without us', async () => {
    const name = nextName();
    await makers['server-side apply']!(
      bench.manifest(name, { grace: 60, annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' } }),
    );
    await bench.write(name, { gracePeriodSeconds: 300, proxyConfig: 'concurrency: 2\ndrainDuration: 60s\n' });
    await bench.restore(name);
    await makers['server-side apply']!(bench.manifest(name));

    const { template } = (await bench.get(name)).spec;
    expect(template.spec.terminationGracePeriodSeconds).toBe(30);
    expect(template.metadata.annotations).toBeUndefined();
  });

  it('another manager may apply afterwards without any conflict with us', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.write(name, everything);
    await bench.restore(name);
    const answer = await cluster.kubectl(['apply', '--server-side', '--field-manager=argocd', '-f', '-'], {
      input: JSON.stringify(bench.manifest(name, { grace: 45, annotations: { 'proxy.istio.io/config': 'a: b\n' } })),
    });
    expect(answer.stderr).not.toContain(MANAGER);
  });

  it('is forgotten where we are the only manager that is left', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.settled(name);
    await cluster.client.call('PATCH', bench.path(name), {
      body: [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }],
      contentType: 'application/json-patch+json',
    });
    await bench.write(name, { nativeSidecar: 'true' });
    await bench.settled(name);
    const left = (await bench.get(name)).metadata.managedFields.filter(
      (entry: { manager: string }) => entry.manager === MANAGER,
    );
    await cluster.client.call('PATCH', bench.path(name), {
      body: [{ op: 'replace', path: '/metadata/managedFields', value: left }],
      contentType: 'application/json-patch+json',
    });
    expect(managersOf(await bench.get(name))).toEqual([`${MANAGER} Apply`]);

    await bench.restore(name);
    expect(managersOf(await bench.get(name))).toEqual([]);
  });
});

describe('the patches', () => {
  it('put the values back first; only the second takes state and ownership away, and it restarts no pod', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.write(name, everything);
    const first = await bench.step(name);
    const half = await bench.get(name);
    const second = await bench.step(name);
    const after = await bench.get(name);

    expect([first.last, second.last]).toEqual([false, true]);
    expect(half.metadata.annotations).toHaveProperty(['sidecardrain.io/state']);
    // Why there have to be two: whoever changes a value by PATCH is its owner, whatever the same patch says of managedFields.
    expect(managersOf(half)).toContain(`${MANAGER} Update`);
    expect(after.spec).toEqual(half.spec);
    expect(managersOf(after).join()).not.toContain(MANAGER);
  });

  it('even a patch that removes our entry and changes a value leaves an entry of ours', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.write(name, { gracePeriodSeconds: 300 });
    const object = await bench.get(name);
    const index = object.metadata.managedFields.findIndex((entry: { manager: string }) => entry.manager === MANAGER);
    await cluster.client.call('PATCH', `${bench.path(name)}?fieldManager=${MANAGER}`, {
      body: [
        { op: 'replace', path: '/spec/template/spec/terminationGracePeriodSeconds', value: 30 },
        { op: 'remove', path: `/metadata/managedFields/${index}` },
      ],
      contentType: 'application/json-patch+json',
    });
    expect(managersOf(await bench.get(name))).toContain(`${MANAGER} Update`);
  });

  it('are one where nothing is put back', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.write(name, { proxyConfig: 'drainDuration: 60s\n', proxyPreStop: preStop });
    expect(await bench.restore(name)).toBe(1);
    expect(managersOf(await bench.get(name)).join()).not.toContain(MANAGER);
  });

  it('are refused with 409 when the object has changed since, and change nothing', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.write(name, { gracePeriodSeconds: 75 });
    const step = await bench.plan(name);
    await cluster.kubectlOk([
      'patch',
      `deployment/${name}`,
      '-n',
      bench.namespace,
      '-p',
      '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":90}}}}',
    ]);
    expect((await bench.send(name, step)).status).toBe(409);
    expect((await bench.get(name)).spec.template.spec.terminationGracePeriodSeconds).toBe(90);
  });

  it('are refused when the object is another one by now', async () => {
    const name = nextName();
    await makers['plain create']!(bench.manifest(name));
    await bench.write(name, { gracePeriodSeconds: 75 });
    const step = await bench.plan(name);
    await cluster.kubectlOk(['delete', `deployment/${name}`, '-n', bench.namespace, '--wait']);
    await makers['plain create']!(bench.manifest(name, { grace: 75 }));
    expect([409, 422]).toContain((await bench.send(name, step)).status);
    expect((await bench.get(name)).spec.template.spec.terminationGracePeriodSeconds).toBe(75);
  });
});

describe('what users have changed in between stays theirs', () => {
  const patch = (name: string, template: object): Promise<string> =>
    cluster.kubectlOk([
      'patch',
      `deployment/${name}`,
      '-n',
      bench.namespace,
      '-p',
      JSON.stringify({ spec: { template } }),
    ]);

  it.each([[90], [40]])('a grace period of %d', async (grace) => {
    const name = nextName();
    await makers['client-side apply']!(bench.manifest(name));
    await bench.write(name, { gracePeriodSeconds: 75 });
    await patch(name, { spec: { terminationGracePeriodSeconds: grace } });
    await bench.restore(name);
    const after = await bench.get(name);
    expect(after.spec.template.spec.terminationGracePeriodSeconds).toBe(grace);
    expect(managersOf(after)).toContain('kubectl-patch Update');
    expect(managersOf(after).join()).not.toContain(MANAGER);
  });

  it.each(['client-side apply', 'server-side apply'])(
    'a grace period that a manifest has come to state with our value, by %s',
    async (how) => {
      const name = nextName();
      await makers[how]!(bench.manifest(name));
      await bench.write(name, { gracePeriodSeconds: 75 });
      await makers[how]!(bench.manifest(name, { grace: 75 }));
      await bench.restore(name);
      expect((await bench.get(name)).spec.template.spec.terminationGracePeriodSeconds).toBe(75);
    },
  );

  it('keys that they have put into our text', async () => {
    const name = nextName();
    await makers['client-side apply']!(bench.manifest(name));
    await bench.write(name, { proxyConfig: 'terminationDrainDuration: 60s\n' });
    await patch(name, {
      metadata: { annotations: { 'proxy.istio.io/config': '# mine\nconcurrency: 4\nterminationDrainDuration: 60s\n' } },
    });
    await bench.restore(name);
    expect((await bench.get(name)).spec.template.metadata.annotations).toEqual({
      'proxy.istio.io/config': '# mine\nconcurrency: 4\n',
    });
  });

  it('settings in the container that we added', async () => {
    const name = nextName();
    await makers['client-side apply']!(bench.manifest(name));
    await bench.write(name, { proxyPreStop: preStop });
    await patch(name, { spec: { containers: [{ name: 'istio-proxy', resources: { limits: { cpu: '1' } } }] } });
    await bench.restore(name);
    const proxy = (await bench.get(name)).spec.template.spec.containers.find(
      (container: { name: string }) => container.name === 'istio-proxy',
    );
    expect(proxy).toMatchObject({ image: 'auto', resources: { limits: { cpu: '1' } } });
    expect(proxy.lifecycle).toBeUndefined();
  });

  it('an image of another container, a label, a restart', async () => {
    const name = nextName();
    await makers['client-side apply']!(bench.manifest(name));
    await bench.write(name, everything);
    await cluster.kubectlOk(['set', 'image', `deployment/${name}`, '-n', bench.namespace, 'app=app:2']);
    await cluster.kubectlOk(['rollout', 'restart', `deployment/${name}`, '-n', bench.namespace]);
    await bench.restore(name);
    const { template } = (await bench.get(name)).spec;
    expect(
      template.spec.containers.map((container: { name: string; image: string }) => [container.name, container.image]),
    ).toEqual([['app', 'app:2']]);
    expect(Object.keys(template.metadata.annotations as object)).toEqual(['kubectl.kubernetes.io/restartedAt']);
  });
});

it('several policies later the first original comes back', async () => {
  const name = nextName();
  await makers['client-side apply']!(
    bench.manifest(name, { grace: 45, annotations: { 'proxy.istio.io/config': 'concurrency: 2' } }),
  );
  const start = await bench.visible(name);
  await bench.write(name, { gracePeriodSeconds: 75, proxyConfig: 'concurrency: 2\ndrainDuration: 1m' });
  await bench.write(name, { gracePeriodSeconds: 90, proxyPreStop: preStop });
  await bench.write(name, {});
  await bench.write(name, {
    gracePeriodSeconds: 120,
    proxyConfig: 'concurrency: 2\ndrainDuration: 2m',
    nativeSidecar: 'true',
  });
  await bench.restore(name);
  expect(await bench.visible(name)).toBe(start);
});

it('an orphan keeps its values and knows us no more', async () => {
  const name = nextName();
  await makers['client-side apply']!(bench.manifest(name));
  await bench.write(name, everything);
  const { spec } = await bench.get(name);
  expect(await bench.restore(name, 'Orphan')).toBe(1);
  const after = await bench.get(name);
  expect(after.spec).toEqual(spec);
  expect(after.metadata.annotations).not.toHaveProperty(['sidecardrain.io/state']);
  expect(managersOf(after).join()).not.toContain(MANAGER);
});
