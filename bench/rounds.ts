// One round of each side: the same fleet, made anew, becomes compliant by the operator or by the bare writer.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { metadataOnlyAccept } from '../src/kube/client.ts';
import type { ControlPlane } from '../test/support/control-plane/index.ts';
import { OPERATOR_ACCOUNT, startOperator, type OperatorHandle } from '../test/support/operator.ts';
import { createFleet, deleteFleet } from './fleet.ts';
import type { BenchOperator } from './operators.ts';
import { memoryOf, processorSecondsOf } from './measure.ts';
import { countNotWritten, createPolicy, dropPolicy, patchesFor } from './policy.ts';
import { runWriterProcess, type WriterJob } from './writer.ts';

/** What the operator has by default: 8 connections, 2 of which are kept for reads (src/kube/transport.ts). */
export const CONNECTIONS = 8;
export const WRITES_IN_FLIGHT = 6;

export interface Round {
  readonly seconds: number;
  readonly firstSeconds: number;
  /** Patches of Deployments that the API server counted, by its own metric. */
  readonly patches: number;
  /** Until nothing is left to be looked at. */
  readonly processorSeconds: number | undefined;
  readonly peakMb?: number;
}

export interface Bench {
  readonly plane: ControlPlane;
  readonly namespaces: readonly string[];
  readonly count: number;
}

export async function operatorRound(bench: Bench, { start }: BenchOperator): Promise<Round> {
  const { plane, namespaces, count } = bench;
  await createFleet(plane, namespaces, count);
  const operator = await startOperator(plane, start);
  try {
    await untilIdle(operator);
    const before = await countPatches(plane);
    const processorBefore = processorSecondsOf(operator.pid);
    const started = Date.now();
    await createPolicy(plane);
    const written = await untilWritten(operator, count, started);
    // Statuses and Events follow, and what the watch says of the writes; whatever it would write twice would be written then.
    await sleep(2000);
    await untilIdle(operator);
    const processorSeconds = since(processorBefore, processorSecondsOf(operator.pid));
    const patches = (await countPatches(plane)) - before;
    const peakMb = memoryOf(operator.pid)?.peakMb;
    await operator.stop();
    await proveAllWritten(bench);
    return { ...written, patches, processorSeconds, ...(peakMb === undefined ? {} : { peakMb }) };
  } finally {
    await operator.kill();
    await dropPolicy(plane).catch(() => undefined);
    await deleteFleet(plane, namespaces);
  }
}

export async function writerRound(bench: Bench): Promise<Round> {
  const { plane, namespaces, count } = bench;
  await createFleet(plane, namespaces, count);
  const jobFile = join(plane.folder, 'writer-job.json');
  try {
    const job: WriterJob = {
      url: plane.url,
      ca: plane.caData,
      token: await plane.tokenFor(OPERATOR_ACCOUNT),
      connections: CONNECTIONS,
      inFlight: WRITES_IN_FLIGHT,
      contentType: 'application/apply-patch+yaml',
      accept: metadataOnlyAccept,
      patches: await patchesFor(plane, namespaces),
    };
    await writeFile(jobFile, JSON.stringify(job), { mode: 0o600 });
    const before = await countPatches(plane);
    const { seconds, firstSeconds, processorSeconds, statuses } = await runWriterProcess(jobFile);
    if (statuses['200'] !== count) {
      throw new Error(`the bare writer got other answers than 200: ${JSON.stringify(statuses)}`);
    }
    const patches = (await countPatches(plane)) - before;
    await proveAllWritten(bench);
    return { seconds, firstSeconds, patches, processorSeconds };
  } finally {
    await rm(jobFile, { force: true });
    await deleteFleet(plane, namespaces);
  }
}

/** Server-side applies and other patches of Deployments, refused ones included. */
export async function countPatches(plane: ControlPlane): Promise<number> {
  return await plane.apiServerRequestCount({
    verb: ['APPLY', 'PATCH', 'PUT'],
    group: 'apps',
    resource: 'deployments',
    subresource: '',
  });
}

const WRITTEN = 'workload brought under its policy';

/** The operator's log says when each write was answered, in milliseconds of the same clock. */
async function untilWritten(
  operator: OperatorHandle,
  count: number,
  started: number,
): Promise<{ seconds: number; firstSeconds: number }> {
  let seen = 0;
  let written = 0;
  let first: number | undefined;
  let last = started;
  const deadline = Date.now() + 60_000 + count * 60;
  while (written < count) {
    for (; seen < operator.lines.length; seen++) {
      const line = operator.lines[seen];
      if (line?.message === WRITTEN) {
        written += 1;
        last = Date.parse(String(line['time']));
        first ??= last;
      }
    }
    if (Date.now() > deadline) {
      throw new Error(
        `only ${written} of ${count} Deployments were written in time; the last log lines:\n${operator.lines
          .slice(-5)
          .map((line) => JSON.stringify(line))
          .join('\n')}\n${operator.output()}`,
      );
    }
    await sleep(20);
  }
  return { seconds: (last - started) / 1000, firstSeconds: ((first ?? last) - started) / 1000 };
}

/** Nothing is left of the first look at the cluster. */
export async function untilIdle(operator: OperatorHandle): Promise<void> {
  for (let before = -1, quiet = 0; quiet < 3;) {
    const now = metric(await operator.metrics(), 'controller_runtime_reconcile_total', 'controller="workload"');
    quiet = now === before ? quiet + 1 : 0;
    before = now;
    await sleep(300);
  }
}

/** Sum of the series of a metric whose labels hold the text. */
export function metric(text: string, name: string, labels: string): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(name) && line.includes(labels)) {
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
  }
  return sum;
}

async function proveAllWritten({ plane, namespaces, count }: Bench): Promise<void> {
  const { total, notWritten } = await countNotWritten(plane, namespaces);
  if (total !== count || notWritten !== 0) {
    throw new Error(`${notWritten} of ${total} Deployments are not as the policy wants them; ${count} were made`);
  }
}

function since(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}
