import { CliError, UsageError, type Invocation } from '../command.ts';
import { collect } from '../input/collect.ts';
import { emptyCollection, type Collected } from '../input/collected.ts';
import type { InputDocument } from '../input/documents.ts';
import { problemText } from '../input/problems.ts';
import { livePodsByOwner } from '../../drain/mesh/live-pod.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { progressOn } from '../output/progress.ts';
import { asideText } from '../output/text.ts';
import type { ClusterLook } from './cluster.ts';
import { inputPaths, kindsFrom, maxFileBytes, repositoryOptions, statedBy } from './flags.ts';
import type { JudgeContext } from './judge.ts';
import { factsOf } from './mesh.ts';

/** What a command works on. */
export interface Loaded {
  readonly collected: Collected;
  readonly context: JudgeContext;
  readonly cluster?: ClusterLook;
  /** What was assumed or could not be seen, in words, for the head of the output. */
  readonly notes: readonly string[];
}

export interface LoadOptions {
  readonly onWorkload?: (document: InputDocument, workload: Workload) => void;
  /** More files than those of -f, for example those of --policy. */
  readonly alsoFiles?: readonly string[];
  /** `alsoFiles` alone are enough. */
  readonly filesOptional?: boolean;
  /** The command's positional arguments are files. */
  readonly positionalFiles?: boolean;
}

/** Reads what the flags name: files, standard input, a cluster. Throws where nothing could be judged. */
export async function load({ flags, io, positionals }: Invocation, options: LoadOptions = {}): Promise<Loaded> {
  const paths = options.positionalFiles === true ? inputPaths({ flags, positionals }) : flags.strings('file');
  const useCluster = flags.boolean('cluster');
  if (paths.length === 0 && !useCluster && options.filesOptional !== true) {
    throw new UsageError('no input: give files or folders (- is standard input), or --cluster');
  }
  const stated = statedBy(flags);
  const kinds = kindsFrom({ flags, io });
  const namespace = flags.string('namespace');
  const progress = progressOn(io.stderr);
  const files = [...paths, ...(options.alsoFiles ?? [])];
  const collected =
    files.length === 0
      ? emptyCollection(kinds)
      : await collect({
          kinds,
          paths: files,
          stdin: io.stdin,
          namespace: namespace ?? 'default',
          maxFileBytes: maxFileBytes(flags),
          progress,
          repository: repositoryOptions(flags, io),
          onWorkload: options.onWorkload,
        });
  let cluster: ClusterLook | undefined;
  if (useCluster) {
    // The Kubernetes client is most of the program: files alone do without it.
    const { lookAtCluster } = await import('./cluster.ts');
    const kubeconfig = flags.string('kubeconfig');
    const context = flags.string('context');
    cluster = await lookAtCluster(collected, {
      kubeconfig,
      context,
      namespace,
      workloads: paths.length === 0,
      progress,
    });
  }
  addLivePods(collected);
  const facts = factsOf(collected, stated, {
    complete: cluster !== undefined,
    ...(cluster?.webhooksUnknownBecause === undefined
      ? {}
      : { webhooksUnknownBecause: cluster.webhooksUnknownBecause }),
  });
  return {
    collected,
    context: {
      facts,
      stated,
      policies: collected.policies.map((policy) => policy.record),
      exemptions: collected.exemptions,
      now: Date.now() / 1000,
    },
    cluster,
    notes: [
      ...facts.assumptions.map((text) => `assumed: ${text}`),
      ...collected.notes,
      ...(cluster?.gaps ?? []).map((gap) => `not known: ${gap}`),
    ],
  };
}

/** Pods of the input tell of the workloads that own them. */
function addLivePods({ workloads, livePods }: Collected): void {
  const pods = livePodsByOwner([...workloads, ...livePods]);
  if (pods.size === 0) {
    return;
  }
  for (const [index, workload] of workloads.entries()) {
    const own = pods.get(workloadKey(workload));
    if (own !== undefined) {
      workloads[index] = { ...workload, livePods: own };
    }
  }
}

/** One line each on standard error, whatever the format of the output. */
export function reportProblems({ collected }: Loaded, { io }: Invocation): void {
  for (const problem of collected.problems) {
    io.stderr.write(`${problemText(problem)}\n`);
  }
}

/** Where there is nothing to judge the exit code is 2; the message says what was there instead. */
export function requireWorkloads({ collected, cluster }: Loaded): void {
  if (collected.workloads.length > 0) {
    return;
  }
  if (cluster !== undefined && collected.stats.files === 0) {
    throw new CliError(`no workloads in ${cluster.name}: nothing to judge`);
  }
  const { files, documents, aside } = collected.stats;
  const left = asideText(aside);
  const unreadable =
    collected.problems.length > 0 ? `, and ${collected.problems.length} could not be read as they are (see above)` : '';
  throw new CliError(
    `nothing to judge: ${files} ${files === 1 ? 'file' : 'files'} with ${documents} Kubernetes objects, none of them ${left === '' ? 'with a pod template' : 'of a kind that is judged'}${unreadable}${left === '' ? '' : `; ${left}`}`,
  );
}
