// What must hold when the storm is over: nothing waits that need not, and a fresh operator finds nothing to do.
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { FIELD_MANAGER, FINALIZER, GROUP } from '../../src/api/names.ts';
import type { ControlPlane, KubeObject } from '../support/control-plane/index.ts';
import { OPERATOR_ACCOUNT, startOperator } from '../support/operator.ts';
import { policyPath, type PolicyObject, type WorkloadObject } from '../support/scene.ts';
import { pathOf, type Control } from './control.ts';
import { keyOf, manifestOf, PLURALS, type Declared } from './fleet.ts';
import type { Violation } from './invariants.ts';

const LOOK_EVERY_MS = 500;
const POLICIES = '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies';

interface List<T> {
  readonly items: readonly T[];
}

export async function readPolicies(plane: ControlPlane): Promise<readonly PolicyObject[]> {
  return (await plane.client.call<List<PolicyObject>>('GET', POLICIES)).items;
}

/**
 * Waits until a leader leads and no policy has had anything under way for so long; approves withdrawals meanwhile, as their
 * owners would. What outlives its policy stands in no status, and is looked at every minute.
 */
export async function untilSettled(
  plane: ControlPlane,
  control: Control,
  quietMs: number,
  timeoutMs: number,
): Promise<Violation[]> {
  const until = Date.now() + timeoutMs;
  for (let quiet = 0; quiet * LOOK_EVERY_MS < quietMs; await sleep(LOOK_EVERY_MS)) {
    const policies = await readPolicies(plane);
    const busy = policies.filter((each) => !isSettled(each));
    quiet = busy.length === 0 && control.isLed() ? quiet + 1 : 0;
    for (const each of busy) {
      await approveWithdrawal(control, each);
    }
    if (Date.now() > until) {
      return busy.map(({ metadata, status }) => ({
        invariant: 'Unsettled',
        what: `policy ${metadata.name} ${timeoutMs / 1000} s after the storm: ${JSON.stringify(status)}`,
      }));
    }
  }
  return [];
}

function isSettled({ metadata, status }: PolicyObject): boolean {
  return (
    status?.observedGeneration === metadata.generation &&
    status?.conditions?.find(({ type }) => type === 'Reconciling')?.reason === 'Settled'
  );
}

async function approveWithdrawal(control: Control, { metadata, status }: PolicyObject): Promise<void> {
  const reconciling = status?.conditions?.find(({ type }) => type === 'Reconciling');
  const approval = /sidecardrain\.io\/approved-withdrawal=([0-9a-z]+)/.exec(reconciling?.message ?? '')?.[1];
  if (reconciling?.reason === 'WithdrawalHeld' && approval !== undefined) {
    await control.request('PATCH', policyPath(metadata.name), {
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'sidecardrain.io/approved-withdrawal': approval } } },
    });
  }
}

/** Nothing stays wrong that a restart would put right: a fresh operator writes nothing for so long. */
export async function freshOperatorWrites(
  plane: ControlPlane,
  args: readonly string[],
  forMs: number,
): Promise<Violation[]> {
  const before = await readPolicies(plane);
  const mark = plane.audit.mark();
  const operator = await startOperator(plane, { args });
  await sleep(forMs);
  await operator.stop();
  const after = await readPolicies(plane);
  const attention = before.flatMap(({ status }) => status?.attention ?? []);
  // A restart forgets that somebody keeps changing our values back, and costs one write of such a workload.
  const isFight = (namespace: string, name: string): boolean =>
    attention.some((each) => each.namespace === namespace && each.name === name && each.reason === 'ChangedBack');
  return plane.audit
    .writes({ since: mark, user: OPERATOR_ACCOUNT })
    .filter(({ group, namespace, name }) => group === GROUP || (group === 'apps' && !isFight(namespace, name)))
    .map(({ verb, group, resource, subresource, namespace, name, code }) => {
      const said = operator.lines.filter(({ workload }) => String(workload).endsWith(`/${namespace}/${name}`));
      const rewritten = group === GROUP ? statusChange(name, before, after) : '';
      const known = attention.filter((each) => each.namespace === namespace && each.name === name);
      return {
        invariant: 'RestartWouldHelp',
        what:
          `a fresh operator: ${verb} ${resource}${subresource === '' ? '' : `/${subresource}`} ${namespace}/${name} (${code}); ` +
          `${rewritten}it says ${JSON.stringify(said)}; before it the status said ${JSON.stringify(known)}`,
      };
    });
}

function statusChange(name: string, before: readonly PolicyObject[], after: readonly PolicyObject[]): string {
  const [old, now] = [before, after].map((all) => all.find(({ metadata }) => metadata.name === name)?.status);
  const changed = Object.keys({ ...old, ...now }).filter(
    (key) => !isDeepStrictEqual(old?.[key as keyof typeof old], now?.[key as keyof typeof now]),
  );
  const shown = changed.map((key) => [key, old?.[key as keyof typeof old], now?.[key as keyof typeof now]]);
  return `before and after: ${JSON.stringify(shown)}; `;
}

/** Deletes every policy, and waits until nothing of them is left. */
export async function deletePolicies(plane: ControlPlane, control: Control, timeoutMs: number): Promise<Violation[]> {
  for (const { metadata } of await readPolicies(plane)) {
    await control.request('DELETE', policyPath(metadata.name));
  }
  const until = Date.now() + timeoutMs;
  for (;;) {
    const left = await leftBehind(plane);
    if (left.length === 0) {
      return [];
    }
    if (Date.now() > until) {
      return left.map((what) => ({ invariant: 'LeftBehind', what }));
    }
    await sleep(LOOK_EVERY_MS);
  }
}

async function leftBehind(plane: ControlPlane): Promise<string[]> {
  const policies = (await readPolicies(plane)).map(({ metadata }) => `policy ${metadata.name}`);
  const workloads = await readWorkloads(plane);
  const marked = workloads.flatMap(({ metadata }) => {
    const key = `${metadata.namespace ?? ''}/${metadata.name}`;
    const annotations = Object.keys(metadata.annotations ?? {}).filter((name) => name.startsWith(`${GROUP}/`));
    const managers = (metadata['managedFields'] ?? []) as readonly { readonly manager?: string }[];
    const finalizers = (metadata['finalizers'] ?? []) as readonly string[];
    return [
      ...annotations.map((name) => `${key}: annotation ${name}`),
      ...(managers.some(({ manager }) => manager === FIELD_MANAGER)
        ? [`${key}: managedFields of ${FIELD_MANAGER}`]
        : []),
      ...(finalizers.includes(FINALIZER) ? [`${key}: finalizer`] : []),
    ];
  });
  return [...policies, ...marked];
}

export async function readWorkloads(plane: ControlPlane): Promise<WorkloadObject[]> {
  const lists = await Promise.all(
    Object.values(PLURALS).map(async (plural) => {
      const { items } = await plane.client.call<List<WorkloadObject>>('GET', `/apis/apps/v1/${plural}`);
      return items.filter(({ metadata }) => metadata.namespace?.startsWith('chaos-') === true);
    }),
  );
  return lists.flat();
}

/** Every template is what the API server makes of what its user declared last. */
export async function notGivenBack(plane: ControlPlane, fleet: readonly Declared[]): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const workload of fleet) {
    const actual = await plane.client.call<WorkloadObject>('GET', pathOf(workload));
    const wanted = await asCreated(plane, workload);
    const template = withoutEmptyMap(actual.spec.template, wanted.spec.template);
    if (!isDeepStrictEqual(template, wanted.spec.template)) {
      violations.push({
        invariant: 'NotGivenBack',
        what: `${keyOf(workload)} (${workload.kind}, ${workload.tool}): ${JSON.stringify(template)} instead of ${JSON.stringify(wanted.spec.template)}`,
      });
    }
  }
  return violations;
}

async function asCreated(plane: ControlPlane, workload: Declared): Promise<WorkloadObject> {
  const manifest = manifestOf(workload) as KubeObject;
  return await plane.client.call<WorkloadObject>(
    'POST',
    `/apis/apps/v1/namespaces/${workload.namespace}/${PLURALS[workload.kind]}?dryRun=All`,
    { body: { ...manifest, metadata: { ...manifest.metadata, name: `${workload.name}-as-declared` } } },
  );
}

/** An empty map and none are the same to everybody who reads a template. */
function withoutEmptyMap<T extends WorkloadObject['spec']['template']>(actual: T, wanted: T): T {
  const { annotations, ...metadata } = actual.metadata ?? {};
  return wanted.metadata?.annotations === undefined && Object.keys(annotations ?? {}).length === 0
    ? { ...actual, metadata }
    : actual;
}
