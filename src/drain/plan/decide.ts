import type { ManagedValues } from '../model/managed.ts';
import { livePodOf } from '../mesh/live-pod.ts';
import {
  EXEMPT_ANNOTATION,
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_MARK_ANNOTATION,
  PROXY_CONTAINER,
  STATE_ANNOTATION,
} from '../../api/names.ts';
import { finding, type Finding, type ReasonCode } from '../../api/reasons.ts';
import { findingsOf } from '../findings/checks.ts';
import { refusedTemplate } from '../findings/checks/form.ts';
import { conflictMessage, conflictsOf } from './conflicts.ts';
import { budgetFindings } from '../findings/checks/grace.ts';
import { appHookFinding } from '../findings/checks/hooks.ts';
import { workloadSettings } from '../mesh/workload-settings.ts';
import { exceededBudget } from '../nodes/budget.ts';
import type { ChangedField, Decision, WorkloadOutcome } from '../model/decision.ts';
import type { MeshFacts, NamespaceFacts } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import { objectKind, type LivePod, type Seconds, type Workload } from '../model/workload.ts';
import { applyToTemplate } from '../template/apply.ts';
import { decodeState, noteOrigin, templateBefore, valuesInPlace, type WorkloadState } from '../template/note/state.ts';
import { exemptionText, type ActiveExemption } from '../selection/exemptions.ts';
import { clocksOf, type Clocks } from '../promise/clocks.ts';
import type { Hold } from '../rollout/patience.ts';
import { compile } from '../promise/compile.ts';
import { hookCure, type HookCure } from './hook-cure.ts';
import { holdOn, type DecidingPatience } from './hold.ts';
import { intentKey, type Intent } from '../promise/intent.ts';
import { mayLowerDrain } from './lowering.ts';
import { kindLimit, rolloutCaveat, templateElsewhere } from './kind-limits.ts';
import {
  brokenDrainClauses,
  graceNeed,
  graceWords,
  lateRequestsRefusedBy,
  neededGrace,
  unmetOptions,
  unprovableHook,
} from '../promise/promise.ts';
import { delayShareOf } from './late-requests.ts';
import { changesBetween, valuesFor } from './values.ts';

/** The policy that governs a workload (or, in Audit, is tried on it), as far as the plan needs it. */
export interface DecidingPolicy {
  readonly name: string;
  readonly uid: string;
  readonly onDelete: 'Restore' | 'Orphan';
  /** Absent where the policy limits nothing. */
  readonly maxConcurrent?: number;
  readonly intent: Intent;
  readonly conflicts: 'Report' | 'Force';
  /** False in Audit, while suspended or stalled: everything is decided and nothing is written. */
  readonly mayWrite: boolean;
  /** The workload is matched by a pattern of match.names: it may be changed although it is down while it restarts. */
  readonly matchedByName: boolean;
}

/** The ProxyConfig resource that we keep for `environment: ProxyConfig`, as it stands in the cluster, or why there can be none. */
export type OwnProxyConfig =
  | {
      readonly kind: 'Ready';
      readonly exitOnZero: boolean;
      readonly minimumDrain: Seconds;
      /** Written into the template so that its pods are certainly younger than the resource. */
      readonly mark: string;
    }
  | { readonly kind: 'Blocked'; readonly why: string };

export interface DecideInput {
  readonly workload: Workload;
  readonly namespace: NamespaceFacts;
  readonly mesh: MeshFacts;
  readonly policy: DecidingPolicy;
  readonly ownProxyConfig?: OwnProxyConfig;
  /** The DrainExemption that holds for the workload now. */
  readonly exemption?: ActiveExemption;
  /** Of the workload's present template, where they are known already. */
  readonly settings?: EffectiveSettings;
  /** Absent where nothing is ever written (files). */
  readonly patience?: DecidingPatience;
}

interface Judged {
  readonly settings: EffectiveSettings;
  readonly clocks: Clocks;
  readonly neededGrace: Seconds;
  readonly kept: boolean;
}

/** Decides what a workload is under a policy and what is to be written. Pure: the same input gives the same decision. */
export function decide(input: DecideInput): Decision {
  const { workload, policy } = input;
  const { intent } = policy;
  const judge = judgeOnce(input);
  const before = judge(workload.template);
  const { nodes } = input.mesh;
  const findings = findingsOf({ workload, settings: before.settings, intent, clocks: before.clocks, nodes });
  const base = {
    workload,
    policy: policy.name,
    before: before.settings,
    neededGrace: before.neededGrace,
    nodeBudget: exceededBudget(workload, before.settings.gracePeriod.value, nodes),
    changes: [],
    conflicts: [],
    findings,
    needsMinimumDrain: minimumDrainByProxyConfig(input, before),
    delay: delayShareOf(workload.template, before.settings, intent),
  };
  const end = (
    outcome: WorkloadOutcome,
    message: string,
    more: Partial<Decision> & { reason?: ReasonCode } = {},
  ): Decision => ({ ...base, outcome, message, ...more });
  const stop = (outcome: WorkloadOutcome, found: Finding): Decision =>
    end(outcome, found.message, {
      reason: found.code,
      findings: findings.some((other) => other.code === found.code) ? findings : [...findings, found],
    });

  // 1. What is left alone, whatever its settings are.
  const alone = leftAlone(workload, before.settings, input.exemption);
  if (alone !== undefined) {
    return stop(alone.outcome, alone.finding);
  }
  const state = readState(workload);
  if (state === 'damaged') {
    return stop(
      'Failed',
      finding('StateDamaged', `the annotation ${STATE_ANNOTATION} of ${workload.name} cannot be read`, {
        path: `metadata.annotations["${STATE_ANNOTATION}"]`,
      }),
    );
  }

  // 2. The promise holds: nothing is written, whatever the exact text. Only a changed intent is followed further.
  const intentChanged = state !== undefined && state.intent !== intentKey(intent);
  if (before.kept && !intentChanged) {
    const adopt =
      state !== undefined && policy.mayWrite && isOutOfDate(workload, state, policy)
        ? { adopt: valuesInPlace(workload.template, state) }
        : {};
    const under = state === undefined ? undefined : underWay(workload);
    return under === undefined ? end('Compliant', 'the promise holds', adopt) : end('Updating', under, adopt);
  }

  // 3. Somebody else has undone what we wrote: hold back, and in a fight leave it alone.
  // A rollback brings an older intent back with its values: that is no new intent of the policy.
  const hold =
    intentChanged && workload.history?.rolledBack !== true ? undefined : holdOn(workload, state, input.patience);
  if (hold !== undefined && input.patience !== undefined && input.patience.now < hold.until) {
    return held(hold, stop, policy.mayWrite);
  }

  // 4. What stands in the way of any write, and what no write can prove.
  const original = state === undefined ? workload.template : templateBefore(workload.template, state);
  const obstacle = obstacleTo(before);
  if (obstacle !== undefined && cureFor(original, input, judge) === undefined) {
    return stop('Failed', withCureNamed(obstacle, original, input, judge));
  }
  const unprovable = unprovableHook(before.clocks);
  if (unprovable !== undefined) {
    return stop(unprovable.neverEnds ? 'Failed' : 'Unknown', appHookFinding(unprovable));
  }

  // 5. With environment: ProxyConfig the resource comes first, the workload after it.
  const awaited = awaitedProxyConfig(input, before);
  if (awaited !== undefined) {
    return 'blocked' in awaited
      ? stop('Failed', awaited.blocked)
      : end(policy.mayWrite ? 'Pending' : 'NonCompliant', 'waiting for its ProxyConfig resource', {
          needsMinimumDrain: awaited.minimumDrain,
        });
  }

  // 6. What would have to stand there, computed from the values before us, so that every plan is a function of those alone.
  const planned = plan(original, input, judge);
  if ('blocked' in planned) {
    const { blocked } = planned;
    return before.kept
      ? end('Compliant', 'the promise holds')
      : stop(blocked.code === 'FactsMissing' ? 'Unknown' : 'Failed', blocked);
  }
  const changes = changesBetween(workload.template, planned.template, planned.why);
  if (changes.length === 0) {
    const adopt = policy.mayWrite ? { adopt: planned.values } : {};
    return before.kept
      ? end('Compliant', 'the promise holds', adopt)
      : stop('Failed', unreachable(planned.after, intent));
  }
  const lowering = mayLowerDrain(before.settings, planned.after.settings, input.mesh);
  if (lowering !== undefined) {
    return stop('Unknown', lowering);
  }
  const grace = planned.after.settings.gracePeriod.value;
  const nodeBudget = exceededBudget(workload, grace, nodes);
  const caveat = rolloutCaveat(workload);
  const all = [
    ...findings.filter(({ code }) => code !== 'GraceExceedsNodeBudget'),
    ...budgetFindings(grace, nodeBudget),
    ...consequences(workload, before, planned.after),
    ...(caveat === undefined ? [] : [caveat]),
  ];
  const { neededGrace } = planned.after;
  const more = { after: planned.after.settings, neededGrace, nodeBudget, changes, findings: all };

  // 7. All or nothing: one conflict, and nothing is written. What the kind does not allow is no conflict with anybody.
  const limited = kindLimit(workload, changes);
  if (limited !== undefined) {
    return end('Failed', limited.message, { ...more, reason: limited.code, findings: [...all, limited] });
  }
  if (!policy.matchedByName && isDownWhileRestarting(workload)) {
    const found = finding(
      'DowntimePerDeploy',
      `${workload.kind} ${workload.name} is down while it restarts (${downBecause(workload)}); it is left alone unless match.names names it`,
    );
    return end('Exempt', found.message, { ...more, reason: found.code, findings: [...all, found] });
  }
  const conflicts = conflictsOf(workload, changes);
  if (conflicts.length > 0 && policy.conflicts === 'Report') {
    const found = finding('FieldConflict', conflictMessage(conflicts), { path: conflicts[0]?.path ?? '' });
    return end('Conflicted', found.message, { ...more, reason: 'FieldConflict', conflicts, findings: [...all, found] });
  }
  if (!policy.mayWrite) {
    return end('NonCompliant', changes.map((change) => change.why).join('; '), { ...more, conflicts });
  }
  return end('Pending', changes.map((change) => change.why).join('; '), {
    ...more,
    conflicts,
    write: planned.values,
    ...(hold === undefined ? {} : { reverts: hold.reverts }),
  });
}

/** The template says it, and the pods do not yet. */
function underWay({ rollout }: Workload): string | undefined {
  if (rollout.rolling) {
    return 'the new values are rolling out';
  }
  if (rollout.complete || rollout.replicas === 0) {
    return undefined;
  }
  return rollout.strategy === 'OnDelete'
    ? 'written; with updateStrategy OnDelete each pod follows when somebody deletes it'
    : rollout.partition > 0
      ? `written; pods below updateStrategy.rollingUpdate.partition ${rollout.partition} follow when it is lowered`
      : undefined;
}

function isOutOfDate(workload: Workload, state: WorkloadState, policy: DecidingPolicy): boolean {
  return (
    noteOrigin(workload, state) === 'OtherObject' ||
    state.policy.uid !== policy.uid ||
    state.onDelete !== policy.onDelete ||
    state.maxConcurrent !== policy.maxConcurrent
  );
}

function held(hold: Hold, stop: (outcome: WorkloadOutcome, found: Finding) => Decision, mayWrite: boolean): Decision {
  const until = new Date(hold.until * 1000).toISOString();
  const found = hold.fight
    ? finding(
        'ChangedBack',
        `${hold.by} has changed our values back ${hold.reverts} times in a row; left alone until ${until}`,
      )
    : finding(
        'ChangedByOthers',
        `${hold.by} has changed the pod template since our write; left as it is until ${until}`,
      );
  return { ...stop(hold.fight ? 'Conflicted' : mayWrite ? 'Pending' : 'NonCompliant', found), notBefore: hold.until };
}

type Judge = (template: Workload['template']) => Judged;

/** A plan asks for the template that stands there several times over. */
function judgeOnce(input: DecideInput): Judge {
  const judged = new Map<Workload['template'], Judged>();
  return (template) => {
    const known = judged.get(template) ?? judgeTemplate(template, input);
    judged.set(template, known);
    return known;
  };
}

/** A pod of the present template; for an edit of ours too, unless that asks for another form. */
function liveFor(
  template: Workload['template'],
  { template: present }: Workload,
  pods: Workload['livePods'],
): LivePod | undefined {
  const form = ({ metadata }: Workload['template']): string | undefined =>
    metadata?.annotations?.[NATIVE_SIDECAR_ANNOTATION];
  return form(template) === form(present) ? livePodOf(present, pods) : undefined;
}

function judgeTemplate(template: Workload['template'], input: DecideInput): Judged {
  const { workload, namespace, mesh } = input;
  const live = liveFor(template, workload, workload.livePods);
  const known = template === workload.template ? input.settings : undefined;
  const settings = known ?? workloadSettings({ workload, template, namespace, mesh, live });
  const { intent } = input.policy;
  const clocks = clocksOf(settings, intent.endpointDelay);
  const needed = neededGrace(settings, intent, clocks);
  // A ProxyConfig does nothing for pods that are older than it: only the mark in the template proves that they are not.
  const mark = input.ownProxyConfig?.kind === 'Ready' ? input.ownProxyConfig.mark : undefined;
  const marked =
    mark === undefined ||
    intent.environment === 'Annotation' ||
    settings.proxy.container === 'Native' ||
    template.metadata?.annotations?.[PROXY_CONFIG_MARK_ANNOTATION] === mark;
  return {
    settings,
    clocks,
    neededGrace: needed,
    kept:
      obstacleTo({ settings, clocks }) === undefined &&
      unprovableHook(clocks) === undefined &&
      marked &&
      brokenDrainClauses(settings, intent, clocks).length === 0 &&
      unmetOptions(settings, intent, clocks).length === 0 &&
      settings.gracePeriod.value >= needed,
  };
}

function leftAlone(
  workload: Workload,
  settings: EffectiveSettings,
  exemption: ActiveExemption | undefined,
): { outcome: WorkloadOutcome; finding: Finding } | undefined {
  const exempt = workload.annotations[EXEMPT_ANNOTATION];
  if (exempt !== undefined) {
    return { outcome: 'Exempt', finding: finding('Exempt', `exempt: ${exempt === '' ? 'no reason given' : exempt}`) };
  }
  if (exemption !== undefined) {
    return { outcome: 'Exempt', finding: finding('Exempt', `exempt: ${exemptionText(exemption)}`) };
  }
  const owner = workload.controllerOwner;
  if (owner !== undefined) {
    return {
      outcome: 'Exempt',
      finding: finding(
        'OwnedByController',
        `${owner.kind} ${owner.name} owns this ${workload.kind} and would undo a change`,
      ),
    };
  }
  const elsewhere = templateElsewhere(workload);
  if (elsewhere !== undefined) {
    return { outcome: 'Exempt', finding: elsewhere };
  }
  if (workload.refused !== undefined) {
    return { outcome: 'Failed', finding: refusedTemplate(workload.refused) };
  }
  const { proxy } = settings;
  if (proxy.kind === 'None' || proxy.kind === 'GrpcAgent') {
    return {
      outcome: 'Exempt',
      finding: finding(
        'NotInjected',
        `no sidecar: ${proxy.because[proxy.because.length - 1] ?? 'nothing is injected'}`,
      ),
    };
  }
  if (settings.notKnown !== undefined) {
    return { outcome: 'Unknown', finding: finding('FactsMissing', settings.notKnown) };
  }
  // Injection itself is not certain. Where only the form is unknown, the annotation and the grace period are right for both.
  if (proxy.kind === 'Unknown' && proxy.revision === undefined) {
    return { outcome: 'Unknown', finding: finding('FactsMissing', `not known: ${proxy.missing.join(', ')}`) };
  }
  return undefined;
}

function readState(workload: Workload): WorkloadState | undefined | 'damaged' {
  const text = workload.annotations[STATE_ANNOTATION];
  if (text === undefined) {
    return undefined;
  }
  const decoded = decodeState(text);
  return decoded.ok ? decoded.state : 'damaged';
}

function obstacleTo({ settings, clocks }: Pick<Judged, 'settings' | 'clocks'>): Finding | undefined {
  if (settings.podsRefused !== undefined) {
    return finding(settings.podsRefused.code, settings.podsRefused.message);
  }
  const hook = clocks.proxy.hook;
  if (hook?.neverEnds === true) {
    return finding(
      'HookNeverEnds',
      `the preStop of ${PROXY_CONTAINER} never ends: ${hook.summary}; no other setting would help`,
    );
  }
  return undefined;
}

/** Undefined where no resource is awaited; else what it must give, or why there can be none. */
function awaitedProxyConfig(
  input: DecideInput,
  before: Judged,
): { minimumDrain: Seconds } | { blocked: Finding } | undefined {
  const minimumDrain = minimumDrainByProxyConfig(input, before);
  if (minimumDrain === undefined) {
    return undefined;
  }
  const own = input.ownProxyConfig;
  if (own?.kind === 'Blocked') {
    return { blocked: finding('ProxyConfigShadowed', own.why) };
  }
  return own !== undefined && own.exitOnZero && own.minimumDrain >= minimumDrain ? undefined : { minimumDrain };
}

/** What this workload needs of a ProxyConfig resource, where the policy wants its environment there. */
function minimumDrainByProxyConfig({ policy }: DecideInput, { settings, clocks }: Judged): Seconds | undefined {
  if (policy.intent.environment !== 'ProxyConfig') {
    return undefined;
  }
  return compile(policy.intent, settings, clocks.delay).minimumDrain;
}

/** Only `conflicts: Force` replaces what somebody else has put on istio-proxy; it comes back when the policy goes. */
function cureFor(template: Workload['template'], { policy }: DecideInput, judge: Judge): HookCure | undefined {
  const { settings, clocks } = judge(template);
  return policy.conflicts === 'Force' ? hookCure(template, settings, clocks.proxy, policy.intent) : undefined;
}

function withCureNamed(obstacle: Finding, template: Workload['template'], input: DecideInput, judge: Judge): Finding {
  const { settings, clocks } = judge(template);
  const cure = hookCure(template, settings, clocks.proxy, input.policy.intent);
  return cure === undefined || input.policy.conflicts === 'Force'
    ? obstacle
    : {
        ...obstacle,
        message: `${obstacle.message}; with conflicts: Force it would be replaced by ${JSON.stringify(cure.preStop)}, and restored when the policy goes`,
      };
}

interface Planned {
  readonly template: Workload['template'];
  readonly values: ManagedValues;
  readonly after: Judged;
  readonly why: ReadonlyMap<ChangedField, string>;
}

/** Works out the values, and proves on the edited template that the promise then holds. */
function plan(original: Workload['template'], input: DecideInput, judge: Judge): Planned | { blocked: Finding } {
  const { intent } = input.policy;
  // Where the annotation would not count now, a later Istio must not find it there.
  const native =
    intent.form === 'Native' &&
    judge(original).settings.proxy.kind !== 'Native' &&
    judge(applyToTemplate(original, { nativeSidecar: 'true' })).settings.proxy.kind === 'Native';
  const why = new Map<ChangedField, string>();
  let values: ManagedValues = native ? { nativeSidecar: 'true' } : {};
  if (native) {
    why.set('nativeSidecar', 'the policy wants a native sidecar');
  }
  const cure = cureFor(applyToTemplate(original, values), input, judge);
  if (cure !== undefined) {
    values = { ...values, proxyPreStop: cure.preStop };
    why.set('proxyContainer', cure.why);
  }
  const formed = Object.keys(values).length === 0 ? original : applyToTemplate(original, values);
  const start = judge(formed);
  const drainBroken = brokenDrainClauses(start.settings, intent, start.clocks);
  const target = compile(intent, start.settings, start.clocks.delay);
  const needsTarget =
    drainBroken.length > 0 ||
    target.hold === true ||
    target.drainDuration !== undefined ||
    input.ownProxyConfig !== undefined ||
    lateRequestsRefusedBy(start.settings, intent).length > 0;
  if (needsTarget) {
    const made = valuesFor({
      template: formed,
      settings: start.settings,
      target,
      intent,
      ownProxyConfig: input.ownProxyConfig,
      drainBroken: drainBroken.length > 0,
      replacesHook: cure !== undefined,
      lowestKubeletMinor: input.mesh.nodes.lowestKubeletMinor,
    });
    if ('blocked' in made) {
      return made;
    }
    values = { ...values, ...made.values };
    for (const [field, reason] of made.why) {
      why.set(field, reason);
    }
  }
  const drainedTemplate = applyToTemplate(original, values);
  const drained = judge(drainedTemplate);
  const stillBroken = brokenDrainClauses(drained.settings, intent, drained.clocks)[0];
  if (stillBroken !== undefined) {
    return { blocked: unreachable(drained, intent) };
  }
  if (drained.settings.gracePeriod.value < drained.neededGrace) {
    if (intent.graceChange === 'Never') {
      return {
        blocked: finding(
          'GraceMayNotChange',
          `terminationGracePeriodSeconds ${drained.settings.gracePeriod.value} would have to be ${drained.neededGrace} s, but the policy says gracePeriod.change: Never`,
        ),
      };
    }
    if (drained.neededGrace > intent.graceMaximum) {
      return {
        blocked: finding(
          'GraceAboveMaximum',
          `terminationGracePeriodSeconds would have to be ${drained.neededGrace}, above the policy's maximum of ${intent.graceMaximum}`,
        ),
      };
    }
    values = { ...values, gracePeriodSeconds: drained.neededGrace };
    why.set('gracePeriod', graceReason(drained, intent));
  }
  const template = values.gracePeriodSeconds === undefined ? drainedTemplate : applyToTemplate(original, values);
  const after = judge(template);
  return after.kept ? { template, values, after, why } : { blocked: unreachable(after, intent) };
}

function unreachable(judged: Judged, intent: Intent): Finding {
  if (judged.settings.podsRefused !== undefined) {
    return finding(judged.settings.podsRefused.code, judged.settings.podsRefused.message);
  }
  if (dependsOnShell(judged, intent)) {
    return finding(
      'FactsMissing',
      `not known: whether the image of ${PROXY_CONTAINER} has a shell; with one the hook would keep the promise, and without one it fails at once (--proxy-image states it)`,
    );
  }
  const broken = brokenDrainClauses(judged.settings, intent, judged.clocks)[0];
  const by =
    judged.settings.exitOnZeroActiveConnections.origin.level === 'SelectorProxyConfig'
      ? ` (${judged.settings.exitOnZeroActiveConnections.origin.object ?? 'a ProxyConfig'} decides)`
      : '';
  return finding(
    'PromiseUnreachable',
    `nothing that may be written keeps the promise${by}: ${broken?.message ?? `the grace period ${judged.settings.gracePeriod.value} stays below ${judged.neededGrace}`}`,
  );
}

/** The image is not known, and the hook keeps the drain part of the promise in one that has a shell. */
function dependsOnShell({ settings, clocks }: Judged, intent: Intent): boolean {
  if (settings.proxyImage.value !== 'unknown' || clocks.proxy.hook?.needsShell !== true) {
    return false;
  }
  const withShell = { ...settings, proxyImage: { ...settings.proxyImage, value: 'with-shell' as const } };
  return brokenDrainClauses(withShell, intent, clocksOf(withShell, intent.endpointDelay)).length === 0;
}

function graceReason({ settings, clocks, neededGrace: needed }: Judged, intent: Intent): string {
  return `grace period ${settings.gracePeriod.value} s -> ${needed} s: ${graceWords(graceNeed(settings, intent, clocks))}`;
}

/** What the change costs or brings with it. */
function consequences(workload: Workload, before: Judged, after: Judged): Finding[] {
  const found: Finding[] = [];
  if (after.settings.gracePeriod.value > before.settings.gracePeriod.value) {
    const slowed = workload.template.spec.containers.filter((container) =>
      [container.livenessProbe, container.startupProbe].some(
        (probe) => probe !== undefined && probe.terminationGracePeriodSeconds === undefined,
      ),
    );
    if (slowed.length > 0) {
      found.push(
        finding(
          'LivenessKillSlowed',
          `a hung ${slowed.map((container) => container.name).join(', ')} is killed after ${after.settings.gracePeriod.value} s instead of ${before.settings.gracePeriod.value} s`,
        ),
      );
    }
  }
  return found;
}

function isDownWhileRestarting(workload: Workload): boolean {
  return downBecause(workload) !== undefined;
}

function downBecause(workload: Workload): string | undefined {
  if (objectKind(workload.kind) === 'DaemonSet') {
    return 'a DaemonSet replaces its pods node by node';
  }
  if (workload.rollout.strategy === 'Recreate') {
    return 'strategy Recreate';
  }
  return objectKind(workload.kind) === 'StatefulSet' && workload.rollout.replicas <= 1
    ? 'a StatefulSet with a single replica'
    : undefined;
}
