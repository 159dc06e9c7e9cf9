// make bench-admission: Deployments that are created at a steady rate, by turns in a namespace whose creations go through the
// admission webhook and in one whose do not: what the webhook adds, and whether any creation fails or goes without it.
//
//   BENCH_RATE     creations a second (50)
//   BENCH_SECONDS  seconds of each of the two kinds together (60)
//   BENCH_TURN     seconds of a turn (10)
import { say, wholeNumber } from '../test/support/program.ts';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { admissionArguments, configuration, failedOpen, installAdmission } from '../test/support/admission.ts';
import { installCrds } from '../test/support/crds.ts';
import { installMesh } from '../test/support/mesh.ts';
import { installPermissions, startOperator, type OperatorHandle } from '../test/support/operator.ts';
import {
  ApiError,
  Client,
  projectRoot,
  startControlPlane,
  type ControlPlane,
} from '../test/support/control-plane/index.ts';
import { deployment, fixed, policy, type WorkloadObject } from '../test/support/scene.ts';
import { memoryOf, processorSecondsOf, round } from './measure.ts';

interface Settings {
  readonly rate: number;
  readonly seconds: number;
  readonly turn: number;
}

interface Side {
  readonly namespace: string;
  readonly milliseconds: number[];
  started: number;
  failed: number;
  /** Whose template carries the settings already in the answer to its creation. */
  withSettings: number;
}

const GRACE = 30;
/** More than are ever under way: a creation must not wait for another one's connection. */
const CONNECTIONS = 200;
/** Names that the measured creations do not come to. */
const WARM_UP_NAMES = 1_000_000;

function settings(): Settings {
  return {
    rate: wholeNumber('BENCH_RATE', 50),
    seconds: wholeNumber('BENCH_SECONDS', 60),
    turn: wholeNumber('BENCH_TURN', 10),
  };
}

async function create(client: Client, side: Side, index: number): Promise<void> {
  const began = performance.now();
  try {
    const made = await client.call<WorkloadObject>('POST', `/apis/apps/v1/namespaces/${side.namespace}/deployments`, {
      body: deployment(side.namespace, `web-${index}`, { grace: GRACE, replicas: 0 }),
    });
    side.milliseconds.push(performance.now() - began);
    side.withSettings += made.spec.template.spec.terminationGracePeriodSeconds > GRACE ? 1 : 0;
  } catch (error) {
    side.failed += 1;
    if (!(error instanceof ApiError)) {
      throw error;
    }
  }
}

/** At the rate, whatever the answers take: a slow answer does not slow what comes after it. */
async function turn(client: Client, side: Side, { rate, turn: seconds }: Settings): Promise<void> {
  const under: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; index < rate * seconds; index++) {
    const wait = start + (index * 1000) / rate - performance.now();
    if (wait > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
    }
    side.started += 1;
    under.push(create(client, side, side.started));
  }
  await Promise.all(under);
}

function percentiles(milliseconds: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (part: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN, 2);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Milliseconds that the operator itself took for an answer, on average, from its own histogram. */
async function ownMilliseconds(operator: OperatorHandle): Promise<number> {
  const text = await operator.metrics();
  const value = (what: string): number =>
    Number(
      new RegExp(`^sidecar_drain_admission_duration_seconds_${what}\\{kind="Deployment"\\} (\\S+)`, 'm').exec(
        text,
      )?.[1] ?? NaN,
    );
  return round((value('sum') / value('count')) * 1000, 2);
}

async function prepared(plane: ControlPlane): Promise<{ operator: OperatorHandle; through: Side; beside: Side }> {
  await installCrds(plane);
  await installMesh(plane, { nativeSidecars: 'false' });
  await installPermissions(plane);
  await installAdmission(plane);
  const side = async (namespace: string): Promise<Side> => {
    await plane.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } },
    });
    return { namespace, milliseconds: [], started: 0, failed: 0, withSettings: 0 };
  };
  const [through, beside] = [await side('through'), await side('beside')];
  await plane.create(policy('bench', fixed(through.namespace)));
  const { args } = await admissionArguments();
  const operator = await startOperator(plane, { args });
  for (const deadline = Date.now() + 30_000; ;) {
    const probe = await plane.client.call<WorkloadObject>(
      'POST',
      `/apis/apps/v1/namespaces/${through.namespace}/deployments?dryRun=All`,
      { body: deployment(through.namespace, 'probe', { grace: GRACE }) },
    );
    if (probe.spec.template.spec.terminationGracePeriodSeconds > GRACE) {
      return { operator, through, beside };
    }
    if (Date.now() > deadline) {
      throw new Error(`the webhook does not answer: ${JSON.stringify((await configuration(plane)).webhooks)}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
}

async function main(): Promise<void> {
  const chosen = settings();
  const load = loadavg()[0] ?? 0;
  say('starting a control plane');
  const plane = await startControlPlane({ audit: false, controllerManager: false });
  try {
    const { operator, through, beside } = await prepared(plane);
    const { server, caData, token } = plane.adminClientConfig;
    const client = new Client(server, caData, token, CONNECTIONS);
    // Neither side pays for what happens only once.
    await turn(client, { ...through, milliseconds: [], started: WARM_UP_NAMES }, { ...chosen, turn: 2 });
    const before = await failedOpen(plane);
    const processorBefore = processorSecondsOf(operator.pid) ?? NaN;
    for (let done = 0; done < chosen.seconds; done += chosen.turn) {
      say(`${done} of ${chosen.seconds} s: ${chosen.rate} creations a second, without and with the webhook`);
      await turn(client, beside, chosen);
      await turn(client, through, chosen);
    }
    const passedOver = (await failedOpen(plane)) - before;
    const [withWebhook, without] = [percentiles(through.milliseconds), percentiles(beside.milliseconds)];
    const results = {
      node: process.version,
      processors: availableParallelism(),
      loadBefore: round(load, 2),
      ...chosen,
      created: { through: through.milliseconds.length, beside: beside.milliseconds.length },
      failed: { through: through.failed, beside: beside.failed },
      passedOver,
      withSettings: through.withSettings,
      milliseconds: {
        through: withWebhook,
        beside: without,
        addedP50: round(withWebhook.p50 - without.p50, 2),
        addedP99: round(withWebhook.p99 - without.p99, 2),
      },
      operator: {
        meanMilliseconds: await ownMilliseconds(operator),
        processorSeconds: round((processorSecondsOf(operator.pid) ?? NaN) - processorBefore, 2),
        memory: memoryOf(operator.pid),
      },
    };
    await operator.stop();
    await client.close();
    const file = join(projectRoot(), 'bench/results/admission.json');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
    console.log(JSON.stringify(results, undefined, 2));
    const total = chosen.rate * chosen.seconds;
    if (through.failed + beside.failed + passedOver > 0 || through.withSettings !== total) {
      console.error(
        `not every creation went well: ${through.failed + beside.failed} failed, ${passedOver} passed the webhook over, ${through.withSettings} of ${total} got their settings`,
      );
      process.exitCode = 1;
    }
  } finally {
    await plane.stop();
  }
}

await main();
