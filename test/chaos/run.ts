// One chaos run: a real API server, two replicas of the real operator, and a storm drawn from a seed.
import { copyFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane, type KubeObject } from '../support/control-plane/index.ts';
import { installCrds } from '../support/crds.ts';
import { installMesh } from '../support/mesh.ts';
import { installPermissions, OPERATOR_NAMESPACE } from '../support/operator.ts';
import { Control } from './control.ts';
import {
  deletePolicies,
  freshOperatorWrites,
  notGivenBack,
  readPolicies,
  readWorkloads,
  untilSettled,
} from './end-state.ts';
import { keyOf, PLURALS, type Declared, type Kind } from './fleet.ts';
import { chaosAuditPolicy, readHistory, type Snapshot } from './history.ts';
import { disruptiveWrites, violationsIn, type Caps, type Violation } from './invariants.ts';
import {
  isFault,
  scenarioOf,
  TEAM_LABEL,
  teamOf,
  type ChaosSize,
  type Operation,
  type PolicySpec,
} from './operations.ts';
import { Random } from './random.ts';
import { Replica } from './replicas.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly size: ChaosSize;
  /** How long nothing may have been under way before the end is judged, in milliseconds. */
  readonly quietMs: number;
  /** How long a policy may take to settle after the storm, in milliseconds. */
  readonly settleMs: number;
  /** How long a fresh operator is watched, in milliseconds. */
  readonly watchMs: number;
  readonly say: (text: string) => void;
  /** Where the audit log is copied to, to look at it afterwards. */
  readonly keep?: string;
}

export interface ChaosReport {
  readonly seed: number;
  readonly operations: number;
  readonly faults: number;
  readonly seconds: number;
  /** Lives of the two replicas together. */
  readonly starts: number;
  /** Templates that the operator changed. */
  readonly disruptiveWrites: number;
  readonly versions: number;
  readonly violations: readonly Violation[];
}

interface LeaseObject extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string };
}

const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/sidecar-drain-operator`;

const CAPS: Caps = { workloads: 10, perNamespace: 3 };

/** Short waits: a run cannot wait half an hour after each change of a user. */
const ARGS = [
  '--max-rolling-workloads',
  String(CAPS.workloads),
  '--max-rolling-per-namespace',
  String(CAPS.perNamespace),
  '--foreign-change-wait',
  '1s',
  '--fight-distance',
  '2s',
] as const;

export async function chaosRun({
  seed,
  size,
  quietMs,
  settleMs,
  watchMs,
  say,
  keep,
}: ChaosOptions): Promise<ChaosReport> {
  const begun = Date.now();
  const scenario = scenarioOf(new Random(seed), size);
  const plane = await startControlPlane({ auditPolicy: chaosAuditPolicy });
  const replicas: Replica[] = [];
  try {
    await installCrds(plane);
    await installMesh(plane, { nativeSidecars: 'false' });
    await installPermissions(plane);
    for (const index of [0, 1]) {
      replicas.push(await Replica.start(plane, index, ARGS));
    }
    const control = new Control(plane, replicas);
    await prepare();
    say(`seed ${seed}: ${scenario.fleet.length} workloads, ${scenario.operations.length} operations`);
    const snapshots = await storm();
    const fleet = lastDeclared(scenario.fleet, scenario.operations);
    await calm(fleet);
    const violations = await judgeEnd(fleet);
    if (keep !== undefined) {
      await copyFile(plane.audit.file, keep);
    }
    const history = await readHistory(plane.audit.file, snapshots);
    return {
      seed,
      operations: scenario.operations.length,
      faults: scenario.operations.filter(isFault).length,
      seconds: Math.round((Date.now() - begun) / 1000),
      starts: replicas.reduce((sum, { starts }) => sum + starts, 0),
      disruptiveWrites: disruptiveWrites(history),
      versions: history.versions.length,
      violations: [...violationsIn(history, CAPS, (uid) => control.waves.get(uid)), ...violations],
    };

    async function prepare(): Promise<void> {
      for (const [index, name] of scenario.namespaces.entries()) {
        const labels = { 'istio-injection': 'enabled', [TEAM_LABEL]: teamOf(index, size.policies) };
        await plane.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
        await plane.waitFor(`/api/v1/namespaces/${name}/serviceaccounts/default`, () => true);
      }
      await inTurns(scenario.fleet, 8, async (workload) => {
        await control.create(workload);
      });
    }

    async function storm(): Promise<Snapshot[]> {
      const read: Snapshot[] = [];
      for (const [index, operation] of scenario.operations.entries()) {
        await control.carryOut(operation);
        if (operation.do === 'RestartApiServer' || operation.do === 'RestartEtcd') {
          read.push(await snapshot());
        }
        if ((index + 1) % 100 === 0) {
          say(`${index + 1} operations`);
        }
        await sleep(operation.pauseMs);
      }
      return read;
    }

    async function snapshot(): Promise<Snapshot> {
      const time = new Date().toISOString();
      const { status, body } = await plane.client.raw<LeaseObject>('GET', LEASE);
      const versions = (await readWorkloads(plane)).map((object) => ({
        resourceVersion: BigInt(object.metadata.resourceVersion ?? 0),
        time,
        plural: PLURALS[object.kind as Kind],
        object,
        uid: object.metadata.uid ?? '',
        key: keyOf({ namespace: object.metadata.namespace ?? '', name: object.metadata.name }),
        replica: undefined,
      }));
      const lease =
        status === 200
          ? {
              resourceVersion: BigInt(body.metadata.resourceVersion ?? 0),
              time,
              holder: body.spec?.holderIdentity ?? '',
            }
          : undefined;
      return { versions, lease };
    }

    /** Everything that would hold the operator for a reason is taken away. */
    async function calm(fleet: Declared[]): Promise<void> {
      await control.heal();
      await control.offSwitch(false);
      for (const [index, workload] of fleet.entries()) {
        if (workload.paused) {
          const resumed = { ...workload, paused: false };
          await control.edit(workload, resumed);
          fleet[index] = resumed;
        }
      }
      for (const { metadata, spec } of await readPolicies(plane)) {
        if (spec.suspend === true) {
          await control.setPolicy(metadata.name, { ...(spec as unknown as PolicySpec), suspend: false });
        }
      }
    }

    async function judgeEnd(fleet: readonly Declared[]): Promise<Violation[]> {
      say('the storm is over: waiting until everything has settled');
      const found = await untilSettled(plane, control, quietMs, settleMs);
      say('a fresh operator beside the policies');
      await Promise.all(replicas.map(async (replica) => await replica.stop()));
      found.push(...(await freshOperatorWrites(plane, ARGS, watchMs)));
      say('every policy is deleted');
      const last = await Replica.start(plane, 2, ARGS);
      replicas.push(last);
      found.push(...(await deletePolicies(plane, control, settleMs)));
      await last.stop();
      found.push(...(await notGivenBack(plane, fleet)));
      found.push(...(await freshOperatorWrites(plane, ARGS, watchMs)));
      return found;
    }
  } finally {
    await Promise.all(replicas.map(async (replica) => await replica.stop()));
    await plane.stop();
  }
}

function lastDeclared(first: readonly Declared[], operations: readonly Operation[]): Declared[] {
  const last = new Map(first.map((workload) => [keyOf(workload), workload]));
  for (const operation of operations) {
    if (operation.do === 'Edit') {
      last.set(keyOf(operation.after), operation.after);
    }
  }
  return [...last.values()];
}

async function inTurns<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
