import { listOf, recordOf, textOf, type Raw } from '../../template/raw.ts';
import { readSettings } from '../overlay.ts';
import { Remarks, type Imported, type Steps } from '../remarks.ts';
import { both, EVERYTHING } from '../selection.ts';
import { readPatchConditions, readPreconditions } from './conditions.ts';
import { isPod, readMatch, withoutExcluded, type MatchEntry } from './match.ts';
import { readForeach, readJsonPatch, readStrategicMerge, type ReadPatch } from './patch.ts';
import { POD_CONTROLLERS, policiesFrom, type ReadRule } from './rules.ts';

/** The annotation that limits the kinds for which Kyverno makes rules from those for pods; `none` for none. */
const AUTOGEN_ANNOTATION = 'pod-policies.kyverno.io/autogen-controllers';

/** A ClusterPolicy or Policy of kyverno.io/v1 or v2beta1. */
export function importClusterPolicy(raw: Raw): Imported {
  const remarks = new Remarks();
  const metadata = recordOf(raw['metadata']);
  const spec = recordOf(raw['spec']);
  const name = textOf(metadata['name']) ?? '';
  const isNamespaced = raw['kind'] === 'Policy';
  const rules = listOf(spec['rules']).map((rule, index) => readRule(recordOf(rule), ['spec', 'rules', index], spec));
  const controllers = controllersOf(rules, textOf(recordOf(metadata['annotations'])[AUTOGEN_ANNOTATION]));
  const relevant = rules.filter(({ settings }) => settings.relevant);
  for (const { remarks: own } of relevant) {
    remarks.list.push(...own.list);
  }
  const webhook = recordOf(spec['webhookConfiguration']);
  if (relevant.length > 0 && listOf(webhook['matchConditions']).length > 0) {
    remarks.notCarried(
      ['spec', 'webhookConfiguration', 'matchConditions'],
      'conditions in CEL: a policy has none, so that this one selects more than the rule',
    );
  }
  return policiesFrom(
    {
      object: `${String(raw['kind'])} ${name}`,
      name,
      namespace: isNamespaced ? (textOf(metadata['namespace']) ?? 'default') : undefined,
      firstOnly: spec['applyRules'] === 'One',
    },
    rules.map((rule) => ({ ...rule, controllers })),
    remarks,
  );
}

interface OwnRule extends ReadRule {
  /** What is to be said of it, should it be about terminations. */
  readonly remarks: Remarks;
  /** Its patch is a JSON patch, from which Kyverno makes no rules for controllers. */
  readonly jsonPatch: boolean;
}

function readRule(rule: Raw, steps: Steps, spec: Raw): OwnRule {
  const remarks = new Remarks();
  const mutate = recordOf(rule['mutate']);
  const at = [...steps, 'mutate'];
  const patch = readPatch(mutate, at, remarks);
  const settings = readSettings(patch.settings, at, remarks);
  const base = { name: textOf(rule['name']) ?? '', steps, settings, controllers: [], remarks };
  const jsonPatch =
    mutate['patchesJson6902'] !== undefined ||
    listOf(mutate['foreach']).some((each) => recordOf(each)['patchesJson6902'] !== undefined);
  if (rule['celPreconditions'] !== undefined) {
    remarks.notCarried(
      [...steps, 'celPreconditions'],
      'conditions in CEL: a policy has none, so that this one selects more than the rule',
    );
  }
  const targets = listOf(mutate['targets']);
  const conditions = both(
    readPreconditions(rule['preconditions'], [...steps, 'preconditions'], remarks),
    readPatchConditions(patch.conditions, remarks),
  );
  const entries =
    targets.length > 0
      ? targetEntries(targets, [...at, 'targets'], remarks)
      : readMatch(rule['match'], [...steps, 'match'], remarks).map((entry) =>
          withoutExcluded(entry, rule['exclude'], [...steps, 'exclude'], remarks),
        );
  if (targets.length > 0) {
    remarks.differs(
      [...steps, 'match'],
      'the rule changes its targets when something else changes; the policy keeps them right at all times',
    );
  }
  return {
    ...base,
    entries,
    conditions: conditions ?? EVERYTHING,
    changesExisting: targets.length > 0 || spec['mutateExistingOnPolicyUpdate'] === true,
    jsonPatch,
  };
}

function readPatch(mutate: Raw, at: Steps, remarks: Remarks): ReadPatch {
  const json = textOf(mutate['patchesJson6902']);
  const parts = [
    ...(mutate['patchStrategicMerge'] === undefined
      ? []
      : [readStrategicMerge(mutate['patchStrategicMerge'], [...at, 'patchStrategicMerge'])]),
    ...(json === undefined ? [] : [readJsonPatch(json, [...at, 'patchesJson6902'], remarks)]),
    ...(mutate['foreach'] === undefined ? [] : [readForeach(mutate['foreach'], [...at, 'foreach'], remarks)]),
  ];
  return {
    settings: parts.flatMap(({ settings }) => settings),
    conditions: parts.flatMap(({ conditions }) => conditions),
  };
}

/** mutateExisting: the objects that are changed, each by kind, namespace and name. */
function targetEntries(targets: readonly unknown[], steps: Steps, remarks: Remarks): MatchEntry[] {
  return targets.map(recordOf).flatMap((target, index) => {
    const at = [...steps, index];
    const apiVersion = textOf(target['apiVersion']) ?? '';
    const kind = textOf(target['kind']) ?? '';
    for (const key of ['preconditions', 'context']) {
      if (target[key] !== undefined) {
        remarks.notCarried(
          [...at, key],
          'a condition on a target: a policy has none, so that this one selects more than the rule',
        );
      }
    }
    const computed = ['name', 'namespace'].filter((key) => (textOf(target[key]) ?? '').includes('{{'));
    for (const key of computed) {
      remarks.notCarried(
        [...at, key],
        `the ${key} of the target is computed when the rule runs: the policy selects every ${key}`,
      );
    }
    const plain = (key: string): readonly string[] | undefined => {
      const value = textOf(target[key]);
      return value === undefined || value === '*' || computed.includes(key) ? undefined : [value];
    };
    return readMatch(
      {
        resources: {
          kinds: [apiVersion.includes('/') ? `${apiVersion}/${kind}` : kind],
          names: plain('name'),
          namespaces: plain('namespace'),
          selector: target['selector'],
        },
      },
      at,
      remarks,
    );
  });
}

/**
 * For which controllers Kyverno makes rules from those for pods (pkg/autogen CanAutoGen): for none, where any rule of the
 * policy has a JSON patch, names, labels or annotations, or names other kinds beside Pod.
 */
function controllersOf(rules: readonly OwnRule[], annotation: string | undefined): readonly string[] {
  const isBarred = rules.some(
    ({ entries, jsonPatch }) =>
      jsonPatch || entries.some(({ narrow, kinds }) => narrow || (kinds.length > 1 && kinds.some(isPod))),
  );
  if (isBarred || annotation?.toLowerCase() === 'none') {
    return [];
  }
  const asked =
    annotation === undefined || annotation === '' || annotation === 'all' ? undefined : annotation.split(',');
  return POD_CONTROLLERS.filter((kind) => asked === undefined || asked.map((each) => each.trim()).includes(kind));
}
