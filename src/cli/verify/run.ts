import { PRODUCT_VERSION } from '../version/product.ts';
import { longestPromised, neededGrace } from '../../drain/promise/promise.ts';
import { clocksOf } from '../../drain/promise/clocks.ts';
import { recommend, summarise, type TerminationRecord } from '../../drain/observe/index.ts';
import { survivalOf } from '../../drain/timeline/verdict.ts';
import { DEFAULT_APPLICATION } from '../../drain/timeline/application.ts';
import {
  ConnectionError,
  isApiError,
  KubeClient,
  KubeConfigError,
  loadClusterConfig,
  Transport,
} from '../../kube/index.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, UsageError, type Invocation } from '../command.ts';
import { lookAtCluster } from '../facts/cluster.ts';
import { kindsFrom, policyFiles, secondsOf, statedBy } from '../facts/flags.ts';
import { judge, type Judgement } from '../facts/judge.ts';
import { factsOf } from '../facts/mesh.ts';
import { pickWorkload } from '../facts/target.ts';
import { collect } from '../input/collect.ts';
import { emptyCollection } from '../input/collected.ts';
import { problemText } from '../input/problems.ts';
import { progressOn } from '../output/progress.ts';
import { styleFor } from '../output/style.ts';
import { lookBack, watchPods, type Look } from './look.ts';
import { recordLine, verifyText, type Verification } from './text.ts';

const DAY_SECONDS = 24 * 3600;
/** Raised only when a reader of the old form would be wrong; new members may come at any time. */
export const VERIFY_SCHEMA_VERSION = 'sidecardrain.io/verify/v1';

export async function runVerify(invocation: Invocation): Promise<number> {
  const { flags, io, positionals } = invocation;
  const last = secondsOf(flags, 'last', DAY_SECONDS);
  const watch = flags.has('watch') ? secondsOf(flags, 'watch', 0) : undefined;
  const required = flags.string('require') ?? '0';
  if (!/^\d{1,6}$/.test(required)) {
    throw new UsageError(`--require ${required}: a whole number`);
  }
  const { judgement, cluster, gaps, look } = await read(invocation, last, watch);
  const verification = verificationOf(judgement, look, {
    cluster,
    since: watch === undefined ? last : undefined,
    watched: watch,
    notes: [...gaps, ...look.gaps].map((gap) => `not known: ${gap}`),
    required: Number(required),
  });
  io.stdout.write(flags.string('output') === 'json' ? jsonOf(verification) : verifyText(verification, styleFor(io)));
  return verification.passed ? EXIT_OK : EXIT_FINDINGS;

  async function read(
    given: Invocation,
    lastSeconds: number,
    watchSeconds: number | undefined,
  ): Promise<{ judgement: Judgement; cluster: string; gaps: readonly string[]; look: Look }> {
    const stated = statedBy(given.flags);
    const kinds = kindsFrom(given);
    const files = policyFiles(given.flags);
    const collected =
      files.length === 0
        ? emptyCollection(kinds)
        : await collect({ kinds, paths: files, stdin: io.stdin, namespace: flags.string('namespace') ?? 'default' });
    for (const problem of collected.problems) {
      io.stderr.write(`${problemText(problem)}\n`);
    }
    const kubeconfig = flags.string('kubeconfig');
    const context = flags.string('context');
    const namespace = flags.string('namespace');
    const access = { kubeconfig, context };
    const seen = await lookAtCluster(collected, {
      ...access,
      ...(namespace === undefined ? {} : { namespace }),
      workloads: true,
      progress: progressOn(io.stderr),
    });
    const facts = factsOf(collected, stated, { complete: true, webhooksUnknownBecause: seen.webhooksUnknownBecause });
    const workload = pickWorkload(collected.workloads, positionals[0], namespace);
    const policies = collected.policies.map(({ record }) => record);
    const judged = judge(workload, {
      facts,
      stated,
      policies,
      exemptions: collected.exemptions,
      now: Date.now() / 1000,
    });
    let transport: Transport | undefined;
    try {
      const config = await loadClusterConfig({ file: kubeconfig, context });
      transport = new Transport({ config, userAgent: `sidecar-drain/${PRODUCT_VERSION}` });
      const options = {
        client: new KubeClient(transport),
        workload,
        mesh: facts.mesh,
        namespace: facts.namespace(workload.namespace),
      };
      const result =
        watchSeconds === undefined
          ? await lookBack({ ...options, since: Date.now() - lastSeconds * 1000 })
          : await watching(watchSeconds, (signal) =>
              watchPods({
                ...options,
                since: 0,
                signal,
                onEnd: (record) => {
                  io.stderr.write(`${recordLine(record)}\n`);
                },
              }),
            );
      return { judgement: judged, cluster: seen.name, gaps: seen.gaps, look: result };
    } catch (error) {
      throw error instanceof KubeConfigError || error instanceof ConnectionError || isApiError(error)
        ? new CliError(error.message)
        : error;
    } finally {
      await transport?.close();
    }
  }
}

/** Until the time is over, or somebody presses Ctrl-C: what was seen until then is told all the same. */
async function watching<T>(seconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = (): void => {
    abort.abort();
  };
  const timer = setTimeout(stop, seconds * 1000);
  process.once('SIGINT', stop);
  try {
    return await work(abort.signal);
  } finally {
    clearTimeout(timer);
    process.removeListener('SIGINT', stop);
  }
}

interface About {
  readonly cluster: string;
  readonly since: number | undefined;
  readonly watched: number | undefined;
  readonly notes: readonly string[];
  readonly required: number;
}

function verificationOf(judgement: Judgement, { records, ongoing }: Look, about: About): Verification {
  const { settings, intent, policy, workload } = judgement;
  const clocks = clocksOf(settings, intent.endpointDelay);
  // Without a policy nobody has promised anything: what is assumed in its place is no reason to change a cluster.
  const needed = policy === undefined ? undefined : neededGrace(settings, intent, clocks);
  const survival = survivalOf(settings, DEFAULT_APPLICATION);
  const summary = summarise(records);
  const seenToTheEnd = summary.took?.seen ?? 0;
  const bad = records.some(isBad);
  return {
    workload,
    cluster: about.cluster,
    ...(policy === undefined ? {} : { policy: { name: policy, longestRequest: longestPromised(intent) } }),
    ...(about.since === undefined ? {} : { last: about.since }),
    ...(about.watched === undefined ? {} : { watched: about.watched }),
    notes: about.notes,
    ongoing,
    records,
    summary,
    forecast: {
      gracePeriod: settings.gracePeriod.value,
      proxy: settings.proxy.kind,
      quietProxyExit: survival.quietProxyExit,
      longestInFlight: survival.longestInFlight,
      neededGrace: needed,
    },
    advice: recommend({ records, settings, neededGrace: needed }),
    passed: !bad && seenToTheEnd >= about.required,
    ...(seenToTheEnd >= about.required
      ? {}
      : { tooFew: `${seenToTheEnd} seen to the end, --require ${about.required}` }),
  };
}

function isBad({ outcome, forecast }: TerminationRecord): boolean {
  return (
    outcome === 'Killed' || outcome === 'Forced' || outcome === 'HookFailed' || (forecast?.differences.length ?? 0) > 0
  );
}

/** docs/how-to/verify.md says what stands in it. Times are seconds; an endless request that survives is null. */
function jsonOf(verification: Verification): string {
  const {
    workload: { apiVersion, kind, namespace, name },
    records,
    ...rest
  } = verification;
  return `${JSON.stringify(
    {
      schema: VERIFY_SCHEMA_VERSION,
      version: PRODUCT_VERSION,
      workload: { apiVersion, kind, namespace, name },
      ...rest,
      terminations: records.map((record) => ({ ...record, deletedAt: new Date(record.deletedAt).toISOString() })),
    },
    null,
    2,
  )}\n`;
}
