import { describe, expect, it } from '@jest/globals';
import type { LifecycleHandler } from '../../../../src/api/kubernetes.ts';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import type { Intent } from '../../../../src/drain/promise/intent.ts';
import { readPolicy } from '../../../../src/drain/plan/policies.ts';
import { recogniseProductHook } from '../../../../src/hooks/index.ts';
import { customHookProblem } from '../../../../src/drain/plan/custom-hook.ts';
import { applyToTemplate } from '../../../../src/drain/template/apply.ts';
import {
  decodeState,
  dropsFields,
  nextState,
  templateBefore,
  valuesInPlace,
} from '../../../../src/drain/template/note/state.ts';
import { NEVER_ENDS, sh } from '../../../fixtures/drain/hooks.ts';
import { decideFor, meshOf, policyOf, workloadOf, written } from '../../../fixtures/drain/objects.ts';

const SHELL: Partial<MeshFacts> = { stated: { proxyImage: 'with-shell' } };
const ADAPTIVE: Partial<Intent> = { mode: 'Adaptive', duration: 0, maxWait: 120 };
const FORCE = { conflicts: 'Force' } as const;
const ENDS_AT_ONCE = sh('exit 0');
const DRAIN_CALL = { exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] } };
const NOTHING = { exec: { command: ['pilot-agent', 'version'] } };

describe('a preStop on istio-proxy under which nothing keeps the promise', () => {
  it.each<[string, LifecycleHandler, 'classic' | 'native', Partial<Intent>, LifecycleHandler]>([
    ['never ends, classic, a fixed drain', NEVER_ENDS, 'classic', {}, NOTHING],
    ['never ends, classic, EXIT_ON_ZERO', NEVER_ENDS, 'classic', ADAPTIVE, NOTHING],
    ['never ends, native', NEVER_ENDS, 'native', ADAPTIVE, DRAIN_CALL],
    ['ends at once, native: the drain call is lost', ENDS_AT_ONCE, 'native', ADAPTIVE, DRAIN_CALL],
  ])('%s: conflicts Force replaces it, and gives it back', (_, preStop, form, intent, expected) => {
    const workload = workloadOf({ proxyPreStop: preStop });
    const mesh = meshOf(form, SHELL);

    const decision = decideFor(workload, policyOf(intent, FORCE), mesh);
    const after = written(workload, policyOf(intent, FORCE), decision);

    expect(decision.write?.proxyPreStop).toEqual(expected);
    expect(decision.message).toMatch(/in place of a preStop that (never ends|ends at once)/);
    expect(decideFor(after, policyOf(intent, FORCE), mesh).outcome).toBe('Compliant');
    const state = decodeState(after.annotations['sidecardrain.io/state'] ?? '');
    expect(state.ok && templateBefore(after.template, state.state).spec.containers).toEqual(
      workload.template.spec.containers,
    );
  });

  it('is replaced by our own hook where the policy wants one', () => {
    const intent: Partial<Intent> = { ...ADAPTIVE, strategy: 'PreStopHook' };
    for (const preStop of [NEVER_ENDS, ENDS_AT_ONCE]) {
      const decision = decideFor(
        workloadOf({ proxyPreStop: preStop }),
        policyOf(intent, FORCE),
        meshOf('classic', SHELL),
      );
      expect(recogniseProductHook(decision.write?.proxyPreStop ?? {})).toMatchObject({ maxWait: 125 });
    }
  });

  it('stays without Force, and the cure is named', () => {
    const decision = decideFor(workloadOf({ proxyPreStop: NEVER_ENDS }), policyOf(ADAPTIVE), meshOf('classic', SHELL));
    expect(decision).toMatchObject({ outcome: 'Failed', reason: 'HookNeverEnds' });
    expect(decision.message).toContain('with conflicts: Force it would be replaced by');
    expect(decision.write).toBeUndefined();
  });

  it('stays where it ends by itself: it is its owner’s', () => {
    const decision = decideFor(
      workloadOf({ proxyPreStop: sh('sleep 5') }),
      policyOf(ADAPTIVE, FORCE),
      meshOf('classic', SHELL),
    );
    expect(decision.write?.proxyPreStop).toBeUndefined();
  });
});

describe("the user's own hook", () => {
  const own = (script: string): Partial<Intent> => ({
    ...ADAPTIVE,
    maxWait: 40,
    strategy: 'PreStopHook',
    hook: 'Custom',
    lifecycle: { preStop: sh(script) as never },
  });

  it('is written for a classic sidecar, and its bound is in the grace period', () => {
    const decision = decideFor(workloadOf(), policyOf(own('sleep 50')), meshOf('classic', SHELL));
    expect(decision.write?.proxyPreStop).toEqual(sh('sleep 50'));
    // 50 s, then the proxy's own drain of 5 s, and the margin of 5 s.
    expect(decision.write?.gracePeriodSeconds).toBe(60);
  });

  it('is never written for a native one, whose drain call stays', () => {
    const decision = decideFor(workloadOf(), policyOf(own('sleep 50')), meshOf('native', SHELL));
    expect(decision.write).toEqual({ gracePeriodSeconds: 50 });
  });

  it('is refused where it ends before the promise does', () => {
    const decision = decideFor(workloadOf(), policyOf(own('sleep 10')), meshOf('classic', SHELL));
    expect(decision).toMatchObject({ outcome: 'Failed', reason: 'PromiseUnreachable' });
  });

  it('is written with its postStart, and comes out with it', () => {
    const wait = { exec: { command: ['pilot-agent', 'wait'] } };
    const policy = policyOf({ ...own('sleep 50'), lifecycle: { preStop: sh('sleep 50'), postStart: wait } as never });
    const workload = workloadOf();
    const { write, changes } = decideFor(workload, policy, meshOf('classic', SHELL));
    const after = applyToTemplate(workload.template, write ?? {});
    const proxy = after.spec.containers.find(({ name }) => name === 'istio-proxy');

    expect(proxy?.lifecycle).toEqual({ preStop: sh('sleep 50'), postStart: wait });
    expect(changes.find(({ field }) => field === 'proxyContainer')?.after).toContain('pilot-agent');
    const state = nextState({
      workload,
      values: write ?? {},
      policy: { name: 'own', uid: 'u' },
      intent: 'k',
      onDelete: 'Restore',
    });
    expect(templateBefore(after, state).spec.containers).toEqual(workload.template.spec.containers);
    expect(valuesInPlace(after, state)).toMatchObject({ proxyPreStop: sh('sleep 50'), proxyPostStart: wait });
    // Without the postStart in the policy it has to go, although the hook stays.
    const less = nextState({
      workload: { ...workload, template: after },
      previous: state,
      values: { ...write, proxyPostStart: undefined },
      policy: { name: 'own', uid: 'u' },
      intent: 'l',
      onDelete: 'Restore',
    });
    expect([dropsFields(state, less), dropsFields(state, state)]).toEqual([true, false]);
  });

  it('is not written where the owner has a postStart and the policy another', () => {
    const base = workloadOf();
    const containers = [
      ...base.template.spec.containers,
      { name: 'istio-proxy', image: 'auto', lifecycle: { postStart: sh('true') } },
    ];
    const workload = { ...base, template: { ...base.template, spec: { ...base.template.spec, containers } } };
    const policy = policyOf({
      ...own('sleep 50'),
      lifecycle: { preStop: sh('sleep 50'), postStart: { sleep: { seconds: 1 } } } as never,
    });
    const decision = decideFor(workload, policy, meshOf('classic', SHELL));
    expect(decision).toMatchObject({
      outcome: 'Failed',
      reason: 'PromiseUnreachable',
      message: expect.stringContaining('already has a postStart on istio-proxy'),
    });
  });

  it.each([
    ['pilot-agent wait', undefined],
    ['while :; do sleep 1; done', /postStart never ends/],
    ['wget -q localhost:15021/healthz/ready', /postStart fails at once.*restarts a container.*instead of wget: curl/],
  ])('is held to its postStart too: %s', (script, message) => {
    const problem = customHookProblem({
      hook: 'Custom',
      lifecycle: { preStop: sh('sleep 50'), postStart: sh(script) } as never,
    });
    expect(problem).toEqual(message === undefined ? undefined : expect.stringMatching(message));
  });

  it.each([
    ['while :; do sleep 1; done', /never ends/],
    ['tcpdump -c 1; sleep 5', /no bound that can be known \(not understood: .*tcpdump/],
    [
      'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done',
      /(never ends|no upper bound)/,
    ],
  ])('is refused by the policy where it has no bound: %s', (script, message) => {
    const policy = readPolicy({
      apiVersion: 'sidecardrain.io/v1alpha1',
      kind: 'SidecarDrainPolicy',
      metadata: { name: 'own' },
      spec: {
        match: { namespaceSelector: {} },
        drain: {
          mode: 'Adaptive',
          maxWait: '40s',
          strategy: 'PreStopHook',
          hook: 'Custom',
          lifecycle: { preStop: sh(script) as never },
        },
      },
    });
    expect(policy.stalled).toMatchObject({ reason: 'InvalidSpec' });
    expect(policy.stalled?.message).toMatch(message);
    expect(policy.stalled?.message).toContain('put a bound around it');
    expect(policy.compiled).toBeDefined();
  });
});
