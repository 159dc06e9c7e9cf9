import { analyseHook } from '../../hooks/index.ts';
import { NATIVE_DRAIN_HOOK } from '../../drain/mesh/settings.ts';
import type { Change, Conflict, WorkloadOutcome } from '../../drain/model/decision.ts';
import type { ProxyImage } from '../../drain/model/mesh.ts';
import type { EffectiveSettings } from '../../drain/model/settings.ts';
import type { Seconds, Workload } from '../../drain/model/workload.ts';
import { longestPromised } from '../../drain/promise/promise.ts';
import { DEFAULT_LONGEST_REQUEST_SECONDS, type Application } from '../../drain/timeline/application.ts';
import type { Panel } from '../../drain/timeline/draw/index.ts';
import { timelineOf, type Scenario } from '../../drain/timeline/lanes.ts';
import type { JudgeContext, Judgement } from '../facts/judge.ts';
import { findingsOfJudgement } from '../lint/report.ts';
import type { ReportedFinding } from '../output/report.ts';
import { otherPoliciesOf, type OtherPolicy } from './other-policies.ts';
import { settingsTable, type SettingRow } from './settings-table.ts';

/** What is stated of the application and of the deletion; what is not stated follows from the policy, else from defaults. */
export interface ExplainOptions {
  readonly application: Application;
  readonly longestRequest?: Seconds;
  readonly endpointDelay?: Seconds;
  /** As in `kubectl delete --grace-period`. */
  readonly deletedWithGracePeriod?: Seconds;
}

export interface ExplainedTimeline extends Panel {
  readonly when: 'Now' | 'WithPolicy';
  /** The form that was assumed, where the form is not known. */
  readonly assumedForm?: 'Classic' | 'Native';
  /** The proxy's image that was assumed, where it is not known and a hook needs a shell. */
  readonly assumedImage?: ProxyImage;
}

export interface ExplainedPolicy {
  readonly name: string;
  readonly enforcement: 'Audit' | 'Enforce';
  readonly outcome: WorkloadOutcome;
  readonly message: string;
  readonly changes: readonly Change[];
  readonly conflicts: readonly Conflict[];
  readonly overridden: readonly { readonly name: string; readonly by: string }[];
}

/** All that `explain` says of one workload, whatever the format. */
export interface Explanation {
  readonly workload: Workload;
  readonly scenario: Scenario;
  readonly timelines: readonly ExplainedTimeline[];
  readonly policy?: ExplainedPolicy;
  /** Policies of the input that are not for this workload. */
  readonly otherPolicies: readonly OtherPolicy[];
  readonly settings: readonly SettingRow[];
  readonly findings: readonly ReportedFinding[];
  readonly exempt?: string;
  /** Why the proxy is what it is, or what is missing to know it. */
  readonly proxyBecause: readonly string[];
  /** What was assumed or could not be read. */
  readonly assumptions: readonly string[];
}

export function explain(judgement: Judgement, context: JudgeContext, options: ExplainOptions): Explanation {
  const { settings: before, assessment, decision } = judgement;
  const scenario = scenarioOf(judgement, options);
  const policy = policyOf(judgement);
  const after = decision?.after;
  const timelines = timelinesIn(judgement, scenario, options);
  const { proxy } = before;
  return {
    workload: judgement.workload,
    scenario,
    timelines,
    otherPolicies: otherPoliciesOf(judgement, context),
    ...(policy === undefined
      ? {}
      : {
          policy: {
            ...policy,
            overridden: assessment.overridden.map(({ policy: other, by }) => ({ name: other.name, by })),
          },
        }),
    settings: settingsTable(
      withGracePeriod(before, options),
      after === undefined ? undefined : withGracePeriod(after, options),
    ),
    findings: findingsOfJudgement(judgement, false),
    ...(judgement.exempt === undefined ? {} : { exempt: judgement.exempt }),
    // That injection is assumed stands in the notes already, in better words than those of a webhook that does not exist.
    proxyBecause: [
      ...proxy.because.filter((text) => !text.includes(' of assumption ')),
      ...(proxy.kind === 'Unknown' ? [`not known: ${proxy.missing.join(', ')}`] : []),
    ],
    assumptions: assumptionsOf(scenario, timelines),
  };
}

/** The timelines of a judgement alone, for reports that show many workloads. */
export function timelinesOf(judgement: Judgement, options: ExplainOptions): readonly ExplainedTimeline[] {
  return timelinesIn(judgement, scenarioOf(judgement, options), options);
}

function timelinesIn(
  { settings, decision, policy }: Judgement,
  scenario: Scenario,
  options: ExplainOptions,
): ExplainedTimeline[] {
  return [
    ...panels('Now', 'Now', settings, scenario, options),
    ...(decision?.after === undefined || policy === undefined
      ? []
      : panels('WithPolicy', `With policy ${policy}`, decision.after, scenario, options)),
  ];
}

function scenarioOf({ intent, policy }: Judgement, options: ExplainOptions): Scenario {
  return {
    application: options.application,
    longestRequest: options.longestRequest ?? (policy === undefined ? longestPromised(intent) : requestUnder(intent)),
    endpointDelay: options.endpointDelay ?? intent.endpointDelay,
    unknownHooks: 'EndAtOnce',
  };
}

/** A request that the policy certainly promises for; one of `maxWait` would only make the picture long. */
function requestUnder(intent: Judgement['intent']): Seconds {
  return intent.duration > 0 ? intent.duration : Math.min(DEFAULT_LONGEST_REQUEST_SECONDS, intent.maxWait);
}

function policyOf({ assessment, decision, policy }: Judgement): Omit<ExplainedPolicy, 'overridden'> | undefined {
  if (decision === undefined || policy === undefined) {
    return undefined;
  }
  return {
    name: policy,
    enforcement: assessment.governing === undefined ? 'Audit' : 'Enforce',
    outcome: decision.outcome,
    message: decision.message,
    changes: decision.changes,
    conflicts: decision.conflicts,
  };
}

function withGracePeriod(settings: EffectiveSettings, { deletedWithGracePeriod }: ExplainOptions): EffectiveSettings {
  return deletedWithGracePeriod === undefined
    ? settings
    : { ...settings, gracePeriod: { value: deletedWithGracePeriod, origin: { level: 'Delete' } } };
}

/** One timeline, or one for each thing that is not known and would change it. */
function panels(
  when: ExplainedTimeline['when'],
  heading: string,
  given: EffectiveSettings,
  scenario: Scenario,
  options: ExplainOptions,
): ExplainedTimeline[] {
  const settings = withGracePeriod(given, options);
  const forms: Variant[] =
    settings.proxy.container === 'Unknown'
      ? (['Classic', 'Native'] as const).map((form) => ({
          settings: asForm(settings, form),
          words: `, if the sidecar is ${form.toLowerCase()}`,
          assumedForm: form,
        }))
      : [{ settings, words: `: ${proxyWords(settings)}` }];
  return forms
    .flatMap(imageVariants)
    .map(({ settings: variant, words, ...assumed }) => ({
      when,
      heading: heading + words,
      ...assumed,
      timeline: timelineOf(variant, scenario),
    }));
}

interface Variant extends Pick<ExplainedTimeline, 'assumedForm' | 'assumedImage'> {
  readonly settings: EffectiveSettings;
  readonly words: string;
}

/** A hook that needs a shell works in one image and fails at once in the other. */
function imageVariants(variant: Variant): Variant[] {
  const { settings, words } = variant;
  const hook = settings.proxyPreStop?.value;
  if (
    settings.proxyImage.value !== 'unknown' ||
    hook === undefined ||
    !analyseHook(hook, { container: 'Proxy', image: 'with-shell' }).needsShell
  ) {
    return [variant];
  }
  const joint = words.startsWith(',') ? ' and' : ', if';
  return (
    [
      ['with-shell', 'has a shell'],
      ['distroless', 'is distroless'],
    ] as const
  ).map(([image, is]) => ({
    ...variant,
    settings: { ...settings, proxyImage: { ...settings.proxyImage, value: image } },
    words: `${words}${joint} its image ${is}`,
    assumedImage: image,
  }));
}

/** What the same template does with a sidecar of a form that is only assumed. */
function asForm(settings: EffectiveSettings, form: 'Classic' | 'Native'): EffectiveSettings {
  const proxyPreStop =
    settings.proxyPreStop ??
    (form === 'Native' ? { value: NATIVE_DRAIN_HOOK, origin: { level: 'BuiltIn' as const } } : undefined);
  return {
    ...settings,
    proxy: { ...settings.proxy, kind: form, container: form },
    ...(proxyPreStop === undefined ? {} : { proxyPreStop }),
  };
}

export function proxyWords(settings: EffectiveSettings): string {
  switch (settings.proxy.kind) {
    case 'None':
      return settings.proxy.ambient ? 'no sidecar, ambient' : 'no sidecar';
    case 'Classic':
      return 'classic sidecar';
    case 'Native':
      return 'native sidecar';
    case 'Gateway':
      return 'gateway';
    case 'GrpcAgent':
      return 'gRPC agent without Envoy';
    case 'Unknown':
      return 'the form of the sidecar is not known';
  }
}

const ON_SIGTERM: Readonly<Record<Application['onSigterm'], string>> = {
  CloseListenerFinishInFlight: 'the application closes its listener at SIGTERM and finishes what is in flight',
  KeepListeningUntilIdle: 'the application goes on accepting after SIGTERM until nothing is in flight',
  ExitAtOnce: 'the application exits at SIGTERM without finishing anything',
};

function assumptionsOf(
  { application, longestRequest, endpointDelay }: Scenario,
  timelines: readonly ExplainedTimeline[],
): string[] {
  const unknown = timelines[0]?.timeline.termination.unknownHooks ?? [];
  return [
    `${ON_SIGTERM[application.onSigterm]} (--application)`,
    `a request that still needs ${longestRequest} s is in flight when the pod is deleted (--longest-request)`,
    `new requests arrive for ${endpointDelay} s more (--endpoint-delay)`,
    ...(application.runsOnAfterSigterm > 0
      ? [`the application works on for ${application.runsOnAfterSigterm} s after SIGTERM (--runs-on)`]
      : []),
    ...(application.idleKeepAliveClient ? ['one client keeps an idle connection open (--idle-client)'] : []),
    ...unknown.map(
      ({ container, notUnderstood }) =>
        `how long the preStop of ${container} takes cannot be known, and what depends on it is drawn as uncertain${notUnderstood.length === 0 ? '' : ` (${notUnderstood.join(', ')})`}`,
    ),
  ];
}
