// What GitOps tools make of a policy's status: Argo CD by docs/examples/argocd/health.lua, run by a Lua interpreter, and
// whatever goes by kstatus (Flux, kubectl wait, cli-utils) by its rules, which stand here.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { LuaFactory } from 'wasmoon';
import { CONDITION_REASONS, condition, type ConditionReason } from '../../../src/api/conditions.ts';

const GENERATION = 3;
const script = await readFile(new URL('../../../docs/examples/argocd/health.lua', import.meta.url), 'utf8');

interface PolicyObject {
  readonly metadata: { readonly generation: number; readonly deletionTimestamp?: string };
  readonly status?: { readonly observedGeneration: number; readonly conditions: readonly Condition[] };
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Reasons {
  readonly ready?: ConditionReason<'Ready'>;
  readonly compliant?: ConditionReason<'Compliant'>;
  readonly reconciling?: ConditionReason<'Reconciling'>;
  readonly stalled?: ConditionReason<'Stalled'>;
  readonly conflicted?: ConditionReason<'Conflicted'>;
}

/** All five, as the controller writes them. */
function conditionsOf({
  ready = 'Evaluated',
  compliant = 'AllCompliant',
  reconciling = 'Settled',
  stalled = 'NotStalled',
  conflicted = 'NoConflict',
}: Reasons): Condition[] {
  return [
    condition('Ready', ready, GENERATION),
    condition('Compliant', compliant, GENERATION),
    condition('Reconciling', reconciling, GENERATION),
    condition('Stalled', stalled, GENERATION),
    condition('Conflicted', conflicted, GENERATION),
  ];
}

function policyWith(reasons: Reasons): PolicyObject {
  return {
    metadata: { generation: GENERATION },
    status: { observedGeneration: GENERATION, conditions: conditionsOf(reasons) },
  };
}

type Kstatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current';

/** sigs.k8s.io/cli-utils pkg/kstatus/status: generic.go, and the Ready condition of custom resources in core.go. */
function kstatus({ metadata, status }: PolicyObject): Kstatus {
  if (metadata.deletionTimestamp !== undefined) {
    return 'Terminating';
  }
  if (status === undefined || status.observedGeneration !== metadata.generation) {
    return 'InProgress';
  }
  const statusOf = (type: string): string | undefined => status.conditions.find((each) => each.type === type)?.status;
  if (statusOf('Reconciling') === 'True') {
    return 'InProgress';
  }
  if (statusOf('Stalled') === 'True') {
    return 'Failed';
  }
  const ready = statusOf('Ready');
  return ready === undefined || ready === 'True' ? 'Current' : 'InProgress';
}

/** Argo CD hands over tables, and an object of JavaScript is none to Lua. */
function luaLiteral(value: unknown): string {
  if (Array.isArray(value)) {
    return `{${value.map(luaLiteral).join(',')}}`;
  }
  return typeof value === 'object' && value !== null
    ? `{${Object.entries(value)
        .map(([key, inner]) => `[${JSON.stringify(key)}]=${luaLiteral(inner)}`)
        .join(',')}}`
    : JSON.stringify(value);
}

async function argoHealth(object: PolicyObject): Promise<{ status: string; message: string }> {
  const lua = await new LuaFactory().createEngine();
  try {
    return (await lua.doString(`obj = ${luaLiteral(object)}\n${script}`)) as { status: string; message: string };
  } finally {
    lua.global.close();
  }
}

const stalled = (reason: ConditionReason<'Ready'> & ConditionReason<'Stalled'>): Reasons => ({
  ready: reason,
  compliant: 'Stalled',
  stalled: reason,
});

const cases: readonly [string, PolicyObject, Kstatus, string][] = [
  ['just created', { metadata: { generation: 1 } }, 'InProgress', 'Progressing'],
  [
    'edited, not looked at yet',
    {
      metadata: { generation: GENERATION + 1 },
      status: { observedGeneration: GENERATION, conditions: conditionsOf({}) },
    },
    'InProgress',
    'Progressing',
  ],
  ['all comply', policyWith({}), 'Current', 'Healthy'],
  ['no workload', policyWith({ ready: 'NoMatchingWorkloads', compliant: 'NoMatchingWorkloads' }), 'Current', 'Healthy'],
  ['no Istio', policyWith({ ready: 'IstioAbsent', compliant: 'NoMatchingWorkloads' }), 'Current', 'Healthy'],
  ['Audit finds something', policyWith({ compliant: 'WorkloadsNonCompliant' }), 'Current', 'Healthy'],
  ['facts of some workloads are missing', policyWith({ compliant: 'FactsMissing' }), 'Current', 'Healthy'],
  [
    'facts are missing altogether',
    policyWith({ ready: 'FactsMissing', compliant: 'FactsMissing' }),
    'InProgress',
    'Progressing',
  ],
  [
    'rolling out in waves',
    policyWith({ compliant: 'RolloutInProgress', reconciling: 'RollingOut' }),
    'Current',
    'Healthy',
  ],
  [
    'waits for a window',
    policyWith({ compliant: 'RolloutInProgress', reconciling: 'WaitsForWindow' }),
    'Current',
    'Healthy',
  ],
  [
    'waits for approval',
    policyWith({ compliant: 'RolloutInProgress', reconciling: 'ApprovalRequired' }),
    'Current',
    'Healthy',
  ],
  [
    'its approval is for another plan',
    policyWith({ compliant: 'RolloutInProgress', reconciling: 'ApprovalStale' }),
    'Current',
    'Healthy',
  ],
  ['holds a mass withdrawal', policyWith({ reconciling: 'WithdrawalHeld' }), 'Current', 'Healthy'],
  ['rides along', policyWith({ compliant: 'RolloutInProgress', reconciling: 'RidesAlong' }), 'Current', 'Healthy'],
  [
    'halted, pods of it still moving',
    policyWith({ compliant: 'RolloutHalted', reconciling: 'RollingOut', stalled: 'RolloutHalted' }),
    'Failed',
    'Degraded',
  ],
  ['halted', policyWith({ compliant: 'RolloutHalted', stalled: 'RolloutHalted' }), 'Failed', 'Degraded'],
  ['a conflict', policyWith({ compliant: 'AttentionNeeded', conflicted: 'FieldConflict' }), 'Current', 'Healthy'],
  ['a fight', policyWith({ compliant: 'AttentionNeeded', conflicted: 'ChangedBack' }), 'Current', 'Healthy'],
  ['suspended', policyWith({ ready: 'Suspended', compliant: 'WorkloadsNonCompliant' }), 'Current', 'Suspended'],
  ['the off switch is on', policyWith({ ready: 'Paused', compliant: 'WorkloadsNonCompliant' }), 'Current', 'Suspended'],
  ...(
    [
      'InvalidSelector',
      'InvalidNamePattern',
      'KindUnknown',
      'InvalidSpec',
      'InvalidWindow',
      'ProxyConfigKindAbsent',
      'AdmissionRequired',
      'OutsideBounds',
      'NoClusterPolicy',
    ] as const
  ).map(
    (reason) =>
      [`stalled: ${reason}`, policyWith(stalled(reason)), 'Failed', 'Degraded'] as [
        string,
        PolicyObject,
        Kstatus,
        string,
      ],
  ),
  [
    'being deleted, before the first look',
    {
      metadata: { generation: GENERATION, deletionTimestamp: '2026-01-01T00:00:00Z' },
      status: { observedGeneration: GENERATION, conditions: conditionsOf({}) },
    },
    'Terminating',
    'Progressing',
  ],
  [
    'being deleted',
    {
      metadata: { generation: GENERATION, deletionTimestamp: '2026-01-01T00:00:00Z' },
      status: {
        observedGeneration: GENERATION,
        conditions: conditionsOf({ ready: 'Terminating', reconciling: 'Restoring' }),
      },
    },
    'Terminating',
    'Progressing',
  ],
];

it.each(cases)('%s', async (_, object, generic, argo) => {
  const health = await argoHealth(object);

  expect([kstatus(object), health.status]).toEqual([generic, argo]);
  expect(health.message).not.toBe('');
});

describe('the table', () => {
  /** Written by nothing but the schema's readers: a policy that was never looked at has no conditions at all. */
  const NEVER_WRITTEN = new Set(['Evaluating']);

  it.each(['Ready', 'Compliant', 'Reconciling', 'Stalled', 'Conflicted'] as const)(
    'leaves out no reason of %s',
    (type) => {
      const used = new Set(
        cases
          .flatMap(([, { status }]) => status?.conditions ?? [])
          .filter((each) => each.type === type)
          .map(({ reason }) => reason),
      );

      expect(
        Object.keys(CONDITION_REASONS[type]).filter((reason) => !used.has(reason) && !NEVER_WRITTEN.has(reason)),
      ).toEqual([]);
    },
  );

  it('names in Degraded what is in the way', async () => {
    const { message } = await argoHealth(policyWith(stalled('AdmissionRequired')));

    expect(message).toMatch(/^AdmissionRequired: .*admission webhook/);
  });
});
