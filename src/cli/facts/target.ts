import { objectKind, type Workload } from '../../drain/model/workload.ts';
import { groupOf } from '../../drain/template/index.ts';
import { CliError, UsageError } from '../command.ts';
import { nameOf } from '../output/text.ts';
import { nearest } from '../suggest.ts';

const SHORT_KINDS: Readonly<Record<string, string>> = {
  deploy: 'deployment',
  sts: 'statefulset',
  ds: 'daemonset',
  rs: 'replicaset',
  po: 'pod',
  cj: 'cronjob',
  ro: 'rollout',
};
const CHOICES_SHOWN = 10;

/** The one workload that KIND/NAME means; where it is left out, the only one that there is. */
export function pickWorkload(
  workloads: readonly Workload[],
  target: string | undefined,
  namespace: string | undefined,
): Workload {
  const inNamespace =
    namespace === undefined ? workloads : workloads.filter((workload) => workload.namespace === namespace);
  if (target === undefined) {
    if (inNamespace.length === 1 && inNamespace[0] !== undefined) {
      return inNamespace[0];
    }
    throw new UsageError(
      `which one? name it as KIND/NAME: ${choices(inNamespace.length === 0 ? workloads : inNamespace)}`,
    );
  }
  const [kindText = '', name, ...more] = target.split('/');
  if (name === undefined || name === '' || more.length > 0) {
    throw new UsageError(`"${target}": write KIND/NAME, for example deployment/checkout`);
  }
  const kind = kindOf(kindText);
  const found = inNamespace.filter((workload) => isKind(workload, kind) && workload.name === name);
  const [first, second] = found;
  if (first === undefined) {
    const meant = nearest(
      name,
      inNamespace.map((workload) => workload.name),
    );
    throw new CliError(
      `no ${target}${namespace === undefined ? '' : ` in namespace ${namespace}`} among the input${meant === undefined ? '' : `; did you mean ${meant}?`} There are: ${choices(workloads)}`,
    );
  }
  if (second !== undefined) {
    const namespaces = [...new Set(found.map((workload) => workload.namespace))];
    throw new UsageError(
      namespaces.length > 1
        ? `${target} is in the namespaces ${namespaces.join(', ')}: say which with -n`
        : `${target} stands ${found.length} times among the input: ${found.map((workload) => `${workload.source?.file ?? 'the cluster'}:${workload.source?.line ?? ''}`).join(', ')}`,
    );
  }
  return first;
}

interface WantedKind {
  readonly kind: string;
  /** As in `statefulset.apps.kruise.io`; without one every group is meant. */
  readonly group?: string;
}

function kindOf(text: string): WantedKind {
  const [lower = '', ...group] = text.toLowerCase().split('.');
  return {
    kind: SHORT_KINDS[lower] ?? lower.replace(/s$/, ''),
    group: group.length === 0 ? undefined : group.join('.'),
  };
}

function isKind({ kind, apiVersion }: Workload, wanted: WantedKind): boolean {
  return (
    objectKind(kind).toLowerCase() === wanted.kind &&
    (wanted.group === undefined || groupOf(apiVersion) === wanted.group)
  );
}

function choices(workloads: readonly Workload[]): string {
  const shown = workloads.slice(0, CHOICES_SHOWN).map(nameOf).join(', ');
  return workloads.length > CHOICES_SHOWN ? `${shown} and ${workloads.length - CHOICES_SHOWN} more` : shown;
}
