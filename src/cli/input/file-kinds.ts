import { AT_REST, KNATIVE_GRACE, SPEC_TEMPLATE, type WorkloadKindAdapter } from '../../drain/template/index.ts';
import { recordOf } from '../../drain/template/raw.ts';

/** A kind that is judged in files and that no policy governs, because nobody writes into it. */
export interface FileKind extends WorkloadKindAdapter {
  /** Every pod template of an object, where there is more than one; the step `*` stands for each entry of a list. */
  readonly templates?: readonly (readonly string[])[];
}

/** A pod that stands alone ends like all others. */
const POD: FileKind = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', templatePath: [], rollout: () => AT_REST };

const KNATIVE: FileKind = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  plural: 'services',
  templatePath: SPEC_TEMPLATE,
  custom: true,
  graceFrom: KNATIVE_GRACE,
  rollout: () => AT_REST,
};

function several(apiVersion: string, kind: string, templates: readonly string[]): FileKind {
  return {
    apiVersion,
    kind,
    plural: `${kind.toLowerCase()}s`,
    templatePath: [],
    templates: templates.map((path) => path.split('.')),
    custom: true,
    rollout: () => AT_REST,
  };
}

const rayGroups = (cluster: string): readonly string[] => [
  `${cluster}.headGroupSpec.template`,
  `${cluster}.workerGroupSpecs.*.template`,
];

export const FILE_KINDS: readonly FileKind[] = [
  POD,
  KNATIVE,
  several('ray.io/v1', 'RayCluster', rayGroups('spec')),
  several('ray.io/v1', 'RayService', rayGroups('spec.rayClusterConfig')),
  several('ray.io/v1', 'RayJob', rayGroups('spec.rayClusterSpec')),
  several('jobset.x-k8s.io/v1alpha2', 'JobSet', ['spec.replicatedJobs.*.template.spec.template']),
  several('leaderworkerset.x-k8s.io/v1', 'LeaderWorkerSet', [
    'spec.leaderWorkerTemplate.leaderTemplate',
    'spec.leaderWorkerTemplate.workerTemplate',
  ]),
];

/** Kinds of the core that have the name of one of these and no pod template, of which a repository has many. */
export const COMMON_NAMESAKES: ReadonlySet<string> = new Set(['Service']);

export interface TemplatePart {
  readonly steps: readonly (string | number)[];
  /** What tells this template from the others of its object: the group's name, else where it stands. */
  readonly part: string;
}

/** The pod templates that an object of such a kind has. */
export function templateParts(value: unknown, templates: readonly (readonly string[])[]): TemplatePart[] {
  return templates.flatMap((path) => partsBelow(value, path, [], undefined));
}

function partsBelow(
  value: unknown,
  path: readonly string[],
  steps: readonly (string | number)[],
  part: string | undefined,
): TemplatePart[] {
  const [step, ...rest] = path;
  if (step === undefined) {
    const last = steps.filter((each) => each !== 'template').at(-1);
    return [{ steps, part: part ?? String(last) }];
  }
  if (step === '*') {
    return (Array.isArray(value) ? value : []).flatMap((item: unknown, index) => {
      const { groupName, name } = recordOf(item);
      const list = steps.at(-1);
      const named = [groupName, name].find((each): each is string => typeof each === 'string');
      return partsBelow(item, rest, [...steps, index], named ?? `${String(list)}[${index}]`);
    });
  }
  const below = recordOf(value)[step];
  return below === undefined ? [] : partsBelow(below, rest, [...steps, step], part);
}
