// make bench: how close the operator comes to the API server's own limit, and what it takes at rest, beside the operator of
// an earlier commit in the same run. docs/benchmarks.md says what is measured and how to read it.
//
//   BENCH_N       Deployments that become compliant (2000)
//   BENCH_ROUNDS  rounds of every side (3)
//   BENCH_FLEET   compliant Deployments at rest (five times BENCH_N; 0: none)
//   BENCH_BASE    the earlier commit (3c77cc4; `none`: the operator of today alone)
//   BENCH_NODE    the Node.js that runs the operators (the one that runs this)
//   BENCH_NODE_FLAGS  more flags of it, for example --cpu-prof
import { say, wholeNumber } from '../test/support/program.ts';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { installCrds } from '../test/support/crds.ts';
import { installMesh } from '../test/support/mesh.ts';
import { installPermissions, OPERATOR_ACCOUNT, startOperator } from '../test/support/operator.ts';
import { projectRoot, startControlPlane, type ControlPlane } from '../test/support/control-plane/index.ts';
import { createFleet, createNamespaces, deleteFleet } from './fleet.ts';
import { round } from './measure.ts';
import { operatorsFromEnvironment, type BenchOperator } from './operators.ts';
import { createPolicy } from './policy.ts';
import { printReport, type Results } from './report.ts';
import { restarts, type Restart } from './rest.ts';
import { CONNECTIONS, operatorRound, WRITES_IN_FLIGHT, writerRound, type Bench, type Round } from './rounds.ts';
import { write, WRITER_ARGUMENT } from './writer.ts';

interface Settings {
  readonly count: number;
  readonly rounds: number;
  readonly fleet: number;
}

function settings(): Settings {
  const count = wholeNumber('BENCH_N', 2000, 1);
  return { count, rounds: wholeNumber('BENCH_ROUNDS', 3, 1), fleet: wholeNumber('BENCH_FLEET', count * 5, 0) };
}

/** The audit log names the object of each write: proof that no Deployment is written twice. It costs time, so it is a run of its own. */
async function auditedWrites(count: number): Promise<Results['audited']> {
  const plane = await startControlPlane({ controllerManager: false });
  try {
    const namespaces = await prepare(plane);
    await createFleet(plane, namespaces, count);
    const operator = await startOperator(plane);
    const mark = plane.audit.mark();
    await createPolicy(plane);
    const written = (): Map<string, number> =>
      plane.audit.writesPerObject({ since: mark, user: OPERATOR_ACCOUNT, resource: 'deployments' });
    for (const deadline = Date.now() + 120_000; written().size < count && Date.now() < deadline;) {
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await operator.stop();
    const counts = [...written().values()];
    return { workloads: counts.length, writesPerWorkload: [...new Set(counts)].sort((a, b) => a - b) };
  } finally {
    await plane.stop();
  }
}

export async function prepare(plane: ControlPlane): Promise<string[]> {
  await installCrds(plane);
  await installMesh(plane, { nativeSidecars: 'false' });
  await installPermissions(plane);
  return await createNamespaces(plane);
}

/** Every side once; the order changes, so that whatever drifts with time favours none. */
async function oneRound(
  bench: Bench,
  operators: readonly BenchOperator[],
  number: number,
  into: Map<string, Round[]>,
): Promise<void> {
  const sides: (BenchOperator | undefined)[] = [...operators, undefined];
  for (let index = 0; index < sides.length; index++) {
    const side = sides[(index + number) % sides.length];
    const name = side?.name ?? 'writer';
    const result = side === undefined ? await writerRound(bench) : await operatorRound(bench, side);
    into.set(name, [...(into.get(name) ?? []), result]);
    const processor = ((result.processorSeconds ?? NaN) * 1000) / bench.count;
    say(
      `round ${number}: ${name.padEnd(6)} ${result.seconds.toFixed(2)} s, first after ${result.firstSeconds.toFixed(2)} s, ${Math.round(bench.count / result.seconds)} a second, ${processor.toFixed(2)} ms of processor time each`,
    );
  }
}

async function measure({ count, rounds, fleet }: Settings): Promise<Results> {
  const operators = await operatorsFromEnvironment();
  const loadBefore = round(loadavg()[0] ?? NaN, 2);
  say('control plane: etcd and kube-apiserver, without controller-manager');
  const plane = await startControlPlane({ controllerManager: false, audit: false });
  const bySide = new Map<string, Round[]>();
  let atRest: ReadonlyMap<string, readonly Restart[]> = new Map();
  try {
    const namespaces = await prepare(plane);
    const bench: Bench = { plane, namespaces, count };
    say(`warming up the API server with ${Math.min(count, 500)} Deployments`);
    await writerRound({ ...bench, count: Math.min(count, 500) });
    for (let number = 1; number <= rounds; number++) {
      await oneRound(bench, operators, number, bySide);
    }
    if (fleet > 0) {
      await deleteFleet(plane, namespaces);
      atRest = await restarts({ ...bench, count: fleet }, operators, rounds, (text) => {
        say(`at rest: ${text}`);
      });
    }
  } finally {
    await plane.stop();
  }
  const audited = Math.min(count, 200);
  say(`counting writes of ${audited} Deployments one by one, by the audit log`);
  return {
    operators: operators.map(({ name, commit, nodeVersion }) => ({ name, commit, node: nodeVersion })),
    processors: availableParallelism(),
    loadBefore,
    connections: CONNECTIONS,
    writesInFlight: WRITES_IN_FLIGHT,
    workloads: count,
    fleet,
    rounds: Object.fromEntries(bySide),
    atRest: Object.fromEntries(atRest),
    audited: await auditedWrites(audited),
  };
}

async function main(): Promise<void> {
  if (process.argv[2] === WRITER_ARGUMENT) {
    await write(process.argv[3] ?? '');
    return;
  }
  const chosen = settings();
  const results = await measure(chosen);
  const report = printReport(results);
  const file = join(projectRoot(), 'bench/results', `operator-${chosen.count}.json`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  say(`saved as bench/results/operator-${chosen.count}.json`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
