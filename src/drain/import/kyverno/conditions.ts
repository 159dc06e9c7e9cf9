import { NAMESPACE_NAME_LABEL } from '../../../api/names.ts';
import type { PolicySelectorRequirement } from '../../../api/policy.ts';
import { listOf, recordOf, textOf, type Raw } from '../../template/raw.ts';
import type { Remarks, Steps } from '../remarks.ts';
import { EVERYTHING, type Selection } from '../selection.ts';
import type { PatchCondition } from './patch.ts';

/** Conditions of a rule that are about labels or the namespace become selectors; of all others a policy knows nothing. */

const UNSAID = 'a policy has no such condition, so that this one selects more than the rule';

/** `preconditions` (https://kyverno.io/docs/policy-types/cluster-policy/preconditions/). */
export function readPreconditions(value: unknown, steps: Steps, remarks: Remarks): Selection {
  if (value === undefined) {
    return EVERYTHING;
  }
  const block = recordOf(value);
  const all: [Raw, Steps][] = Array.isArray(value)
    ? value.map((each, index) => [recordOf(each), [...steps, index]])
    : listOf(block['all']).map((each, index) => [recordOf(each), [...steps, 'all', index]]);
  const any = listOf(block['any']).map((each, index): [Raw, Steps] => [recordOf(each), [...steps, 'any', index]]);
  const [first, ...alternatives] = any;
  if (first !== undefined && alternatives.length === 0) {
    all.push(first);
  } else if (first !== undefined && !any.every(([each]) => isOfOperation(each))) {
    remarks.notCarried([...steps, 'any'], `conditions of which one is enough: ${UNSAID}`);
  }
  return all.reduce((selection, [condition, at]) => withCondition(selection, condition, at, remarks), EVERYTHING);
}

function isOfOperation({ key }: Raw): boolean {
  return /\brequest\.operation\b/.test(textOf(key) ?? '');
}

function withCondition(selection: Selection, condition: Raw, steps: Steps, remarks: Remarks): Selection {
  // That an object is created, changed or deleted says nothing of which object it is.
  if (isOfOperation(condition)) {
    return selection;
  }
  const subject = subjectOf(textOf(condition['key']) ?? '');
  const comparison = comparisonOf(condition);
  if (subject === undefined || comparison === undefined) {
    remarks.notCarried(steps, `the condition ${textOf(condition['key']) ?? 'without a key'}: ${UNSAID}`);
    return selection;
  }
  const { list, key, optional } = subject;
  const requirements: PolicySelectorRequirement[] = [
    { key, ...comparison },
    // A variable that is not there is an error in Kyverno, and the rule is not applied.
    ...(comparison.operator === 'NotIn' && !optional && list === 'workload'
      ? [{ key, operator: 'Exists' as const }]
      : []),
  ];
  return { ...selection, [list]: [...selection[list], ...requirements] };
}

interface Subject {
  readonly list: 'namespace' | 'workload';
  readonly key: string;
  /** It has a default (`|| ''`), so that an absent label is no error. */
  readonly optional: boolean;
}

const VARIABLE = /^\{\{\s*(.*?)\s*\}\}$/s;
const NAMESPACE = /^request\.(?:namespace|object\.metadata\.namespace)$/;
const LABEL = /^request\.object\.(?:spec\.template\.)?metadata\.labels\.(?:"([^"]+)"|([\w-]+))$/;

function subjectOf(text: string): Subject | undefined {
  const inside = VARIABLE.exec(text)?.[1];
  if (inside === undefined) {
    return undefined;
  }
  const [path = '', ...defaults] = inside.split('||').map((part) => part.trim());
  if (defaults.length > 1 || defaults.some((part) => !/^(''|`""`|""|`''`)$/.test(part))) {
    return undefined;
  }
  if (NAMESPACE.test(path)) {
    return { list: 'namespace', key: NAMESPACE_NAME_LABEL, optional: true };
  }
  const label = LABEL.exec(path);
  return label === null
    ? undefined
    : { list: 'workload', key: label[1] ?? label[2] ?? '', optional: defaults.length > 0 };
}

function comparisonOf({ operator, value }: Raw): Pick<PolicySelectorRequirement, 'operator' | 'values'> | undefined {
  const values = (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap((each) => textOf(each) ?? []);
  // An absent label with a default is an empty text, which no label selector can ask for.
  if (values.length === 0 || values.some((each) => each === '' || /[*?{]/.test(each))) {
    return undefined;
  }
  switch (operator) {
    case 'Equals':
    case 'Equal':
    case 'In':
    case 'AnyIn':
    case 'AllIn':
      return { operator: 'In', values };
    case 'NotEquals':
    case 'NotEqual':
    case 'NotIn':
    case 'AnyNotIn':
    case 'AllNotIn':
      return { operator: 'NotIn', values };
    default:
      return undefined;
  }
}

/** Conditions in the patch: labels of the pod template. */
export function readPatchConditions(conditions: readonly PatchCondition[], remarks: Remarks): Selection {
  let selection = EVERYTHING;
  for (const { path, value, steps } of conditions) {
    const [metadata, labels, key] = path.slice(-3);
    if (
      metadata === 'metadata' &&
      labels === 'labels' &&
      key !== undefined &&
      typeof value === 'string' &&
      !/[*?|&!<>{]/.test(value)
    ) {
      selection = { ...selection, workload: [...selection.workload, { key, operator: 'In', values: [value] }] };
    } else {
      remarks.notCarried(steps, `the condition on ${path.join('.')}: ${UNSAID}`);
    }
  }
  return selection;
}
