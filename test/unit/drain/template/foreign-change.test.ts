import { describe, expect, it } from '@jest/globals';
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

describe('a note and values of ours that somebody else has put back', () => {
  const TIME = new Date(20_000).toISOString();
  const note = (more: object): string =>
    JSON.stringify({
      v: 1,
      policy: { name: 'slow-uploads', uid: 'p-7' },
      intent: '0badcafe',
      onDelete: 'Restore',
      at: TIME,
      fields: {},
      ...more,
    });
  const history = (text: string, managedFields: object[]): unknown =>
    templateHistory(
      {
        kind: 'Deployment',
        metadata: { name: 'web', uid: 'u-1', annotations: { 'sidecardrain.io/state': text }, managedFields },
      },
      { templatePath: SPEC_TEMPLATE },
    );
  const undone = [entry('kubectl-rollout', 30, { ...GRACE, ...NOTE }, { operation: 'Update' })];
  const told = { writtenAt: 20, changedAt: 30, changedBy: 'kubectl-rollout', rolledBack: true };

  it.each<[string, string, object[], unknown]>([
    ['are a rollback', note({ uid: 'u-1' }), undone, told],
    ['are one too where the note names no object', note({}), undone, told],
    ['are a copy where it names another', note({ uid: 'u-2' }), undone, undefined],
    [
      'are no rollback as long as the note is held by us',
      note({ uid: 'u-1' }),
      [entry('sidecar-drain-operator', 20, { ...GRACE, ...NOTE }), entry('kubectl-edit', 30, GRACE)],
      { writtenAt: 20, changedAt: 30, changedBy: 'kubectl-edit' },
    ],
  ])('%s', (_, text, managedFields, expected) => {
    expect(history(text, managedFields)).toEqual(expected);
  });
});
