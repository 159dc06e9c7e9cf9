import { describe, expect, it } from '@jest/globals';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import type { FieldOwner, Workload } from '../../../../src/drain/model/workload.ts';
import type { decide, DecidingPolicy, OwnProxyConfig } from '../../../../src/drain/plan/decide.ts';
import type { Intent } from '../../../../src/drain/promise/intent.ts';
import { recogniseProductHook } from '../../../../src/hooks/index.ts';
import { parseProxyConfigAnnotation } from '../../../../src/drain/template/annotation.ts';
import {
  NEVER_ENDS,
  NOT_UNDERSTOOD,
  POST_START_WAIT,
  sh,
  sleep,
  WHILE_ACTIVE_REQUESTS,
} from '../../../fixtures/drain/hooks.ts';
import {
  decideFor,
  meshOf,
  policyOf,
  settingsOf,
  workloadOf,
  written,
  type WorkloadOptions,
} from '../../../fixtures/drain/objects.ts';

const MARGIN = 5;
const CONFIG = 'proxy.istio.io/config';
const COMBINED: Partial<Intent> = { mode: 'Combined', duration: 60, maxWait: 120 };
const HOOK: Partial<Intent> = { ...COMBINED, strategy: 'PreStopHook' };
const SHELL: Partial<MeshFacts> = { stated: { proxyImage: 'with-shell' } };
const declared = (...owners: string[]): FieldOwner => ({ ownership: 'Declared', owners });
const drain = (text: string): string => JSON.stringify({ terminationDrainDuration: text });
const codes = (decision: { findings: readonly { code: string }[] }): string[] =>
  decision.findings.map((found) => found.code);

describe('the outcome of a decision', () => {
  it.each<[string, WorkloadOptions, Partial<Intent>, Partial<DecidingPolicy>, MeshFacts, string, string | undefined]>([
    [
      'Compliant: the promise holds',
      { config: drain('65s'), grace: 70 },
      {},
      {},
      meshOf('classic'),
      'Compliant',
      undefined,
    ],
    [
      'Compliant: by more than is needed',
      { config: drain('2m'), grace: 300 },
      {},
      {},
      meshOf('classic'),
      'Compliant',
      undefined,
    ],
    [
      'Compliant: 600 s stay 600 s',
      { config: drain('65s'), grace: 600 },
      {},
      {},
      meshOf('classic'),
      'Compliant',
      undefined,
    ],
    [
      'Compliant: in Audit too',
      { config: drain('65s'), grace: 70 },
      {},
      { mayWrite: false },
      meshOf('classic'),
      'Compliant',
      undefined,
    ],
    ['Compliant: native and long enough', { grace: 70 }, {}, {}, meshOf('native'), 'Compliant', undefined],
    ['Pending: to be written', {}, {}, {}, meshOf('classic'), 'Pending', undefined],
    ['Pending: native needs the grace period', {}, {}, {}, meshOf('native'), 'Pending', undefined],
    ['Pending: the form alone is unknown', {}, {}, {}, meshOf('unknown'), 'Pending', undefined],
    ['NonCompliant: Audit', {}, {}, { mayWrite: false }, meshOf('classic'), 'NonCompliant', undefined],
    [
      'Conflicted: somebody declares the grace period',
      { grace: 40, fields: { gracePeriod: declared('helm') } },
      {},
      {},
      meshOf('classic'),
      'Conflicted',
      'FieldConflict',
    ],
    [
      'Conflicted: and in Audit too',
      { grace: 40, fields: { gracePeriod: declared('helm') } },
      {},
      { mayWrite: false },
      meshOf('classic'),
      'Conflicted',
      'FieldConflict',
    ],
    [
      'Conflicted: shared with somebody',
      { grace: 40, fields: { gracePeriod: { ownership: 'Shared', owners: ['flux'] } } },
      {},
      {},
      meshOf('classic'),
      'Conflicted',
      'FieldConflict',
    ],
    [
      'Pending: taken by force',
      { grace: 40, fields: { gracePeriod: declared('helm') } },
      {},
      { conflicts: 'Force' },
      meshOf('classic'),
      'Pending',
      undefined,
    ],
    [
      'Compliant: a declared value that is long enough is no conflict',
      { config: drain('65s'), grace: 90, fields: { gracePeriod: declared('helm') } },
      {},
      {},
      meshOf('classic'),
      'Compliant',
      undefined,
    ],
    [
      'Exempt: by annotation',
      { metadata: { 'sidecardrain.io/exempt': 'batch' } },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'Exempt',
    ],
    [
      'Exempt: by annotation without a reason',
      { metadata: { 'sidecardrain.io/exempt': '' } },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'Exempt',
    ],
    [
      'Exempt: owned by a controller',
      { workload: { controllerOwner: { apiVersion: 'serving.knative.dev/v1', kind: 'Revision', name: 'r' } } },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'OwnedByController',
    ],
    ['Exempt: no sidecar', {}, {}, {}, meshOf('none'), 'Exempt', 'NotInjected'],
    [
      'Exempt: an agent without Envoy',
      { annotations: { 'inject.istio.io/templates': 'grpc-agent' } },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'NotInjected',
    ],
    [
      'Exempt: down while it restarts (Recreate)',
      { rollout: { strategy: 'Recreate' } },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'DowntimePerDeploy',
    ],
    [
      'Exempt: down while it restarts (one replica)',
      { kind: 'StatefulSet', rollout: { replicas: 1 } },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'DowntimePerDeploy',
    ],
    [
      'Exempt: down while it restarts (DaemonSet)',
      { kind: 'DaemonSet' },
      {},
      {},
      meshOf('classic'),
      'Exempt',
      'DowntimePerDeploy',
    ],
    [
      'Pending: several replicas',
      { kind: 'StatefulSet', rollout: { replicas: 2 } },
      {},
      {},
      meshOf('classic'),
      'Pending',
      undefined,
    ],
    [
      'Pending: named all the same',
      { kind: 'DaemonSet' },
      {},
      { matchedByName: true },
      meshOf('classic'),
      'Pending',
      undefined,
    ],
    [
      'Compliant: nothing to restart',
      { kind: 'DaemonSet', config: drain('65s'), grace: 70 },
      {},
      {},
      meshOf('classic'),
      'Compliant',
      undefined,
    ],
    [
      'Unknown: the injector could not be seen',
      {},
      {},
      {},
      { ...meshOf('classic'), istio: 'Unknown', stated: {} },
      'Unknown',
      'FactsMissing',
    ],
    ['Failed: above the maximum', {}, { duration: 700 }, {}, meshOf('classic'), 'Failed', 'GraceAboveMaximum'],
    ['Pending: just at the maximum', {}, { duration: 590 }, {}, meshOf('classic'), 'Pending', undefined],
    [
      'Failed: the grace period may not change',
      {},
      { graceChange: 'Never' },
      {},
      meshOf('classic'),
      'Failed',
      'GraceMayNotChange',
    ],
    [
      'Pending: it need not change',
      { grace: 90 },
      { graceChange: 'Never' },
      {},
      meshOf('classic'),
      'Pending',
      undefined,
    ],
    [
      'Failed: damaged state',
      { metadata: { 'sidecardrain.io/state': '{"v":1' } },
      {},
      {},
      meshOf('classic'),
      'Failed',
      'StateDamaged',
    ],
    [
      'Failed: state of a newer release',
      { metadata: { 'sidecardrain.io/state': '{"v":99}' } },
      {},
      {},
      meshOf('classic'),
      'Failed',
      'StateDamaged',
    ],
    [
      'Failed: malformed annotation',
      { config: 'terminationDrainDuration: 25' },
      {},
      {},
      meshOf('classic'),
      'Failed',
      'AnnotationMalformed',
    ],
    ['Failed: two handlers', { proxyPreStop: sleep(5) }, {}, {}, meshOf('native'), 'Failed', 'HookHandlerIllegal'],
    [
      'Failed: a hook without end',
      { proxyPreStop: NEVER_ENDS, grace: 600 },
      {},
      {},
      meshOf('classic', SHELL),
      'Failed',
      'HookNeverEnds',
    ],
    [
      'Failed: a hook without end on native',
      { proxyPreStop: NEVER_ENDS, grace: 600 },
      {},
      {},
      meshOf('native', SHELL),
      'Failed',
      'HookNeverEnds',
    ],
    [
      "Failed: the user's preStop is theirs",
      { proxyPreStop: sh('sleep 5') },
      HOOK,
      {},
      meshOf('classic', SHELL),
      'Failed',
      'PromiseUnreachable',
    ],
    [
      'Failed: no hook on a distroless image',
      {},
      HOOK,
      {},
      meshOf('classic', { stated: { proxyImage: 'distroless' } }),
      'Failed',
      'HookNeedsShell',
    ],
    [
      'Unknown: only an image with a shell would do, and the image is not known',
      {},
      HOOK,
      {},
      meshOf('classic', { revisions: [{ name: 'default', version: '1.30.3', nativeSidecars: 'false' }] }),
      'Unknown',
      'FactsMissing',
    ],
    [
      'Failed: a ProxyConfig decides',
      {},
      COMBINED,
      {},
      meshOf('classic', {
        proxyConfigs: [
          {
            namespace: 'shop',
            name: 'theirs',
            selector: { matchLabels: { app: 'shop' } },
            environmentVariables: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'false' },
          },
        ],
      }),
      'Failed',
      'PromiseUnreachable',
    ],
    [
      'Failed: a hook quits the native proxy',
      { proxyPreStop: sh('pilot-agent request --debug-port=15020 POST quitquitquit'), grace: 90 },
      {},
      {},
      meshOf('native', SHELL),
      'Failed',
      'PromiseUnreachable',
    ],
  ])('%s', (_, workload, intent, policy, mesh, outcome, reason) => {
    const decision = decideFor(workloadOf(workload), policyOf(intent, policy), mesh);

    expect({ outcome: decision.outcome, reason: decision.reason }).toEqual({ outcome, reason });
    expect(decision.write !== undefined).toBe(outcome === 'Pending');
    if (reason !== undefined) {
      expect(codes(decision)).toContain(reason);
    }
  });

  it('is Updating while our values roll out, and Compliant afterwards', () => {
    const policy = policyOf();
    const first = workloadOf();
    const after = written(first, policy, decideFor(first, policy));

    expect(decideFor({ ...after, rollout: { ...after.rollout, rolling: true, complete: false } }, policy).outcome).toBe(
      'Updating',
    );
    expect(decideFor(after, policy).outcome).toBe('Compliant');
  });
});

describe('what is written', () => {
  const writeOf = (
    workload: WorkloadOptions,
    intent: Partial<Intent>,
    mesh: MeshFacts = meshOf('classic', SHELL),
  ): NonNullable<ReturnType<typeof decide>['write']> => {
    const { write } = decideFor(workloadOf(workload), policyOf(intent), mesh);
    if (write === undefined) {
      throw new Error('nothing is written');
    }
    return write;
  };
  const config = (text: string | undefined): unknown => {
    const parsed = parseProxyConfigAnnotation(text ?? '');
    return parsed.ok ? parsed.values : parsed.malformed;
  };

  it('in Fixed on classic is the drain and the grace period above it', () => {
    const write = writeOf({}, {});

    expect(config(write.proxyConfig)).toEqual({ terminationDrainDuration: 65 });
    expect(write).toEqual({ proxyConfig: write.proxyConfig, gracePeriodSeconds: 65 + MARGIN });
  });

  it('on native is the grace period alone', () => {
    expect(writeOf({ appPreStop: sleep(20) }, COMBINED, meshOf('native'))).toEqual({
      gracePeriodSeconds: 20 + 120 + MARGIN,
    });
  });

  it('with ActiveConnections is the environment in the annotation, beside what stands there', () => {
    const write = writeOf({ config: 'concurrency: 2\nproxyMetadata:\n  FOO: bar\n' }, COMBINED);

    expect(config(write.proxyConfig)).toEqual({
      proxyMetadata: { FOO: 'bar', EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '1m5s' },
    });
    expect(write.proxyConfig).toContain('concurrency: 2');
    expect(write.gracePeriodSeconds).toBe(5 + 120 + MARGIN);
  });

  it('never shortens what is longer', () => {
    const write = writeOf({ config: '{"proxyMetadata":{"MINIMUM_DRAIN_DURATION":"90s"}}', grace: 400 }, COMBINED);

    expect(config(write.proxyConfig)).toEqual({
      proxyMetadata: { MINIMUM_DRAIN_DURATION: '90s', EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' },
    });
    expect(write.gracePeriodSeconds).toBeUndefined();
  });

  it('with PreStopHook is the hook, its net, and a grace period for both', () => {
    const write = writeOf({}, HOOK);

    expect(recogniseProductHook(write.proxyPreStop ?? {})).toEqual({
      duration: 65,
      maxWait: 125,
      waitFor: 'EstablishedConnections',
    });
    expect(config(write.proxyConfig)).toEqual({ terminationDrainDuration: 65 });
    expect(write.gracePeriodSeconds).toBe(5 + 120 + 60 + MARGIN);
  });

  it('with ActiveRequests exports the stat that the hook reads, beside others', () => {
    const write = writeOf(
      { annotations: { 'sidecar.istio.io/statsInclusionSuffixes': 'upstream_rq_time' } },
      { ...HOOK, hook: 'ActiveRequests' },
    );

    expect(write.statsSuffixes).toBe('upstream_rq_time,downstream_rq_active');
    expect(recogniseProductHook(write.proxyPreStop ?? {})?.waitFor).toBe('ActiveRequests');
  });

  it('with ActiveRequests leaves suffixes alone that have it', () => {
    const write = writeOf(
      { annotations: { 'sidecar.istio.io/statsInclusionSuffixes': 'downstream_rq_active' } },
      { ...HOOK, hook: 'ActiveRequests' },
    );

    expect(write.statsSuffixes).toBeUndefined();
  });

  it('keeps a postStart of the user beside our preStop', () => {
    const workload = workloadOf({ proxyPostStart: POST_START_WAIT });
    const policy = policyOf(HOOK);
    const after = written(workload, policy, decideFor(workload, policy, meshOf('classic', SHELL)));

    expect(after.template.spec.containers[1]?.lifecycle?.postStart).toEqual(POST_START_WAIT);
    expect(recogniseProductHook(after.template.spec.containers[1]?.lifecycle?.preStop ?? {})).toBeDefined();
  });

  it.each<[string, WorkloadOptions, Partial<Intent>, MeshFacts, object]>([
    [
      'drainDuration',
      { config: drain('65s'), grace: 70 },
      { drainDuration: 'Follow' },
      meshOf('classic'),
      { terminationDrainDuration: 65, drainDuration: 65 },
    ],
    [
      'hold',
      { config: drain('65s'), grace: 70 },
      { holdApplicationUntilProxyStarts: 'Enabled' },
      meshOf('classic'),
      { terminationDrainDuration: 65, holdApplicationUntilProxyStarts: true },
    ],
  ])('fulfils an intent although the promise holds: %s', (_, workload, intent, mesh, expected) => {
    const write = writeOf(workload, intent, mesh);

    expect(config(write.proxyConfig)).toEqual(expected);
    expect(write.gracePeriodSeconds).toBeUndefined();
  });

  it.each<[string, WorkloadOptions, MeshFacts, object | undefined]>([
    ['classic', { grace: 90 }, meshOf('classic'), { nativeSidecar: 'true' }],
    ['classic and too short', {}, meshOf('classic'), { nativeSidecar: 'true', gracePeriodSeconds: 70 }],
    ['native already', {}, meshOf('native'), { gracePeriodSeconds: 70 }],
  ])('makes the sidecar native: %s', (_, workload, mesh, expected) => {
    expect(writeOf(workload, { form: 'Native' }, mesh)).toEqual(expected);
  });

  it('does not ask an Istio for a native sidecar that cannot give one', () => {
    const write = writeOf({}, { form: 'Native' }, meshOf('classic', {}, '1.22.0'));

    expect(write.nativeSidecar).toBeUndefined();
    expect(config(write.proxyConfig)).toEqual({ terminationDrainDuration: 65 });
  });

  it('switches off an EXIT_ON_ZERO of the user where a fixed drain shall count', () => {
    const write = writeOf({ config: '{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}' }, {});

    expect(config(write.proxyConfig)).toEqual({
      terminationDrainDuration: 65,
      proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'false' },
    });
  });

  it('is for both forms where the form is unknown, and never a hook', () => {
    const decision = decideFor(workloadOf(), policyOf(HOOK), meshOf('unknown', SHELL));

    expect(Object.keys(decision.write ?? {}).sort()).toEqual(['gracePeriodSeconds', 'proxyConfig']);
    expect(codes(decision)).toContain('ProxyKindUnknown');
  });

  describe('with an app preStop whose length cannot be known', () => {
    const ample = { grace: 600, config: '{"terminationDrainDuration":"500s"}' };

    it.each(['classic', 'native', 'unknown'] as const)('is nothing, and never called compliant (%s)', (form) => {
      for (const more of [{}, ample]) {
        const decision = decideFor(workloadOf({ appPreStop: NOT_UNDERSTOOD, ...more }), policyOf(), meshOf(form));

        expect(decision).toMatchObject({ outcome: 'Unknown', reason: 'HookUnbounded', changes: [] });
        expect(decision.write).toBeUndefined();
        expect(decision.message).toContain('container app');
        expect(codes(decision)).toContain('HookUnbounded');
      }
    });

    it('rests on the length that somebody states', () => {
      const template = { appPreStop: NOT_UNDERSTOOD, annotations: { 'sidecardrain.io/pre-stop': '25s' } };

      expect(decideFor(workloadOf(template), policyOf(), meshOf('classic'))).toMatchObject({
        outcome: 'Pending',
        write: { gracePeriodSeconds: 90 },
      });
      expect(decideFor(workloadOf({ ...template, ...ample }), policyOf(), meshOf('classic')).outcome).toBe('Compliant');
    });

    it('does not matter in a container that serves nothing', () => {
      const helper = { name: 'helper', lifecycle: { preStop: NOT_UNDERSTOOD } };

      expect(decideFor(workloadOf({ containers: [helper], ...ample }), policyOf(), meshOf('classic')).outcome).toBe(
        'Compliant',
      );
    });
  });

  it('is nothing where an app preStop never ends', () => {
    const decision = decideFor(
      workloadOf({ appPreStop: sh('sleep infinity'), grace: 600 }),
      policyOf(),
      meshOf('native'),
    );

    expect(decision).toMatchObject({ outcome: 'Failed', reason: 'HookNeverEnds' });
    expect(decision.write).toBeUndefined();
  });

  it('names each change with its place, its values and why', () => {
    const { changes, message, neededGrace, after } = decideFor(workloadOf(), policyOf(), meshOf('classic'));

    expect(changes).toEqual([
      {
        field: 'proxyConfig',
        path: `spec.template.metadata.annotations["${CONFIG}"]`,
        after: expect.stringContaining('terminationDrainDuration'),
        why: 'terminationDrainDuration 1m5s',
      },
      {
        field: 'gracePeriod',
        path: 'spec.template.spec.terminationGracePeriodSeconds',
        after: '70',
        why: 'grace period 30 s -> 70 s: 5 s endpoint delay + 60 s for requests in flight + 5 s margin',
      },
    ]);
    expect(message).toBe(
      'terminationDrainDuration 1m5s; grace period 30 s -> 70 s: 5 s endpoint delay + 60 s for requests in flight + 5 s margin',
    );
    expect([neededGrace, after?.gracePeriod.value]).toEqual([70, 70]);
  });

  it('is all or nothing: one declared field and nothing is written', () => {
    const decision = decideFor(
      workloadOf({ config: drain('10s'), fields: { proxyConfig: declared('argocd') } }),
      policyOf(),
      meshOf('classic'),
    );

    expect(decision.write).toBeUndefined();
    expect(decision.conflicts).toEqual([
      {
        field: 'proxyConfig',
        path: `spec.template.metadata.annotations["${CONFIG}"]`,
        owners: ['argocd'],
        wanted: '{"terminationDrainDuration":"1m5s"}',
      },
    ]);
    expect(decision.changes.map((change) => change.field)).toEqual(['proxyConfig', 'gracePeriod']);
  });

  it('says what a longer grace period costs', () => {
    const probed = (terminationGracePeriodSeconds?: number): Workload =>
      workloadOf({
        app: { livenessProbe: terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds } },
      });

    expect(codes(decideFor(probed(), policyOf()))).toContain('LivenessKillSlowed');
    expect(codes(decideFor(probed(10), policyOf()))).not.toContain('LivenessKillSlowed');
  });
});

describe('a second decision', () => {
  const policy = policyOf();

  function after(workload: Workload, under: DecidingPolicy, mesh: MeshFacts = meshOf('classic', SHELL)): Workload {
    return written(workload, under, decideFor(workload, under, mesh));
  }

  it('follows an intent that grew', () => {
    const second = decideFor(after(workloadOf(), policy), policyOf({ duration: 90 }));

    expect(second).toMatchObject({ outcome: 'Pending', write: { gracePeriodSeconds: 100 } });
  });

  it('follows an intent that shrank, down to what is needed', () => {
    const second = decideFor(after(workloadOf(), policy), policyOf({ duration: 40 }));

    expect(second).toMatchObject({ outcome: 'Pending', write: { gracePeriodSeconds: 50 } });
  });

  it('goes back to the value before us, and never below it', () => {
    const shrunk = policyOf({ duration: 10 }, { conflicts: 'Force' });
    const first = after(
      workloadOf({ grace: 45, fields: { gracePeriod: declared('helm') } }),
      policyOf({}, { conflicts: 'Force' }),
    );
    const second = decideFor(first, shrunk);
    const rest = written(first, shrunk, second);

    expect(second.outcome).toBe('Pending');
    expect(rest.template.spec.terminationGracePeriodSeconds).toBe(45);
    expect(decideFor(rest, shrunk)).toMatchObject({ outcome: 'Compliant', changes: [] });
  });

  it('leaves a grace period that the user has raised meanwhile', () => {
    const first = after(workloadOf(), policy);
    const raised: Workload = {
      ...first,
      template: { ...first.template, spec: { ...first.template.spec, terminationGracePeriodSeconds: 300 } },
      fields: { ...first.fields, gracePeriod: declared('kubectl') },
    };

    expect(decideFor(raised, policy)).toMatchObject({ outcome: 'Compliant', changes: [] });
    expect(decideFor(raised, policyOf({ duration: 90 })).write?.gracePeriodSeconds).toBeUndefined();
  });

  it('takes the hook away when the strategy changes', () => {
    const hooked = after(workloadOf(), policyOf(HOOK));
    const next = policyOf(COMBINED);
    const rest = after(hooked, next);

    expect(hooked.template.spec.containers.map((container) => container.name)).toContain('istio-proxy');
    expect(rest.template.spec.containers.map((container) => container.name)).toEqual(['app']);
    expect(decideFor(rest, next, meshOf('classic', SHELL)).outcome).toBe('Compliant');
  });

  it('writes nothing for a hook that an earlier release worded otherwise', () => {
    const hooked = after(workloadOf(), policyOf(HOOK));
    const reworded: Workload = {
      ...hooked,
      template: {
        ...hooked.template,
        spec: {
          ...hooked.template.spec,
          containers: hooked.template.spec.containers.map((container) =>
            container.name === 'istio-proxy'
              ? {
                  ...container,
                  lifecycle: {
                    preStop: sh(
                      (container.lifecycle?.preStop?.exec?.command?.[2] ?? '').replace('while :; do', 'while true; do'),
                    ),
                  },
                }
              : container,
          ),
        },
      },
    };

    expect(decideFor(reworded, policyOf(HOOK), meshOf('classic', SHELL))).toMatchObject({
      outcome: 'Compliant',
      changes: [],
    });
  });

  it('adopts the workload for the policy that governs it now, without a change of the template', () => {
    const first = after(workloadOf(), policy);
    const decision = decideFor(first, { ...policy, name: 'other', uid: 'another' });

    expect(decision).toMatchObject({ outcome: 'Compliant', changes: [] });
    expect(decision.write).toBeUndefined();
    expect(decision.adopt).toMatchObject({ gracePeriodSeconds: 70 });
  });

  it('adopts a copied object once, whose note names another, and leaves one whose note names none', () => {
    const first = { ...after(workloadOf(), policy), uid: 'u-original' };
    const named = withNote(first, { uid: 'u-original' });

    expect(decideFor(named, policy).adopt).toBeUndefined();
    expect(decideFor({ ...named, uid: 'u-copy' }, policy).adopt).toMatchObject({ gracePeriodSeconds: 70 });
    expect(decideFor(withNote(first, { uid: undefined }), policy).adopt).toBeUndefined();
  });

  it('follows a pod that became native: what is inert may stay', () => {
    expect(decideFor(after(workloadOf(), policy), policy, meshOf('native'))).toMatchObject({
      outcome: 'Compliant',
      changes: [],
    });
  });
});

describe('environment: ProxyConfig', () => {
  const intent: Partial<Intent> = { ...COMBINED, environment: 'ProxyConfig' };
  const ready: OwnProxyConfig = { kind: 'Ready', exitOnZero: true, minimumDrain: 65, mark: 'long-requests@1' };
  const own = {
    namespace: 'shop',
    name: 'sidecar-drain-long-requests',
    environmentVariables: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', MINIMUM_DRAIN_DURATION: '65s' },
  };
  const mesh = meshOf('classic', { proxyConfigs: [own] });
  const under = (
    ownProxyConfig: OwnProxyConfig | undefined,
    workload = workloadOf(),
    facts = mesh,
    policy = policyOf(intent),
  ): ReturnType<typeof decide> =>
    decideFor(workload, policy, facts, ownProxyConfig === undefined ? {} : { ownProxyConfig });

  it('says what the resource must give, and waits for it', () => {
    expect(under(undefined, workloadOf(), meshOf('classic'))).toMatchObject({
      outcome: 'Pending',
      needsMinimumDrain: 65,
      message: 'waiting for its ProxyConfig resource',
    });
    expect(under(undefined, workloadOf(), meshOf('classic')).write).toBeUndefined();
    expect(under({ ...ready, minimumDrain: 30 }).outcome).toBe('Pending');
    expect(under({ ...ready, minimumDrain: 30 }).write).toBeUndefined();
    expect(under(undefined, workloadOf(), meshOf('classic'), policyOf(intent, { mayWrite: false })).outcome).toBe(
      'NonCompliant',
    );
  });

  it('then marks the template, so that its pods are younger, and raises the grace period', () => {
    const decision = under(ready);

    expect(decision.write).toEqual({ proxyConfigMark: 'long-requests@1', gracePeriodSeconds: 130 });
    expect(under(ready, written(workloadOf(), policyOf(intent), decision)).outcome).toBe('Compliant');
  });

  it('fails where there can be no resource', () => {
    expect(
      under(
        { kind: 'Blocked', why: 'ProxyConfig shop/theirs stands there and is older' },
        workloadOf(),
        meshOf('classic'),
      ),
    ).toMatchObject({ outcome: 'Failed', reason: 'ProxyConfigShadowed' });
  });

  it('needs no resource on native', () => {
    expect(under(undefined, workloadOf(), meshOf('native')).write).toEqual({ gracePeriodSeconds: 130 });
  });
});

it("says of the user's own statistics hook what it will do after the change", () => {
  const decision = decideFor(
    workloadOf({ proxyPreStop: WHILE_ACTIVE_REQUESTS }),
    policyOf(COMBINED),
    meshOf('classic', SHELL),
  );

  expect(codes(decision)).toContain('StatsNotExported');
  expect(settingsOf(workloadOf({ proxyPreStop: WHILE_ACTIVE_REQUESTS }).template).proxyPreStop?.origin.level).toBe(
    'Template',
  );
  expect(decision.outcome).toBe('Pending');
});

function withNote(workload: Workload, part: object): Workload {
  const annotation = 'sidecardrain.io/state';
  const note = JSON.parse(workload.annotations[annotation] ?? '') as object;
  return { ...workload, annotations: { ...workload.annotations, [annotation]: JSON.stringify({ ...note, ...part }) } };
}
