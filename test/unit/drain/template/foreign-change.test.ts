import { expect, it } from '@jest/globals';
import { templateHistory } from '../../../../src/drain/template/foreign-change.ts';
import { SPEC_TEMPLATE, type RawObject } from '../../../../src/drain/template/index.ts';

const GRACE = { 'f:spec': { 'f:template': { 'f:spec': { 'f:terminationGracePeriodSeconds': {} } } } };
const NOTE = { 'f:metadata': { 'f:annotations': { 'f:sidecardrain.io/state': {} } } };

function entry(manager: string, seconds: number, fieldsV1: object, more: object = {}): object {
  return { manager, operation: 'Apply', time: new Date(seconds * 1000).toISOString(), fieldsV1, ...more };
}

it.each<[string, object[], unknown]>([
  ['nothing of ours', [entry('flux', 10, GRACE)], undefined],
  ['ours alone', [entry('sidecar-drain-operator', 20, GRACE)], { writtenAt: 20 }],
  [
    'ours, and an older one of somebody else',
    [entry('flux', 10, GRACE), entry('sidecar-drain-operator', 20, GRACE)],
    { writtenAt: 20, changedAt: 10, changedBy: 'flux' },
  ],
  [
    'one of ours from which a forced apply has taken every field of the template',
    [entry('sidecar-drain-operator', 20, NOTE), entry('argocd-controller', 30, GRACE)],
    { writtenAt: 20, changedAt: 30, changedBy: 'argocd-controller' },
  ],
  [
    'a write of somebody else that is not about the template',
    [entry('sidecar-drain-operator', 20, GRACE), entry('hpa', 30, { 'f:spec': { 'f:replicas': {} } })],
    { writtenAt: 20 },
  ],
  [
    'a status',
    [entry('sidecar-drain-operator', 20, GRACE), entry('flux', 30, GRACE, { subresource: 'status' })],
    { writtenAt: 20 },
  ],
])('%s', (_, managedFields, expected) => {
  const raw = { kind: 'Deployment', metadata: { name: 'web', managedFields } } as RawObject;

  expect(templateHistory(raw, { templatePath: SPEC_TEMPLATE })).toEqual(expected);
});
