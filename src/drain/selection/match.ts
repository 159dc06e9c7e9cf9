import { NAMESPACE_NAME_LABEL, SYSTEM_NAMESPACES } from '../../api/names.ts';
import type { DefaultedSidecarDrainPolicySpec, PolicySelector } from '../../api/policy.ts';
import type { ProxyVerdict } from '../model/settings.ts';
import type { Workload } from '../model/workload.ts';
import { compileSelector } from './labels.ts';
import type { Labels, LabelMatcher } from './labels.ts';
import { compileNamePattern } from './names.ts';

/** The match part of a policy, made ready for thousands of workloads. */
export interface CompiledPolicy {
  /** The only namespace of a namespaced policy. It is compared by name: a label could be forged, or be missing in files. */
  readonly ownNamespace?: string;
  readonly namespace: LabelMatcher;
  /** The namespace selector asks for nothing but the namespace's name, so that it can be held against one whose labels are not known. */
  readonly namespaceByName: boolean;
  readonly workload?: LabelMatcher;
  readonly kinds: ReadonlySet<string>;
  readonly names?: readonly ((name: string) => boolean)[];
  readonly revisions?: ReadonlySet<string>;
  readonly proxies: ReadonlySet<string>;
}

export interface PolicyProblem {
  readonly reason: 'InvalidSelector' | 'InvalidNamePattern';
  readonly message: string;
  readonly path: string;
}

export type CompiledPolicyResult =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/**
 * Everything that is wrong with the match part, in the order of the fields. Take a spec with its defaults filled in.
 * @param ownNamespace of a namespaced policy; its namespaceSelector is not looked at
 */
export function compilePolicy(
  { spec: { match } }: { readonly spec: Pick<DefaultedSidecarDrainPolicySpec, 'match'> },
  ownNamespace?: string,
): CompiledPolicyResult {
  const problems: PolicyProblem[] = [];
  const namespace = selectorAt(match.namespaceSelector, 'spec.match.namespaceSelector', problems);
  const workload =
    match.workloadSelector === undefined
      ? undefined
      : selectorAt(match.workloadSelector, 'spec.match.workloadSelector', problems);
  const names = match.names === undefined ? undefined : namesAt(match.names, 'spec.match.names', problems);
  if (problems.length > 0) {
    return { ok: false, problems };
  }
  return {
    ok: true,
    policy: {
      ownNamespace,
      namespace,
      namespaceByName: asksForNameOnly(match.namespaceSelector),
      workload,
      kinds: new Set(match.kinds),
      names,
      ...(match.revisions === undefined ? {} : { revisions: new Set(match.revisions) }),
      proxies: new Set(match.proxies),
    },
  };
}

/** Patterns made ready; what is wrong with them is added to the problems. */
export function namesAt(
  patterns: readonly string[],
  path: string,
  problems: PolicyProblem[],
): ((name: string) => boolean)[] {
  return patterns.flatMap((pattern, index) => {
    const compiled = compileNamePattern(pattern);
    if (!compiled.ok) {
      problems.push({ reason: 'InvalidNamePattern', message: compiled.why, path: `${path}[${index}]` });
      return [];
    }
    return [compiled.matches];
  });
}

/** A selector made ready; what is wrong with it is added to the problems. */
export function selectorAt(selector: PolicySelector, path: string, problems: PolicyProblem[]): LabelMatcher {
  const compiled = compileSelector(selector);
  if (compiled.ok) {
    return compiled.matches;
  }
  for (const problem of compiled.problems) {
    problems.push({ reason: 'InvalidSelector', message: problem.message, path: `${path}.${problem.path}` });
  }
  return () => false;
}

function asksForNameOnly(selector: PolicySelector): boolean {
  return [
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map((expression) => expression.key),
  ].every((key) => key === NAMESPACE_NAME_LABEL);
}

export interface SelectionScope {
  readonly rootNamespace: string;
  readonly operatorNamespace?: string;
}

/** Why a policy does not select a workload. */
export type NoMatch =
  | 'SystemNamespace'
  | 'RootNamespace'
  | 'OperatorNamespace'
  | 'OtherNamespace'
  | 'NamespaceUnknown'
  | 'NamespaceSelector'
  | 'Kind'
  | 'Name'
  | 'WorkloadSelector';

export type Match = 'Match' | { readonly no: NoMatch };

const NO: Readonly<Record<NoMatch, Match>> = {
  SystemNamespace: { no: 'SystemNamespace' },
  RootNamespace: { no: 'RootNamespace' },
  OperatorNamespace: { no: 'OperatorNamespace' },
  OtherNamespace: { no: 'OtherNamespace' },
  NamespaceUnknown: { no: 'NamespaceUnknown' },
  NamespaceSelector: { no: 'NamespaceSelector' },
  Kind: { no: 'Kind' },
  Name: { no: 'Name' },
  WorkloadSelector: { no: 'WorkloadSelector' },
};

/** Namespaces that no policy touches, whatever it selects. */
export function untouchableNamespace(namespace: string, scope: SelectionScope): NoMatch | undefined {
  if (SYSTEM_NAMESPACES.includes(namespace)) {
    return 'SystemNamespace';
  }
  if (namespace === scope.rootNamespace) {
    return 'RootNamespace';
  }
  return namespace === scope.operatorNamespace ? 'OperatorNamespace' : undefined;
}

/**
 * Whether a policy selects a workload, as far as names and labels tell; `matchesProxy` is the other half. A namespace
 * whose labels are not known is selected only where the selector asks for no label but its name.
 */
export function matches(
  policy: CompiledPolicy,
  workload: Workload,
  namespaceLabels: Labels | undefined,
  scope: SelectionScope,
): Match {
  const untouchable = untouchableNamespace(workload.namespace, scope);
  if (untouchable !== undefined) {
    return NO[untouchable];
  }
  if (!policy.kinds.has(workload.kind)) {
    return NO.Kind;
  }
  const outside = namespaceMismatch(policy, workload.namespace, namespaceLabels);
  if (outside !== undefined) {
    return NO[outside];
  }
  if (policy.names !== undefined && !matchesByName(policy, workload.name)) {
    return NO.Name;
  }
  return policy.workload === undefined || policy.workload(workload.template.metadata?.labels ?? {})
    ? 'Match'
    : NO.WorkloadSelector;
}

/** Why a policy selects no workload of a namespace, whichever; undefined: it may select some. */
export function namespaceMismatch(
  policy: CompiledPolicy,
  namespace: string,
  labels: Labels | undefined,
): 'OtherNamespace' | 'NamespaceUnknown' | 'NamespaceSelector' | undefined {
  if (policy.ownNamespace !== undefined) {
    return policy.ownNamespace === namespace ? undefined : 'OtherNamespace';
  }
  if (labels === undefined && !policy.namespaceByName) {
    return 'NamespaceUnknown';
  }
  return policy.namespace(labels ?? { [NAMESPACE_NAME_LABEL]: namespace }) ? undefined : 'NamespaceSelector';
}

/** True only where the policy lists names and one of them fits: who names a workload has thought of it. */
export function matchesByName(policy: CompiledPolicy, name: string): boolean {
  return policy.names?.some((fits) => fits(name)) === true;
}

/**
 * The filters `proxies` and `revisions`. A proxy that is not known counts as a sidecar of any revision, so that its
 * workload is reported as unknown instead of vanishing from the policy's account.
 */
export function matchesProxy(
  policy: CompiledPolicy,
  proxy: ProxyVerdict,
  revisionOfTag: Readonly<Record<string, string>> = {},
): boolean {
  if (!policy.proxies.has(proxy.kind === 'Gateway' ? 'Gateway' : 'Sidecar')) {
    return false;
  }
  const { revisions } = policy;
  if (revisions === undefined) {
    return true;
  }
  if (proxy.revision === undefined) {
    return proxy.kind === 'Unknown';
  }
  return (
    revisions.has(proxy.revision) ||
    [...revisions].some((name) => Object.hasOwn(revisionOfTag, name) && revisionOfTag[name] === proxy.revision)
  );
}
