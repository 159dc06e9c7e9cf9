// make bench: how close the operator comes to the API server's own limit, and what it takes at rest. docs/benchmarks.md
// says what is measured and how to read it.
//
//   BENCH_N       Deployments that become compliant (2000)
//   BENCH_ROUNDS  rounds of both sides (3 at least)
//   BENCH_FLEET   compliant Deployments at rest (five times BENCH_N)
//   BENCH_NODE_FLAGS  more flags of the operator's node, for example --cpu-prof
import { say, wholeNumber } from '../test/support/program.ts';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { installCrds } from '../test/support/crds.ts';
import { installMesh } from '../test/support/mesh.ts';
import { installPermissions, OPERATOR_ACCOUNT, startOperator } from '../test/support/operator.ts';
import { projectRoot, startControlPlane, type ControlPlane } from '../test/support/control-plane/index.ts';
import { createFleet, createNamespaces, deleteFleet } from './fleet.ts';
import { createPolicy } from './policy.ts';
import { printReport, type Results } from './report.ts';
import { restarts, type Restart } from './rest.ts';
import { CONNECTIONS, operatorRound, WRITES_IN_FLIGHT, writerRound, type Bench, type Round } from './rounds.ts';
import { write, WRITER_ARGUMENT } from './writer.ts';

interface Settings {
  readonly count: number;
  readonly rounds: number;
  readonly fleet: number;
  readonly nodeFlags: readonly string[];
}

function settings(): Settings {
  const count = wholeNumber('BENCH_N', 2000, 1);
  return {
    count,
    rounds: wholeNumber('BENCH_ROUNDS', 3, 1),
    fleet: wholeNumber('BENCH_FLEET', count * 5, 0),
    nodeFlags: (process.env.BENCH_NODE_FLAGS ?? '').split(' ').filter((flag) => flag !== ''),
  };
}

/** The audit log names the object of each write: proof that no Deployment is written twice. It costs time, so it is a run of its own. */
async function auditedWrites(count: number): Promise<{ workloads: number; writesPerWorkload: number[] }> {
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

async function prepare(plane: ControlPlane): Promise<string[]> {
  await installCrds(plane);
  await installMesh(plane, { nativeSidecars: 'false' });
  await installPermissions(plane);
  return await createNamespaces(plane);
}

async function measure({ count, rounds, fleet, nodeFlags }: Settings): Promise<Results> {
  say('control plane: etcd and kube-apiserver, without controller-manager');
  const plane = await startControlPlane({ controllerManager: false, audit: false });
  const operatorRounds: Round[] = [];
  const writerRounds: Round[] = [];
  let atRest: Restart[] = [];
  try {
    const namespaces = await prepare(plane);
    const bench: Bench = { plane, namespaces, count, nodeFlags };
    say(`warming up the API server with ${Math.min(count, 500)} Deployments`);
    await writerRound({ ...bench, count: Math.min(count, 500) });
    for (let round = 1; round <= rounds; round++) {
      // The order changes, so that whatever drifts with time favours neither side.
      for (const side of round % 2 === 1 ? ['operator', 'writer'] : ['writer', 'operator']) {
        const result = side === 'operator' ? await operatorRound(bench) : await writerRound(bench);
        (side === 'operator' ? operatorRounds : writerRounds).push(result);
        say(
          `round ${round}: ${side === 'operator' ? 'operator   ' : 'bare writer'} ${result.seconds.toFixed(2)} s, first after ${result.firstSeconds.toFixed(2)} s, ${Math.round(count / result.seconds)} a second`,
        );
      }
    }
    if (fleet > 0) {
      await deleteFleet(plane, namespaces);
      atRest = await restarts({ ...bench, count: fleet }, 3, (text) => {
        say(`at rest: ${text}`);
      });
    }
  } finally {
    await plane.stop();
  }
  const audited = Math.min(count, 200);
  say(`counting writes of ${audited} Deployments one by one, by the audit log`);
  return {
    node: process.version,
    processors: availableParallelism(),
    connections: CONNECTIONS,
    writesInFlight: WRITES_IN_FLIGHT,
    workloads: count,
    fleet,
    operatorRounds,
    writerRounds,
    atRest,
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
