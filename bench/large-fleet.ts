// make bench-fleet: the operator at rest on a large fleet of many namespaces under many policies, beside a tenth of it in
// the same run.
//
//   BENCH_WORKLOADS   compliant Deployments (100,000)
//   BENCH_NAMESPACES  namespaces (5000)
//   BENCH_POLICIES    policies, each for as many namespaces (500)
//   BENCH_ROUNDS      starts on each (2)
//   BENCH_NODE, BENCH_NODE_FLAGS  as for make bench
import { say, wholeNumber } from '../test/support/program.ts';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { installCrds } from '../test/support/crds.ts';
import { installMesh } from '../test/support/mesh.ts';
import { installPermissions } from '../test/support/operator.ts';
import { projectRoot, startControlPlane, type ControlPlane } from '../test/support/control-plane/index.ts';
import { createNamespaces, FLEET_LABEL, inParallel, places } from './fleet.ts';
import { round, rounded, spreadOf } from './measure.ts';
import { operatorsFromEnvironment } from './operators.ts';
import { createPolicy, dropPolicy } from './policy.ts';
import { compliantSeed, createCompliant, restart, type Restart } from './rest.ts';

const MOST_MB = 450;
/** Start to all checked, beside a tenth of the fleet. */
const MOST_TIMES = 8;
/** The label by which a policy finds its namespaces. */
const POLICY_LABEL = 'bench-policy';

interface Part {
  readonly workloads: number;
  readonly starts: readonly Restart[];
}

async function measure(
  plane: ControlPlane,
  workloads: number,
  namespaceCount: number,
  policyCount: number,
): Promise<Part[]> {
  const rounds = wholeNumber('BENCH_ROUNDS', 2);
  const [operator] = (await operatorsFromEnvironment()).filter(({ name }) => name === 'today');
  if (operator === undefined) {
    throw new Error('there is no operator of today');
  }
  await installCrds(plane);
  await installMesh(plane, { nativeSidecars: 'false' });
  await installPermissions(plane);
  say('one Deployment is brought under a policy');
  const first = await createNamespaces(plane);
  await createPolicy(plane);
  const seed = await compliantSeed(plane, first);
  await dropPolicy(plane);
  say(`making ${policyCount} policies and ${namespaceCount} namespaces`);
  const policies = new Map<string, { name: string; uid: string }>();
  await inParallel(
    Array.from({ length: policyCount }, (_, index) => `bench-${index}`),
    8,
    async (name) => {
      const made = await createPolicy(plane, name, { [POLICY_LABEL]: name });
      policies.set(name, { name, uid: made.metadata.uid ?? '' });
    },
  );
  const names = Array.from({ length: namespaceCount }, (_, index) => `fleet-${String(index).padStart(5, '0')}`);
  const policyOf = (namespace: string): string => `bench-${Number(namespace.slice(-5)) % policyCount}`;
  await inParallel(names, 16, async (name) => {
    const labels = { ...FLEET_LABEL, 'istio-injection': 'enabled', [POLICY_LABEL]: policyOf(name) };
    await plane.client.call('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    });
  });
  const all = places(names, workloads);
  const noteFor = (note: string, namespace: string): string =>
    JSON.stringify({ ...(JSON.parse(note) as object), policy: policies.get(policyOf(namespace)) });
  const parts: Part[] = [];
  let made = 0;
  for (const count of [Math.round(workloads / 10), workloads]) {
    say(`making Deployments: ${count - made} more`);
    await createCompliant(plane, seed, all.slice(made, count), noteFor);
    made = count;
    const starts: Restart[] = [];
    for (let index = 0; index < rounds; index++) {
      const start = await restart({ plane, count }, operator);
      starts.push(start);
      say(
        `${count}: synced after ${round(start.syncSeconds, 1)} s, all checked ${round(start.checkSeconds, 1)} s later, processor time ${round(start.processorSeconds ?? NaN, 1)} s, peak ${start.peakMb ?? NaN} MB, ${start.patches} writes`,
      );
    }
    parts.push({ workloads: count, starts });
  }
  return parts;
}

function summary({ workloads, starts }: Part): object {
  const of = (figure: (start: Restart) => number | undefined): object =>
    rounded(spreadOf(starts.map((start) => figure(start) ?? NaN)), 1);
  return {
    workloads,
    startToAllCheckedSeconds: of(({ syncSeconds, checkSeconds }) => syncSeconds + checkSeconds),
    processorSeconds: of(({ processorSeconds }) => processorSeconds),
    peakMb: of(({ peakMb }) => peakMb),
    restMb: of(({ restMb }) => restMb),
    writes: of(({ patches }) => patches),
  };
}

async function main(): Promise<void> {
  const workloads = wholeNumber('BENCH_WORKLOADS', 100_000, 10);
  const namespaces = wholeNumber('BENCH_NAMESPACES', 5000);
  const policies = wholeNumber('BENCH_POLICIES', 500);
  const loadBefore = round(loadavg()[0] ?? NaN, 2);
  const plane = await startControlPlane({ controllerManager: false, audit: false });
  let parts: Part[];
  try {
    parts = await measure(plane, workloads, namespaces, policies);
  } finally {
    await plane.stop();
  }
  const [tenth, whole] = parts.map(({ starts }) => ({
    seconds: spreadOf(starts.map(({ syncSeconds, checkSeconds }) => syncSeconds + checkSeconds)).median,
    peakMb: spreadOf(starts.map(({ peakMb }) => peakMb ?? NaN)).max,
    writes: spreadOf(starts.map(({ patches }) => patches)).max,
  }));
  const times = (whole?.seconds ?? NaN) / (tenth?.seconds ?? NaN);
  const aims = [
    { what: 'writes', aim: '0', value: whole?.writes, met: whole?.writes === 0 },
    { what: 'peak memory, MB', aim: `<= ${MOST_MB}`, value: whole?.peakMb, met: (whole?.peakMb ?? NaN) <= MOST_MB },
    {
      what: 'start to all checked, by a tenth of the fleet',
      aim: `<= ${MOST_TIMES}`,
      value: round(times, 2),
      met: times <= MOST_TIMES,
    },
  ];
  const report = {
    processors: availableParallelism(),
    loadBefore,
    namespaces,
    policies,
    parts: parts.map(summary),
    aims,
  };
  console.log(JSON.stringify(report, undefined, 2));
  const file = join(projectRoot(), 'bench/results', `fleet-${workloads}.json`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  say(`saved as bench/results/fleet-${workloads}.json`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
