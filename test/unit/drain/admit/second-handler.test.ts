import { describe, expect, it } from '@jest/globals';
import { STATE_ANNOTATION } from '../../../../src/api/names.ts';
import { fieldOwners, workloadKind, type WorkloadKindAdapter } from '../../../../src/drain/template/index.ts';
import {
  bookedTo,
  noteOf,
  SECOND_HANDLERS,
  type ProxyLifecycle,
  type SecondHandlerCase,
} from '../../../fixtures/drain/second-handlers.ts';
import { admit, carriedOut, type Json } from './objects.ts';

const KINDS = ['Deployment', 'CronJob'].map((kind) => workloadKind(kind) as WorkloadKindAdapter);

function objectOf(case_: SecondHandlerCase, { apiVersion, kind, templatePath }: WorkloadKindAdapter): Json {
  const note = noteOf(case_);
  const containers = [
    { name: 'app', image: 'app:1' },
    { name: 'istio-proxy', image: 'auto', lifecycle: structuredClone(case_.stands) },
  ];
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'web',
      namespace: 'shop',
      ...(note === undefined ? {} : { annotations: { [STATE_ANNOTATION]: note } }),
      managedFields: bookedTo(case_, templatePath),
    },
    ...templatePath.reduceRight<Json>((inner, key) => ({ [key]: inner }), { spec: { containers } }),
  };
}

function lifecycleOf(object: Json, { templatePath }: WorkloadKindAdapter): ProxyLifecycle {
  const template = templatePath.reduce((at: Json, key) => at[key], object);
  return template.spec.containers[1].lifecycle as ProxyLifecycle;
}

function merged(stands: ProxyLifecycle, adds: ProxyLifecycle): ProxyLifecycle {
  const hooks = Object.entries(adds).map(([hook, handlers]) => [
    hook,
    { ...stands[hook as keyof ProxyLifecycle], ...(handlers as object) },
  ]);
  return { ...stands, ...Object.fromEntries(hooks) } as ProxyLifecycle;
}

describe.each(KINDS.map((adapter) => ({ kind: adapter.kind, adapter })))(
  'a second handler in a $kind',
  ({ adapter }) => {
    it.each(SECOND_HANDLERS)('$what', (case_) => {
      const { stands, adds, after } = case_;
      const oldObject = objectOf(case_, adapter);
      const object = structuredClone(oldObject);
      Object.assign(lifecycleOf(object, adapter), merged(stands, adds));

      const answer = carriedOut(object, admit(object, [], { adapter, oldObject }).patch);

      expect(lifecycleOf(answer, adapter)).toEqual(after ?? merged(stands, adds));
      const ours = (answer.metadata.managedFields as { manager: string }[]).filter(
        ({ manager }) => manager === 'sidecar-drain-operator',
      );
      const preStopGoes = after !== undefined && adds.preStop !== undefined;
      expect(JSON.stringify(ours).includes('"f:preStop"')).toBe(!preStopGoes && ours.length > 0);
      if (preStopGoes) {
        expect(fieldOwners(answer as never, adapter).proxyContainer.ownership).not.toBe('Shared');
      }
    });
  },
);
