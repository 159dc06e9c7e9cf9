import type { ManagedValues } from '../model/managed.ts';
import type { PodTemplate } from '../../api/kubernetes.ts';
import {
  EXIT_ON_ZERO_VARIABLE,
  MINIMUM_DRAIN_VARIABLE,
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONFIG_MARK_ANNOTATION,
  PROXY_CONTAINER,
  STATS_SUFFIXES_ANNOTATION,
} from '../../api/names.ts';
import type { DrainLifecycle } from '../../api/policy.ts';
import { finding, type Finding } from '../../api/reasons.ts';
import { formatGoDuration } from '../duration.ts';
import { productHook, type HookAnalysis } from '../../hooks/index.ts';
import { proxyContainer } from '../mesh/settings.ts';
import type { Change, ChangedField } from '../model/decision.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { ManagedField, Seconds } from '../model/workload.ts';
import { mergeProxyConfigAnnotation } from '../template/annotation-edit.ts';
import { addedPreStops } from '../template/apply.ts';
import type { Target } from '../promise/compile.ts';
import { analyseCustomHook } from './custom-hook.ts';
import type { OwnProxyConfig } from './decide.ts';
import { fieldPath } from './fields.ts';
import { lateRequestsRefusedBy } from '../promise/promise.ts';
import type { Intent } from '../promise/intent.ts';

export interface ValuesInput {
  /** The template as it stood before us. */
  readonly template: PodTemplate;
  readonly settings: EffectiveSettings;
  readonly target: Target;
  readonly intent: Intent;
  readonly ownProxyConfig?: OwnProxyConfig;
  /** The drain part of the promise does not hold: the target's drain settings are needed. */
  readonly drainBroken: boolean;
  /** A preStop of somebody else's on istio-proxy is replaced in any case (conflicts: Force, and it keeps no promise). */
  readonly replacesHook: boolean;
  /** Undefined where no node is known. */
  readonly lowestKubeletMinor?: number;
}

export type ValuesMade =
  { readonly values: ManagedValues; readonly why: ReadonlyMap<ChangedField, string> } | { readonly blocked: Finding };

/** Edits of the annotation; a plan only ever sets keys, it takes none out. */
interface Edits {
  readonly terminationDrainDuration?: Seconds;
  readonly drainDuration?: Seconds;
  readonly holdApplicationUntilProxyStarts?: boolean;
  readonly proxyMetadata?: Readonly<Record<string, string>>;
}

/** The `sleep` handler is on by default since then (KEP-3960). */
const SLEEP_SINCE_MINOR = 30;

const REQUEST_STAT_SUFFIX = 'downstream_rq_active';

/** Turns the target into the values to write, leaving out what already holds. */
export function valuesFor(input: ValuesInput): ValuesMade {
  const { target, settings, intent } = input;
  const why = new Map<ChangedField, string>();
  const { edits, environment } = neededEdits(input);
  let values: ManagedValues = {};
  if (Object.keys(edits).length > 0) {
    const merged = mergeProxyConfigAnnotation(input.template.metadata?.annotations?.[PROXY_CONFIG_ANNOTATION], edits);
    if (!merged.ok) {
      return {
        blocked: finding(
          'AnnotationMalformed',
          `${PROXY_CONFIG_ANNOTATION} cannot be parsed: ${merged.malformed.message}`,
        ),
      };
    }
    values = { ...values, proxyConfig: merged.text };
    why.set('proxyConfig', editsInWords(edits));
  }
  if (Object.keys(environment).length > 0) {
    values = { ...values, proxyEnvironment: environment };
    why.set('proxyEnvironment', environmentInWords(environment));
  }
  if (input.drainBroken && (target.hook !== undefined || target.customHook !== undefined)) {
    const obstacle = hookObstacle(input);
    if (obstacle !== undefined) {
      return { blocked: obstacle };
    }
    const hook = hookValues(target, settings, why);
    values = { ...values, ...hook };
  }
  const late = lateRequestsRefusedBy(settings, intent);
  if (late.length > 0) {
    const kubelet = input.lowestKubeletMinor;
    if (kubelet !== undefined && kubelet < SLEEP_SINCE_MINOR) {
      return {
        blocked: finding(
          'PromiseUnreachable',
          `application Delay needs preStop.sleep, which Kubernetes has since 1.${SLEEP_SINCE_MINOR}; a node runs 1.${kubelet}`,
        ),
      };
    }
    values = { ...values, applicationSleep: { seconds: Math.ceil(intent.endpointDelay), containers: late } };
    why.set(
      'applicationPreStop',
      `keeps listening for ${Math.ceil(intent.endpointDelay)} s, until clients have heard that the pod is going`,
    );
  }
  if (input.ownProxyConfig?.kind === 'Ready' && intent.environment === 'ProxyConfig' && target.exitOnZero === true) {
    values = { ...values, proxyConfigMark: input.ownProxyConfig.mark };
    why.set('proxyConfigMark', 'pods must be younger than the ProxyConfig resource');
  }
  return { values, why };
}

/** Why the hook that is wanted cannot be written. */
function hookObstacle({ template, target, settings, replacesHook }: ValuesInput): Finding | undefined {
  if (proxyContainer(template)?.lifecycle?.preStop !== undefined && !replacesHook) {
    return finding(
      'PromiseUnreachable',
      "the template already has a preStop on istio-proxy, which is its owner's: it is never overwritten",
    );
  }
  if (proxyContainer(template)?.lifecycle?.postStart !== undefined && target.customHook?.postStart !== undefined) {
    return finding(
      'PromiseUnreachable',
      "the template already has a postStart on istio-proxy, which is its owner's: it is never overwritten; leave lifecycle.postStart out of the policy",
    );
  }
  if (settings.proxy.assumed === true) {
    return finding(
      'FactsMissing',
      'a hook needs a container istio-proxy with image: auto, whose pods never start where nothing is injected, and that these are injected is not certain: give the configuration of the injector or the labels of the namespace (--namespace-labels), or where neither is known --assume injected=true',
    );
  }
  const needsShell = target.customHook === undefined || hooksOf(target.customHook).some(({ needsShell: any }) => any);
  return settings.proxyImage.value === 'distroless' && needsShell
    ? finding(
        'HookNeedsShell',
        `the proxy image is distroless: a hook that needs ${toolsOf(target)} would fail at once; use strategy ActiveConnections, or a lifecycle.preStop of sleep, which needs no program`,
      )
    : undefined;
}

function toolsOf({ customHook }: Target): string {
  const tools = customHook === undefined ? [] : hooksOf(customHook).flatMap((hook) => hook.tools);
  return ['a shell', ...new Set(tools)].join(', ');
}

function hooksOf({ preStop, postStart }: DrainLifecycle): HookAnalysis[] {
  return [preStop, postStart].flatMap((hook) => (hook === undefined ? [] : [analyseCustomHook(hook)]));
}

function hookValues(
  { hook, customHook }: Target,
  settings: EffectiveSettings,
  why: Map<ChangedField, string>,
): Pick<ManagedValues, 'proxyPreStop' | 'proxyPostStart' | 'statsSuffixes'> {
  if (customHook !== undefined) {
    why.set('proxyContainer', `the policy's own hook: ${analyseCustomHook(customHook.preStop).summary}`);
    return { proxyPreStop: customHook.preStop, proxyPostStart: customHook.postStart };
  }
  if (hook === undefined) {
    return {};
  }
  why.set('proxyContainer', `preStop that waits at least ${hook.duration} s and at most ${hook.maxWait} s`);
  const present = settings.statsInclusion.value.suffixes;
  if (hook.waitFor !== 'ActiveRequests' || present.includes(REQUEST_STAT_SUFFIX)) {
    return { proxyPreStop: productHook(hook) };
  }
  why.set('statsSuffixes', `the hook reads ${REQUEST_STAT_SUFFIX}, which the proxy does not export by itself`);
  return { proxyPreStop: productHook(hook), statsSuffixes: [...present, REQUEST_STAT_SUFFIX].join(',') };
}

interface NeededEdits {
  readonly edits: Edits;
  /** What has to stand in the container itself, because no injector reads the annotation for it. */
  readonly environment: Readonly<Record<string, string>>;
}

function neededEdits({ target, settings, intent, drainBroken }: ValuesInput): NeededEdits {
  const environment: Record<string, string> = {};
  if ((drainBroken && intent.environment === 'Annotation') || target.exitOnZero === false) {
    if (target.exitOnZero !== undefined && settings.exitOnZeroActiveConnections.value !== target.exitOnZero) {
      environment[EXIT_ON_ZERO_VARIABLE] = String(target.exitOnZero);
    }
    if (target.minimumDrain !== undefined && settings.minimumDrainDuration.value < target.minimumDrain) {
      environment[MINIMUM_DRAIN_VARIABLE] = formatGoDuration(target.minimumDrain);
    }
  }
  const inContainer = settings.proxy.rendered !== undefined;
  const edits: Edits = {
    ...raised(
      'terminationDrainDuration',
      drainBroken ? target.terminationDrainDuration : undefined,
      settings.terminationDrainDuration.value,
    ),
    ...raised('drainDuration', target.drainDuration, settings.drainDuration.value),
    ...(target.hold === true && !settings.holdApplicationUntilProxyStarts.value
      ? { holdApplicationUntilProxyStarts: true }
      : {}),
    ...(inContainer || Object.keys(environment).length === 0 ? {} : { proxyMetadata: environment }),
  };
  return { edits, environment: inContainer ? environment : {} };
}

/** A value that is already long enough stays: only what is too short is written. */
function raised(
  key: 'terminationDrainDuration' | 'drainDuration',
  wanted: Seconds | undefined,
  present: Seconds,
): Edits {
  return wanted === undefined || present >= wanted ? {} : { [key]: wanted };
}

function editsInWords(edits: Edits): string {
  const parts: string[] = [];
  if (edits.terminationDrainDuration !== undefined) {
    parts.push(`terminationDrainDuration ${formatGoDuration(edits.terminationDrainDuration)}`);
  }
  if (edits.drainDuration !== undefined) {
    parts.push(`drainDuration ${formatGoDuration(edits.drainDuration)}`);
  }
  if (edits.holdApplicationUntilProxyStarts !== undefined) {
    parts.push('holdApplicationUntilProxyStarts');
  }
  if (edits.proxyMetadata !== undefined) {
    parts.push(environmentInWords(edits.proxyMetadata));
  }
  return parts.join(', ');
}

function environmentInWords(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name} "${value}"`)
    .join(', ');
}

/** What differs between two templates in the fields that a plan may write. */
export function changesBetween(
  before: PodTemplate,
  after: PodTemplate,
  why: ReadonlyMap<ChangedField, string>,
): Change[] {
  const changes: Change[] = [];
  const add = (field: ManagedField, old: string | undefined, next: string | undefined): void => {
    if (old === next) {
      return;
    }
    changes.push({
      field,
      path: fieldPath(field),
      before: old,
      after: next,
      why: why.get(field) ?? 'no longer needed: back to what stood here before',
    });
  };
  const annotation = (template: PodTemplate, name: string): string | undefined =>
    template.metadata?.annotations?.[name];
  const grace = (template: PodTemplate): string | undefined => template.spec.terminationGracePeriodSeconds?.toString();
  const hook = (template: PodTemplate): string | undefined => {
    const container = proxyContainer(template);
    return container === undefined ? undefined : JSON.stringify(container.lifecycle ?? {});
  };
  add('proxyConfig', annotation(before, PROXY_CONFIG_ANNOTATION), annotation(after, PROXY_CONFIG_ANNOTATION));
  add('statsSuffixes', annotation(before, STATS_SUFFIXES_ANNOTATION), annotation(after, STATS_SUFFIXES_ANNOTATION));
  add('nativeSidecar', annotation(before, NATIVE_SIDECAR_ANNOTATION), annotation(after, NATIVE_SIDECAR_ANNOTATION));
  add(
    'proxyConfigMark',
    annotation(before, PROXY_CONFIG_MARK_ANNOTATION),
    annotation(after, PROXY_CONFIG_MARK_ANNOTATION),
  );
  add('proxyContainer', hook(before), hook(after));
  add('gracePeriod', grace(before), grace(after));
  const added = addedPreStops(before, after).map(({ container, preStop }) => ({
    field: 'applicationPreStop' as const,
    container,
    path: `spec.template.spec.containers[${container}].lifecycle.preStop`,
    after: JSON.stringify(preStop),
    why: why.get('applicationPreStop') ?? '',
  }));
  return [...changes, ...environmentChanges(before, after, why), ...added];
}

function environmentChanges(before: PodTemplate, after: PodTemplate, why: ReadonlyMap<ChangedField, string>): Change[] {
  const old = new Map(proxyContainer(before)?.env?.map(({ name, value }) => [name, value]));
  return (proxyContainer(after)?.env ?? [])
    .filter(({ name, value }) => old.get(name) !== value)
    .map(({ name, value }) => ({
      field: 'proxyEnvironment' as const,
      path: `spec.template.spec.containers[${PROXY_CONTAINER}].env[${name}]`,
      before: old.get(name),
      after: value,
      why: why.get('proxyEnvironment') ?? '',
    }));
}
