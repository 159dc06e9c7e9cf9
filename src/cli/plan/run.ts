import type { WorkloadOutcome } from '../../drain/model/decision.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, type Invocation } from '../command.ts';
import { policyFiles } from '../facts/flags.ts';
import { load, reportProblems, requireWorkloads, type Loaded } from '../facts/load.ts';
import { styleFor } from '../output/style.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import { makePlan, type Plan } from './model.ts';
import { planText } from './text.ts';

export const PLAN_SCHEMA_VERSION = 'sidecardrain.io/plan/v1';

const ATTENTION: readonly WorkloadOutcome[] = ['Conflicted', 'Failed', 'Unknown'];

export async function runPlan(invocation: Invocation): Promise<number> {
  const { flags, io } = invocation;
  const loaded = await load(invocation, { alsoFiles: policyFiles(flags), positionalFiles: true });
  reportProblems(loaded, invocation);
  requireWorkloads(loaded);
  requirePolicies(loaded);
  const plan = makePlan(loaded);
  io.stdout.write(
    flags.string('output') === 'json' ? planJson(plan) : planText(plan, styleFor(io), flags.boolean('all')),
  );
  return failed(plan, flags.string('fail-on') ?? 'never') ? EXIT_FINDINGS : EXIT_OK;
}

export function requirePolicies({ collected }: Loaded): void {
  if (collected.policies.length > 0) {
    return;
  }
  throw new CliError(
    collected.problems.some((problem) => problem.kind === 'Policy')
      ? 'no policy that would be accepted (see above)'
      : 'no SidecarDrainPolicy among the input: give one with -p',
  );
}

function failed(plan: Plan, failOn: string): boolean {
  if (failOn === 'changes') {
    return plan.totals.changes > 0;
  }
  return failOn === 'attention' && plan.workloads.some((one) => ATTENTION.includes(one.outcome));
}

function planJson(plan: Plan): string {
  return `${JSON.stringify({ schema: PLAN_SCHEMA_VERSION, version: PRODUCT_VERSION, ...plan }, null, 2)}\n`;
}
