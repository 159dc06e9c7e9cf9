import {
  DEFAULT_GRACE_PERIOD_SECONDS,
  type Container,
  type Lifecycle,
  type LifecycleHandler,
  type PodTemplate,
} from '../../api/kubernetes.ts';
import {
  EXIT_ON_ZERO_VARIABLE,
  GATEWAY_NAME_LABELS,
  MINIMUM_DRAIN_VARIABLE,
  PRE_STOP_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONTAINER,
  STATS_SUFFIXES_ANNOTATION,
} from '../../api/names.ts';
import { parseGoBool, parseGoDuration } from '../duration.ts';
import type {
  MeshFacts,
  NamespaceFacts,
  ProxyConfigValues,
  ProxyImage,
  Revision,
  StatsInclusion,
} from '../model/mesh.ts';
import type { EffectiveSettings, Origin, ProxyVerdict, SettingProblem, Sourced } from '../model/settings.ts';
import type { LivePod, Seconds } from '../model/workload.ts';
import { parseProxyConfigAnnotation } from '../template/annotation.ts';
import { canonical } from '../template/raw.ts';
import { appContainers, appPorts } from './app-containers.ts';
import { UNSEEN_SETTINGS } from './facts.ts';
import { findRevision, isFilledIn, proxyOf } from './injection.ts';
import {
  DEFAULT_DRAIN_DURATION_SECONDS,
  DEFAULT_MINIMUM_DRAIN_SECONDS,
  DEFAULT_TERMINATION_DRAIN_SECONDS,
} from './istio-defaults.ts';
import { proxyInLivePod, readLivePod, type LiveProxy } from './live-pod.ts';
import { STATED_DEFAULTS, statedDefaults } from './stated-defaults.ts';
import { templateLifecycle, unreadTemplates } from './templates.ts';
import { proxyConfigName, winningProxyConfigs, youngerThanPods, type WinningProxyConfigs } from './proxyconfigs.ts';
import { istioMinor, NATIVE_DRAIN_HOOK_SINCE_MINOR } from './version.ts';

const BUILT_IN: Origin = { level: 'BuiltIn' };

/** The preStop that Istio gives a native proxy: it drains, and SIGTERM then ends the proxy at once. */
export const NATIVE_DRAIN_HOOK: LifecycleHandler = {
  exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] },
};
const STATUS_PORT_ANNOTATION = 'status.sidecar.istio.io/port';

/** The call goes to the status port (injection-template.yaml), which an annotation may move to where no drain is answered. */
function nativeDrain(template: PodTemplate): Sourced<LifecycleHandler> {
  const port = template.metadata?.annotations?.[STATUS_PORT_ANNOTATION];
  if (port === undefined || port === '15020') {
    return { value: NATIVE_DRAIN_HOOK, origin: BUILT_IN };
  }
  return {
    value: { exec: { command: ['pilot-agent', 'request', `--debug-port=${port}`, 'POST', 'drain'] } },
    origin: { level: 'Annotation', path: `spec.template.metadata.annotations["${STATUS_PORT_ANNOTATION}"]` },
  };
}

const HOLD_POST_START: LifecycleHandler = { exec: { command: ['pilot-agent', 'wait'] } };

export interface SettingsInput {
  readonly template: PodTemplate;
  /** Annotations of the workload's own metadata, as far as they are ours. */
  readonly workloadAnnotations?: Readonly<Record<string, string>>;
  readonly namespace: NamespaceFacts;
  readonly mesh: MeshFacts;
  /** When the pods of the workload were made, as far as that is known (RFC 3339). */
  readonly rolledOutAt?: string;
  /** A pod that was made from this template, or from the one before an edit of ours. */
  readonly live?: LivePod;
  /** Where the proxy verdict is already known. */
  readonly proxy?: ProxyVerdict;
}

/** The value of every clock for the pods of a template, with the origin of each, by Istio's own precedence. */
export function effectiveSettings(input: SettingsInput): EffectiveSettings {
  const { template, mesh, namespace } = input;
  const proxy = input.proxy ?? proxyInLivePod(proxyOf(template, namespace, mesh), input.live);
  const revision = findRevision(mesh, proxy.revision);
  const live = readLivePod(input.live);
  const istioVersion = mesh.stated.istioVersion ?? live?.istioVersion ?? revision?.version;
  const annotation = readAnnotation(template, proxy);
  const resources = winningProxyConfigs(
    mesh.proxyConfigs ?? [],
    configuredLabels(template, proxy),
    namespace.name,
    revision?.rootNamespace ?? mesh.rootNamespace,
  );
  const stated = statedDefaults(mesh, revision);
  const layers = configLayers(revision, annotation.values, [
    ...filledInConfig(template, proxy),
    ...(live?.values === undefined ? [] : [{ values: live.values, origin: live.originOf('env PROXY_CONFIG') }]),
  ]);
  if (stated !== undefined) {
    layers.push({ values: stated, origin: STATED_DEFAULTS });
  }
  const fromAnnotation = proxy.rendered === undefined ? annotation.values : undefined;
  const environment = environmentOf({ stated, revision, live, annotation: fromAnnotation, resources, template });
  const problems: SettingProblem[] = [
    ...annotation.problems,
    ...(hasProxy(proxy)
      ? [
          ...resources.problems,
          ...youngerThanPods(resources, [EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE], input.rolledOutAt),
        ]
      : []),
  ];
  const unseen = unseenSettings(proxy, revision);
  const unlessUnseen = <T>(value: Sourced<T>): Sourced<T> =>
    unseen === undefined || value.origin.level !== 'BuiltIn' ? value : assumedOf(value, unseen);
  const hold = pick(layers, (values) => values.holdApplicationUntilProxyStarts, false);
  const lifecycle = proxyLifecycle(template, proxy, revision, mesh, hold.value, live);
  if (proxy.container !== 'None' && !isFilledIn(proxy) && proxy.rendered === undefined) {
    problems.push(...unreadTemplates(template, revision));
  }
  const refused = annotation.refused ?? lifecycle.refused;
  return {
    template,
    proxy,
    istioVersion,
    terminationDrainDuration: unlessUnseen(
      pick(layers, (values) => values.terminationDrainDuration, DEFAULT_TERMINATION_DRAIN_SECONDS),
    ),
    drainDuration: unlessUnseen(pick(layers, (values) => values.drainDuration, DEFAULT_DRAIN_DURATION_SECONDS)),
    minimumDrainDuration: unlessUnseen(durationVariable(environment, problems)),
    exitOnZeroActiveConnections: unlessUnseen(booleanVariable(environment, problems)),
    holdApplicationUntilProxyStarts: unlessUnseen(hold),
    gracePeriod: gracePeriodOf(template),
    proxyImage: proxyImageOf(template, layers, resources, revision, mesh),
    statsInclusion: statsInclusionOf(template, layers),
    proxyPreStop: lifecycle.preStop,
    proxyPostStart: lifecycle.postStart,
    apps: appContainers(template),
    appPorts: appPorts(template),
    ...statedPreStop(input, problems),
    ...(hasProxy(proxy) && refused !== undefined ? { podsRefused: refused } : {}),
    notKnown: hasProxy(proxy) ? variableFromElsewhere(template) : undefined,
    problems,
  };
}

function hasProxy(proxy: ProxyVerdict): boolean {
  return proxy.kind !== 'None';
}

interface Layer {
  readonly values: ProxyConfigValues;
  readonly origin: Origin;
}

function configLayers(
  revision: Revision | undefined,
  annotation: ProxyConfigValues | undefined,
  filledIn: readonly Layer[],
): Layer[] {
  const layers: Layer[] = [];
  if (annotation !== undefined) {
    layers.push({
      values: annotation,
      origin: { level: 'Annotation', path: `spec.template.metadata.annotations["${PROXY_CONFIG_ANNOTATION}"]` },
    });
  }
  layers.push(...filledIn);
  if (revision?.defaultConfig !== undefined) {
    layers.push({ values: revision.defaultConfig, origin: meshOrigin(revision) });
  }
  if (revision?.sharedConfig !== undefined) {
    layers.push({ values: revision.sharedConfig.values, origin: sharedOrigin(revision.sharedConfig.from) });
  }
  return layers;
}

/** For a Gateway istiod asks for the ProxyConfig resources of its name alone (DeploymentController.render). */
function configuredLabels(template: PodTemplate, proxy: ProxyVerdict): Readonly<Record<string, string>> {
  const labels = template.metadata?.labels ?? {};
  return proxy.rendered === undefined
    ? labels
    : Object.fromEntries(Object.entries(labels).filter(([name]) => GATEWAY_NAME_LABELS.includes(name)));
}

function filledInConfig(template: PodTemplate, proxy: ProxyVerdict): Layer[] {
  const text =
    isFilledIn(proxy) || proxy.rendered !== undefined
      ? proxyContainer(template)?.env?.find((variable) => variable.name === 'PROXY_CONFIG')?.value
      : undefined;
  const parsed = text === undefined ? undefined : parseProxyConfigAnnotation(text);
  return parsed?.ok === true
    ? [
        {
          values: parsed.values,
          origin: { level: 'Template', path: `env PROXY_CONFIG of container ${PROXY_CONTAINER}` },
        },
      ]
    : [];
}

function meshOrigin(revision: Revision): Origin {
  const suffix = revision.name === 'default' ? '' : `-${revision.name}`;
  const from = revision.defaultConfigFrom ?? `ConfigMap ${revision.rootNamespace ?? 'istio-system'}/istio${suffix}`;
  const path = from.startsWith('ConfigMap ') ? 'mesh.defaultConfig' : 'meshConfig.defaultConfig';
  return { level: 'MeshConfig', object: from, path };
}

function sharedOrigin(from: string): Origin {
  return { level: 'MeshConfig', object: from, path: 'mesh.defaultConfig' };
}

/** Layers stand highest first. */
function pick<T>(layers: readonly Layer[], read: (values: ProxyConfigValues) => T | undefined, builtIn: T): Sourced<T> {
  for (const layer of layers) {
    const value = read(layer.values);
    if (value !== undefined) {
      return { value, origin: layer.origin };
    }
  }
  return { value: builtIn, origin: BUILT_IN };
}

/** Istio's own defaults are facts only where the settings of the mesh were seen: why they were not, undefined where they were. */
function unseenSettings(proxy: ProxyVerdict, revision: Revision | undefined): string | undefined {
  if (!hasProxy(proxy) || isFilledIn(proxy)) {
    return undefined;
  }
  return revision === undefined || revision.sharedOnly === true ? UNSEEN_SETTINGS : revision.settingsUnknown;
}

function assumedOf<T>(value: Sourced<T>, unseen: string): Sourced<T> {
  return { ...value, assumed: true, note: `assumed, Istio's default: ${unseen}` };
}

type Environment = ReadonlyMap<string, Sourced<string>>;

interface EnvironmentSources {
  readonly stated: ProxyConfigValues | undefined;
  readonly revision: Revision | undefined;
  readonly live: LiveProxy | undefined;
  readonly annotation: ProxyConfigValues | undefined;
  readonly resources: WinningProxyConfigs;
  readonly template: PodTemplate;
}

/** Environment merges per key; a selector ProxyConfig beats the annotation's proxyMetadata, a namespace one does not. */
function environmentOf({ stated, revision, live, annotation, resources, template }: EnvironmentSources): Environment {
  const merged = new Map<string, Sourced<string>>();
  const add = (variables: Readonly<Record<string, string>> | undefined, origin: Origin): void => {
    for (const name of [EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE]) {
      const value = variables?.[name];
      if (value !== undefined) {
        merged.set(name, { value, origin });
      }
    }
  };
  add(stated?.proxyMetadata, STATED_DEFAULTS);
  if (revision?.sharedConfig !== undefined) {
    add(revision.sharedConfig.values.proxyMetadata, sharedOrigin(revision.sharedConfig.from));
  }
  if (revision?.defaultConfig?.proxyMetadata !== undefined) {
    add(revision.defaultConfig.proxyMetadata, meshOrigin(revision));
  }
  if (resources.root !== undefined) {
    add(resources.root.environmentVariables, { level: 'RootProxyConfig', object: proxyConfigName(resources.root) });
  }
  if (resources.namespace !== undefined) {
    add(resources.namespace.environmentVariables, {
      level: 'NamespaceProxyConfig',
      object: proxyConfigName(resources.namespace),
    });
  }
  if (live !== undefined) {
    add(variablesOf(live.container), live.originOf(`env of container ${PROXY_CONTAINER}`));
  }
  add(annotation?.proxyMetadata, {
    level: 'Annotation',
    path: `spec.template.metadata.annotations["${PROXY_CONFIG_ANNOTATION}"]`,
  });
  if (resources.selector !== undefined) {
    add(resources.selector.environmentVariables, {
      level: 'SelectorProxyConfig',
      object: proxyConfigName(resources.selector),
    });
  }
  const own = proxyContainer(template);
  if (own?.env !== undefined) {
    add(variablesOf(own), { level: 'Template', path: `env of container ${PROXY_CONTAINER}` });
  }
  return merged;
}

function variablesOf({ env = [] }: Container): Readonly<Record<string, string>> {
  return Object.fromEntries(
    env.filter(({ valueFrom }) => valueFrom === undefined).map((variable) => [variable.name, variable.value ?? '']),
  );
}

/** The injector's own variables come from the pod (`fieldRef`); one of the drain's can come from a ConfigMap that nobody has seen. */
function variableFromElsewhere(template: PodTemplate): string | undefined {
  const found = proxyContainer(template)?.env?.find(
    ({ name, valueFrom }) =>
      valueFrom !== undefined && (name === EXIT_ON_ZERO_VARIABLE || name === MINIMUM_DRAIN_VARIABLE),
  );
  return found === undefined
    ? undefined
    : `not known: ${found.name} of ${PROXY_CONTAINER}, whose value is not in the pod template`;
}

/** A bad value falls back to the default with a warning in the agent's log [measured: "20" means 5 s]. */
function durationVariable(environment: Environment, problems: SettingProblem[]): Sourced<Seconds> {
  const raw = environment.get(MINIMUM_DRAIN_VARIABLE);
  if (raw === undefined) {
    return { value: DEFAULT_MINIMUM_DRAIN_SECONDS, origin: BUILT_IN };
  }
  const parsed = parseGoDuration(raw.value);
  if (parsed.ok) {
    return { value: parsed.seconds, origin: raw.origin };
  }
  const note = `${MINIMUM_DRAIN_VARIABLE} "${raw.value}" is not a Go duration (${parsed.why}), so Istio uses ${DEFAULT_MINIMUM_DRAIN_SECONDS}s`;
  problems.push({ kind: 'EnvironmentValueIgnored', message: note, path: whereOf(raw.origin) });
  return { value: DEFAULT_MINIMUM_DRAIN_SECONDS, origin: raw.origin, note };
}

function booleanVariable(environment: Environment, problems: SettingProblem[]): Sourced<boolean> {
  const raw = environment.get(EXIT_ON_ZERO_VARIABLE);
  if (raw === undefined) {
    return { value: false, origin: BUILT_IN };
  }
  const parsed = parseGoBool(raw.value);
  if (parsed !== undefined) {
    return { value: parsed, origin: raw.origin };
  }
  const note = `${EXIT_ON_ZERO_VARIABLE} "${raw.value}" is not a Go boolean, so Istio takes it as false`;
  problems.push({ kind: 'EnvironmentValueIgnored', message: note, path: whereOf(raw.origin) });
  return { value: false, origin: raw.origin, note };
}

export function whereOf(origin: Origin): string {
  return [origin.object, origin.path].filter((part) => part !== undefined).join(' ') || origin.level;
}

type Refusal = NonNullable<EffectiveSettings['podsRefused']>;

interface AnnotationRead {
  readonly values?: ProxyConfigValues;
  readonly problems: readonly SettingProblem[];
  readonly refused?: Refusal;
}

const EMPTY_ANNOTATION: AnnotationRead = { problems: [] };

function readAnnotation(template: PodTemplate, proxy: ProxyVerdict): AnnotationRead {
  const text = template.metadata?.annotations?.[PROXY_CONFIG_ANNOTATION];
  if (text === undefined) {
    return EMPTY_ANNOTATION;
  }
  const parsed = parseProxyConfigAnnotation(text);
  const path = `spec.template.metadata.annotations["${PROXY_CONFIG_ANNOTATION}"]`;
  if (!parsed.ok) {
    const message = parsed.malformed.message;
    return {
      problems: [{ kind: 'AnnotationMalformed', message, path }],
      refused: {
        code: 'AnnotationMalformed',
        message: `${proxy.rendered === undefined ? 'the injector refuses every pod' : 'the agent of every pod ends at once'}: ${PROXY_CONFIG_ANNOTATION} is malformed (${message})`,
      },
    };
  }
  return {
    values: parsed.values,
    problems: [
      ...parsed.unknownKeys.map((unknown): SettingProblem => ({
        kind: 'AnnotationKeyUnknown',
        path: `${path}.${unknown.path}`,
        message: `Istio ignores the unknown key ${unknown.path}${unknown.suggestion === undefined ? '' : `; did you mean ${unknown.suggestion}?`}`,
      })),
      ...parsed.dangerous.map((problem): SettingProblem => ({
        kind: 'AnnotationValueDangerous',
        path: `${path}.${problem.path}`,
        message: problem.message,
      })),
    ],
  };
}

function gracePeriodOf(template: PodTemplate): Sourced<Seconds> {
  const value = template.spec.terminationGracePeriodSeconds;
  return value === undefined
    ? { value: DEFAULT_GRACE_PERIOD_SECONDS, origin: BUILT_IN }
    : { value, origin: { level: 'Template', path: 'spec.template.spec.terminationGracePeriodSeconds' } };
}

/** The entry that users (or we) put into the template: in `containers` for `image: auto`, else where it was filled in by hand. */
export function proxyContainer(template: PodTemplate): Container | undefined {
  return (
    template.spec.containers.find((container) => container.name === PROXY_CONTAINER) ??
    template.spec.initContainers?.find((container) => container.name === PROXY_CONTAINER)
  );
}

interface ProxyLifecycle {
  readonly preStop?: Sourced<LifecycleHandler>;
  readonly postStart?: Sourced<LifecycleHandler>;
  readonly refused?: Refusal;
}

/**
 * The injector merges the user's `istio-proxy` entry over its own container [measured]: on native an `exec` preStop
 * replaces the default drain call, any other handler stands beside it, and the API server rejects the pod for two.
 */
function proxyLifecycle(
  template: PodTemplate,
  proxy: ProxyVerdict,
  revision: Revision | undefined,
  mesh: MeshFacts,
  hold: boolean,
  live: LiveProxy | undefined,
): ProxyLifecycle {
  if (proxy.container === 'None') {
    return {};
  }
  const container = proxyContainer(template);
  const user: Lifecycle = container?.lifecycle ?? {};
  const path = `lifecycle of container ${PROXY_CONTAINER}`;
  const given = isFilledIn(proxy)
    ? {}
    : // With hooks of the template's own, what the injector gave can no longer be told apart in the pod.
      live !== undefined && container?.lifecycle === undefined
      ? liveLifecycle(live)
      : { ...givenLifecycle(template, proxy, revision, mesh, hold), ...templateLifecycle(template, revision) };
  const merged: { preStop?: Sourced<LifecycleHandler>; postStart?: Sourced<LifecycleHandler> } = { ...given };
  for (const hook of ['preStop', 'postStart'] as const) {
    const own = user[hook];
    if (own === undefined) {
      continue;
    }
    const other = given[hook]?.value;
    if (other !== undefined && handlerType(other) !== handlerType(own)) {
      return {
        refused: {
          code: 'HookHandlerIllegal',
          message: `the API server refuses every pod: ${path} would have two ${hook} handlers, ${handlerType(own)} and Istio's ${handlerType(other)}`,
        },
      };
    }
    merged[hook] = { value: own, origin: { level: 'Template', path: `${path}.${hook}` } };
  }
  const inInit =
    template.spec.initContainers?.some((init) => init.name === PROXY_CONTAINER && init.image === 'auto') === true;
  if (inInit && proxy.container === 'Classic') {
    return {
      ...merged,
      refused: {
        code: 'HookHandlerIllegal',
        message: `the API server refuses every pod: ${PROXY_CONTAINER} is under initContainers, and the injector adds another under containers`,
      },
    };
  }
  return merged;
}

function liveLifecycle({ container, originOf }: LiveProxy): ProxyLifecycle {
  const { preStop, postStart } = container.lifecycle ?? {};
  const origin = originOf(`lifecycle of container ${PROXY_CONTAINER}`);
  const isOwnDrain = preStop !== undefined && canonical(preStop) === canonical(NATIVE_DRAIN_HOOK);
  return {
    preStop: preStop === undefined ? undefined : { value: preStop, origin: isOwnDrain ? BUILT_IN : origin },
    postStart: postStart === undefined ? undefined : { value: postStart, origin },
  };
}

/** What Istio itself puts there: Helm's `global.proxy.lifecycle` replaces both the hold hook and the native drain call. */
function givenLifecycle(
  template: PodTemplate,
  proxy: ProxyVerdict,
  revision: Revision | undefined,
  mesh: MeshFacts,
  hold: boolean,
): { preStop?: Sourced<LifecycleHandler>; postStart?: Sourced<LifecycleHandler> } {
  // The template of waypoints is the only one that leaves it out.
  const helm = proxy.rendered === 'Waypoint' ? undefined : revision?.injector?.proxyLifecycle;
  if (helm !== undefined) {
    const origin: Origin = {
      level: 'Injector',
      object: `istio-sidecar-injector of revision ${revision?.name ?? ''}`,
      path: 'global.proxy.lifecycle',
    };
    return {
      ...(helm.preStop === undefined ? {} : { preStop: { value: helm.preStop, origin } }),
      ...(helm.postStart === undefined ? {} : { postStart: { value: helm.postStart, origin } }),
    };
  }
  if (proxy.container === 'Native') {
    const minor = istioMinor(mesh.stated.istioVersion ?? revision?.version);
    return minor === undefined || minor >= NATIVE_DRAIN_HOOK_SINCE_MINOR ? { preStop: nativeDrain(template) } : {};
  }
  return hold && proxy.rendered === undefined
    ? { postStart: { value: HOLD_POST_START, origin: { level: 'BuiltIn', path: 'holdApplicationUntilProxyStarts' } } }
    : {};
}

export function handlerType(handler: LifecycleHandler): string {
  return Object.keys(handler)[0] ?? 'none';
}

function statedPreStop(input: SettingsInput, problems: SettingProblem[]): { statedPreStop?: Sourced<Seconds> } {
  const own = input.workloadAnnotations?.[PRE_STOP_ANNOTATION];
  const text = own ?? input.template.metadata?.annotations?.[PRE_STOP_ANNOTATION];
  if (text === undefined) {
    return {};
  }
  const path = `${own === undefined ? 'spec.template.' : ''}metadata.annotations["${PRE_STOP_ANNOTATION}"]`;
  const parsed = parseGoDuration(text);
  if (!parsed.ok || parsed.seconds < 0) {
    problems.push({
      kind: 'EnvironmentValueIgnored',
      path,
      message: `${PRE_STOP_ANNOTATION} "${text}" is not a duration such as 20s and is ignored`,
    });
    return {};
  }
  return { statedPreStop: { value: parsed.seconds, origin: { level: 'Annotation', path } } };
}

function proxyImageOf(
  template: PodTemplate,
  layers: readonly Layer[],
  resources: WinningProxyConfigs,
  revision: Revision | undefined,
  mesh: MeshFacts,
): Sourced<ProxyImage | 'unknown'> {
  if (mesh.stated.proxyImage !== undefined) {
    return { value: mesh.stated.proxyImage, origin: { level: 'BuiltIn', path: 'stated' } };
  }
  const annotations = template.metadata?.annotations ?? {};
  const explicit = proxyContainer(template)?.image ?? annotations['sidecar.istio.io/proxyImage'];
  if (explicit !== undefined && explicit !== 'auto') {
    return {
      value: explicit.includes('distroless') ? 'distroless' : 'unknown',
      origin: { level: 'Template', path: `image of ${PROXY_CONTAINER}` },
    };
  }
  // The annotation of its own comes last in Istio (pkg/kube/inject ProxyImage), so that it beats even a selector ProxyConfig.
  const type: Sourced<string> | undefined =
    sourced(annotations['sidecar.istio.io/proxyImageType'], {
      level: 'Annotation',
      path: 'sidecar.istio.io/proxyImageType',
    }) ??
    sourced(resources.selector?.imageType, {
      level: 'SelectorProxyConfig',
      ...(resources.selector === undefined ? {} : { object: proxyConfigName(resources.selector) }),
    }) ??
    sourced(layers.find((layer) => layer.origin.level === 'Annotation')?.values.imageType, {
      level: 'Annotation',
      path: 'image.imageType',
    }) ??
    sourced(resources.namespace?.imageType, { level: 'NamespaceProxyConfig' }) ??
    sourced(resources.root?.imageType, { level: 'RootProxyConfig' }) ??
    sourced(layers.find((layer) => layer.origin.level === 'MeshConfig')?.values.imageType, {
      level: 'MeshConfig',
      path: 'defaultConfig.image.imageType',
    }) ??
    sourced(revision?.injector?.imageType, { level: 'Injector', path: 'global.variant' });
  if (type !== undefined) {
    return { value: type.value === 'distroless' ? 'distroless' : 'with-shell', origin: type.origin };
  }
  // Istio's default image has a shell and net-tools; only a revision that was seen tells that nothing else was chosen.
  return { value: revision?.injector === undefined ? 'unknown' : 'with-shell', origin: BUILT_IN };
}

function sourced<T>(value: T | undefined, origin: Origin): Sourced<T> | undefined {
  return value === undefined ? undefined : { value, origin };
}

function statsInclusionOf(template: PodTemplate, layers: readonly Layer[]): Sourced<StatsInclusion> {
  const annotations = template.metadata?.annotations ?? {};
  const suffixes = words(annotations[STATS_SUFFIXES_ANNOTATION]);
  const prefixes = words(annotations['sidecar.istio.io/statsInclusionPrefixes']);
  const regexps = words(annotations['sidecar.istio.io/statsInclusionRegexps']);
  const base = pick(layers, (values) => values.statsInclusion, NO_STATS);
  if (suffixes.length + prefixes.length + regexps.length === 0) {
    return base;
  }
  return {
    value: {
      suffixes: suffixes.length > 0 ? suffixes : base.value.suffixes,
      prefixes: prefixes.length > 0 ? prefixes : base.value.prefixes,
      regexps: regexps.length > 0 ? regexps : base.value.regexps,
    },
    origin: { level: 'Annotation', path: 'spec.template.metadata.annotations' },
  };
}

const NO_STATS: StatsInclusion = { prefixes: [], suffixes: [], regexps: [] };

function words(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
