import type { LabelSelector, LabelSelectorRequirement } from '../../api/kubernetes.ts';
import { memoizeByObject } from '../memoize.ts';

/** Label selectors with Kubernetes' semantics (apimachinery pkg/labels and pkg/apis/meta/v1/validation). */

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels) => boolean;

export interface SelectorProblem {
  /** Below the selector, for example `matchExpressions[0].values`. */
  readonly path: string;
  readonly message: string;
}

export type CompiledSelector =
  | { readonly ok: true; readonly matches: LabelMatcher }
  | { readonly ok: false; readonly problems: readonly SelectorProblem[] };

const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** Makes a selector ready for many labels, or says everything that is wrong with it. The empty selector matches all. */
export function compileSelector(selector: LabelSelector): CompiledSelector {
  const problems = selectorProblems(selector);
  if (problems.length > 0) {
    return { ok: false, problems };
  }
  const exact = Object.entries(selector.matchLabels ?? {});
  const requirements = (selector.matchExpressions ?? []).map(compileRequirement);
  return {
    ok: true,
    matches: (labels) =>
      exact.every(([key, value]) => valueOf(labels, key) === value) && requirements.every((matches) => matches(labels)),
  };
}

/** For selectors that the API server has accepted. One that it would refuse matches nothing. */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  const compiled = compiledOf(selector);
  return compiled.ok && compiled.matches(labels);
}

const compiledOf = memoizeByObject((selector: LabelSelector) => compileSelector(selector));

/** Labels come from users: a key such as `constructor` must not find what every object inherits. */
function valueOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function compileRequirement({ key, operator, values }: LabelSelectorRequirement): LabelMatcher {
  const set = new Set(values ?? []);
  switch (operator) {
    case 'In':
      return (labels) => {
        const value = valueOf(labels, key);
        return value !== undefined && set.has(value);
      };
    case 'NotIn':
      // An absent label is not in any set: NotIn selects objects without the label as well.
      return (labels) => {
        const value = valueOf(labels, key);
        return value === undefined || !set.has(value);
      };
    case 'Exists':
      return (labels) => valueOf(labels, key) !== undefined;
    case 'DoesNotExist':
      return (labels) => valueOf(labels, key) === undefined;
  }
}

function selectorProblems(selector: LabelSelector): SelectorProblem[] {
  const problems: SelectorProblem[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    const path = `matchLabels[${JSON.stringify(key)}]`;
    add(problems, path, keyProblem(key));
    add(problems, path, valueProblem(value));
  }
  for (const [index, requirement] of (selector.matchExpressions ?? []).entries()) {
    problems.push(...requirementProblems(requirement, `matchExpressions[${index}]`));
  }
  return problems;
}

function requirementProblems({ key, operator, values }: LabelSelectorRequirement, path: string): SelectorProblem[] {
  const problems: SelectorProblem[] = [];
  add(problems, `${path}.key`, keyProblem(key));
  const given = values ?? [];
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (!OPERATORS.includes(operator)) {
    add(problems, `${path}.operator`, `${JSON.stringify(operator)} is none of ${OPERATORS.join(', ')}`);
  } else if (takesValues && given.length === 0) {
    add(problems, `${path}.values`, `operator ${operator} needs at least one value`);
  } else if (!takesValues && given.length > 0) {
    add(problems, `${path}.values`, `operator ${operator} takes no values`);
  }
  for (const [index, value] of given.entries()) {
    add(problems, `${path}.values[${index}]`, valueProblem(value));
  }
  return problems;
}

function add(problems: SelectorProblem[], path: string, message: string | undefined): void {
  if (message !== undefined) {
    problems.push({ path, message });
  }
}

function keyProblem(key: unknown): string | undefined {
  if (typeof key !== 'string' || key === '') {
    return 'a label key must not be empty';
  }
  const slash = key.indexOf('/');
  const prefix = slash === -1 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !DNS_SUBDOMAIN.test(prefix))) {
    return `${JSON.stringify(key)} is not a label key: the part before the slash must be a DNS subdomain such as example.com`;
  }
  if (name.length > 63 || !LABEL_NAME.test(name)) {
    return `${JSON.stringify(key)} is not a label key: its name has 1 to 63 letters, digits, '-', '_' or '.', and begins and ends with a letter or digit`;
  }
  return undefined;
}

function valueProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') {
    return `${JSON.stringify(value)} is not a label value: put it in quotes`;
  }
  if (value !== '' && (value.length > 63 || !LABEL_NAME.test(value))) {
    return `${JSON.stringify(value)} is not a label value: it has at most 63 letters, digits, '-', '_' or '.', and begins and ends with a letter or digit`;
  }
  return undefined;
}
