import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { compareTermination, inFlightAtDeletion, type SeenTermination } from '../../../e2e/observe/forecast.ts';
import type { MeshFacts } from '../../../src/drain/model/mesh.ts';
import { effectiveSettings } from '../../../src/drain/mesh/settings.ts';
import type { EffectiveSettings } from '../../../src/drain/model/settings.ts';
import { DEFAULT_APPLICATION, type Application } from '../../../src/drain/timeline/application.ts';
import { settingsOf, type TerminationCase } from '../../../src/drain/timeline/cases.ts';

const DELETED = Date.parse('2026-11-21T10:00:00.400Z');

function mesh(native: boolean): MeshFacts {
  return {
    istio: 'Present',
    rootNamespace: 'istio-system',
    revisions: [{ name: 'default', version: '1.30.3' }],
    webhooks: [],
    proxyConfigs: [],
    nodes: {},
    stated: { injected: true, nativeSidecars: native ? 'true' : 'false' },
  };
}

function settings(
  options: { native?: boolean; config?: string; grace?: number; preStop?: number } = {},
): EffectiveSettings {
  return effectiveSettings({
    template: {
      metadata: options.config === undefined ? {} : { annotations: { 'proxy.istio.io/config': options.config } },
      spec: {
        terminationGracePeriodSeconds: options.grace ?? 30,
        containers: [
          {
            name: 'server',
            ...(options.preStop === undefined
              ? {}
              : { lifecycle: { preStop: { sleep: { seconds: options.preStop } } } }),
          },
        ],
      },
    },
    namespace: { name: 'shop', labels: {} },
    mesh: mesh(options.native ?? false),
  });
}

function at(seconds: number): number {
  return DELETED + seconds * 1000;
}

/** As a pod's status would say it. */
function finished(seconds: number): number {
  return Math.floor(at(seconds) / 1000) * 1000;
}

function seen(more: Partial<SeenTermination> = {}): SeenTermination {
  return {
    pod: 'server-1',
    proxy: 'Classic',
    deletedAt: DELETED,
    gracePeriodSeconds: 30,
    goneAfterSeconds: 20.5,
    ends: [
      { container: 'server', role: 'App', exitCode: 0, finishedAt: finished(19) },
      { container: 'istio-proxy', role: 'Proxy', exitCode: 0, finishedAt: finished(5) },
    ],
    requests: [{ id: 'r1', startedAt: at(-1), seconds: 20, survived: false, error: '503' }],
    ...more,
  };
}

const LATE: Application = { ...DEFAULT_APPLICATION, runsOnAfterSigterm: 22, callsOutEverySecond: 'NewConnection' };

describe('the comparison of a termination with its forecast', () => {
  it('agrees where a default classic sidecar lost its requests after 5 s', () => {
    const comparison = compareTermination(seen(), settings(), DEFAULT_APPLICATION);

    expect(comparison).toMatchObject({
      differences: [],
      closeCalls: [],
      missing: [],
      compared: { requests: 1, inFlight: 1, codes: 2, times: 3 },
    });
  });

  it.each([
    [
      'a request that survived against the forecast',
      { requests: [{ id: 'r1', startedAt: at(-1), seconds: 20, survived: true }] },
      'request r1: forecast lost at 5 s, it survived',
    ],
    [
      'another exit code',
      { ends: [seen().ends[0]!, { ...seen().ends[1]!, exitCode: 137, reason: 'Error' }] },
      'exit code of istio-proxy: forecast 0, it was 137 (Error)',
    ],
    [
      'an end that is 3 s off',
      { ends: [seen().ends[0]!, { ...seen().ends[1]!, finishedAt: finished(8) }] },
      'end of istio-proxy: forecast 5 s, it was 8.1 s',
    ],
    ['a pod that was gone early', { goneAfterSeconds: 15 }, 'pod gone: forecast 20.5 s, it was 15 s'],
    ['another kind of proxy', { proxy: 'Native' as const }, "proxy: forecast Classic, the pod's is Native"],
  ])('says so: %s', (_, more: Partial<SeenTermination>, difference) => {
    const comparison = compareTermination(seen(more), settings(), DEFAULT_APPLICATION);

    expect(comparison.differences).toEqual([difference]);
  });

  it('tells of an object that stayed, and does not hold it against the forecast', () => {
    const { differences, notes } = compareTermination(seen({ goneAfterSeconds: 31 }), settings(), DEFAULT_APPLICATION);

    expect(differences).toEqual([]);
    expect(notes).toEqual(["the pod's object was gone at 31 s, forecast 20.5 s"]);
  });

  it('says that a forecast to survive failed, with the error', () => {
    const comparison = compareTermination(
      seen({ ends: [seen().ends[0]!, { ...seen().ends[1]!, finishedAt: finished(25) }], goneAfterSeconds: 26.5 }),
      settings({ config: 'terminationDrainDuration: 25s' }),
      DEFAULT_APPLICATION,
    );

    expect(comparison.differences).toEqual(['request r1: forecast survived, it was lost (503)']);
  });

  it('does not judge a request that ended in the moment of the cut, whichever way it went', () => {
    const requests = [
      { id: 'r1', startedAt: at(-1), seconds: 20, survived: false },
      { id: 'close', startedAt: at(-14.5), seconds: 20, survived: true },
    ];

    const comparison = compareTermination(seen({ requests }), settings(), DEFAULT_APPLICATION);

    expect(comparison).toMatchObject({ differences: [], closeCalls: ['close'], compared: { requests: 1 } });
  });

  it('leaves out requests that were over before the deletion', () => {
    const record = seen({
      requests: [...seen().requests, { id: 'old', startedAt: at(-30), seconds: 20, survived: false }],
    });

    expect(compareTermination(record, settings(), DEFAULT_APPLICATION)).toMatchObject({
      differences: [],
      compared: { requests: 1 },
    });
    expect(inFlightAtDeletion(record).map(({ id }) => id)).toEqual(['r1']);
  });

  it('uses the grace period of the delete call', () => {
    const killed = { deletedWith: 5 };
    const record = seen({
      proxy: 'Native',
      gracePeriodSeconds: killed.deletedWith,
      goneAfterSeconds: 6.7,
      ends: [
        { container: 'server', role: 'App', exitCode: 137, finishedAt: finished(5) },
        { container: 'istio-proxy', role: 'Proxy', exitCode: 0, finishedAt: finished(5) },
      ],
    });

    expect(compareTermination(record, settings({ native: true }), DEFAULT_APPLICATION).differences).toEqual([]);
  });

  it('names what could not be seen, and counts it as not compared', () => {
    const comparison = compareTermination(
      seen({ ends: [seen().ends[0]!], goneAfterSeconds: undefined }),
      settings(),
      LATE,
    );

    expect(comparison.missing).toEqual([
      'how container istio-proxy ended',
      'when the pod was gone',
      'the late calls of the application',
    ]);
    expect(comparison.compared).toMatchObject({ codes: 1, calls: 0 });
  });

  it.each([
    ['fail as forecast', 5, (call: number) => call > 5, []],
    ['work against the forecast', 5, () => false, ['late calls: forecast to fail from 6 s, none failed']],
    [
      'fail against the forecast',
      40,
      (call: number) => call > 9,
      ['late calls: forecast to work, they failed from 10 s'],
    ],
    [
      'fail much later than forecast',
      5,
      (call: number) => call > 12,
      ['first late call that fails: forecast 6 s, it was 13 s'],
    ],
  ])('late calls that %s', (_, drain, fails: (second: number) => boolean, differences) => {
    const calls = Array.from({ length: 21 }, (__, index) => index + 1);
    const record = seen({
      requests: [],
      goneAfterSeconds: Math.max(drain, 22) + 1.5,
      gracePeriodSeconds: 60,
      ends: [
        { container: 'server', role: 'App', exitCode: 0, finishedAt: finished(22) },
        { container: 'istio-proxy', role: 'Proxy', exitCode: 0, finishedAt: finished(drain) },
      ],
      lateCalls: calls.map((call) => ({ at: at(call), ok: !fails(call) })),
    });

    const comparison = compareTermination(
      record,
      settings({ config: `terminationDrainDuration: ${drain}s`, grace: 60 }),
      LATE,
    );

    expect(comparison.differences).toEqual(differences);
    expect(comparison.compared.calls).toBe(21);
  });
});

/** Terminations that were measured on a real cluster, as a JSON file. */
const file = process.env.SIDECAR_DRAIN_CASES;
const measured: readonly TerminationCase[] =
  file === undefined ? [] : (JSON.parse(readFileSync(file, 'utf8')) as { cases: TerminationCase[] }).cases;

(measured.length === 0 ? describe.skip : describe)('measured terminations (SIDECAR_DRAIN_CASES)', () => {
  it.each(measured.map((given) => [given.id, given] as const))('%s agrees', (_, given) => {
    const comparison = compareTermination(seenOf(given), settingsOf(given), {
      ...DEFAULT_APPLICATION,
      ...given.application,
    });

    expect(comparison.differences).toEqual([]);
    expect(comparison.compared.codes).toBeGreaterThan(0);
  });
});

function seenOf({
  observed,
  load,
  proxy,
  podTemplate,
  deletedWithGracePeriodSeconds,
}: TerminationCase): SeenTermination {
  const app = podTemplate.spec.containers.find(({ name }) => name !== 'istio-proxy')?.name ?? '';
  const kinds = { classic: 'Classic', native: 'Native', none: 'None' } as const;
  return {
    pod: 'measured',
    proxy: kinds[proxy],
    deletedAt: DELETED,
    gracePeriodSeconds: deletedWithGracePeriodSeconds ?? podTemplate.spec.terminationGracePeriodSeconds ?? 30,
    ends: [
      ...(observed.appExit === undefined
        ? []
        : [
            {
              container: app,
              role: 'App' as const,
              exitCode: observed.appExit.code,
              finishedAt: at(observed.appExit.at),
            },
          ]),
      ...(observed.proxyExit === undefined
        ? []
        : [
            {
              container: 'istio-proxy',
              role: 'Proxy' as const,
              exitCode: observed.proxyExit.code,
              finishedAt: at(observed.proxyExit.at),
            },
          ]),
    ],
    ...(observed.podGoneAt === undefined ? {} : { goneAfterSeconds: observed.podGoneAt }),
    // The suite's requests make no calls on their way, so those that were lost by one are not of its kind.
    requests: (load ?? [])
      .filter(
        ({ id, callsOutAt }) =>
          observed.requests?.[id] === 'survived' || (callsOutAt === undefined && observed.requests?.[id] === 'lost'),
      )
      .map(({ id, startsAt, lasts }) => ({
        id,
        startedAt: at(startsAt),
        seconds: lasts,
        survived: observed.requests?.[id] === 'survived',
      })),
  };
}
