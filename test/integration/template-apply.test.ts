import type { ManagedValues } from '../../src/drain/model/managed.ts';
import { beforeAll, expect, it, jest } from '@jest/globals';
import { useCluster } from '../support/cluster.ts';
import { applyToTemplate } from '../../src/drain/template/apply.ts';
import { TemplateBench } from './template-support.ts';
import type { TemplateParts } from './template-support.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
let bench: TemplateBench;

beforeAll(async () => {
  bench = new TemplateBench(cluster, await cluster.namespace('template-apply'));
});

const preStop = { exec: { command: ['sh', '-c', 'sleep 5'] } };
const proxy = { name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent' };

// The forecast of a template and what the API server makes of the apply must be the same, for plans rest on the forecast.
it.each<[string, TemplateParts, ManagedValues, ManagedValues]>([
  ['nothing', {}, {}, {}],
  ['a grace period, then none', {}, { gracePeriodSeconds: 75 }, {}],
  ['a grace period, then another', { grace: 60 }, { gracePeriodSeconds: 75 }, { gracePeriodSeconds: 90 }],
  [
    'annotations, then fewer',
    { annotations: { 'sidecar.istio.io/inject': 'true' } },
    { proxyConfig: 'a: b\n', nativeSidecar: 'true', statsSuffixes: 'x', proxyConfigMark: 'm' },
    { nativeSidecar: 'true' },
  ],
  ['a container, then none', {}, { proxyPreStop: preStop }, {}],
  ['a postStart, then none', {}, { proxyPreStop: preStop, proxyPostStart: preStop }, { proxyPreStop: preStop }],
  ['another hook', {}, { proxyPreStop: preStop }, { proxyPreStop: { exec: { command: ['true'] } } }],
  ['a hook in a container that is there', { containers: [proxy] }, { proxyPreStop: preStop }, {}],
  [
    'a hook beside a postStart',
    { containers: [{ ...proxy, lifecycle: { postStart: preStop } }] },
    { proxyPreStop: preStop },
    {},
  ],
  [
    'everything',
    {},
    { gracePeriodSeconds: 75, proxyConfig: 'drainDuration: 60s\n', proxyPreStop: preStop },
    { gracePeriodSeconds: 80, proxyConfig: 'drainDuration: 50s\n' },
  ],
])('the forecast holds: %s', async (title, parts, first, second) => {
  const name = `f-${title.replaceAll(/[^a-z]+/g, '-')}`;
  await cluster.kubectlApply(JSON.stringify(bench.manifest(name, parts)));
  const before = await bench.project(name);

  expect((await bench.write(name, first)).status).toBe(200);
  const once = await bench.project(name);
  expect(once.template).toEqual(applyToTemplate(before.template, first));

  // A plan is made from what stood there before us; what it no longer wants must then stand as it did before.
  expect((await bench.write(name, second)).status).toBe(200);
  const twice = await bench.project(name);
  expect(twice.template).toEqual(applyToTemplate(before.template, second));
});

it('the forecast of what is ours and no longer wanted holds too', async () => {
  await cluster.kubectlApply(JSON.stringify(bench.manifest('dropped')));
  await bench.write('dropped', { gracePeriodSeconds: 75, proxyConfig: 'a: b\n', proxyPreStop: preStop });
  const before = await bench.project('dropped');
  const forecast = applyToTemplate(before.template, {}, before.fields);
  await bench.write('dropped', {});
  expect((await bench.project('dropped')).template).toEqual(forecast);
});

it('a write that changes nothing makes no new generation', async () => {
  await cluster.kubectlApply(JSON.stringify(bench.manifest('same')));
  await bench.write('same', { gracePeriodSeconds: 75 });
  const settled = await bench.settled('same');
  const again = await bench.write('same', { gracePeriodSeconds: 75 });
  expect(again.body.metadata.generation).toBe(settled.metadata.generation);
});

it('an object that was deleted and made again is not taken for the old one', async () => {
  await cluster.kubectlApply(JSON.stringify(bench.manifest('again')));
  const workload = await bench.project('again');
  await cluster.kubectlOk(['delete', 'deployment/again', '-n', bench.namespace, '--wait']);
  const { buildApply } = await import('../../src/drain/template/apply.ts');
  const { nextState } = await import('../../src/drain/template/note/state.ts');
  const values = { gracePeriodSeconds: 75 };
  const body = buildApply(
    workload,
    values,
    nextState({ workload, values, policy: { name: 'p', uid: 'x' }, intent: 'i', onDelete: 'Restore' }),
  );
  const send = () =>
    cluster.client.raw('PATCH', `${bench.path('again')}?fieldManager=sidecar-drain-operator&force=true`, {
      body,
      contentType: 'application/apply-patch+yaml',
    });

  expect((await send()).status).toBe(409);
  await cluster.kubectlApply(JSON.stringify(bench.manifest('again')));
  expect([409, 422]).toContain((await send()).status);
});
