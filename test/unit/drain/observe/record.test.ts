import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { LifecycleHandler } from '../../../../src/api/kubernetes.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import type { EffectiveSettings } from '../../../../src/drain/model/settings.ts';
import {
  endingOfGone,
  recommend,
  recordOf,
  summarise,
  type PodNews,
  type TerminationRecord,
} from '../../../../src/drain/observe/index.ts';
import { playCase, settingsOf, type TerminationCase } from '../../../../src/drain/timeline/cases.ts';
import { DELETED, pod, type PodSketch } from './pods.ts';

interface Template {
  native?: boolean;
  config?: string;
  grace?: number;
  preStop?: LifecycleHandler;
  proxyPreStop?: LifecycleHandler;
  distroless?: boolean;
}

function settings({
  native = false,
  config,
  grace = 30,
  preStop,
  proxyPreStop,
  distroless = false,
}: Template = {}): EffectiveSettings {
  const mesh: MeshFacts = {
    istio: 'Present',
    rootNamespace: 'istio-system',
    revisions: [{ name: 'default', version: '1.30.3' }],
    webhooks: [],
    proxyConfigs: [],
    nodes: {},
    stated: {
      injected: true,
      nativeSidecars: native ? 'true' : 'false',
      proxyImage: distroless ? 'distroless' : 'with-shell',
    },
  };
  return effectiveSettings({
    template: {
      metadata: config === undefined ? {} : { annotations: { 'proxy.istio.io/config': config } },
      spec: {
        terminationGracePeriodSeconds: grace,
        containers: [
          { name: 'server', ...(preStop === undefined ? {} : { lifecycle: { preStop } }) },
          ...(proxyPreStop === undefined
            ? []
            : [{ name: 'istio-proxy', image: 'auto', lifecycle: { preStop: proxyPreStop } }]),
        ],
      },
    },
    namespace: { name: 'shop', labels: {} },
    mesh,
  });
}

function record(sketch: PodSketch, of: EffectiveSettings = settings(), news?: PodNews): TerminationRecord {
  return recordOf(endingOfGone(pod(sketch), undefined, DELETED)!, of, news)!;
}

const EXIT_ON_ZERO = 'proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}';
const LITERAL: LifecycleHandler = {
  exec: {
    command: [
      '/bin/sh',
      '-c',
      'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done',
    ],
  },
};

describe('what was seen beside the forecast', () => {
  it.each<[string, PodSketch, EffectiveSettings]>([
    ['the default drain', { app: { at: 19 }, proxy: { at: 5 } }, settings()],
    [
      'a fixed drain, whatever is in flight',
      { app: { at: 0 }, proxy: { at: 25 } },
      settings({ config: 'terminationDrainDuration: 25s' }),
    ],
    ['an adaptive one in a quiet pod', { app: { at: 0 }, proxy: { at: 6 } }, settings({ config: EXIT_ON_ZERO })],
    ['an adaptive one with requests', { app: { at: 19 }, proxy: { at: 19 } }, settings({ config: EXIT_ON_ZERO })],
    [
      'an adaptive one with an idle client',
      { app: { at: 19 }, proxy: { at: 30, code: 137 } },
      settings({ config: EXIT_ON_ZERO }),
    ],
    ['native', { native: true, app: { at: 19 }, proxy: { at: 19 } }, settings({ native: true })],
    ['native, killed', { native: true, app: { at: 30, code: 137 }, proxy: { at: 30 } }, settings({ native: true })],
    ['the netstat loop', { app: { at: 19 }, proxy: { at: 32, code: 137 } }, settings({ proxyPreStop: LITERAL })],
    [
      'a grace period of the delete call',
      { grace: 5, native: true, app: { at: 5, code: 137 }, proxy: { at: 5 } },
      settings({ native: true }),
    ],
  ])('agrees: %s', (_, sketch, of) => {
    expect(record(sketch, of).forecast).toMatchObject({ differences: [], compared: 2 });
  });

  it.each<[string, PodSketch, EffectiveSettings, string]>([
    [
      'a proxy that stayed longer',
      { app: { at: 19 }, proxy: { at: 9 } },
      settings(),
      'the proxy ended with code 0 after 9 s; the engine expects code 0 after 5 s',
    ],
    [
      'a proxy that was killed',
      { app: { at: 19 }, proxy: { at: 30, code: 137 } },
      settings(),
      'the proxy ended with code 137 after 30 s',
    ],
    [
      'an adaptive drain that waited for nothing',
      { app: { at: 19 }, proxy: { at: 2 } },
      settings({ config: EXIT_ON_ZERO }),
      'the engine expects code 0 after 6 to 20 s or code 137 after 30 s',
    ],
    [
      'an application that did not wait for its preStop',
      { app: { at: 1 }, proxy: { at: 5 } },
      settings({ preStop: { sleep: { seconds: 12 } } }),
      'container server ended after 1 s, before the SIGTERM that the engine expects at 12 s',
    ],
    [
      'an application that outlived its grace period',
      { app: { at: 44 }, proxy: { at: 5 } },
      settings(),
      'later than the SIGKILL',
    ],
  ])('differs: %s', (_, sketch, of, difference) => {
    expect(record(sketch, of).forecast?.differences).toEqual([expect.stringContaining(difference)]);
  });

  it('compares nothing where the application was not seen to end', () => {
    expect(record({ proxy: { at: 5 } }).forecast).toBeUndefined();
  });
});

describe('a summary', () => {
  it('says how long terminations took, how they ended, and how often the forecast was right', () => {
    const records = [
      record({ app: { at: 4 }, proxy: { at: 5 } }),
      record({ app: { at: 10 }, proxy: { at: 5 } }),
      record({ app: { at: 20 }, proxy: { at: 9 } }),
      record({ app: { at: 30, code: 137 }, proxy: { at: 5 } }),
    ];

    const summary = summarise(records);

    expect(summary).toMatchObject({
      count: 4,
      outcomes: { Finished: 3, Killed: 1, HookFailed: 0, Forced: 0, Unknown: 0 },
      gracePeriod: { shortest: 30, longest: 30 },
      forecast: { compared: 4, agree: 3, differ: 1 },
    });
    expect(
      [summary.took?.shortest, summary.took?.median, summary.took?.longest].map((value) => Math.round(value ?? -1)),
    ).toEqual([5, 15, 30]);
  });

  it('of nothing says nothing', () => {
    expect(summarise([])).toEqual({
      count: 0,
      outcomes: { Finished: 0, Killed: 0, HookFailed: 0, Forced: 0, Unknown: 0 },
      forecast: { compared: 0, agree: 0, differ: 0 },
    });
  });
});

describe('the recommendation', () => {
  const failedHook: PodNews = {
    hookFailures: [{ container: 'istio-proxy', message: 'PreStopHook failed' }],
    exceeded: false,
  };
  const fine = { app: { at: 4 }, proxy: { at: 5 } };

  it.each<[string, TerminationRecord[], EffectiveSettings, number | undefined, string, string]>([
    ['all went well', [record(fine)], settings(), undefined, 'NothingToDo', 'by themselves'],
    [
      'the proxy was gone long before the application',
      [record({ app: { at: 14 }, proxy: { at: 5 } }), record(fine)],
      settings(),
      undefined,
      'KeepProxyLonger',
      'In 1 of 2 terminations the proxy ended before the application, by up to 9 s',
    ],
    [
      'the proxy was gone a moment before',
      [record({ app: { at: 7 }, proxy: { at: 5 } })],
      settings(),
      undefined,
      'NothingToDo',
      '',
    ],
    ['nothing was seen', [], settings(), undefined, 'NothingSeen', '--watch'],
    [
      'the policy needs more',
      [record({ app: { at: 30, code: 137 }, proxy: { at: 5 } })],
      settings(),
      75,
      'RaiseGracePeriod',
      'from 30 to 75',
    ],
    [
      'the application needs more',
      [record({ app: { at: 30, code: 137 }, proxy: { at: 5 } })],
      settings(),
      25,
      'RaiseGracePeriod',
      'Raise it to 60',
    ],
    [
      'the application needs more than a node drain gives',
      [record({ grace: 600, app: { at: 600, code: 137 }, proxy: { at: 5 } })],
      settings({ grace: 600 }),
      25,
      'LookCloser',
      'cluster autoscalers',
    ],
    [
      'the delete call gave less',
      [record({ grace: 5, app: { at: 5, code: 137 }, proxy: { at: 5 } })],
      settings({ grace: 60 }),
      25,
      'LookCloser',
      'had 5 s; the template gives 60 s',
    ],
    [
      'an idle client holds the proxy',
      [record({ app: { at: 4 }, proxy: { at: 30, code: 137 } }, settings({ config: EXIT_ON_ZERO }))],
      settings({ config: EXIT_ON_ZERO }),
      25,
      'BoundTheWait',
      'idle keep-alive',
    ],
    [
      'the netstat loop',
      [record({ app: { at: 4 }, proxy: { at: 32, code: 137 } }, settings({ proxyPreStop: LITERAL }))],
      settings({ proxyPreStop: LITERAL }),
      25,
      'RepairHook',
      'has no end of its own',
    ],
    [
      'a drain that is too long',
      [record({ app: { at: 4 }, proxy: { at: 30, code: 137 } }, settings({ config: 'terminationDrainDuration: 60s' }))],
      settings({ config: 'terminationDrainDuration: 60s' }),
      25,
      'RaiseGracePeriod',
      'still draining',
    ],
    [
      'a hook without a shell',
      [record(fine, settings({ proxyPreStop: LITERAL, distroless: true }), failedHook)],
      settings({ proxyPreStop: LITERAL, distroless: true }),
      undefined,
      'RepairHook',
      'the proxy image is distroless',
    ],
    ['pods were removed by force', [record({ deleted: false })], settings(), undefined, 'DoNotForce', '1 of 1 pods'],
    [
      'not as forecast',
      [record({ app: { at: 4 }, proxy: { at: 12 } })],
      settings(),
      undefined,
      'LookCloser',
      'did not go as the engine says',
    ],
    [
      'far too long',
      [1, 2, 3].map(() => record({ grace: 300, ...fine })),
      settings({ grace: 300 }),
      45,
      'LowerGracePeriod',
      'terminationGracePeriodSeconds: 45',
    ],
    [
      'long, because the policy needs it',
      [1, 2, 3].map(() => record({ grace: 300, ...fine })),
      settings({ grace: 300 }),
      300,
      'NothingToDo',
      '',
    ],
  ])('%s', (_, records, of, neededGrace, code, message) => {
    const [first, ...more] = recommend({
      records,
      settings: of,
      ...(neededGrace === undefined ? {} : { neededGrace }),
    });

    expect(first).toMatchObject({ code, message: expect.stringContaining(message) as unknown });
    expect(more).toEqual([]);
  });
});

/** Terminations that were measured are not part of the project; where there are some, a variable names their file. */
const file = process.env['SIDECAR_DRAIN_CASES'];

if (file !== undefined) {
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: TerminationCase[] };

  describe('terminations that were measured', () => {
    it.each(cases.map((given) => [given.id, given] as const))(
      '%s: the record agrees with the engine, which was told nothing of the requests',
      (_, given) => {
        const of = settingsOf(given);
        const { appExit, proxyExit } = given.observed;
        const seen = pod({
          native: given.proxy === 'native',
          grace: given.deletedWithGracePeriodSeconds ?? of.gracePeriod.value,
          app: appExit!,
          proxy: given.proxy === 'none' ? null : proxyExit!,
        });
        const app = given.podTemplate.spec.containers.find(({ name }) => name !== 'istio-proxy')!.name;
        const named = JSON.parse(JSON.stringify(seen).replaceAll('"server"', JSON.stringify(app))) as typeof seen;

        const made = recordOf(endingOfGone(named, undefined, DELETED)!, of)!;

        expect(made.forecast).toMatchObject({ differences: [] });
        expect(made.outcome).toBe([appExit, proxyExit].some((end) => end?.code === 137) ? 'Killed' : 'Finished');
        expect(Math.abs((made.took ?? 0) + 1.5 - playCase(given).podGoneAt)).toBeLessThanOrEqual(2.5);
      },
    );
  });
}
