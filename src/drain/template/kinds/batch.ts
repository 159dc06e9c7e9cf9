import type { KindLimit, RolloutFacts } from '../../model/workload.ts';
import { AT_REST, SPEC_TEMPLATE } from './kind.ts';
import type { WorkloadKindAdapter } from './kind.ts';

/** The API server refuses any change of a Job's template. */
const IMMUTABLE: KindLimit = Object.freeze({ reason: 'TemplateImmutable' });

/** No pod restarts when the template of a CronJob changes. */
const RESTARTS_NOTHING: RolloutFacts = Object.freeze({ ...AT_REST, replicas: 0 });

export const BATCH_KINDS: readonly WorkloadKindAdapter[] = [
  {
    // The next Job takes a changed template; the present one runs on. So nothing rolls, ever.
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    plural: 'cronjobs',
    templatePath: Object.freeze(['spec', 'jobTemplate', 'spec', 'template']),
    onDemand: true,
    rollout: () => RESTARTS_NOTHING,
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    plural: 'jobs',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    reportedOnly: true,
    partsLeftOut: true,
    rollout: () => AT_REST,
    limit: () => IMMUTABLE,
  },
];
