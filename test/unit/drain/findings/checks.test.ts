import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../support/control-plane/index.ts';
import { finding, REASON_CODES, REASONS, type Finding, type ReasonCode } from '../../../../src/api/reasons.ts';
import type { CheckInput } from '../../../../src/drain/findings/check.ts';
import { CHECKS, findingsOf, OF_WORKLOAD } from '../../../../src/drain/findings/checks.ts';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import { appDelayOf, proxyClocks } from '../../../../src/drain/promise/clocks.ts';
import type { Intent } from '../../../../src/drain/promise/intent.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';
import { DEFAULT_PATIENCE } from '../../../../src/drain/rollout/patience.ts';
import { WORKLOAD_KINDS } from '../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../src/drain/template/project.ts';
import {
  DRAIN_THEN_ESTABLISHED,
  drainThenSleep,
  ENDS_WITH_APP_LISTENER,
  NEVER_ENDS,
  NOT_UNDERSTOOD,
  POST_START_WAIT,
  sh,
  sleep,
  WHILE_ACTIVE_REQUESTS,
  WHILE_ESTABLISHED,
} from '../../../fixtures/drain/hooks.ts';
import {
  decideFor,
  intentFor,
  meshOf,
  NAMESPACE,
  policyOf,
  workloadOf,
  written,
  type ProxyForm,
  type WorkloadOptions,
} from '../../../fixtures/drain/objects.ts';

const SHELL: Partial<MeshFacts> = { stated: { proxyImage: 'with-shell' } };
const DISTROLESS: Partial<MeshFacts> = { stated: { proxyImage: 'distroless' } };

interface Scene extends WorkloadOptions {
  readonly form?: ProxyForm;
  readonly mesh?: Partial<MeshFacts>;
  readonly intent?: Partial<Intent>;
}

function inputOf({ form = 'classic', mesh = SHELL, intent: asked = {}, ...workload }: Scene): Omit<CheckInput, 'job'> {
  const subject = workloadOf(workload);
  const intent = intentFor(asked);
  const settings = effectiveSettings({
    template: subject.template,
    workloadAnnotations: subject.annotations,
    namespace: NAMESPACE,
    mesh: meshOf(form, mesh),
    ...(subject.rolledOutAt === undefined ? {} : { rolledOutAt: subject.rolledOutAt }),
  });
  return {
    workload: subject,
    settings,
    intent,
    clocks: { delay: appDelayOf(settings, intent.endpointDelay), proxy: proxyClocks(settings) },
  };
}

function found(scene: Scene): Finding[] {
  return findingsOf(inputOf(scene));
}

const drain = (text: string): string => JSON.stringify({ terminationDrainDuration: text });
const zero = (more: Record<string, string> = {}): string =>
  JSON.stringify({ proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', ...more } });
const runs = (script: string): WorkloadOptions['app'] => ({ command: ['sh', '-c'], args: [script] });
const gateway = (
  version: string,
  labels: Record<string, string> = { 'istio.io/dataplane-mode': 'ambient' },
): Scene => ({
  annotations: { 'inject.istio.io/templates': 'gateway' },
  labels,
  config: zero(),
  spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
  mesh: { stated: { istioVersion: version } },
  intent: { mode: 'Adaptive' },
});
const SHORT: Partial<Intent> = { duration: 10, maxWait: 10 };
const cr = (name: string, more: object = {}): Partial<MeshFacts> => ({
  ...SHELL,
  proxyConfigs: [
    {
      namespace: 'shop',
      name,
      environmentVariables: { MINIMUM_DRAIN_DURATION: '9s' },
      creationTimestamp: '2026-02-01T00:00:00Z',
      ...more,
    },
  ],
});
const two: Partial<MeshFacts> = {
  ...SHELL,
  proxyConfigs: [...(cr('a').proxyConfigs ?? []), ...(cr('b').proxyConfigs ?? [])],
};

/** For each code that the checks make: pods that have it, and pods much like them that do not. */
const SCENES: Partial<Record<ReasonCode, { yes: readonly Scene[]; no: readonly Scene[] }>> = {
  GraceTooShort: {
    yes: [
      {},
      { form: 'native' },
      { form: 'unknown' },
      { config: drain('65s'), grace: 65 },
      { proxyPreStop: sleep(20), config: drain('20s'), grace: 40, intent: SHORT },
      { form: 'native', proxyPreStop: sh('sleep 100'), grace: 100, intent: SHORT },
    ],
    no: [
      { grace: 70 },
      { form: 'native', grace: 70 },
      { form: 'none' },
      { config: drain('65s'), grace: 70 },
      { proxyPreStop: NEVER_ENDS, grace: 80 },
    ],
  },
  DrainTooShort: {
    yes: [
      {},
      { appPreStop: sleep(12), config: drain('10s'), intent: SHORT },
      { config: zero({ MINIMUM_DRAIN_DURATION: '70s' }), proxyPreStop: drainThenSleep(10) },
      { form: 'unknown' },
      { form: 'native', proxyPreStop: sh('pilot-agent request --debug-port=15020 POST quitquitquit') },
    ],
    no: [
      { config: drain('65s') },
      { form: 'native' },
      { form: 'none' },
      { config: zero(), intent: { mode: 'Adaptive' } },
    ],
  },
  DrainNotAdaptive: {
    yes: [{ config: drain('200s'), intent: { mode: 'Adaptive' } }],
    no: [
      { config: drain('200s') },
      { config: zero(), intent: { mode: 'Adaptive' } },
      { config: drain('10s'), intent: { mode: 'Adaptive' } },
    ],
  },
  DrainIgnored: {
    yes: [
      { config: '{"terminationDrainDuration":"20s","proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}' },
      { config: drain('20s'), proxyPreStop: drainThenSleep(10) },
    ],
    no: [
      { config: drain('20s') },
      { config: zero() },
      {
        form: 'native',
        config: '{"terminationDrainDuration":"20s","proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}',
      },
    ],
  },
  InertOnNative: {
    yes: [
      { form: 'native', config: drain('20s') },
      { form: 'native', config: zero() },
      { form: 'native', mesh: cr('a') },
      { form: 'native', config: drain('20s'), proxyPreStop: drainThenSleep(3) },
    ],
    no: [
      { form: 'native' },
      { config: drain('20s') },
      { form: 'native', config: drain('20s'), proxyPreStop: sh('sleep 3') },
    ],
  },
  MinimumDrainInert: {
    yes: [
      { config: '{"proxyMetadata":{"MINIMUM_DRAIN_DURATION":"20s"}}' },
      { config: zero({ EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'yes', MINIMUM_DRAIN_DURATION: '20s' }) },
    ],
    no: [
      { config: zero({ MINIMUM_DRAIN_DURATION: '20s' }) },
      {},
      { form: 'native', config: '{"proxyMetadata":{"MINIMUM_DRAIN_DURATION":"20s"}}' },
    ],
  },
  MinimumDrainTooShort: {
    yes: [{ config: zero(), appPreStop: sleep(12), intent: { mode: 'Adaptive' } }],
    no: [
      { config: zero({ MINIMUM_DRAIN_DURATION: '12s' }), appPreStop: sleep(12), intent: { mode: 'Adaptive' } },
      { appPreStop: sleep(12) },
    ],
  },
  OutboundNotCovered: {
    yes: [
      { config: zero(), intent: { mode: 'Adaptive' } },
      { config: zero({ MINIMUM_DRAIN_DURATION: '20s' }), intent: { mode: 'Combined' } },
    ],
    no: [
      { config: zero({ MINIMUM_DRAIN_DURATION: '65s' }), intent: { mode: 'Combined' } },
      {},
      { form: 'native', config: zero() },
    ],
  },
  HookNeverEnds: {
    yes: [{ proxyPreStop: NEVER_ENDS }, { form: 'native', proxyPreStop: NEVER_ENDS }],
    no: [{ proxyPreStop: WHILE_ESTABLISHED }, { proxyPreStop: NEVER_ENDS, mesh: DISTROLESS }, {}],
  },
  HookEndsAtOnce: {
    yes: [{ proxyPreStop: ENDS_WITH_APP_LISTENER }, { proxyPreStop: { exec: { command: ['pilot-agent', 'wait'] } } }],
    no: [
      { proxyPreStop: WHILE_ESTABLISHED },
      { proxyPreStop: sh('sleep 1') },
      { proxyPreStop: drainThenSleep(0) },
      { form: 'native' },
    ],
  },
  HookUnbounded: {
    yes: [
      { proxyPreStop: WHILE_ESTABLISHED },
      { proxyPreStop: NOT_UNDERSTOOD },
      { appPreStop: NOT_UNDERSTOOD },
      { appPreStop: { httpGet: { port: 8080 } } },
    ],
    no: [
      { proxyPreStop: sleep(10) },
      { appPreStop: NOT_UNDERSTOOD, metadata: { 'sidecardrain.io/pre-stop': '20s' } },
      { appPreStop: sleep(10) },
    ],
  },
  HookNeedsShell: {
    yes: [
      { proxyPreStop: NEVER_ENDS, mesh: DISTROLESS },
      { proxyPreStop: sh('sleep 9'), mesh: DISTROLESS },
    ],
    no: [
      { proxyPreStop: sleep(9), mesh: DISTROLESS },
      { proxyPreStop: sh('sleep 9') },
      { form: 'native', mesh: DISTROLESS },
    ],
  },
  HookDropsNativeDrain: {
    yes: [{ form: 'native', proxyPreStop: sh('sleep 9') }],
    no: [{ form: 'native', proxyPreStop: DRAIN_THEN_ESTABLISHED }, { form: 'native' }, { proxyPreStop: sh('sleep 9') }],
  },
  HookHandlerIllegal: {
    yes: [{ form: 'native', proxyPreStop: sleep(9) }],
    no: [{ proxyPreStop: sleep(9) }, { form: 'native', proxyPreStop: sh('sleep 9') }],
  },
  HoldHookLost: {
    yes: [{ config: 'holdApplicationUntilProxyStarts: true', proxyPostStart: sh('echo hello') }],
    no: [
      { config: 'holdApplicationUntilProxyStarts: true' },
      { config: 'holdApplicationUntilProxyStarts: true', proxyPostStart: POST_START_WAIT },
      { form: 'native', config: 'holdApplicationUntilProxyStarts: true' },
    ],
  },
  PostStartWithoutHold: {
    yes: [{ proxyPostStart: POST_START_WAIT }],
    no: [
      { config: 'holdApplicationUntilProxyStarts: true', proxyPostStart: POST_START_WAIT },
      { proxyPostStart: sh('echo hello') },
      { form: 'native', proxyPostStart: POST_START_WAIT },
    ],
  },
  StatsNotExported: {
    yes: [{ proxyPreStop: WHILE_ACTIVE_REQUESTS }],
    no: [
      {
        proxyPreStop: WHILE_ACTIVE_REQUESTS,
        annotations: { 'sidecar.istio.io/statsInclusionSuffixes': 'downstream_rq_active' },
      },
      { proxyPreStop: WHILE_ESTABLISHED },
    ],
  },
  AnnotationMalformed: {
    yes: [{ config: '{' }, { config: 'terminationDrainDuration: 25' }],
    no: [{ config: '' }, { config: drain('25s') }],
  },
  AnnotationKeyUnknown: {
    yes: [{ config: 'terminationDrainDuraton: 25s' }],
    no: [{ config: 'termination_drain_duration: 25s' }],
  },
  AnnotationValueDangerous: {
    yes: [{ config: drain('0s') }, { config: drain('-5s') }],
    no: [{ config: drain('500ms') }],
  },
  AnnotationMisplaced: {
    yes: [{ workload: { misplaced: [{ code: 'AnnotationMisplaced', path: 'x', steps: ['x'], message: 'y' }] } }],
    no: [{ config: drain('25s') }],
  },
  SettingMisplaced: {
    yes: [{ workload: { misplaced: [{ code: 'SettingMisplaced', path: 'x', steps: ['x'], message: 'y' }] } }],
    no: [{ config: drain('25s') }],
  },
  SettingNotRead: {
    yes: [
      { annotations: { 'sidecar.istio.io/drainDuration': '9s' } },
      { config: '{"proxyMetadata":{"TERMINATION_DRAIN_DURATION_SECONDS":"9"}}' },
      {
        proxy: {
          env: [
            { name: 'MINIMUM_DRAIN', value: '9s' },
            { name: 'MINIMUM_DRAIN_DURATION_SECONDS', value: '9' },
          ],
        },
      },
    ],
    no: [{ config: zero({ MINIMUM_DRAIN_DURATION: '9s' }) }, { metadata: { 'sidecar.istio.io/logLevel': 'info' } }],
  },
  InjectionTemplateUnread: {
    yes: [{ annotations: { 'inject.istio.io/templates': 'sidecar,ours' } }],
    no: [
      { annotations: { 'inject.istio.io/templates': 'sidecar' } },
      { form: 'none', annotations: { 'inject.istio.io/templates': 'ours' } },
    ],
  },
  EnvironmentValueIgnored: {
    yes: [
      { config: zero({ MINIMUM_DRAIN_DURATION: '20' }) },
      { config: zero({ EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'yes' }) },
      { metadata: { 'sidecardrain.io/pre-stop': 'long' } },
    ],
    no: [{ config: zero({ MINIMUM_DRAIN_DURATION: '20s' }) }],
  },
  ProxyConfigShadowed: { yes: [{ mesh: two }], no: [{ mesh: cr('a') }, { form: 'none', mesh: two }] },
  ProxyConfigDead: {
    yes: [{ mesh: cr('a', { selector: {} }) }],
    no: [{ mesh: cr('a') }, { mesh: cr('a', { selector: { matchLabels: { app: 'cart' } } }) }],
  },
  ProxyConfigTooYoung: {
    yes: [{ mesh: cr('a'), workload: { rolledOutAt: '2026-01-31T00:00:00Z' } }],
    no: [
      { mesh: cr('a'), workload: { rolledOutAt: '2026-02-02T00:00:00Z' } },
      { mesh: cr('a') },
      { mesh: cr('a', { environmentVariables: { OTHER: 'x' } }), workload: { rolledOutAt: '2026-01-31T00:00:00Z' } },
    ],
  },
  ImageAutoNotInjected: { yes: [{ form: 'none', proxy: {} }], no: [{ proxy: {} }, { form: 'none' }] },
  ImageAutoPullAlways: {
    yes: [{ proxy: { imagePullPolicy: 'Always' } }, { containers: [{ name: 'istio-proxy', image: 'auto' }] }],
    no: [{ proxy: {} }, {}],
  },
  ListenerClosesBeforeDrainEnds: {
    yes: [{ config: drain('60s') }, { config: zero(), intent: { mode: 'Adaptive' }, grace: 200 }],
    no: [
      { config: '{"terminationDrainDuration":"60s","drainDuration":"60s"}' },
      { config: drain('45s') },
      { config: drain('60s'), proxyPreStop: drainThenSleep(60) },
      { form: 'native', config: drain('60s') },
      { config: zero(), intent: { mode: 'Adaptive' }, grace: 40 },
    ],
  },
  GraceExceedsNodeBudget: { yes: [{ grace: 601 }], no: [{ grace: 600 }] },
  JobNeverCompletes: {
    yes: [{ kind: 'CronJob' }, { kind: 'Job' }, { kind: 'Job', app: runs('true; # quitquitquit') }],
    no: [
      { kind: 'Job', form: 'native' },
      {},
      { kind: 'Job', app: runs('sleep 1; curl -X POST localhost:15020/quitquitquit') },
      { kind: 'Job', app: { command: ['/import.py'], args: ['--then=http://localhost:15020/quitquitquit'] } },
    ],
  },
  NewRequestsRefused: {
    yes: [
      {},
      { form: 'native' },
      { appPreStop: sleep(5), containers: [{ name: 'second', ports: [{ containerPort: 9000 }] }] },
    ],
    no: [
      { appPreStop: sleep(5) },
      { app: { ports: [] } },
      { appPreStop: sleep(5), containers: [{ name: 'worker' }] },
      { intent: { endpointDelay: 0 } },
      { form: 'none' },
      { kind: 'CronJob' },
    ],
  },
  HookDefaultCounts: {
    yes: [{ appPreStop: sh('sleep ${DELAY_SECONDS:-6}') }],
    no: [
      { appPreStop: sh('sleep $DELAY_SECONDS') },
      { appPreStop: sh('echo ${DELAY_SECONDS:-6}; sleep 6') },
      { appPreStop: sh('sleep 6') },
    ],
  },
  HookFails: {
    yes: [
      { appPreStop: sh('exit 3') },
      { appPreStop: { exec: { command: ['sleep'] } } },
      { proxyPreStop: sh('sleep 3; exit 1') },
    ],
    no: [
      { appPreStop: sleep(0) },
      { appPreStop: sh('wget -q localhost:8080/bye') },
      { appPreStop: sh('sleep 9; exit 1') },
    ],
  },
  StopSignalUncertain: {
    yes: [{ app: { lifecycle: { stopSignal: 'SIGUSR1' } } }],
    no: [{ app: { lifecycle: { stopSignal: 'SIGTERM' } } }, {}],
  },
  ExitOnZeroNeverFires: {
    yes: [gateway('1.29.5'), gateway('1.30.2'), gateway('1.28.9'), gateway('')],
    no: [gateway('1.29.6'), gateway('1.30.3'), gateway('1.31.0'), gateway('1.30.2', {})],
  },
  ProxyKindUnknown: { yes: [{ form: 'unknown' }], no: [{}, { form: 'native' }] },
};

/** What a decision adds; test/unit/drain/plan/decide.test.ts has the cases around each. */
const DECISIONS: Partial<Record<ReasonCode, { yes: () => readonly Finding[]; no: () => readonly Finding[] }>> = {
  GraceAboveMaximum: {
    yes: () => decideFor(workloadOf(), policyOf({ duration: 700 })).findings,
    no: () => decideFor(workloadOf(), policyOf()).findings,
  },
  GraceMayNotChange: {
    yes: () => decideFor(workloadOf(), policyOf({ graceChange: 'Never' })).findings,
    no: () => decideFor(workloadOf({ grace: 90 }), policyOf({ graceChange: 'Never' })).findings,
  },
  LivenessKillSlowed: {
    yes: () => decideFor(workloadOf({ app: { livenessProbe: {} } }), policyOf()).findings,
    no: () => decideFor(workloadOf({ app: { livenessProbe: {} }, grace: 90 }), policyOf()).findings,
  },
  DowntimePerDeploy: {
    yes: () => decideFor(workloadOf({ kind: 'DaemonSet' }), policyOf()).findings,
    no: () => decideFor(workloadOf({ kind: 'DaemonSet' }), policyOf({}, { matchedByName: true })).findings,
  },
  FieldConflict: {
    yes: () =>
      decideFor(workloadOf({ fields: { gracePeriod: { ownership: 'Declared', owners: ['helm'] } } }), policyOf())
        .findings,
    no: () =>
      decideFor(
        workloadOf({ fields: { gracePeriod: { ownership: 'Declared', owners: ['helm'] } } }),
        policyOf({}, { conflicts: 'Force' }),
      ).findings,
  },
  OwnedByController: {
    yes: () =>
      decideFor(
        workloadOf({ workload: { controllerOwner: { apiVersion: 'v1', kind: 'Revision', name: 'r' } } }),
        policyOf(),
      ).findings,
    no: () => decideFor(workloadOf(), policyOf()).findings,
  },
  Exempt: {
    yes: () => decideFor(workloadOf({ metadata: { 'sidecardrain.io/exempt': '' } }), policyOf()).findings,
    no: () => decideFor(workloadOf(), policyOf()).findings,
  },
  NotInjected: {
    yes: () => decideFor(workloadOf(), policyOf(), meshOf('none')).findings,
    no: () => decideFor(workloadOf(), policyOf()).findings,
  },
  FactsMissing: {
    yes: () => decideFor(workloadOf(), policyOf(), { ...meshOf('classic'), istio: 'Unknown', stated: {} }).findings,
    no: () => decideFor(workloadOf(), policyOf(), meshOf('unknown')).findings,
  },
  PromiseUnreachable: {
    yes: () =>
      decideFor(workloadOf({ proxyPreStop: sleep(3) }), policyOf({ mode: 'Adaptive', strategy: 'PreStopHook' }))
        .findings,
    no: () => decideFor(workloadOf(), policyOf()).findings,
  },
  StateDamaged: {
    yes: () => decideFor(workloadOf({ metadata: { 'sidecardrain.io/state': 'x' } }), policyOf()).findings,
    no: () => decideFor(workloadOf(), policyOf()).findings,
  },
  ChangedByOthers: { yes: () => afterForeignChange(0), no: () => afterForeignChange(3600) },
  ChangedBack: { yes: () => afterForeignChange(0, 1), no: () => afterForeignChange(0) },
};

/** We wrote at t = 0 s, somebody wrote over it 60 s later, and we look again `later` seconds after that. */
function afterForeignChange(later: number, earlierReverts = 0): readonly Finding[] {
  const policy = policyOf();
  const before = workloadOf();
  const after = written(before, policy, decideFor(before, policy));
  const annotations = Object.fromEntries(
    Object.entries(after.annotations).map(([key, text]) => [
      key,
      JSON.stringify({ ...(JSON.parse(text) as object), reverts: earlierReverts }),
    ]),
  );
  const undone = {
    ...after,
    annotations,
    template: before.template,
    history: { writtenAt: 0, changedAt: 60, changedBy: 'kubectl' },
  };
  return decideFor(undone, policy, meshOf('classic'), { patience: { now: 60 + later, rules: DEFAULT_PATIENCE } })
    .findings;
}

/** Made where more is looked at than one workload and its policy, with the test that shows each. */
const ELSEWHERE: Partial<Record<ReasonCode, { readonly by: string; readonly shown: string }>> = {
  MeshDefaultWouldDo: { by: 'src/cli/plan/mesh-default.ts', shown: 'test/unit/cli/plan.test.ts' },
  ApprovalRequired: { by: 'src/controllers/policy/permits.ts', shown: 'test/integration/operator-approval.test.ts' },
  WaitsForWindow: { by: 'src/controllers/policy/permits.ts', shown: 'test/integration/operator-windows.test.ts' },
  ExemptionOutsideBounds: { by: 'src/drain/plan/assess.ts', shown: 'test/unit/drain/plan/assess.test.ts' },
  WithdrawalHeld: { by: 'src/controllers/policy/permits.ts', shown: 'test/integration/operator-approval.test.ts' },
  RolloutStuck: {
    by: 'src/controllers/workload/workload-controller.ts',
    shown: 'test/integration/operator-waves-halt.test.ts',
  },
  PodsKilled: { by: 'src/drain/observe/problem.ts', shown: 'test/unit/controllers/observed.test.ts' },
  PreStopFailed: { by: 'src/drain/observe/problem.ts', shown: 'test/unit/controllers/observed.test.ts' },
  ForecastMissed: { by: 'src/drain/observe/problem.ts', shown: 'test/unit/controllers/observed.test.ts' },
  WaitsForWorkload: {
    by: 'src/controllers/rollout/rollouts.ts',
    shown: 'test/integration/operator-waves-halt.test.ts',
  },
  NoClusterPolicy: { by: 'src/drain/selection/govern.ts', shown: 'test/unit/drain/selection/govern.test.ts' },
  OutsideBounds: { by: 'src/drain/selection/govern.ts', shown: 'test/unit/drain/selection/govern.test.ts' },
  ContainersNotMergeable: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
  RolloutNotVisible: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
  TemplateRefused: { by: 'src/drain/findings/checks/form.ts', shown: 'test/unit/drain/template/shape.test.ts' },
  TemplateElsewhere: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
  TemplateImmutable: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
  RenderedFromGateway: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
  TemplateNotRolled: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
  UpdatedInPlace: { by: 'src/drain/plan/kind-limits.ts', shown: 'test/unit/drain/plan/kind-limits.test.ts' },
};

const pairs = Object.entries(SCENES).flatMap(([code, { yes, no }]) => [
  ...yes.map((scene, index) => [`${code} ${index + 1}`, code, scene, true] as const),
  ...no.map((scene, index) => [`not ${code} ${index + 1}`, code, scene, false] as const),
]);

describe('a check', () => {
  it.each(pairs)('%s', (_, code, scene, present) => {
    const codes = found(scene).map((one) => one.code);

    if (present) {
      expect(codes).toContain(code);
    } else {
      expect(codes).not.toContain(code);
    }
  });

  it.each(Object.entries(DECISIONS))('of a decision: %s', (code, { yes, no }) => {
    expect(yes().map((one) => one.code)).toContain(code);
    expect(no().map((one) => one.code)).not.toContain(code);
  });

  it.each(Object.entries(ELSEWHERE))('made elsewhere: %s', async (code, { by, shown }) => {
    expect(await readFile(join(projectRoot(), by), 'utf8')).toContain(code);
    expect(await readFile(join(projectRoot(), shown), 'utf8')).toContain(code);
  });

  it('is there for every reason', () => {
    const covered = [...Object.keys(SCENES), ...Object.keys(DECISIONS), ...Object.keys(ELSEWHERE)].sort();

    expect(covered).toEqual([...REASON_CODES].sort());
  });

  it('finds nothing on a pod on which nothing is wrong', () => {
    const config = '{"terminationDrainDuration":"65s","drainDuration":"65s"}';

    expect(found({ config, grace: 70, appPreStop: sleep(5) })).toEqual([]);
    expect(found({ form: 'native', grace: 70, appPreStop: sleep(5) })).toEqual([]);
  });

  it('is one of a list, and the list is all there is', () => {
    const input = inputOf({ config: drain('0s') });

    const whole = { ...input, job: false };

    expect(findingsOf(input)).toEqual(
      CHECKS.flatMap((check) => (typeof check === 'string' ? OF_WORKLOAD[check](whole) : check(whole))),
    );
  });
});

describe('a finding', () => {
  it('says numbers, place and what to do', () => {
    expect(found({})[0]).toEqual({
      code: 'GraceTooShort',
      severity: 'error',
      path: 'spec.template.spec.terminationGracePeriodSeconds',
      message:
        'terminationGracePeriodSeconds is 30, but 70 s are needed: 5 s endpoint delay + 60 s for requests in flight + 5 s margin',
      action: 'Set terminationGracePeriodSeconds: 70.',
    });
  });

  it('names both parts on native', () => {
    expect(found({ form: 'native' })[0]?.message).toBe(
      'terminationGracePeriodSeconds is 30, but 70 s are needed: 5 s endpoint delay + 60 s for requests in flight + 5 s margin',
    );
  });

  it('is a warning where the form is unknown', () => {
    expect(found({ form: 'unknown' }).find((one) => one.code === 'DrainTooShort')).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/^if the sidecar is classic: /),
    });
  });

  it('takes severity and action from the list', () => {
    expect(finding('ProxyConfigDead', 'x')).toEqual({
      code: 'ProxyConfigDead',
      severity: 'warning',
      message: 'x',
      action: REASONS.ProxyConfigDead.action,
    });
    expect(finding('ProxyConfigDead', 'x', { severity: 'info', action: 'y', path: 'z' })).toEqual({
      code: 'ProxyConfigDead',
      severity: 'info',
      message: 'x',
      action: 'y',
      path: 'z',
    });
  });

  it.each(REASON_CODES.map((code) => [code, REASONS[code]] as const))(
    '%s has a sentence, an action and a source',
    (code, reason) => {
      expect(code).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(['error', 'warning', 'info']).toContain(reason.severity);
      expect(reason.sentence).toMatch(/\.$/);
      expect(reason.action).toMatch(/\.$/);
      expect(reason.source).not.toBe('');
    },
  );
});

describe('what the checks need of an object', () => {
  const deployment = WORKLOAD_KINDS.find((adapter) => adapter.kind === 'Deployment');
  const raw = (metadata: object, status: object = {}): Parameters<typeof projectWorkload>[0] => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'a', namespace: 'shop', uid: 'u', ...metadata },
    spec: { template: { spec: { containers: [{ name: 'app' }] } } },
    status,
  });
  const project = (given: Parameters<typeof projectWorkload>[0]): ReturnType<typeof projectWorkload> => {
    if (deployment === undefined) {
      throw new Error('no adapter for Deployments');
    }
    return projectWorkload(given, deployment);
  };

  it('is its own annotation, where it does nothing', () => {
    expect(project(raw({ annotations: { 'proxy.istio.io/config': '{}' } })).misplaced).toMatchObject([
      { path: 'metadata.annotations["proxy.istio.io/config"]' },
    ]);
    expect(project(raw({ annotations: { other: '' } })).misplaced).toBeUndefined();
  });

  it('is when its last rollout was over', () => {
    const condition = (reason: string): object => ({
      conditions: [
        { type: 'Available' },
        { type: 'Progressing', status: 'True', reason, lastUpdateTime: '2026-01-01T00:00:00Z' },
      ],
    });

    expect(project(raw({}, condition('NewReplicaSetAvailable'))).rolledOutAt).toBe('2026-01-01T00:00:00Z');
    expect(project(raw({}, condition('ReplicaSetUpdated'))).rolledOutAt).toBeUndefined();
    expect(project(raw({})).rolledOutAt).toBeUndefined();
  });
});
