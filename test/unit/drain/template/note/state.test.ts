import type { ManagedValues } from '../../../../../src/drain/model/managed.ts';
import { describe, expect, it } from '@jest/globals';
import {
  decodeState,
  encodeState,
  nextState,
  templateBefore,
  valuesInPlace,
  writtenValuesStand,
} from '../../../../../src/drain/template/note/state.ts';
import type { WorkloadState } from '../../../../../src/drain/template/note/state.ts';
import { buildApply } from '../../../../../src/drain/template/apply.ts';
import { workloadKind } from '../../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../../src/drain/template/project.ts';
import { applied, deployment, ownsAnnotation, ownsGrace } from '../../restore/objects.ts';
import type { Json } from '../../restore/objects.ts';

const kind = workloadKind('Deployment')!;
const policy = { policy: { name: 'long-requests', uid: 'p-1' }, intent: 'abcd1234', onDelete: 'Restore' as const };

function write(
  object: Json,
  values: ManagedValues,
  more: object = {},
): { object: Json; state: WorkloadState; document: Json } {
  const workload = projectWorkload(object, kind);
  const text = workload.annotations['sidecardrain.io/state'];
  const previous = text === undefined ? undefined : decodeState(text);
  const state = nextState({
    workload,
    values,
    ...policy,
    ...more,
    ...(previous?.ok === true ? { previous: previous.state } : {}),
  });
  const document = buildApply(workload, values, state);
  return { object: applied(object, document), state, document };
}

const before = (object: Json, state: WorkloadState) => templateBefore(projectWorkload(object, kind).template, state);

describe('the state annotation', () => {
  it('comes back as it went', () => {
    const { state } = write(
      deployment(),
      { gracePeriodSeconds: 75, proxyConfig: 'drainDuration: 60s\n' },
      { maxConcurrent: 3, at: '2026-11-21T00:00:00Z' },
    );
    expect(decodeState(encodeState(state))).toEqual({ ok: true, state });
    expect(state).toMatchObject({ v: 1, ...policy, maxConcurrent: 3, at: '2026-11-21T00:00:00Z' });
  });

  it.each([
    ['no JSON', '{', 'it is not JSON'],
    ['another JSON', '[]', 'it is not a JSON object'],
    ['nothing', '{}', 'it has no version'],
    ['a later version', '{"v":2}', 'written by a newer release'],
    ['no policy', '{"v":1,"intent":"x","onDelete":"Restore","fields":{}}', 'it names no policy'],
    ['no intent', '{"v":1,"policy":{"name":"a","uid":"b"},"onDelete":"Restore","fields":{}}', 'intent or onDelete'],
    [
      'another onDelete',
      '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Keep","fields":{}}',
      'intent or onDelete',
    ],
    ['no fields', '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Orphan"}', 'it has no fields'],
    [
      'an unknown field',
      '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Orphan","fields":{"image":{}}}',
      'what it says of image',
    ],
    [
      'a damaged field',
      '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Orphan","fields":{"gracePeriod":{"before":"30","wrote":75}}}',
      'what it says of gracePeriod',
    ],
    [
      'a damaged annotation',
      '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Orphan","fields":{"proxyConfig":{"before":5,"wrote":"x"}}}',
      'what it says of proxyConfig',
    ],
    [
      'a damaged hook',
      '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Orphan","fields":{"proxyContainer":{"before":{},"wrote":"x"}}}',
      'what it says of proxyContainer',
    ],
    [
      'a limit of none',
      '{"v":1,"policy":{"name":"a","uid":"b"},"intent":"x","onDelete":"Orphan","maxConcurrent":0,"fields":{}}',
      'maxConcurrent',
    ],
  ])('with %s is refused', (_, text, why) => {
    expect(decodeState(text)).toEqual({ ok: false, why: expect.stringContaining(why) });
  });
});

describe('what stood before us', () => {
  it.each([
    ['a default', deployment({ owns: ownsGrace }), { before: 30, defaulted: true, wrote: 75 }],
    ['a declared value', deployment({ grace: 60, owns: ownsGrace }), { before: 60, owners: ['helm'], wrote: 75 }],
    [
      'a default that somebody declares',
      deployment({ owns: ownsGrace, manager: 'flux', operation: 'Apply' }),
      { before: 30, owners: ['flux'], wrote: 75 },
    ],
  ])('of the grace period: %s', (_, object, expected) => {
    expect(write(object, { gracePeriodSeconds: 75 }).state.fields.gracePeriod).toEqual(expected);
  });

  it('of an annotation: nothing', () => {
    expect(write(deployment(), { nativeSidecar: 'true' }).state.fields).toMatchObject({
      nativeSidecar: { before: null },
    });
  });

  it('of an annotation: a text, and which keys in it are ours now', () => {
    const text = 'concurrency: 2\ndrainDuration: 45s\n';
    const { state } = write(deployment({ annotations: { 'proxy.istio.io/config': text } }), {
      proxyConfig: 'concurrency: 2\ndrainDuration: 60s\nproxyMetadata:\n  A: b\n',
    });
    expect(state.fields.proxyConfig).toMatchObject({
      before: text,
      keys: { drainDuration: '60s', proxyMetadata: { A: 'b' } },
    });
  });

  it.each<[string, object[], object | null]>([
    ['no container', [], null],
    ['a container for other reasons', [{ name: 'istio-proxy', image: 'auto' }], { lifecycle: false }],
    [
      'a container with an empty lifecycle',
      [{ name: 'istio-proxy', image: 'auto', lifecycle: {} }],
      { lifecycle: true },
    ],
  ])('of the hook: %s', (_, containers, expected) => {
    const { state } = write(deployment({ containers }), { proxyPreStop: { exec: { command: ['sleep', '5'] } } });
    expect(state.fields.proxyContainer?.before).toEqual(expected);
  });

  it('is a pod template again', () => {
    const object = deployment({ grace: 60, annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' } });
    const { object: after, state } = write(object, {
      gracePeriodSeconds: 75,
      proxyConfig: 'concurrency: 2\ndrainDuration: 60s\n',
      proxyPreStop: { exec: { command: ['x'] } },
      statsSuffixes: 'x',
    });
    expect(before(after, state)).toEqual(projectWorkload(object, kind).template);
  });
});

describe('the first original is never lost', () => {
  it('when the policy is edited', () => {
    const first = write(deployment({ grace: 60 }), { gracePeriodSeconds: 75, proxyConfig: 'drainDuration: 60s\n' });
    const second = write(
      first.object,
      { gracePeriodSeconds: 90, proxyConfig: 'drainDuration: 80s\n' },
      { intent: 'ffff' },
    );
    expect(second.state).toMatchObject({
      intent: 'ffff',
      fields: { gracePeriod: { before: 60, wrote: 90 }, proxyConfig: { before: null } },
    });
  });

  it('when the workload passes to another policy', () => {
    const first = write(deployment({ grace: 60 }), { gracePeriodSeconds: 75 });
    const second = write(first.object, { gracePeriodSeconds: 90 }, { policy: { name: 'other', uid: 'p-2' } });
    expect(second.state).toMatchObject({
      policy: { name: 'other' },
      fields: { gracePeriod: { before: 60, wrote: 90 } },
    });
  });

  it('when a value is not needed for a while: it goes back and stays remembered', () => {
    const text = 'concurrency: 2\n';
    const first = write(deployment({ grace: 60, annotations: { 'proxy.istio.io/config': text } }), {
      gracePeriodSeconds: 75,
      proxyConfig: `${text}drainDuration: 60s\n`,
      nativeSidecar: 'true',
    });
    const second = write(first.object, {});
    const third = write(second.object, { gracePeriodSeconds: 90, proxyConfig: `${text}drainDuration: 80s\n` });

    expect(second.object.spec.template).toEqual(
      deployment({ grace: 60, annotations: { 'proxy.istio.io/config': text } }).spec.template,
    );
    expect(second.state.fields.nativeSidecar).toBeUndefined();
    expect(third.state.fields).toMatchObject({ gracePeriod: { before: 60, wrote: 90 }, proxyConfig: { before: text } });
  });

  it("and a default that is not needed any more is nobody's again", () => {
    const first = write(deployment({ owns: ownsGrace }), { gracePeriodSeconds: 75 });
    const second = write(first.object, {});
    expect(second.object.spec.template.spec.terminationGracePeriodSeconds).toBe(30);
    expect(second.state.fields).toEqual({});
  });

  it('and those from whom it was taken are remembered too', () => {
    const first = write(
      deployment({ annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' }, owns: ownsAnnotation }),
      { proxyConfig: 'concurrency: 2\ndrainDuration: 60s\n' },
    );
    const second = write(first.object, { proxyConfig: 'concurrency: 2\ndrainDuration: 80s\n' });
    expect(second.state.fields.proxyConfig).toMatchObject({ before: 'concurrency: 2\n', owners: ['helm'] });
  });
});

describe('what a user changes in between becomes the new original', () => {
  it('of the grace period', () => {
    const { object } = write(deployment(), { gracePeriodSeconds: 75 });
    object.spec.template.spec.terminationGracePeriodSeconds = 80;
    expect(write(object, { gracePeriodSeconds: 90 }).state.fields.gracePeriod).toMatchObject({ before: 80, wrote: 90 });
  });

  it('of the annotation, without the keys that are ours', () => {
    const { object } = write(deployment(), { proxyConfig: 'drainDuration: 60s\n' });
    object.spec.template.metadata.annotations['proxy.istio.io/config'] = 'concurrency: 4\ndrainDuration: 60s\n';
    expect(
      write(object, { proxyConfig: 'concurrency: 4\ndrainDuration: 80s\n' }).state.fields.proxyConfig,
    ).toMatchObject({ before: 'concurrency: 4\n', keys: { drainDuration: '80s' } });
  });

  it('of the annotation, where they have changed a key of ours', () => {
    const { object } = write(deployment(), { proxyConfig: 'drainDuration: 60s\nterminationDrainDuration: 60s\n' });
    object.spec.template.metadata.annotations['proxy.istio.io/config'] =
      'drainDuration: 70s\nterminationDrainDuration: 60s\n';
    expect(write(object, { proxyConfig: 'drainDuration: 80s\n' }).state.fields.proxyConfig).toMatchObject({
      before: 'drainDuration: 70s\n',
    });
  });

  it('also where they took the annotation away', () => {
    const { object } = write(deployment({ annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' } }), {
      proxyConfig: 'concurrency: 2\ndrainDuration: 60s\n',
    });
    delete object.spec.template.metadata.annotations;
    expect(write(object, { proxyConfig: 'drainDuration: 60s\n' }).state.fields.proxyConfig).toMatchObject({
      before: null,
    });
  });

  it('and what they changed stands in the template before us', () => {
    const { object, state } = write(deployment(), {
      gracePeriodSeconds: 75,
      proxyPreStop: { exec: { command: ['a'] } },
    });
    object.spec.template.spec.terminationGracePeriodSeconds = 80;
    object.spec.template.spec.containers[1].lifecycle.preStop.exec.command = ['b'];
    const template = before(object, state);
    expect(template.spec.terminationGracePeriodSeconds).toBe(80);
    expect(template.spec.containers[1]?.lifecycle).toEqual({ preStop: { exec: { command: ['b'] } } });
  });
});

describe('what of ours stands there', () => {
  const values: ManagedValues = {
    gracePeriodSeconds: 75,
    proxyConfig: 'drainDuration: 60s\n',
    proxyPreStop: { exec: { command: ['a'] } },
    nativeSidecar: 'true',
  };
  const templateOf = (object: Json) => projectWorkload(object, kind).template;

  it('is all that we wrote', () => {
    const { object, state } = write(deployment(), values);
    expect(valuesInPlace(templateOf(object), state)).toEqual(values);
    expect(writtenValuesStand(templateOf(object), state)).toBe(true);
  });

  it.each<[string, (object: Json) => void, keyof ManagedValues]>([
    [
      'the grace period',
      (object) => {
        object.spec.template.spec.terminationGracePeriodSeconds = 90;
      },
      'gracePeriodSeconds',
    ],
    [
      'the annotation',
      (object) => {
        object.spec.template.metadata.annotations['proxy.istio.io/config'] += 'concurrency: 2\n';
      },
      'proxyConfig',
    ],
    [
      'the annotation, which they took away',
      (object) => {
        delete object.spec.template.metadata.annotations['proxy.istio.io/config'];
      },
      'proxyConfig',
    ],
    [
      'the hook',
      (object) => {
        object.spec.template.spec.containers[1].lifecycle.preStop.exec.command = ['b'];
      },
      'proxyPreStop',
    ],
    [
      'the container',
      (object) => {
        object.spec.template.spec.containers.pop();
      },
      'proxyPreStop',
    ],
  ])('is not what somebody has changed since: %s', (_, change, key) => {
    const { object, state } = write(deployment(), values);
    change(object);
    const rest = { ...values, [key]: undefined };
    expect(valuesInPlace(templateOf(object), state)).toEqual(rest);
    expect(writtenValuesStand(templateOf(object), state)).toBe(false);
  });
});
