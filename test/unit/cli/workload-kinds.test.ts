import { describe, expect, it } from '@jest/globals';
import { judgedKinds, pathInKind } from '../../../src/cli/input/kinds.ts';

const GAME = 'apps.example.com/v1/gameservers:GameServer=spec.pods';

describe('the kinds that a command reads', () => {
  it('are those that policies govern, those of --workload-kind, and pods', () => {
    const made = judgedKinds([GAME]);
    expect(made.ok && made.kinds.get('GameServer')?.templatePath).toEqual(['spec', 'pods']);
    expect(made.ok && made.kinds.get('CronJob')?.templatePath).toEqual(['spec', 'jobTemplate', 'spec', 'template']);
    expect(
      made.ok && [made.kinds.get('Pod')?.templatePath, made.kinds.governed.has('Pod'), made.kinds.get('Service')],
    ).toEqual([[], false, undefined]);
  });

  it('are refused as the operator refuses them', () => {
    expect(judgedKinds(['apps.kruise.io/v1beta1/daemonsets:DaemonSet=spec.template'])).toEqual({
      ok: false,
      why: expect.stringContaining('apps/v1 already'),
    });
  });
});

it.each([
  [undefined, 'spec.template.spec.x', 'spec.template.spec.x'],
  [['spec', 'pods'], 'spec.template.spec.x', 'spec.pods.spec.x'],
  [[], 'spec.template.spec.x', 'spec.x'],
  [['spec', 'pods'], 'metadata.annotations', 'metadata.annotations'],
])('with the template at %j the path %s is %s', (templatePath, path, expected) => {
  expect(pathInKind(templatePath === undefined ? {} : { templatePath }, path)).toBe(expected);
});
