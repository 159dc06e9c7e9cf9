import { describe, expect, it } from '@jest/globals';
import type { Change } from '../../../../src/drain/model/decision.ts';
import type { ManagedField, Workload } from '../../../../src/drain/model/workload.ts';
import { kindLimit, rolloutCaveat, templateElsewhere } from '../../../../src/drain/plan/kind-limits.ts';
import { withKnownKinds } from '../../../../src/drain/plan/known-kinds.ts';
import { readPolicy } from '../../../../src/drain/plan/policies.ts';

const changes = (...fields: ManagedField[]): Change[] => fields.map((field) => ({ field, path: field, why: '' }));
const workload = (more: object): Workload => ({ kind: 'X', name: 'x', namespace: 'n', ...more }) as unknown as Workload;

describe('what a kind does not allow', () => {
  it.each<[string, object, Change[], string | undefined]>([
    ['any change of a Job', { limit: { reason: 'TemplateImmutable' } }, changes('gracePeriod'), 'TemplateImmutable'],
    [
      'any change of a ReplicaSet',
      { limit: { reason: 'TemplateNotRolled' } },
      changes('proxyConfig'),
      'TemplateNotRolled',
    ],
    [
      'any change in place only',
      { limit: { reason: 'UpdatedInPlace', detail: 'InPlaceOnly' } },
      changes('gracePeriod'),
      'UpdatedInPlace',
    ],
    [
      'annotations alone in place',
      { limit: { reason: 'UpdatedInPlace', detail: 'InPlaceIfPossible' } },
      changes('proxyConfig'),
      'UpdatedInPlace',
    ],
    [
      'not annotations with a grace period',
      { limit: { reason: 'UpdatedInPlace', detail: 'InPlaceIfPossible' } },
      changes('proxyConfig', 'gracePeriod'),
      undefined,
    ],
    [
      'a hook in a list that is one value',
      { atomicContainers: true },
      changes('proxyContainer'),
      'ContainersNotMergeable',
    ],
    ['not the rest there', { atomicContainers: true }, changes('proxyConfig', 'gracePeriod'), undefined],
    [
      'any change of what istiod makes',
      { limit: { reason: 'RenderedFromGateway', detail: 'quay' } },
      changes('gracePeriod'),
      'RenderedFromGateway',
    ],
    ['nothing else', {}, changes('proxyContainer'), undefined],
  ])('is %s', (_, more, wanted, code) => {
    expect(kindLimit(workload(more), wanted)?.code).toBe(code);
  });

  it('is told of a template elsewhere and of a rollout that cannot be seen', () => {
    expect(
      templateElsewhere(workload({ limit: { reason: 'TemplateElsewhere', detail: 'Deployment web' } }))?.message,
    ).toContain('Deployment web');
    expect(rolloutCaveat(workload({ rollout: { strategy: 'Unseen' } }))?.code).toBe('RolloutNotVisible');
    expect(rolloutCaveat(workload({ rollout: { strategy: 'None' } }))).toBeUndefined();
  });
});

it('a policy that names an unknown kind is stalled and goes on governing the others', () => {
  const record = readPolicy({
    metadata: { name: 'p' },
    spec: {
      match: { namespaceSelector: {}, kinds: ['Deployment', 'Spaceship'] },
      drain: { mode: 'Fixed', duration: '30s' },
    },
  } as never);
  const stalled = withKnownKinds(record, new Set(['Deployment']));
  expect(stalled).toMatchObject({ stalled: { reason: 'KindUnknown', message: expect.stringContaining('Spaceship') } });
  expect(stalled.compiled).toBeDefined();
  expect(withKnownKinds(record, new Set(['Deployment', 'Spaceship']))).toBe(record);
});
