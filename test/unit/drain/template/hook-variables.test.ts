import { describe, expect, it } from '@jest/globals';
import { settingsOf } from '../../../fixtures/drain/objects.ts';
import { projectTemplate } from '../../../../src/drain/template/project.ts';
import { appDelayOf } from '../../../../src/drain/promise/clocks.ts';

/** What a hook reads of its container's environment, from the raw pod template to the length of the hook. */
function container(script: string, more: object): object {
  return { name: 'app', lifecycle: { preStop: { exec: { command: ['sh', '-c', script] } } }, ...more };
}

function lengthOf(script: string, more: object): number | 'unknown' {
  const { seconds, unbounded } = appDelayOf(
    settingsOf(projectTemplate({ spec: { containers: [container(script, more)] } })),
    0,
  );
  return unbounded.length === 0 ? seconds : 'unknown';
}

describe('variables of a hook', () => {
  it.each<[string, string, object, number | 'unknown']>([
    ['a literal', 'sleep $PAUSE', { env: [{ name: 'PAUSE', value: '14' }] }, 14],
    ['a default that does not count', 'sleep ${PAUSE:-3}', { env: [{ name: 'PAUSE', value: '14' }] }, 14],
    ['a default that counts', 'sleep ${PAUSE:-3}', { env: [{ name: 'PAUSE' }] }, 3],
    ['a default that the hook itself states', 'sleep ${PAUSE:-3}', { env: [{ name: 'OTHER', value: '1' }] }, 3],
    [
      'a reference, by way of two others',
      'sleep $PAUSE',
      {
        env: [
          { name: 'N', value: '7' },
          { name: 'UNREAD', value: 'x' },
          { name: 'M', value: '1$(N)' },
          { name: 'PAUSE', value: '$(M)' },
        ],
      },
      17,
    ],
    [
      'the later of two',
      'sleep $PAUSE',
      {
        env: [
          { name: 'PAUSE', value: '4' },
          { name: 'PAUSE', value: '9' },
        ],
      },
      9,
    ],
    ['a secret', 'sleep $PAUSE', { env: [{ name: 'PAUSE', valueFrom: { secretKeyRef: {} } }] }, 'unknown'],
    ['a number without quotes, which is refused', 'sleep $PAUSE', { env: [{ name: 'PAUSE', value: 14 }] }, 'unknown'],
    ['a ConfigMap, whatever its keys are', 'sleep ${pause:-3}', { envFrom: [{ configMapRef: {} }] }, 'unknown'],
    [
      'a ConfigMap, and a literal that wins over it',
      'sleep ${pause:-3}',
      { envFrom: [{ configMapRef: {} }], env: [{ name: 'pause', value: '6' }] },
      6,
    ],
    ['a program with the name of a variable', 'sleep $(PAUSE)', { env: [{ name: 'PAUSE', value: '14' }] }, 0],
  ])('%s', (_, script, more, expected) => {
    expect(lengthOf(script, more)).toBe(expected);
  });

  it('are not told apart by whether they are set alone: neither is another one', () => {
    const script = 'sleep "${PAUSE:-3}"; : "$OTHER"';
    const secret = { valueFrom: { secretKeyRef: {} } };

    expect(
      lengthOf(script, {
        env: [
          { name: 'PAUSE', value: '' },
          { name: 'OTHER', ...secret },
        ],
      }),
    ).toBe(3);
    expect(lengthOf(script, { env: [{ name: 'OTHER', ...secret }] })).toBe(3);
    expect(lengthOf(script, { env: [{ name: 'PAUSE', ...secret }] })).toBe('unknown');
  });

  it('are all that is kept of the environment', () => {
    const env = [
      { name: 'TOKEN', value: 'x'.repeat(50) },
      { name: 'PAUSE', value: '14' },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } },
    ];
    const template = projectTemplate({
      spec: { containers: [container('sleep $PAUSE', { env }), { name: 'other', env, envFrom: [{}] }] },
    });

    expect(template.spec.containers.map((one) => [one.env, one.envFrom])).toEqual([
      [[{ name: 'PAUSE', value: '14' }], undefined],
      [undefined, undefined],
    ]);
  });
});

describe('a variable of the proxy that decides about the drain', () => {
  const proxy = (env: object): object => ({ name: 'istio-proxy', image: 'auto', env: [env] });
  const settingsWith = (env: object): ReturnType<typeof settingsOf> =>
    settingsOf(projectTemplate({ spec: { containers: [{ name: 'app' }, proxy(env)] } }));

  it('is not known where it comes from elsewhere, and nothing is said of such pods', () => {
    const valueFrom = { configMapKeyRef: { name: 'drain', key: 'zero' } };

    expect(settingsWith({ name: 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS', valueFrom }).notKnown).toContain('EXIT_ON_ZERO');
    expect(settingsWith({ name: 'POD_NAME', valueFrom: { fieldRef: {} } }).notKnown).toBeUndefined();
    expect(settingsWith({ name: 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS', value: 'true' }).notKnown).toBeUndefined();
  });
});
