import { describe, expect, it } from '@jest/globals';
import { judgedKinds, pathInKind } from '../../../src/cli/input/kinds.ts';

const GAME = 'apps.example.com/v1/gameservers:GameServer=spec.pods';

describe('the kinds that a command reads', () => {
  it('are those that policies govern, those of --workload-kind, and pods', () => {
    const made = judgedKinds([GAME]);
    expect(made.ok && made.kinds.get('GameServer')?.templatePath).toEqual(['spec', 'pods']);
    expect(made.ok && made.kinds.get('CronJob')?.templatePath).toEqual(['spec', 'jobTemplate', 'spec', 'template']);
    expect(made.ok && [made.kinds.get('Pod')?.templatePath, made.kinds.governed.has('Pod')]).toEqual([[], false]);
  });

  it('are told apart by their group', () => {
    const made = judgedKinds(['apps.example.com/v1/deployments:Deployment=spec.template']);
    const names = (['apps/v1', 'apps.example.com/v1'] as const).map(
      (apiVersion) => made.ok && made.kinds.get('Deployment', apiVersion)?.kind,
    );
    expect(names).toEqual(['Deployment', 'Deployment.apps.example.com']);
  });

  it('are refused as the operator refuses them', () => {
    expect(judgedKinds(['apps/v1/deployments:Deployment=spec.template'])).toEqual({
      ok: false,
      why: expect.stringContaining('not a group'),
    });
  });
});

it.each([
  [undefined, 'spec.template.spec.x', 'spec.template.spec.x'],
  [['spec', 'pods'], 'spec.template.spec.x', 'spec.pods.spec.x'],
  [[], 'spec.template.spec.x', 'spec.x'],
  [['spec', 'pods'], 'metadata.annotations', 'metadata.annotations'],
  [['spec', 'groups', '1', 'template'], 'spec.template.spec.x', 'spec.groups[1].template.spec.x'],
])('with the template at %j the path %s is %s', (templatePath, path, expected) => {
  expect(pathInKind(templatePath === undefined ? {} : { templatePath }, path)).toBe(expected);
});
