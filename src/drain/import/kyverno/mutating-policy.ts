import { NAMESPACE_NAME_LABEL } from '../../../api/names.ts';
import type { PolicySelectorRequirement } from '../../../api/policy.ts';
import { groupOf, kindName, WORKLOAD_KINDS } from '../../template/index.ts';
import { listOf, recordOf, textOf, type Raw } from '../../template/raw.ts';
import { objectKind } from '../../model/workload.ts';
import { readSettings, settingsIn, UNKNOWN_VALUE, type Setting } from '../overlay.ts';
import { Remarks, type Imported, type Steps } from '../remarks.ts';
import { EVERYTHING, type Selection } from '../selection.ts';
import { readCel } from './cel.ts';
import { requirementsOf, type MatchEntry } from './match.ts';
import { readOperations } from './patch.ts';
import { POD_CONTROLLERS, policiesFrom } from './rules.ts';

/**
 * Kyverno's MutatingPolicy (policies.kyverno.io) and Kubernetes' MutatingAdmissionPolicy, from which it takes
 * `matchConstraints`, `matchConditions` and `mutations` (api/policies.kyverno.io/v1alpha1 MutatingPolicySpec).
 */
export function importMutatingPolicy(raw: Raw): Imported {
  const remarks = new Remarks();
  const metadata = recordOf(raw['metadata']);
  const spec = recordOf(raw['spec']);
  const name = textOf(metadata['name']) ?? '';
  const mutations = readMutations(spec['mutations'], remarks);
  const settings = readSettings(mutations, ['spec', 'mutations'], remarks);
  const isKyverno = groupOf(textOf(raw['apiVersion']) ?? '') === 'policies.kyverno.io';
  if (!settings.relevant) {
    return { policies: [], remarks: [], passedOver: 1 };
  }
  const evaluation = recordOf(spec['evaluation']);
  const changesExisting = recordOf(evaluation['mutateExisting'])['enabled'] === true;
  const targets =
    changesExisting && spec['targetMatchConstraints'] !== undefined ? 'targetMatchConstraints' : 'matchConstraints';
  const entry = entryOf(recordOf(spec[targets]), ['spec', targets], remarks);
  if (!isKyverno) {
    remarks.differs(
      ['spec'],
      'a MutatingAdmissionPolicy acts where a binding of it says so; the policy everywhere that it matches: compare the bindings',
    );
  }
  return policiesFrom(
    {
      object: `${String(raw['kind'])} ${name}`,
      name,
      namespace: raw['kind'] === 'NamespacedMutatingPolicy' ? (textOf(metadata['namespace']) ?? 'default') : undefined,
      firstOnly: false,
    },
    [
      {
        name,
        steps: ['spec'],
        settings,
        entries: [entry],
        conditions: readConditions(spec['matchConditions'], ['spec', 'matchConditions'], remarks),
        controllers: isKyverno ? controllersOf(spec) : [],
        changesExisting,
      },
    ],
    remarks,
  );
}

function readMutations(mutations: unknown, remarks: Remarks): Setting[] {
  return listOf(mutations).flatMap((mutation, index) => {
    const { applyConfiguration, jsonPatch } = recordOf(mutation);
    const key = applyConfiguration === undefined ? 'jsonPatch' : 'applyConfiguration';
    const steps = ['spec', 'mutations', index, key, 'expression'];
    const text = textOf(recordOf(applyConfiguration ?? jsonPatch)['expression']) ?? '';
    const reading = readCel(text);
    const settings =
      reading === undefined || reading.value === UNKNOWN_VALUE
        ? []
        : Array.isArray(reading.value)
          ? [...readOperations(reading.value, () => steps, remarks).settings]
          : settingsIn(reading.value, [], () => steps);
    if (settings.length === 0 && SPEAKS_OF_TERMINATION.test(text)) {
      remarks.notCarried(steps, 'it speaks of terminations in CEL that is more than values: it is not followed');
      return [{ path: ['spec', 'terminationGracePeriodSeconds'], value: UNKNOWN_VALUE, steps }];
    }
    const all = settings.some(({ path }) => SPEAKS_OF_TERMINATION.test(path.join('.')));
    for (const condition of all ? (reading?.conditions ?? []) : []) {
      remarks.notCarried(
        steps,
        `it holds only where ${shortened(condition)}: a policy has no such condition, so that this one selects more`,
      );
    }
    return settings;
  });
}

const SPEAKS_OF_TERMINATION = /terminationGracePeriodSeconds|proxy\.istio\.io\/config|preStop/;
const LONGEST_SHOWN = 160;

function shortened(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
}

const POD_RESOURCES = 'pods';

function entryOf(constraints: Raw, steps: Steps, remarks: Remarks): MatchEntry {
  const rules = listOf(constraints['resourceRules']).map(recordOf);
  const kinds = rules.flatMap((rule, index) => kindsOf(rule, [...steps, 'resourceRules', index], remarks));
  const names = rules.flatMap((rule) => listOf(rule['resourceNames']).flatMap((name) => textOf(name) ?? []));
  if (listOf(constraints['excludeResourceRules']).length > 0) {
    remarks.notCarried(
      [...steps, 'excludeResourceRules'],
      'what these rules leave out: a policy cannot say it, so that this one selects more; exempt those workloads',
    );
  }
  return {
    kinds: [...new Set(kinds)],
    steps,
    narrow: names.length > 0 || constraints['objectSelector'] !== undefined,
    selection: {
      names: names.length === 0 ? undefined : names,
      namespace: requirementsOf(constraints['namespaceSelector'], [...steps, 'namespaceSelector'], remarks),
      workload: requirementsOf(constraints['objectSelector'], [...steps, 'objectSelector'], remarks),
    },
  };
}

function kindsOf(rule: Raw, steps: Steps, remarks: Remarks): string[] {
  const operations = listOf(rule['operations']);
  if (operations.length > 0 && !operations.includes('UPDATE') && !operations.includes('*')) {
    remarks.differs(
      [...steps, 'operations'],
      'it leaves workloads alone that are there already; the policy is for them too',
    );
  }
  const groups = listOf(rule['apiGroups']).flatMap((group) => textOf(group) ?? []);
  return listOf(rule['resources']).flatMap((resource) => {
    const plural = textOf(resource) ?? '';
    if (plural === '*') {
      return ['Pod', ...WORKLOAD_KINDS.map(({ kind }) => kind)];
    }
    if (plural === POD_RESOURCES) {
      return ['Pod'];
    }
    const known = WORKLOAD_KINDS.filter(
      (adapter) =>
        adapter.plural === plural &&
        (groups.length === 0 || groups.includes('*') || groups.includes(groupOf(adapter.apiVersion))),
    );
    return known.length === 0
      ? [plural]
      : known.map(({ kind, apiVersion }) => `${groupOf(apiVersion)}/*/${objectKind(kindName(kind, apiVersion))}`);
  });
}

const NAMESPACE_EQUALS =
  /^\s*(?:object\.metadata\.namespace|request\.namespace|namespaceObject\.metadata\.name)\s*(==|!=)\s*(["'])([^"'\\]+)\2\s*$/;
const OF_OPERATION = /^\s*request\.operation\s*(?:==|!=|in)\s*[^&|]*$/;

function readConditions(conditions: unknown, steps: Steps, remarks: Remarks): Selection {
  const namespace: PolicySelectorRequirement[] = [];
  for (const [index, condition] of listOf(conditions).map(recordOf).entries()) {
    const expression = textOf(condition['expression']) ?? '';
    const match = NAMESPACE_EQUALS.exec(expression);
    if (match?.[3] !== undefined) {
      namespace.push({ key: NAMESPACE_NAME_LABEL, operator: match[1] === '==' ? 'In' : 'NotIn', values: [match[3]] });
    } else if (!OF_OPERATION.test(expression)) {
      remarks.notCarried(
        [...steps, index, 'expression'],
        `the condition ${shortened(expression.trim())}: a policy has none in CEL, so that this one selects more`,
      );
    }
  }
  return { ...EVERYTHING, namespace };
}

/** All, unless `autogen.podControllers.controllers` names some (pkg/cel/policies/mpol/autogen), by their plural. */
function controllersOf(spec: Raw): readonly string[] {
  const asked = recordOf(recordOf(spec['autogen'])['podControllers'])['controllers'];
  return Array.isArray(asked)
    ? POD_CONTROLLERS.filter((kind) => asked.includes(`${kind.toLowerCase()}s`))
    : POD_CONTROLLERS;
}
