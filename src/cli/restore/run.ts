import {
  ConnectionError,
  errorText,
  isApiError,
  KubeClient,
  KubeConfigError,
  loadClusterConfig,
  Transport,
} from '../../kube/index.ts';
import { restoreResultText, nearestText } from '../../drain/restore/result.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, UsageError, type FlagValues, type Invocation } from '../command.ts';
import { kindsFrom, secondsOf } from '../facts/flags.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import { lookFor, runningOperator, type Held, type HeldPolicy, type Look, type OwnResource } from './look.ts';
import { deleteProxyConfig, restoreAll, takeFinalizer, type RestoreLimits, type Given } from './write.ts';

const SCHEMA = 'sidecardrain.io/restore/v1';
const MINUTES_10 = 600;

/** What one run is about. */
interface Task {
  readonly held: readonly Held[];
  readonly damaged: Look['damaged'];
  readonly policies: readonly HeldPolicy[];
  readonly proxyConfigs: readonly OwnResource[];
}

/** What became of a finalizer or a ProxyConfig. */
interface Removal {
  readonly what: string;
  readonly removed: boolean;
  readonly message?: string;
}

export async function runRestore(invocation: Invocation): Promise<number> {
  const { flags } = invocation;
  if (flags.boolean('all') === flags.has('policy')) {
    throw new UsageError('say what to restore: --all, or --policy NAME (repeatable)');
  }
  const limits = limitsFrom(flags);
  const kinds = kindsFrom(invocation).all.filter((adapter) => adapter.reportedOnly !== true && adapter.kind !== 'Pod');
  let transport: Transport | undefined;
  try {
    const [file, context] = [flags.string('kubeconfig'), flags.string('context')];
    const config = await loadClusterConfig({ file, context });
    transport = new Transport({ config, userAgent: `sidecar-drain/${PRODUCT_VERSION}` });
    const client = new KubeClient(transport);
    const look = await lookFor(client, { kinds, orphan: flags.boolean('orphan'), now: Date.now() });
    const task = taskOf(look, flags);
    const nothing = task.held.length + task.damaged.length + task.policies.length + task.proxyConfigs.length === 0;
    const running = nothing ? undefined : await runningOperator(client);
    return flags.boolean('yes')
      ? await carryOut(client, task, look, running, limits, invocation)
      : show(task, running, invocation);
  } catch (error) {
    if (error instanceof KubeConfigError || error instanceof ConnectionError || isApiError(error)) {
      throw new CliError(error.message);
    }
    throw error;
  } finally {
    await transport?.close();
  }
}

function limitsFrom(flags: FlagValues): RestoreLimits {
  const text = flags.string('max-concurrent') ?? '1';
  const maxConcurrent = Number(text);
  if (!Number.isInteger(maxConcurrent) || maxConcurrent < 1) {
    throw new UsageError(`--max-concurrent ${text}: a whole number from 1 up`);
  }
  return {
    maxConcurrent,
    wait: !flags.boolean('no-wait'),
    progressDeadlineMs: secondsOf(flags, 'progress-deadline', MINUTES_10) * 1000,
  };
}

function taskOf({ held, damaged, policies, proxyConfigs }: Look, flags: FlagValues): Task {
  const names = flags.boolean('all') ? undefined : new Set(flags.strings('policy'));
  const namespace = flags.string('namespace');
  const means = (policy: string): boolean => names?.has(policy) ?? true;
  const within = (one: { readonly namespace: string }): boolean =>
    namespace === undefined || one.namespace === namespace;
  return {
    held: held.filter((one) => means(one.policy) && within(one)),
    // Whose they are cannot be known, so they belong to --all only.
    damaged:
      names === undefined
        ? damaged.filter(({ key }) => namespace === undefined || key.split('/')[1] === namespace)
        : [],
    policies: policies.filter(({ fullName }) => means(fullName)),
    proxyConfigs: proxyConfigs.filter((one) => means(one.policy) && within(one)),
  };
}

function show(task: Task, running: string | undefined, { flags, io, program }: Invocation): number {
  const left = task.held.length + task.damaged.length + task.policies.length + task.proxyConfigs.length;
  if (flags.string('output') === 'json') {
    io.stdout.write(
      `${JSON.stringify(
        {
          schema: SCHEMA,
          version: PRODUCT_VERSION,
          done: false,
          operatorRunning: running,
          workloads: task.held.map(({ key, policy, how, because, fields, kept, nearest, restarts }) => ({
            workload: key,
            policy,
            how,
            because,
            fields,
            kept,
            nearest,
            restarts,
          })),
          unreadable: task.damaged,
          finalizers: task.policies.map(policyName),
          proxyConfigs: task.proxyConfigs.map(resourceName),
        },
        null,
        2,
      )}\n`,
    );
    return left === 0 ? EXIT_OK : EXIT_FINDINGS;
  }
  if (left === 0) {
    io.stdout.write('Nothing is left to restore.\n');
    return EXIT_OK;
  }
  for (const one of task.held) {
    io.stdout.write(`${one.key}: ${whatFor(one)}\n`);
  }
  for (const { key, why } of task.damaged) {
    io.stdout.write(`${key}: cannot be restored: ${why}\n`);
  }
  for (const one of task.proxyConfigs) {
    io.stdout.write(`${resourceName(one)}: is deleted (policy ${one.policy})\n`);
  }
  for (const policy of task.policies) {
    io.stdout.write(`${policyName(policy)}: its finalizer goes${policy.deleting ? ', and with it the policy' : ''}\n`);
  }
  const pods = task.held.reduce((sum, { restarts }) => sum + restarts, 0);
  io.stdout.write(
    `\n${task.held.length} workload(s), ${pods} pod(s) to restart. Nothing has been written: --yes does it.\n`,
  );
  if (running !== undefined) {
    io.stderr.write(`${program} restore: ${operatorRuns(running)}\n`);
  }
  return EXIT_FINDINGS;
}

function whatFor({ how, because, policy, fields, kept, nearest, restarts }: Held): string {
  const why = because === undefined ? '' : ` (${because})`;
  const stays =
    (kept.length === 0 ? '' : `; ${kept.join(', ')} stays: somebody else has changed it since`) +
    (nearest === undefined ? '' : `; ${nearestText(nearest)}`);
  return how === 'Orphan'
    ? `keeps its values${why}; policy ${policy} lets go of it`
    : `${fields.length === 0 ? "none of the operator's values are left; only its note is removed" : `gets back ${fields.join(', ')}`} (policy ${policy})${stays}${restarts === 0 ? '' : `; ${restarts} pod(s) restart`}`;
}

function operatorRuns(holder: string): string {
  return (
    `an operator is at work (${holder}) and would write these workloads again. Delete their policies instead: it restores them then. ` +
    'Or stop it first (kubectl scale --replicas=0), or switch it off (paused: "true" in its ConfigMap sidecar-drain-operator)'
  );
}

async function carryOut(
  client: KubeClient,
  task: Task,
  look: Look,
  running: string | undefined,
  limits: RestoreLimits,
  { flags, io }: Invocation,
): Promise<number> {
  if (running !== undefined) {
    throw new CliError(operatorRuns(running));
  }
  const json = flags.string('output') === 'json';
  const say = (line: string): void => {
    if (!json) {
      io.stdout.write(`${line}\n`);
    }
  };
  const given = await restoreAll(client, task.held, limits, (one) => {
    say(`${one.key}: ${wordsOf(one, task.held)}`);
  });
  for (const { key, why } of task.damaged) {
    say(`${key}: cannot be restored: ${why}`);
  }
  // A finalizer is there so that nothing is forgotten: it stays as long as something of its policy is left.
  const back = new Set(given.filter(({ result }) => result === 'Restored').map(({ key }) => key));
  const left = new Map(look.held.filter(({ key }) => !back.has(key)).map(({ policy, key }) => [policy, key]));
  const removals: Removal[] = [];
  for (const one of task.proxyConfigs) {
    removals.push(await remove(resourceName(one), left.get(one.policy), () => deleteProxyConfig(client, one)));
  }
  for (const one of task.policies) {
    removals.push(
      await remove(`finalizer of ${policyName(one)}`, left.get(one.fullName), () => takeFinalizer(client, one)),
    );
  }
  for (const { what, removed, message } of removals) {
    say(`${what}: ${removed ? 'removed' : (message ?? 'left')}`);
  }
  const clean =
    task.damaged.length === 0 &&
    given.every(({ result, message }) => result === 'Restored' && message === undefined) &&
    removals.every(({ removed }) => removed);
  if (json) {
    io.stdout.write(
      `${JSON.stringify({ schema: SCHEMA, version: PRODUCT_VERSION, done: clean, workloads: given, unreadable: task.damaged, removals }, null, 2)}\n`,
    );
  }
  return clean ? EXIT_OK : EXIT_FINDINGS;
}

function wordsOf({ key, result, message, given }: Given, held: readonly Held[]): string {
  const how = held.find((one) => one.key === key)?.how;
  const done =
    how === 'Orphan'
      ? 'let go, with its values'
      : `restored${given === undefined ? '' : `: ${restoreResultText(given)}`}`;
  return result === 'Restored' ? (message === undefined ? done : `${done}; ${message}`) : (message ?? result);
}

async function remove(what: string, leftBehind: string | undefined, action: () => Promise<void>): Promise<Removal> {
  if (leftBehind !== undefined) {
    return { what, removed: false, message: `stays, because ${leftBehind} is not restored` };
  }
  try {
    await action();
    return { what, removed: true };
  } catch (error) {
    return { what, removed: false, message: errorText(error) };
  }
}

function policyName({ kind, fullName }: HeldPolicy): string {
  return `${kind} ${fullName}`;
}

function resourceName({ namespace, name }: OwnResource): string {
  return `ProxyConfig ${namespace}/${name}`;
}
