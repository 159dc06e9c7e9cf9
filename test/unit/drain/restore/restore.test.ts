import type { ManagedValues } from '../../../../src/drain/model/managed.ts';
import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { planRestore } from '../../../../src/drain/restore/restore.ts';
import type { RestoreStep } from '../../../../src/drain/restore/restore.ts';
import { decodeState, nextState, templateBefore } from '../../../../src/drain/template/note/state.ts';
import type { WorkloadState } from '../../../../src/drain/template/note/state.ts';
import { mergeProxyConfigAnnotation } from '../../../../src/drain/template/annotation-edit.ts';
import { buildApply } from '../../../../src/drain/template/apply.ts';
import { workloadKind } from '../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../src/drain/template/project.ts';
import { applied, deployment, FIELD_MANAGER, ownsAnnotation, ownsGrace, patched, visible } from './objects.ts';
import type { Json } from './objects.ts';

const kind = workloadKind('Deployment')!;
const policy = { policy: { name: 'long-requests', uid: 'p-1' }, intent: 'abcd1234', onDelete: 'Restore' as const };
const hook = { exec: { command: ['sh', '-c', 'sleep 5'] } };

function write(object: Json, values: ManagedValues): Json {
  const workload = projectWorkload(object, kind);
  const text = workload.annotations['sidecardrain.io/state'];
  const previous = text === undefined ? undefined : decodeState(text);
  const state = nextState({
    workload,
    values,
    ...policy,
    ...(previous?.ok === true ? { previous: previous.state } : {}),
  });
  return applied(object, buildApply(workload, values, state));
}

function stateOf(object: Json): WorkloadState {
  const decoded = decodeState(object.metadata.annotations['sidecardrain.io/state'] as string);
  if (!decoded.ok) {
    throw new Error(decoded.why);
  }
  return decoded.state;
}

/** Runs a restore to its end; the steps, and the object after it. */
function restore(object: Json, mode: 'Restore' | 'Orphan' = 'Restore'): { object: Json; steps: RestoreStep[] } {
  const state = stateOf(object);
  const steps: RestoreStep[] = [];
  let current = object;
  do {
    const step = planRestore(current, state, mode);
    steps.push(step);
    current = patched(current, step.patch);
  } while (!steps.at(-1)!.last && steps.length < 5);
  return { object: current, steps };
}

describe('restoring', () => {
  it.each<[string, Json, ManagedValues]>([
    ['a default grace period', deployment({ owns: ownsGrace }), { gracePeriodSeconds: 75 }],
    [
      'a declared one',
      deployment({ grace: 60, owns: ownsGrace, manager: 'flux', operation: 'Apply' }),
      { gracePeriodSeconds: 75 },
    ],
    ['an annotation that was not there', deployment(), { proxyConfig: 'drainDuration: 60s\n' }],
    [
      'an annotation beside others',
      deployment({ annotations: { 'sidecar.istio.io/inject': 'true' } }),
      { proxyConfig: 'drainDuration: 60s\n', statsSuffixes: 'x', nativeSidecar: 'true', proxyConfigMark: 'm' },
    ],
    [
      'a text',
      deployment({ annotations: { 'proxy.istio.io/config': '# mine\nconcurrency: 2' } }),
      { proxyConfig: '# mine\nconcurrency: 2\ndrainDuration: 1m' },
    ],
    ['a container that was not there', deployment(), { proxyPreStop: hook }],
    [
      'a container that was there',
      deployment({ containers: [{ name: 'istio-proxy', image: 'auto', resources: { limits: { cpu: '1' } } }] }),
      { proxyPreStop: hook },
    ],
    [
      'a lifecycle that was empty',
      deployment({ containers: [{ name: 'istio-proxy', image: 'auto', lifecycle: {} }] }),
      { proxyPreStop: hook },
    ],
    [
      'a postStart beside our hook',
      deployment({ containers: [{ name: 'istio-proxy', image: 'auto', lifecycle: { postStart: hook } }] }),
      { proxyPreStop: hook },
    ],
    ['annotations of the workload', deployment({ ownAnnotations: { team: 'shop' } }), { gracePeriodSeconds: 75 }],
    [
      'all of it',
      deployment({ owns: ownsGrace }),
      { gracePeriodSeconds: 75, proxyConfig: 'drainDuration: 60s\n', proxyPreStop: hook, statsSuffixes: 'x' },
    ],
  ])('%s ends where it began', (_, object, values) => {
    const written = write(object, values);
    const { object: restored } = restore(written);

    expect(visible(written)).not.toBe(visible(object));
    expect(visible(restored)).toBe(visible(object));
    expect(restored.metadata.managedFields.map((entry: Json) => entry.manager)).not.toContain(FIELD_MANAGER);
  });

  it('takes a postStart of ours away where its owner has put another preStop in place of ours', () => {
    const written = write(deployment(), { proxyPreStop: hook, proxyPostStart: hook });
    const [, proxy] = written.spec.template.spec.containers;
    const theirs = { sleep: { seconds: 7 } };
    proxy.lifecycle.preStop = theirs;

    const { object, steps } = restore(written);

    expect(object.spec.template.spec.containers[1].lifecycle).toEqual({ preStop: theirs });
    expect(steps.map(({ kept, restored, last }) => ({ kept, restored, last }))).toEqual([
      { kept: ['proxyContainer'], restored: ['proxyContainer'], last: true },
    ]);
    expect(
      templateBefore(projectWorkload(written, kind).template, stateOf(written)).spec.containers[1]?.lifecycle,
    ).toEqual({ preStop: theirs });
  });

  it('gives a field that was taken by force back to its owner', () => {
    const object = deployment({
      grace: 60,
      annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' },
      owns: { ...ownsGrace, ...ownsAnnotation },
      manager: 'flux',
      operation: 'Apply',
    });
    const written = write(object, { gracePeriodSeconds: 75, proxyConfig: 'concurrency: 2\ndrainDuration: 60s\n' });
    const { object: restored } = restore(written);

    expect(written.metadata.managedFields[0].fieldsV1).not.toEqual(object.metadata.managedFields[0].fieldsV1);
    expect(restored.metadata.managedFields).toEqual(object.metadata.managedFields);
  });

  it('puts values back first, and ownership and state away last, so that a crash in between loses nothing', () => {
    const { steps } = restore(write(deployment({ owns: ownsGrace }), { gracePeriodSeconds: 75 }));
    expect(steps.map(({ last, restored }) => ({ last, restored }))).toEqual([
      { last: false, restored: ['gracePeriod'] },
      { last: true, restored: [] },
    ]);
    expect(steps[0]?.patch.map(({ path }) => path)).toEqual([
      '/metadata/uid',
      '/metadata/resourceVersion',
      '/spec/template/spec/terminationGracePeriodSeconds',
    ]);
  });

  it('takes one patch where values are only taken away', () => {
    const { steps } = restore(write(deployment(), { proxyConfig: 'drainDuration: 60s\n', proxyPreStop: hook }));
    expect(steps).toHaveLength(1);
  });

  it('holds on to the object that was read', () => {
    const written = write(deployment(), { gracePeriodSeconds: 75 });
    const step = planRestore(written, stateOf(written), 'Restore');
    const changed = structuredClone(written);
    changed.metadata.resourceVersion = '99';
    expect(() => patched(changed, step.patch)).toThrow('409');
  });

  it('asks the API server to forget everything where we are the only manager', () => {
    const written = write(deployment(), { nativeSidecar: 'true' });
    written.metadata.managedFields = written.metadata.managedFields.filter(
      (entry: Json) => entry.manager === FIELD_MANAGER,
    );
    const { object } = restore(written);
    expect(object.metadata.managedFields).toEqual([{}]);
  });
});

describe('what somebody else has changed since stays theirs', () => {
  it.each<[string, number]>([
    ['raised', 90],
    ['lowered', 40],
  ])('a grace period that was %s', (_, grace) => {
    const written = write(deployment(), { gracePeriodSeconds: 75 });
    written.spec.template.spec.terminationGracePeriodSeconds = grace;
    const { object, steps } = restore(written);
    expect(object.spec.template.spec.terminationGracePeriodSeconds).toBe(grace);
    expect(steps[0]).toMatchObject({ last: true, kept: ['gracePeriod'] });
  });

  it('a grace period that somebody declares now, with our value', () => {
    const written = write(deployment(), { gracePeriodSeconds: 75 });
    written.metadata.managedFields.push({
      manager: 'flux',
      operation: 'Apply',
      fieldsV1: { 'f:spec': { 'f:template': ownsGrace } },
    });
    expect(restore(written).object.spec.template.spec.terminationGracePeriodSeconds).toBe(75);
  });

  it('a grace period that the manifest of kubectl apply has come to state', () => {
    const written = write(deployment(), { gracePeriodSeconds: 75 });
    written.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'] = JSON.stringify({
      spec: { template: { spec: { terminationGracePeriodSeconds: 75 } } },
    });
    expect(restore(written).object.spec.template.spec.terminationGracePeriodSeconds).toBe(75);
  });

  it('keys in our text: only ours go', () => {
    const written = write(deployment({ annotations: { 'proxy.istio.io/config': 'drainDuration: 45s\n' } }), {
      proxyConfig: 'drainDuration: 60s\nterminationDrainDuration: 60s\n',
    });
    written.spec.template.metadata.annotations['proxy.istio.io/config'] =
      '# by hand\nconcurrency: 4\ndrainDuration: 60s\nterminationDrainDuration: 60s\n';
    expect(restore(written).object.spec.template.metadata.annotations['proxy.istio.io/config']).toBe(
      '# by hand\nconcurrency: 4\ndrainDuration: 45s\n',
    );
  });

  it('a text that somebody declares in a manifest: nothing is cut out of it', () => {
    const written = write(deployment(), { proxyConfig: 'drainDuration: 60s\n' });
    const text = 'concurrency: 4\ndrainDuration: 60s\n';
    written.spec.template.metadata.annotations['proxy.istio.io/config'] = text;
    written.metadata.managedFields.push({
      manager: 'flux',
      operation: 'Apply',
      fieldsV1: { 'f:spec': { 'f:template': ownsAnnotation } },
    });
    expect(restore(written).object.spec.template.metadata.annotations['proxy.istio.io/config']).toBe(text);
  });

  it('a text that was made unreadable', () => {
    const written = write(deployment(), { proxyConfig: 'drainDuration: 60s\n' });
    written.spec.template.metadata.annotations['proxy.istio.io/config'] = '{';
    const { object, steps } = restore(written);
    expect(object.spec.template.metadata.annotations['proxy.istio.io/config']).toBe('{');
    expect(steps[0]?.kept).toEqual(['proxyConfig']);
  });

  it('another hook', () => {
    const written = write(deployment(), { proxyPreStop: hook });
    written.spec.template.spec.containers[1].lifecycle.preStop.exec.command = ['true'];
    expect(restore(written).object.spec.template.spec.containers[1].lifecycle.preStop.exec.command).toEqual(['true']);
  });

  it('settings in the container that we added: it stays, without our hook', () => {
    const written = write(deployment(), { proxyPreStop: hook });
    written.spec.template.spec.containers[1].resources = { limits: { cpu: '1' } };
    const { object } = restore(written);
    expect(object.spec.template.spec.containers[1]).toMatchObject({
      name: 'istio-proxy',
      image: 'auto',
      resources: { limits: { cpu: '1' } },
    });
    expect(object.spec.template.spec.containers[1]).not.toHaveProperty('lifecycle');
  });

  it('a container that was taken away', () => {
    const written = write(deployment(), { proxyPreStop: hook });
    written.spec.template.spec.containers.pop();
    expect(restore(written).object.spec.template.spec.containers).toHaveLength(1);
  });
});

describe('orphaning', () => {
  it('leaves the values and takes everything else of us away, in one patch', () => {
    const object = deployment({ owns: ownsGrace });
    const written = write(object, { gracePeriodSeconds: 75, proxyConfig: 'drainDuration: 60s\n', proxyPreStop: hook });
    const { object: orphan, steps } = restore(written, 'Orphan');

    expect(steps).toHaveLength(1);
    expect(orphan.spec).toEqual(written.spec);
    expect(orphan.metadata.annotations).toBeUndefined();
    expect(orphan.metadata.managedFields.map((entry: Json) => entry.manager)).toEqual(['helm']);
  });
});

const text: fc.Arbitrary<string> = fc
  .record({
    concurrency: fc.option(fc.integer({ min: 0, max: 4 })),
    drainDuration: fc.option(fc.integer({ min: 1, max: 90 })),
    json: fc.boolean(),
  })
  .map(({ concurrency, drainDuration, json }) => {
    const object = {
      ...(concurrency === null ? {} : { concurrency }),
      ...(drainDuration === null ? {} : { drainDuration: `${drainDuration}s` }),
    };
    return json
      ? JSON.stringify(object)
      : Object.entries(object)
          .map(([key, value]) => `${key}: ${value}\n`)
          .join('');
  });

const someDeployment: fc.Arbitrary<Json> = fc
  .record({
    grace: fc.constantFrom(30, 60, 200),
    text: fc.option(text),
    other: fc.boolean(),
    proxy: fc.constantFrom('none', 'plain', 'empty', 'postStart'),
    manager: fc.constantFrom('helm', 'flux'),
    ownAnnotations: fc.boolean(),
  })
  .map(({ grace, text: config, other, proxy, manager, ownAnnotations }) => {
    const annotations = {
      ...(config === null ? {} : { 'proxy.istio.io/config': config }),
      ...(other ? { 'sidecar.istio.io/inject': 'true' } : {}),
    };
    const lifecycle =
      proxy === 'empty' ? { lifecycle: {} } : proxy === 'postStart' ? { lifecycle: { postStart: hook } } : {};
    return deployment({
      grace,
      manager,
      operation: manager === 'flux' ? 'Apply' : 'Update',
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      containers: proxy === 'none' ? [] : [{ name: 'istio-proxy', image: 'auto', ...lifecycle }],
      owns: { ...(grace === 30 && manager === 'flux' ? {} : ownsGrace), ...(config === null ? {} : ownsAnnotation) },
      ...(ownAnnotations ? { ownAnnotations: { team: 'shop' } } : {}),
    });
  });

interface Intent {
  readonly grace?: number;
  readonly drain?: number;
  readonly hook?: boolean;
  readonly native?: boolean;
}
const someIntent: fc.Arbitrary<Intent> = fc.record(
  {
    grace: fc.integer({ min: 31, max: 600 }),
    drain: fc.integer({ min: 1, max: 600 }),
    hook: fc.boolean(),
    native: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** The values that a plan would make of an intent, computed from what stood there before us. */
function valuesFor(original: Json, intent: Intent): ManagedValues {
  const present = original.spec.template.metadata.annotations?.['proxy.istio.io/config'] as string | undefined;
  const merged =
    intent.drain === undefined
      ? undefined
      : mergeProxyConfigAnnotation(present, { terminationDrainDuration: intent.drain });
  return {
    ...(intent.grace === undefined ? {} : { gracePeriodSeconds: intent.grace }),
    ...(merged?.ok === true ? { proxyConfig: merged.text } : {}),
    ...(intent.hook === true ? { proxyPreStop: hook } : {}),
    ...(intent.native === true ? { nativeSidecar: 'true' as const } : {}),
  };
}

describe('any workload, after any policies', () => {
  it('is restored to the byte', () => {
    fc.assert(
      fc.property(someDeployment, fc.array(someIntent, { minLength: 1, maxLength: 3 }), (object, intents) => {
        // A lifecycle written as {} is lost when a later policy wants no hook: server-side apply takes it with the hook.
        fc.pre(intents.length === 1 || JSON.stringify(object.spec).includes('"lifecycle":{}') === false);
        const written = intents.reduce((current, intent) => write(current, valuesFor(object, intent)), object);
        const { object: restored, steps } = restore(written);
        expect(visible(restored)).toBe(visible(object));
        expect(steps.length).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('is restored the same when the restore starts again after its first patch', () => {
    fc.assert(
      fc.property(someDeployment, someIntent, (object, intent) => {
        const written = write(object, valuesFor(object, intent));
        const half = patched(written, planRestore(written, stateOf(written), 'Restore').patch);
        const again = half.metadata.annotations?.['sidecardrain.io/state'] === undefined ? half : restore(half).object;
        expect(visible(again)).toBe(visible(object));
      }),
    );
  });
});
