import { NAMESPACE_NAME_LABEL } from '../../../api/names.ts';
import { workloadKind } from '../../template/index.ts';
import { assemble, type PolicyDraft } from '../assemble.ts';
import type { ReadSettings } from '../overlay.ts';
import type { Imported, ImportedPolicy, Remarks, Steps } from '../remarks.ts';
import { both, matchOf, selectionKey, type Selection } from '../selection.ts';
import { isAboutTermination, mergeWanted } from '../wanted.ts';
import { isPod, policyKind, type MatchEntry } from './match.ts';

/** One rule, whichever of Kyverno's languages it is written in, as far as it was understood. */
export interface ReadRule {
  readonly name: string;
  readonly steps: Steps;
  readonly settings: ReadSettings;
  readonly entries: readonly MatchEntry[];
  /** Conditions besides match and exclude. */
  readonly conditions: Selection;
  /** The controllers for which Kyverno makes a rule of its own from one for pods. */
  readonly controllers: readonly string[];
  /** It changes what is there already, and not only what somebody sends. */
  readonly changesExisting: boolean;
}

/** The kinds for which Kyverno makes rules from one for pods (pkg/autogen). */
export const POD_CONTROLLERS: readonly string[] = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'CronJob',
  'Job',
  'ReplicaSet',
  'ReplicationController',
];

export interface RuleSource {
  /** `ClusterPolicy drain-defaults`. */
  readonly object: string;
  readonly name: string;
  /** Of a namespaced policy. */
  readonly namespace?: string;
  /** Only the first rule that matches is applied. */
  readonly firstOnly: boolean;
}

/** One policy for all rules that select the same workloads: a workload is governed by one policy alone. */
export function policiesFrom(source: RuleSource, rules: readonly ReadRule[], remarks: Remarks): Imported {
  const drafts = rules
    .filter(({ settings }) => settings.relevant)
    .flatMap((rule, index) => draftsOf(source, rule, index, remarks));
  const merged = mergeDrafts(drafts, source.firstOnly);
  if (merged.length > 1 && !source.firstOnly && new Set(merged.map(({ rule }) => rule)).size > 1) {
    remarks.differs(
      merged[1]?.steps ?? [],
      'a workload that several of these rules select gets what each of them sets; of policies one alone governs it: write what belongs together into one',
    );
  }
  const policies = merged.flatMap((draft, index): ImportedPolicy[] =>
    assemble(
      {
        ...draft,
        name: merged.length === 1 ? source.name : `${source.name}-${draft.rule}`,
        ...(source.firstOnly ? { priority: merged.length - index } : {}),
      },
      remarks,
    ),
  );
  return { policies, remarks: remarks.list, passedOver: rules.filter(({ settings }) => !settings.relevant).length };
}

interface Draft extends PolicyDraft {
  readonly rule: string;
  readonly selection: Selection;
}

function draftsOf(source: RuleSource, rule: ReadRule, index: number, remarks: Remarks): Draft[] {
  const { settings, entries, changesExisting } = rule;
  if (!isAboutTermination(settings.wanted)) {
    return [];
  }
  const drafts: Draft[] = [];
  for (const entry of entries) {
    const joined = both(entry.selection, rule.conditions);
    const chosen = kindsOf(rule, entry, remarks);
    if (joined === undefined || chosen === undefined) {
      continue;
    }
    const own: Selection =
      source.namespace === undefined
        ? joined
        : {
            ...joined,
            namespace: [...joined.namespace, { key: NAMESPACE_NAME_LABEL, operator: 'In', values: [source.namespace] }],
          };
    if (entry.selection.workload.length > 0 && !chosen.podsOnly && !chosen.fromPods) {
      remarks.differs(
        [...entry.steps, 'selector'],
        'the rule asks for labels of the workload itself, the policy for those of its pod template',
      );
    }
    drafts.push({
      rule: rule.name === '' ? String(index + 1) : rule.name,
      name: source.name,
      wanted: settings.wanted,
      from: `${source.object}, rule ${rule.name}`,
      steps: settings.steps,
      selection: { ...own, kinds: chosen.kinds },
      match: matchOf({ ...own, kinds: chosen.kinds }),
      podsOnly: chosen.podsOnly,
      onNextChange: !changesExisting,
    });
  }
  return drafts;
}

interface ChosenKinds {
  readonly kinds: readonly string[];
  /** The rule acts on pods as they are created. */
  readonly podsOnly: boolean;
  /** The rule is written for pods. */
  readonly fromPods: boolean;
}

/** The kinds of a rule that have their pod template where its patch looks for it. */
function kindsOf(rule: ReadRule, { kinds, steps, narrow }: MatchEntry, remarks: Remarks): ChosenKinds | undefined {
  const at = [...steps, 'kinds'];
  const template = rule.settings.templatePath ?? [];
  const everything = kinds.length === 0 || kinds.includes('*');
  const asked = everything ? POD_CONTROLLERS : kinds;
  const isForPods = asked.some((kind) => isPod(kind));
  if (template.length === 0) {
    if (!isForPods && !everything) {
      remarks.notCarried(
        rule.settings.steps,
        `this is on the ${kinds.join(' and ')} itself, where it has no effect: pods are made from spec.template`,
      );
      return undefined;
    }
    const controllers =
      narrow || kinds.length > 1
        ? []
        : rule.controllers.map((kind) => policyKind(kind)).filter((kind) => kind !== undefined);
    const written = controllers.filter((kind) => workloadKind(kind)?.reportedOnly !== true);
    if (written.length === 0) {
      remarks.differs(
        at,
        'the rule changes pods as they are created, whoever makes them; the policy those of the kinds that it names (delivery: Admission, which needs the admission webhook)',
      );
      return { kinds: DEFAULT_WRITTEN, podsOnly: true, fromPods: true };
    }
    remarks.differs(
      at,
      `the rule is for pods too that stand alone${left(rule.controllers, written)}; a policy writes ${written.join(', ')}`,
    );
    return { kinds: written, podsOnly: false, fromPods: true };
  }
  const known: string[] = [];
  for (const kind of asked) {
    const name = policyKind(kind);
    const adapter = name === undefined ? undefined : workloadKind(name);
    if (name === undefined || adapter === undefined) {
      if (!isPod(kind) && !everything) {
        remarks.notCarried(
          at,
          `${kind} is not a kind that policies know; where its pod template is at ${template.join('.')}, the flag --workload-kind makes it known and match.kinds takes it`,
        );
      }
    } else if (adapter.templatePath.join() !== template.join()) {
      remarks.differs(
        at,
        `${kind} has no pod template at ${template.join('.')}: the rule does nothing there, and the policy leaves it out`,
      );
    } else if (adapter.reportedOnly === true) {
      remarks.notCarried(at, `a policy only reports a ${kind}: it never writes one`);
    } else {
      known.push(name);
    }
  }
  if (known.length === 0) {
    remarks.notCarried(at, 'no kind is left that a policy writes');
    return undefined;
  }
  return { kinds: known, podsOnly: false, fromPods: false };
}

const DEFAULT_WRITTEN: readonly string[] = ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'];

function left(controllers: readonly string[], written: readonly string[]): string {
  const others = controllers.filter((kind) => !written.includes(kind));
  return others.length === 0 ? '' : ` and for ${others.join(', ')}`;
}

/** Rules that select the same workloads become one policy; ways to match that differ in their kinds alone, too. */
function mergeDrafts(drafts: readonly Draft[], firstOnly: boolean): Draft[] {
  const merged: Draft[] = [];
  for (const draft of drafts) {
    const same = (other: Draft): boolean =>
      other.podsOnly === draft.podsOnly &&
      other.onNextChange === draft.onNextChange &&
      selectionKey(other.selection) === selectionKey(draft.selection);
    const ofRule = merged.findIndex((other) => other.rule === draft.rule && same(other));
    const ofPolicy = firstOnly
      ? -1
      : merged.findIndex((other) => same(other) && sameKinds(other.selection, draft.selection));
    const into = merged[ofRule] ?? merged[ofPolicy];
    if (into === undefined) {
      merged.push(draft);
      continue;
    }
    const kinds = [...new Set([...(into.selection.kinds ?? []), ...(draft.selection.kinds ?? [])])];
    const selection = { ...into.selection, kinds };
    merged[merged.indexOf(into)] = {
      ...into,
      selection,
      match: matchOf(selection),
      wanted: mergeWanted(into.wanted, draft.wanted),
      from: into.rule === draft.rule ? into.from : `${into.from} and ${draft.rule}`,
    };
  }
  return merged;
}

function sameKinds(a: Selection, b: Selection): boolean {
  return [...(a.kinds ?? [])].sort().join() === [...(b.kinds ?? [])].sort().join();
}
