import { describe, expect, it } from '@jest/globals';
import { STATE_ANNOTATION } from '../../../../src/api/names.ts';
import { assess } from '../../../../src/drain/plan/assess.ts';
import { decodeState, planRestore, type WorkloadState } from '../../../../src/drain/restore/index.ts';
import { DEFAULT_PATIENCE } from '../../../../src/drain/rollout/patience.ts';
import { fieldOwners, projectWorkload } from '../../../../src/drain/template/index.ts';
import {
  admit,
  carriedOut,
  DEPLOYMENT,
  factsWith,
  incoming,
  policy,
  stored,
  type IncomingOptions,
  type Json,
} from './objects.ts';

const CONFIG = 'proxy.istio.io/config';

function stateOf(object: Json): WorkloadState {
  const decoded = decodeState(object.metadata.annotations[STATE_ANNOTATION]);
  if (!decoded.ok) {
    throw new Error(decoded.why);
  }
  return decoded.state;
}

function through(object: Json, policies = [policy()], oldObject?: Json): Json {
  return carriedOut(object, admit(object, policies, oldObject === undefined ? {} : { oldObject }).patch);
}

/** All that people see: everything but whose it is and the counters of the API server. */
function visible(object: Json): unknown {
  const metadata = { ...object.metadata };
  for (const key of ['managedFields', 'generation', 'resourceVersion', 'uid', 'creationTimestamp']) {
    delete metadata[key];
  }
  return { ...object, metadata };
}

describe('a workload on its way in', () => {
  it.each<[string, IncomingOptions]>([
    ['made by create or client-side apply', {}],
    ['made by server-side apply', { manager: 'flux', operation: 'Apply' }],
  ])('gets the values and the memory of what stood there: %s', (_, options) => {
    const object = through(incoming(options));

    expect(object.spec.template.spec.terminationGracePeriodSeconds).toBe(40);
    expect(object.spec.template.metadata.annotations[CONFIG]).toContain('terminationDrainDuration: 35s');
    expect(stateOf(object)).toMatchObject({
      policy: { name: 'long-requests' },
      maxConcurrent: 3,
      fields: { gracePeriod: { before: 30, defaulted: true, wrote: 40 }, proxyConfig: { before: null } },
    });
  });

  it("is booked as a forced apply of the operator would be: what we changed is ours and nobody else's", () => {
    const object = through(incoming());

    expect(fieldOwners(stored(object), DEPLOYMENT)).toMatchObject({
      gracePeriod: { ownership: 'Ours', owners: [] },
      proxyConfig: { ownership: 'Ours', owners: [] },
      proxyContainer: { ownership: 'Absent' },
    });
    const [helm, ours] = object.metadata.managedFields;
    expect(helm.fieldsV1['f:spec']['f:template']).toEqual({
      'f:spec': { 'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:image': {} } } },
    });
    expect(ours).toEqual({
      manager: 'sidecar-drain-operator',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: '2026-11-21T06:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:annotations': { [`f:${STATE_ANNOTATION}`]: {} } },
        'f:spec': {
          'f:template': {
            'f:metadata': { 'f:annotations': { [`f:${CONFIG}`]: {} } },
            'f:spec': { 'f:terminationGracePeriodSeconds': {} },
          },
        },
      },
    });
  });

  it('is left as it is when asked again with its own result', () => {
    const once = through(incoming());

    expect(admit(once)).toMatchObject({ patch: [], warnings: [] });
  });

  it.each<[string, IncomingOptions]>([
    ['no annotations', {}],
    ['annotations of its own', { annotations: { team: 'shop' } }],
    [
      'a container istio-proxy of its own',
      { containers: [{ name: 'istio-proxy', image: 'auto', resources: { limits: { cpu: '1' } } }] },
    ],
  ])('is restored byte for byte: %s', (_, options) => {
    const before = incoming(options);
    const hook = policy({ drain: { mode: 'Combined', duration: '30s', maxWait: '60s', strategy: 'PreStopHook' } });
    let object = stored(through(before, [hook]));
    expect(
      object.spec.template.spec.containers.find(({ name }: Json) => name === 'istio-proxy').lifecycle.preStop.exec
        .command,
    ).toHaveLength(3);

    for (let last = false; !last;) {
      const step = planRestore(object, stateOf(object), 'Restore');
      object = carriedOut(
        object,
        step.patch.filter(({ op, path }) => op !== 'test' && path !== '/metadata/resourceVersion'),
      );
      last = step.last;
    }

    expect(visible(object)).toEqual(visible(before));
    expect(object.metadata.managedFields.map(({ manager }: Json) => manager)).toEqual(['helm']);
  });

  it.each<[string, IncomingOptions, RegExp]>([
    [
      'a shorter grace period',
      { grace: 10, declared: true, manager: 'flux', operation: 'Apply' },
      /terminationGracePeriodSeconds is declared by flux; it would have to be 40/,
    ],
    ['an annotation', { config: 'concurrency: 2\n' }, /proxy\.istio\.io\/config.* is declared by helm/],
  ])('keeps what its author declares, and tells the author: %s', (_, options, says) => {
    const { patch, warnings } = admit(incoming(options));

    expect(patch).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(says)]);
  });

  it('keeps a longer grace period that its author declares', () => {
    expect(through(incoming({ grace: 120, declared: true })).spec.template.spec.terminationGracePeriodSeconds).toBe(
      120,
    );
  });

  it('loses a declared value to conflicts: Force, and remembers whose it was', () => {
    const object = through(incoming({ grace: 10, declared: true, manager: 'flux', operation: 'Apply' }), [
      policy({ conflicts: 'Force' }),
    ]);

    expect(object.spec.template.spec.terminationGracePeriodSeconds).toBe(40);
    expect(stateOf(object).fields.gracePeriod).toEqual({ before: 10, owners: ['flux'], wrote: 40 });
  });

  it('makes the metadata that a template lacks', () => {
    const object = incoming();
    delete object.spec.template.metadata;

    expect(through(object).spec.template.metadata.annotations[CONFIG]).toContain('35s');
  });

  it.each<[string, ReturnType<typeof policy>]>([
    ['Audit', policy({ enforcement: 'Audit' })],
    ['suspended', policy({ suspend: true })],
    ['delivered to pods', policy({ delivery: 'Admission' })],
    ['to be approved', policy({ rollout: { approval: 'Required' } })],
    ['for others', policy({ match: { namespaceSelector: { matchLabels: { team: 'other' } } } })],
  ])('is not touched by a policy that is %s', (_, given) => {
    expect(admit(incoming(), [given])).toMatchObject({ patch: [], warnings: [] });
  });

  it('is not touched while nothing may be written', () => {
    expect(admit(incoming(), [policy()], { facts: () => undefined }).patch).toEqual([]);
  });
});

describe('an update', () => {
  const old = stored(through(incoming()));

  it('that leaves the template as it is, is left alone', () => {
    const plain = stored(incoming());
    const scaled = { ...plain, spec: { ...plain.spec, replicas: 5 } };

    expect(admit(scaled, [policy()], { oldObject: plain }).patch).toEqual([]);
  });

  it('takes an older workload along, keeping the first original', () => {
    const plain = stored(incoming());
    const next = structuredClone(plain);
    next.spec.template.spec.containers[0].image = 'app:2';

    const object = through(next, [policy({ rollout: { strategy: 'OnNextRollout' } })], plain);

    expect(object.spec.template.spec.terminationGracePeriodSeconds).toBe(40);
    expect(stateOf(object)).toMatchObject({ maxConcurrent: 3, fields: { gracePeriod: { before: 30 } } });
  });

  it('that keeps our values needs nothing', () => {
    const next = structuredClone(old);
    next.spec.template.spec.containers[0].image = 'app:2';

    expect(admit(next, [policy()], { oldObject: old }).patch).toEqual([]);
  });

  it('by PUT, which drops everything that is not in the manifest, gets it all back', () => {
    const put = incoming({ image: 'app:2', manager: 'deployer' });

    const object = through(put, [policy()], old);

    expect(object.spec.template.spec.terminationGracePeriodSeconds).toBe(40);
    expect(stateOf(object).fields).toMatchObject({
      gracePeriod: { before: 30, defaulted: true },
      proxyConfig: { before: null },
    });
    expect(fieldOwners(stored(object), DEPLOYMENT).gracePeriod.ownership).toBe('Ours');
  });

  it('by PUT of the unchanged manifest restarts nothing: the template is the old one again', () => {
    expect(through(incoming(), [policy()], old).spec.template).toEqual(old.spec.template);
  });

  it('follows a changed intent from the first original', () => {
    const next = structuredClone(old);
    next.spec.template.spec.containers[0].image = 'app:2';

    const object = through(next, [policy({ drain: { mode: 'Fixed', duration: '10s' } })], old);

    expect(object.spec.template.spec.terminationGracePeriodSeconds).toBe(30);
    expect(object.spec.template.metadata.annotations[CONFIG]).toContain('terminationDrainDuration: 15s');
    expect(stateOf(object).fields.gracePeriod).toBeUndefined();
  });

  it.each([
    ['rollout undo', 'kubectl', []],
    ['an edit', 'kubectl-edit', []],
    ['a deployer', 'deployer', ['put back']],
  ])('in which %s takes our values out', (_, manager, expected) => {
    const next = structuredClone(old);
    next.spec.template = incoming().spec.template;
    next.metadata.managedFields = [
      ...old.metadata.managedFields.slice(0, 1),
      {
        manager,
        operation: 'Update',
        apiVersion: 'apps/v1',
        fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': { 'f:terminationGracePeriodSeconds': {} } } } },
      },
    ];

    expect(admit(next, [policy()], { oldObject: old }).patch.length > 0 ? ['put back'] : []).toEqual(expected);
  });
});

describe('OnNextRollout', () => {
  const riding = policy({ rollout: { strategy: 'OnNextRollout' } });

  it('never writes by itself: a day of looks every ten minutes', () => {
    const workload = projectWorkload(stored(incoming()), DEPLOYMENT);
    const start = Date.parse('2026-11-21T00:00:00Z') / 1000;

    for (let passed = 0; passed <= 24 * 3600; passed += 600) {
      const { governing } = assess({
        ...factsWith(riding),
        workload,
        patience: { now: start + passed, rules: DEFAULT_PATIENCE },
      });
      expect(governing?.decision).toMatchObject({
        outcome: 'Pending',
        carrier: 'Rollout',
        message: expect.stringContaining('rides along with its next rollout'),
      });
    }
  });

  it('has nothing to do once it has ridden along, whatever words a newer operator would use', () => {
    const object = stored(through(incoming(), [riding]));
    const worded = structuredClone(object);
    worded.spec.template.metadata.annotations[CONFIG] = '{"terminationDrainDuration": "0h0m35s"}';

    for (const each of [object, worded]) {
      const { governing } = assess({
        ...factsWith(riding),
        workload: projectWorkload(each, DEPLOYMENT),
        patience: { now: 2e9, rules: DEFAULT_PATIENCE },
      });
      expect(['Compliant', 'Updating']).toContain(governing?.decision.outcome);
      expect(governing?.decision.write).toBeUndefined();
    }
  });
});

describe("an owner's hook of another type beside ours", () => {
  const asked = policy({ drain: { mode: 'Adaptive', maxWait: '60s', strategy: 'PreStopHook' } });
  const sleep = { sleep: { seconds: 7 } };
  const withOurs = (): Json => {
    const plain = incoming();
    return carriedOut(plain, admit(plain, [asked]).patch);
  };
  const both = (old: Json): Json => {
    const next = structuredClone(old);
    Object.assign(next.spec.template.spec.containers[1].lifecycle.preStop, sleep);
    return next;
  };

  it("takes ours out, and us out of what is the owner's", () => {
    const old = stored(withOurs());
    const next = both(old);
    // As kubectl writes it by server-side apply: the name under which it also undoes rollouts.
    next.metadata.managedFields.push({ manager: 'kubectl', operation: 'Apply', fieldsV1: {} });
    const { patch } = admit(next, [asked], { oldObject: old });
    const after = carriedOut(next, patch);

    expect(after.spec.template.spec.containers[1].lifecycle).toEqual({ preStop: sleep });
    expect(JSON.stringify(after.metadata.managedFields)).not.toContain('f:preStop');
    expect(patch.map(({ op }) => op)).toEqual(['remove', 'add']);
  });

  it('does so also while nothing may be written, and where the owner replaced the note', () => {
    const old = stored(withOurs());
    const next = both(old);
    delete next.metadata.annotations;
    const { patch } = admit(next, [], { oldObject: old, facts: () => undefined });

    expect(carriedOut(next, patch).spec.template.spec.containers[1].lifecycle).toEqual({ preStop: sleep });
  });

  it('is left to the API server where neither is ours', () => {
    const old = stored(withOurs());
    const next = both(old);
    next.spec.template.spec.containers[1].lifecycle.preStop.exec = { command: ['sleep', '3'] };

    expect(admit(next, [asked], { oldObject: old }).patch).toEqual([]);
  });
});
