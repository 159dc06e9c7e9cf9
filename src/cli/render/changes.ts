import { ANNOTATION_OF } from '../../drain/model/managed.ts';
import {
  MANAGED_FIELDS,
  type FieldOwner,
  type FieldOwners,
  type ManagedField,
  type Workload,
} from '../../drain/model/workload.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import type { Change, Decision } from '../../drain/model/decision.ts';
import { assess } from '../../drain/plan/assess.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { INJECTED_IMAGE, INJECTED_PULL_POLICY, SPEC_TEMPLATE } from '../../drain/template/index.ts';
import { isAnnotationField } from './annotations.ts';
import type { JudgeContext } from '../facts/judge.ts';
import type { EditValue, FieldEdit, PathStep } from './edit.ts';

const FREE: FieldOwner = { ownership: 'Absent', owners: [] };
const FREE_FIELDS: FieldOwners = Object.fromEntries(MANAGED_FIELDS.map((field) => [field, FREE])) as Record<
  ManagedField,
  FieldOwner
>;

/**
 * The decision under which the manifest is changed where it is declared. Nobody's field is in the way: this is the
 * place where its owner would change it. A policy in Audit counts as if it enforced, so that a team can put its
 * values into Git first.
 */
export function decisionForManifest(
  workload: Workload,
  { facts, stated, policies }: JudgeContext,
): Decision | undefined {
  const own = { ...withoutLimit(workload), fields: FREE_FIELDS };
  const input = {
    workload: own,
    namespace: facts.namespace(workload.namespace),
    mesh: facts.mesh,
    operatorNamespace: stated.operatorNamespace,
  };
  const enforced = assess({ ...input, policies: policies.map(awake) });
  return (enforced.governing ?? assess({ ...input, policies: policies.map(enforcing) }).governing)?.decision;
}

/** What keeps the operator from writing a live object keeps nobody from changing its manifest. */
function withoutLimit(workload: Workload): Workload {
  if (workload.limit === undefined || workload.limit.reason === 'TemplateElsewhere') {
    return workload;
  }
  const rest = { ...workload };
  Reflect.deleteProperty(rest, 'limit');
  return rest;
}

function awake(policy: PolicyRecord): PolicyRecord {
  return { ...policy, spec: { ...policy.spec, suspend: false } };
}

function enforcing(policy: PolicyRecord): PolicyRecord {
  return { ...policy, spec: { ...policy.spec, suspend: false, enforcement: 'Enforce' } };
}

/** The decision's changes as edits of the manifest. */
export function editsOf(workload: Workload, decision: Decision): FieldEdit[] {
  const template = workload.templatePath ?? SPEC_TEMPLATE;
  return decision.changes.flatMap((change) => {
    const edit = editOf(change, decision, workload, template);
    return edit === undefined ? [] : [edit];
  });
}

function editOf(
  change: Change,
  decision: Decision,
  workload: Workload,
  template: readonly string[],
): FieldEdit | undefined {
  const { field, after } = change;
  if (after === undefined) {
    return undefined;
  }
  if (field === 'gracePeriod') {
    return { path: [...template, 'spec', 'terminationGracePeriodSeconds'], value: Number(after) };
  }
  if (field === 'applicationPreStop') {
    const container: PathStep = { name: change.container ?? '' };
    return {
      path: [...template, 'spec', 'containers', container, 'lifecycle', 'preStop'],
      value: JSON.parse(after) as EditValue,
    };
  }
  if (field === 'proxyEnvironment') {
    const variable = /\[([^[\]]+)\]$/.exec(change.path)?.[1] ?? '';
    return {
      path: [...template, 'spec', 'containers', { name: PROXY_CONTAINER }, 'env', { name: variable }, 'value'],
      value: after,
    };
  }
  if (isAnnotationField(field)) {
    return { path: [...template, 'metadata', 'annotations', ANNOTATION_OF[field]], value: after };
  }
  const hook = decision.write?.proxyPreStop as EditValue | undefined;
  if (hook === undefined) {
    return undefined;
  }
  const container: readonly PathStep[] = [...template, 'spec', 'containers', { name: PROXY_CONTAINER }];
  const exists = workload.template.spec.containers.some((each) => each.name === PROXY_CONTAINER);
  return exists
    ? { path: [...container, 'lifecycle', 'preStop'], value: hook }
    : {
        path: container,
        value: { image: INJECTED_IMAGE, imagePullPolicy: INJECTED_PULL_POLICY, lifecycle: { preStop: hook } },
      };
}
