import { NAMESPACE_NAME_LABEL } from '../../../api/names.ts';
import type { PolicySelectorRequirement } from '../../../api/policy.ts';
import { kindName, workloadKind } from '../../template/index.ts';
import { listOf, recordOf, textOf, type Raw } from '../../template/raw.ts';
import { Remarks, type Steps } from '../remarks.ts';
import { both, EVERYTHING, negated, type Selection } from '../selection.ts';

/**
 * `match` and `exclude` of a Kyverno rule (api/kyverno/v1: MatchResources, ResourceFilter, ResourceDescription). What is
 * not carried makes the policy select more than the rule, which every remark says.
 */

/** One way to match: all of it must hold. */
export interface MatchEntry {
  readonly selection: Selection;
  /** The kinds as the rule names them; Pod among them. */
  readonly kinds: readonly string[];
  readonly steps: Steps;
  /** It has names, labels or annotations, with which Kyverno makes no rules for controllers from one for pods. */
  readonly narrow: boolean;
}

const MORE = 'a policy cannot say it, so that this one selects more than the rule';

export function readMatch(match: unknown, steps: Steps, remarks: Remarks): readonly MatchEntry[] {
  const block = recordOf(match);
  const entries = (list: unknown, key: string): MatchEntry[] =>
    listOf(list).map((each, index) => entryOf(recordOf(each), [...steps, key, index], remarks));
  if (block['any'] !== undefined) {
    return entries(block['any'], 'any');
  }
  if (block['all'] === undefined) {
    return [entryOf(block, steps, remarks)];
  }
  const all = entries(block['all'], 'all');
  const joined = all.reduce<MatchEntry | undefined>(
    (sum, each) => (sum === undefined ? each : joinedWith(sum, each, remarks)),
    undefined,
  );
  return joined === undefined ? [] : [joined];
}

function joinedWith(a: MatchEntry, b: MatchEntry, remarks: Remarks): MatchEntry {
  const selection = both(a.selection, b.selection);
  if (selection === undefined) {
    remarks.notCarried(b.steps, `a second list of names that must match too: ${MORE}`);
  }
  return {
    selection: selection ?? a.selection,
    kinds:
      a.kinds.length === 0
        ? b.kinds
        : b.kinds.length === 0
          ? a.kinds
          : a.kinds.filter((kind) => b.kinds.includes(kind)),
    steps: a.steps,
    narrow: a.narrow || b.narrow,
  };
}

function entryOf(filter: Raw, steps: Steps, remarks: Remarks): MatchEntry {
  for (const who of ['subjects', 'roles', 'clusterRoles']) {
    if (listOf(filter[who]).length > 0) {
      remarks.notCarried([...steps, who], `who makes the request is no matter of a workload: ${MORE}`);
    }
  }
  const at = [...steps, 'resources'];
  const resources = recordOf(filter['resources']);
  const operations = listOf(resources['operations']);
  if (operations.length > 0 && !operations.includes('UPDATE')) {
    remarks.differs(
      [...at, 'operations'],
      'the rule leaves workloads alone that are there already; the policy is for them too',
    );
  }
  return {
    selection: selectionOf(resources, at, remarks),
    kinds: listOf(resources['kinds']).flatMap((kind) => textOf(kind) ?? []),
    steps: at,
    narrow: ['name', 'names', 'selector', 'annotations'].some((key) => resources[key] !== undefined),
  };
}

function selectionOf(resources: Raw, at: Steps, remarks: Remarks): Selection {
  const names = namesIn(resources);
  if (resources['annotations'] !== undefined) {
    remarks.notCarried([...at, 'annotations'], `a condition on annotations: ${MORE}`);
  }
  return {
    names: names.length === 0 || names.includes('*') ? undefined : names,
    namespace: [
      ...namespaceNames(listOf(resources['namespaces']), [...at, 'namespaces'], remarks),
      ...requirementsOf(resources['namespaceSelector'], [...at, 'namespaceSelector'], remarks),
    ],
    workload: requirementsOf(resources['selector'], [...at, 'selector'], remarks),
  };
}

function namesIn(resources: Raw): string[] {
  return [resources['name'], ...listOf(resources['names'])]
    .flatMap((name) => textOf(name) ?? [])
    .filter((name) => name !== '');
}

function namespaceNames(list: readonly unknown[], steps: Steps, remarks: Remarks): PolicySelectorRequirement[] {
  const names = list.flatMap((name) => textOf(name) ?? []);
  if (names.length === 0 || names.includes('*')) {
    return [];
  }
  const patterns = names.filter((name) => /[*?]/.test(name));
  if (patterns.length > 0) {
    remarks.notCarried(
      steps,
      `patterns of namespace names (${patterns.join(', ')}): a policy selects namespaces by labels, so that this one selects more than the rule; write their names, or a label that they have`,
    );
    return [];
  }
  return [{ key: NAMESPACE_NAME_LABEL, operator: 'In', values: names }];
}

const OPERATORS: ReadonlySet<unknown> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/** A label selector of Kubernetes, in which Kyverno takes patterns too. */
export function requirementsOf(selector: unknown, steps: Steps, remarks: Remarks): PolicySelectorRequirement[] {
  const found: PolicySelectorRequirement[] = [];
  for (const [key, value] of Object.entries(recordOf(recordOf(selector)['matchLabels']))) {
    if (typeof value !== 'string' || /[*?{]/.test(`${key}${value}`)) {
      remarks.notCarried([...steps, 'matchLabels', key], `a pattern of labels: ${MORE}`);
    } else {
      found.push({ key, operator: 'In', values: [value] });
    }
  }
  for (const [index, each] of listOf(recordOf(selector)['matchExpressions']).map(recordOf).entries()) {
    const key = textOf(each['key']);
    const operator = each['operator'];
    const values = listOf(each['values']).flatMap((value) => textOf(value) ?? []);
    if (key === undefined || !OPERATORS.has(operator) || /[*?{]/.test(`${key}${values.join('')}`)) {
      remarks.notCarried(
        [...steps, 'matchExpressions', index],
        `no requirement on a label that a policy can state: ${MORE}`,
      );
      continue;
    }
    found.push({
      key,
      operator: operator as PolicySelectorRequirement['operator'],
      ...(values.length === 0 ? {} : { values }),
    });
  }
  return found;
}

/** What `exclude` leaves out, as far as a policy can say it: each entry must have one condition besides kinds that all have. */
export function withoutExcluded(entry: MatchEntry, exclude: unknown, steps: Steps, remarks: Remarks): MatchEntry {
  const block = recordOf(exclude);
  const filters: [Raw, Steps][] =
    block['any'] === undefined && block['all'] === undefined
      ? Object.keys(block).length === 0
        ? []
        : [[block, steps]]
      : ['any', 'all'].flatMap((key) =>
          listOf(block[key]).map((each, index): [Raw, Steps] => [recordOf(each), [...steps, key, index]]),
        );
  if (listOf(block['all']).length > 1) {
    remarks.notCarried([...steps, 'all'], `an exclusion by several conditions together: ${MORE}`);
    return entry;
  }
  return filters.reduce((rest, [filter, at]) => excluding(rest, filter, at, remarks), entry);
}

function excluding(entry: MatchEntry, filter: Raw, steps: Steps, remarks: Remarks): MatchEntry {
  const resources = recordOf(filter['resources']);
  const kinds = listOf(resources['kinds']).flatMap((kind) => textOf(kind) ?? []);
  const isAll = kinds.length === 0 || entry.kinds.every((kind) => kinds.includes(kind));
  if (!isAll && !entry.kinds.some((kind) => kinds.includes(kind))) {
    return entry;
  }
  const others = Object.entries({ ...filter, ...resources }).filter(
    ([key, value]) => key !== 'resources' && key !== 'kinds' && value !== undefined,
  );
  const [only] = others;
  if (only === undefined) {
    return { ...entry, kinds: entry.kinds.filter((kind) => !kinds.includes(kind)) };
  }
  const at = [...steps, ...(Object.hasOwn(resources, only[0]) ? ['resources'] : []), only[0]];
  const unsaid = new Remarks();
  const read = others.length === 1 && isAll ? selectionOf(resources, at, unsaid) : EVERYTHING;
  const all = [
    ...read.namespace.map((each) => ({ each, list: 'namespace' as const })),
    ...read.workload.map((each) => ({ each, list: 'workload' as const })),
  ];
  const [requirement] = all;
  if (all.length !== 1 || requirement === undefined || unsaid.list.length > 0 || read.names !== undefined) {
    remarks.notCarried(
      at,
      read.names === undefined
        ? `this exclusion: ${MORE}; exempt the workloads that it leaves out (annotation sidecardrain.io/exempt or a DrainExemption)`
        : `an exclusion by name: match.names has no exceptions, so that this policy selects more than the rule; exempt ${read.names.join(', ')} (annotation sidecardrain.io/exempt or a DrainExemption)`,
    );
    return entry;
  }
  return {
    ...entry,
    narrow: entry.narrow || only[0] === 'selector',
    selection: {
      ...entry.selection,
      [requirement.list]: [...entry.selection[requirement.list], negated(requirement.each)],
    },
  };
}

/** A kind as Kyverno writes it, with or without its group and version. */
export function isPod(kind: string): boolean {
  return kind.split('/').at(-1) === 'Pod';
}

/**
 * A kind as Kyverno writes it (`Deployment`, `apps/v1/Deployment`, `apps/*` + `/Deployment`, `*` + `/Deployment`) as a
 * policy names it; undefined where no policy knows it.
 */
export function policyKind(text: string): string | undefined {
  const parts = text.split('/');
  const kind = parts.at(-1)?.split('.')[0] ?? '';
  const group =
    parts.length > 2 ? parts[0] : parts.length === 2 && parts[0]?.includes('.') === true ? parts[0] : undefined;
  const name = group === undefined || group === '*' ? kind : kindName(kind, `${group}/v1`);
  return workloadKind(name) === undefined ? undefined : name;
}
