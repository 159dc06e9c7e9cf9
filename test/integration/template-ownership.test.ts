import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { useCluster } from '../support/cluster.ts';
import { workloadKind } from '../../src/drain/template/kinds.ts';
import type { FieldOwner } from '../../src/drain/model/workload.ts';
import { TemplateBench } from './template-support.ts';
import type { TemplateParts } from './template-support.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
let bench: TemplateBench;

beforeAll(async () => {
  bench = new TemplateBench(cluster, await cluster.namespace('template-ownership'));
});

const declared = (...owners: string[]): FieldOwner => ({ ownership: 'Declared', owners });
const shared = (...owners: string[]): FieldOwner => ({ ownership: 'Shared', owners });
const defaulted: FieldOwner = { ownership: 'Defaulted', owners: [] };
const absent: FieldOwner = { ownership: 'Absent', owners: [] };
const ours: FieldOwner = { ownership: 'Ours', owners: [] };
const config = { 'proxy.istio.io/config': 'concurrency: 2\n' };

type Make = 'client-side apply' | 'server-side apply' | 'create' | 'replace';

async function make(how: Make, name: string, parts: TemplateParts): Promise<void> {
  const manifest = bench.manifest(name, parts);
  if (how === 'client-side apply') {
    await cluster.kubectlApply(JSON.stringify(manifest));
  } else if (how === 'server-side apply') {
    await cluster.kubectlOk(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(manifest) });
  } else if (how === 'create') {
    await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(manifest) });
  } else {
    await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(bench.manifest(name)) });
    await cluster.kubectlOk(['replace', '-f', '-'], { input: JSON.stringify(manifest) });
  }
}

let count = 0;
const nextName = (): string => `w${(count += 1)}`;

describe('who owns the grace period', () => {
  it.each<[Make, string, TemplateParts, FieldOwner]>([
    ['client-side apply', 'nothing', {}, defaulted],
    ['client-side apply', '30', { grace: 30 }, declared('kubectl-client-side-apply')],
    ['client-side apply', '60', { grace: 60 }, declared('kubectl-client-side-apply')],
    ['server-side apply', 'nothing', {}, defaulted],
    ['server-side apply', '30', { grace: 30 }, declared('kubectl')],
    ['server-side apply', '60', { grace: 60 }, declared('kubectl')],
    ['create', 'nothing', {}, defaulted],
    ['create', '30, which nothing tells from the default', { grace: 30 }, defaulted],
    ['create', '60', { grace: 60 }, declared('kubectl-create')],
    ['replace', '60', { grace: 60 }, declared('kubectl-replace')],
  ])('after %s of a manifest that states %s', async (how, _, parts, expected) => {
    const name = nextName();
    await make(how, name, parts);
    expect((await bench.project(name)).fields.gracePeriod).toEqual(expected);
  });

  it.each<[string, (name: string) => Promise<unknown>, FieldOwner]>([
    [
      'kubectl patch',
      (name) =>
        cluster.kubectlOk([
          'patch',
          `deployment/${name}`,
          '-n',
          bench.namespace,
          '-p',
          '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":90}}}}',
        ]),
      declared('kubectl-patch'),
    ],
    [
      'kubectl edit',
      (name) =>
        cluster.kubectlOk([
          'patch',
          `deployment/${name}`,
          '-n',
          bench.namespace,
          '--field-manager=kubectl-edit',
          '-p',
          '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":90}}}}',
        ]),
      declared('kubectl-edit'),
    ],
    [
      'kubectl scale',
      (name) => cluster.kubectlOk(['scale', `deployment/${name}`, '-n', bench.namespace, '--replicas=1']),
      defaulted,
    ],
    [
      'kubectl rollout restart',
      (name) => cluster.kubectlOk(['rollout', 'restart', `deployment/${name}`, '-n', bench.namespace]),
      defaulted,
    ],
    [
      'kubectl set image',
      (name) => cluster.kubectlOk(['set', 'image', `deployment/${name}`, '-n', bench.namespace, 'app=app:2']),
      defaulted,
    ],
  ])('after %s on an applied object', async (_, change, expected) => {
    const name = nextName();
    await make('client-side apply', name, {});
    await change(name);
    expect((await bench.project(name)).fields.gracePeriod).toEqual(expected);
  });

  it('is ours after our write, and shared once somebody states the same value', async () => {
    const name = nextName();
    await make('client-side apply', name, {});
    await bench.write(name, { gracePeriodSeconds: 75 });
    expect((await bench.project(name)).fields.gracePeriod).toEqual(ours);

    // A client-side apply of the value that stands there sends nothing of it: only its annotation tells.
    await cluster.kubectlApply(JSON.stringify(bench.manifest(name, { grace: 75 })));
    expect((await bench.project(name)).fields.gracePeriod).toEqual(shared('kubectl-client-side-apply'));
  });

  it('is shared with a server-side apply of the same value', async () => {
    const name = nextName();
    await make('server-side apply', name, {});
    await bench.write(name, { gracePeriodSeconds: 75 });
    await cluster.kubectlOk(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify(bench.manifest(name, { grace: 75 })),
    });
    expect((await bench.project(name)).fields.gracePeriod).toEqual(shared('kubectl'));
  });

  it('is theirs when they change what we wrote', async () => {
    const name = nextName();
    await make('create', name, {});
    await bench.write(name, { gracePeriodSeconds: 75 });
    await cluster.kubectlOk([
      'patch',
      `deployment/${name}`,
      '-n',
      bench.namespace,
      '-p',
      '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":90}}}}',
    ]);
    expect((await bench.project(name)).fields.gracePeriod).toEqual(declared('kubectl-patch'));
  });

  it('is known of a StatefulSet and a DaemonSet just as well', async () => {
    for (const kind of ['StatefulSet', 'DaemonSet']) {
      const name = nextName();
      await cluster.kubectlApply(JSON.stringify(bench.manifest(name, { grace: 60 }, kind)));
      expect((await bench.project(name, kind)).fields.gracePeriod).toEqual(declared('kubectl-client-side-apply'));
    }
  });
});

describe('who owns the annotation and the hook', () => {
  const proxy = { name: 'istio-proxy', image: 'auto', lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } } };

  it.each<[Make, FieldOwner]>([
    ['client-side apply', declared('kubectl-client-side-apply')],
    ['server-side apply', declared('kubectl')],
    ['create', declared('kubectl-create')],
    ['replace', declared('kubectl-replace')],
  ])('whoever wrote them by %s, for they have no default', async (how, expected) => {
    const name = nextName();
    await make(how, name, { annotations: config, containers: [proxy] });
    expect((await bench.project(name)).fields).toMatchObject({
      proxyConfig: expected,
      proxyContainer: expected,
      nativeSidecar: absent,
      statsSuffixes: absent,
    });
  });

  it('we do, once we have written them', async () => {
    const name = nextName();
    await make('client-side apply', name, {});
    await bench.write(name, {
      proxyConfig: 'drainDuration: 60s\n',
      proxyPreStop: proxy.lifecycle.preStop,
      nativeSidecar: 'true',
      statsSuffixes: 'x',
      proxyConfigMark: 'm',
    });
    expect((await bench.project(name)).fields).toMatchObject({
      proxyConfig: ours,
      proxyContainer: ours,
      nativeSidecar: ours,
      statsSuffixes: ours,
      proxyConfigMark: ours,
      gracePeriod: defaulted,
    });
  });

  it('an edit of our text makes it theirs', async () => {
    const name = nextName();
    await make('client-side apply', name, {});
    await bench.write(name, { proxyConfig: 'drainDuration: 60s\n' });
    await cluster.kubectlOk([
      'patch',
      `deployment/${name}`,
      '-n',
      bench.namespace,
      '--field-manager=kubectl-edit',
      '-p',
      JSON.stringify({
        spec: {
          template: { metadata: { annotations: { 'proxy.istio.io/config': 'drainDuration: 60s\nconcurrency: 4\n' } } },
        },
      }),
    ]);
    expect((await bench.project(name)).fields.proxyConfig).toEqual(declared('kubectl-edit'));
  });
});

describe("a defaulted grace period is nobody's, and yet the API server calls it a conflict", () => {
  it.each<[Make, number]>([
    ['client-side apply', 409],
    ['create', 409],
    ['server-side apply', 200],
  ])('after %s an apply without force gets %d', async (how, status) => {
    const name = nextName();
    await make(how, name, {});
    await bench.settled(name);
    const answer = await bench.write(name, { gracePeriodSeconds: 75 }, 'Deployment', false);
    expect(answer.status).toBe(status);
  });

  it('a stale write is refused even with force', async () => {
    const name = nextName();
    await make('create', name, {});
    const workload = await bench.project(name);
    await cluster.kubectlOk([
      'patch',
      `deployment/${name}`,
      '-n',
      bench.namespace,
      '-p',
      '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":90}}}}',
    ]);
    const { buildApply } = await import('../../src/drain/template/apply.ts');
    const { nextState } = await import('../../src/drain/template/note/state.ts');
    const values = { gracePeriodSeconds: 75 };
    const body = buildApply(
      workload,
      values,
      nextState({ workload, values, policy: { name: 'p', uid: 'x' }, intent: 'i', onDelete: 'Restore' }),
    );
    const answer = await cluster.client.raw(
      'PATCH',
      `${bench.path(name)}?fieldManager=sidecar-drain-operator&force=true`,
      { body, contentType: 'application/apply-patch+yaml' },
    );
    expect(answer.status).toBe(409);
    expect((await bench.get(name)).spec.template.spec.terminationGracePeriodSeconds).toBe(90);
  });
});

it('rollout facts are read off a live Deployment', async () => {
  const name = nextName();
  await cluster.kubectlApply(
    JSON.stringify({ ...bench.manifest(name), spec: { ...bench.manifest(name).spec, replicas: 2 } }),
  );
  const complete = await cluster.waitFor(
    bench.path(name),
    (object) => workloadKind('Deployment')!.rollout(object).complete,
  );
  expect(workloadKind('Deployment')!.rollout(complete)).toMatchObject({
    replicas: 2,
    complete: true,
    healthy: true,
    rolling: false,
  });

  const { body } = await bench.write(name, { gracePeriodSeconds: 75 });
  expect(workloadKind('Deployment')!.rollout(body)).toMatchObject({ complete: false, healthy: true, rolling: true });
  await cluster.waitFor(bench.path(name), (object) => workloadKind('Deployment')!.rollout(object).complete);
});
