import { describe, expect, it } from '@jest/globals';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import {
  DEFAULT_APPLICATION,
  type Application,
  type InboundRequest,
} from '../../../../src/drain/timeline/application.ts';
import { simulateTermination } from '../../../../src/drain/timeline/simulate.ts';
import type { Termination, TerminationInput } from '../../../../src/drain/timeline/termination.ts';
import { podEnd, slackOf, survivalOf } from '../../../../src/drain/timeline/verdict.ts';
import { buildWorld, countActive, isExported } from '../../../../src/drain/timeline/world.ts';
import { drainThenSleep, NOT_UNDERSTOOD, sh, sleep } from '../../../fixtures/drain/hooks.ts';
import {
  meshOf,
  settingsOf,
  templateOf,
  type ProxyForm,
  type TemplateOptions,
} from '../../../fixtures/drain/objects.ts';

const SHELL: Partial<MeshFacts> = { stated: { proxyImage: 'with-shell' } };

interface Scene extends TemplateOptions {
  readonly form?: ProxyForm;
  readonly application?: Partial<Application>;
  readonly requests?: readonly InboundRequest[];
  readonly input?: Partial<TerminationInput>;
}

function play({ form = 'classic', application = {}, requests = [], input = {}, ...template }: Scene): Termination {
  return simulateTermination({
    settings: settingsOf(templateOf(template), meshOf(form, SHELL)),
    application: { ...DEFAULT_APPLICATION, ...application },
    requests,
    ...input,
  });
}

const R = (startsAt: number, lasts: number, callsOutAt?: number): InboundRequest => ({
  id: 'r',
  startsAt,
  lasts,
  ...(callsOutAt === undefined ? {} : { callsOutAt }),
});
const DRAIN_25 = '{"terminationDrainDuration":"25s"}';
const EXIT_ON_ZERO = '{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}';

describe('the outcome of a request', () => {
  it.each<[string, Scene, Termination['requests'][number]]>([
    ['is answered while the proxy lives', { requests: [R(-1, 5)] }, { id: 'r', survived: true, at: 4 }],
    ['ends in the moment in which the proxy does', { requests: [R(-1, 6)] }, { id: 'r', survived: true, at: 5 }],
    ['is cut with the proxy', { requests: [R(-1, 7)] }, { id: 'r', survived: false, at: 5, lostBecause: 'ProxyGone' }],
    [
      'is cut with the app',
      { config: DRAIN_25, application: { onSigterm: 'ExitAtOnce' }, requests: [R(-1, 5)] },
      { id: 'r', survived: false, at: 0, lostBecause: 'AppGone' },
    ],
    [
      'is saved by a preStop before an app that exits at once',
      { config: DRAIN_25, appPreStop: sleep(10), application: { onSigterm: 'ExitAtOnce' }, requests: [R(-1, 11)] },
      { id: 'r', survived: true, at: 10 },
    ],
    [
      'is refused by an app that has closed its listener',
      { config: DRAIN_25, requests: [R(1, 2)] },
      { id: 'r', survived: false, at: 1, lostBecause: 'AppRefuses' },
    ],
    [
      'is refused by listeners that drainDuration has closed',
      { config: '{"terminationDrainDuration":"25s","drainDuration":"2s"}', appPreStop: sleep(10), requests: [R(3, 2)] },
      { id: 'r', survived: false, at: 3, lostBecause: 'ProxyRefuses' },
    ],
    [
      'is refused by a proxy that is gone',
      { appPreStop: sleep(20), requests: [R(6, 2)] },
      { id: 'r', survived: false, at: 6, lostBecause: 'ProxyRefuses' },
    ],
    [
      'fails by the call that it makes too late',
      {
        form: 'native',
        proxyPreStop: sh('sleep 3; pilot-agent request --debug-port=15020 POST quitquitquit'),
        requests: [R(-1, 9, 7)],
      },
      { id: 'r', survived: false, at: 3, lostBecause: 'ProxyGone' },
    ],
    ['needs no proxy', { form: 'none', requests: [R(-1, 20)] }, { id: 'r', survived: true, at: 19 }],
    [
      'without a proxy dies with the app',
      { form: 'none', requests: [R(-1, 60)] },
      { id: 'r', survived: false, at: 30, lostBecause: 'AppGone' },
    ],
    [
      'without a proxy is refused by the app',
      { form: 'none', requests: [R(2, 1)] },
      { id: 'r', survived: false, at: 2, lostBecause: 'AppRefuses' },
    ],
    [
      'that ends with the grace period is just over',
      { config: '{"terminationDrainDuration":"60s"}', requests: [R(-1, 31)] },
      { id: 'r', survived: true, at: 30 },
    ],
    [
      'that needs a moment more is not',
      { config: '{"terminationDrainDuration":"60s"}', requests: [R(-1, 31.5)] },
      { id: 'r', survived: false, at: 30, lostBecause: 'ProxyGone' },
    ],
  ])('%s', (_, scene, outcome) => {
    expect(play(scene).requests).toEqual([outcome]);
  });

  it('does not keep the app busy where it was never delivered', () => {
    const termination = play({
      config: '{"terminationDrainDuration":"3s"}',
      appPreStop: sleep(10),
      requests: [R(5, 20)],
    });

    expect(termination.apps).toEqual([expect.objectContaining({ exitAt: 10, exitCode: 0 })]);
  });

  it('goes on in the app after its client has lost it', () => {
    expect(play({ requests: [R(-1, 20)] }).apps).toEqual([expect.objectContaining({ exitAt: 19 })]);
  });
});

describe('the end of the containers', () => {
  it.each<[string, Scene, object]>([
    [
      'a grace period of 0 s is one of 1 s, and the window of 2 s is given',
      { grace: 0 },
      { gracePeriod: 1, proxy: { exitAt: 2, exitCode: 137, how: 'Sigkill' } },
    ],
    [
      'the same for the delete call',
      { input: { deletedWithGracePeriod: 0 } },
      { gracePeriod: 1, proxy: { exitAt: 2, exitCode: 137 } },
    ],
    [
      'drain by SIGTERM',
      { config: DRAIN_25 },
      { proxy: { sigtermAt: 0, sigkillAt: 30, exitAt: 25, how: 'DrainOver' }, drainStartsAt: 0 },
    ],
    ['EXIT_ON_ZERO with nothing open', { config: EXIT_ON_ZERO }, { proxy: { exitAt: 6, how: 'NoConnectionLeft' } }],
    ['EXIT_ON_ZERO looks every second', { config: EXIT_ON_ZERO, requests: [R(-1, 9.5)] }, { proxy: { exitAt: 9 } }],
    [
      'short connections between two looks do not hold it',
      { config: EXIT_ON_ZERO, appPreStop: sleep(20), requests: [R(6.2, 0.6)] },
      { proxy: { exitAt: 6 } },
    ],
    [
      'a drain call and then SIGTERM',
      { proxyPreStop: drainThenSleep(12) },
      { proxy: { exitAt: 12, how: 'DrainOver' }, drainStartsAt: 0 },
    ],
    [
      'quit',
      { proxyPreStop: sh('sleep 2; pilot-agent request --debug-port=15020 POST quitquitquit') },
      { proxy: { exitAt: 2, how: 'EndedByAgentCall', exitCode: 0 } },
    ],
    [
      "quit by Envoy's own endpoint",
      { proxyPreStop: sh('sleep 2; pilot-agent request POST quitquitquit') },
      { proxy: { exitAt: 2, how: 'EndedByAgentCall' } },
    ],
    [
      'quit by a hook of the app',
      { form: 'native', appPreStop: sh('sleep 4; curl -X POST http://localhost:15020/quitquitquit; sleep 3') },
      { proxy: { exitAt: 4, how: 'EndedByAgentCall' } },
    ],
    [
      'a drain call by a hook of the app, before SIGTERM',
      { proxyPreStop: sleep(9), appPreStop: sh('sleep 4; curl -X POST http://localhost:15020/drain') },
      { proxy: { exitAt: 9, how: 'DrainOver' }, drainStartsAt: 4 },
    ],
    [
      'a drain call by a hook of the app, after SIGTERM',
      { appPreStop: sh('sleep 2; curl -X POST http://localhost:15020/drain') },
      { proxy: { exitAt: 5 }, drainStartsAt: 0 },
    ],
    [
      'a gateway has no app',
      {
        annotations: { 'inject.istio.io/templates': 'gateway' },
        spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
        requests: [R(3, 4)],
      },
      { apps: [], proxy: { exitAt: 5 }, requests: [{ survived: false }] },
    ],
    ['no proxy', { form: 'none' }, { newInboundConnections: { until: 0, endedBy: 'AppListener' }, podGoneAt: 1.5 }],
  ])('%s', (_, scene, expected) => {
    expect(play(scene)).toMatchObject(expected);
  });

  it("closes Envoy's listeners at once where drain_listeners is called without graceful", () => {
    const { newInboundConnections } = play({
      config: DRAIN_25,
      proxyPreStop: sh('sleep 3; pilot-agent request POST drain_listeners; sleep 5'),
    });

    expect(newInboundConnections).toEqual({ until: 3, endedBy: 'DrainDuration' });
  });

  it('lets the app go when its own hook tells it to', () => {
    const termination = play({ appPreStop: sh('nginx -s quit; sleep 20'), requests: [R(-1, 5)] });

    expect(termination.apps).toEqual([expect.objectContaining({ sigtermAt: 0, exitAt: 4, exitCode: 0 })]);
    expect(termination.appListenerClosesAt).toBe(0);
  });

  const LOGS = { name: 'logs', restartPolicy: 'Always' };
  it.each<[string, Scene, number, number]>([
    [
      'before a native proxy, after the app',
      { form: 'native', initContainers: [{ ...LOGS, lifecycle: { preStop: sleep(8) } }], requests: [R(-1, 4)] },
      8,
      8,
    ],
    [
      'after the app where its own hook is shorter',
      { form: 'native', initContainers: [{ ...LOGS, lifecycle: { preStop: sleep(2) } }], requests: [R(-1, 4)] },
      3,
      3,
    ],
    ['after a classic proxy, which is one of the containers', { initContainers: [LOGS], requests: [R(-1, 4)] }, 5, 5],
    ['without any proxy', { form: 'none', initContainers: [LOGS], requests: [R(-1, 4)] }, 3, -1],
  ])('ends other native sidecars %s', (_, scene, sidecarAt, proxyAt) => {
    const { sidecars, proxy } = play(scene);

    expect(sidecars.map((end) => end.exitAt)).toEqual([sidecarAt]);
    expect(proxy?.exitAt ?? -1).toBe(proxyAt);
  });
});

describe('late outbound calls of the app', () => {
  it.each<[string, Scene, number | undefined]>([
    ['none are made', {}, undefined],
    ['the proxy goes first', { application: { runsOnAfterSigterm: 10, callsOutEverySecond: 'NewConnection' } }, 6],
    ['the app goes first', { application: { runsOnAfterSigterm: 4, callsOutEverySecond: 'NewConnection' } }, undefined],
    [
      'native',
      { form: 'native', application: { runsOnAfterSigterm: 10, callsOutEverySecond: 'NewConnection' } },
      undefined,
    ],
    [
      'counted from a later SIGTERM',
      { appPreStop: sleep(12), application: { runsOnAfterSigterm: 4, callsOutEverySecond: 'Pooled' } },
      13,
    ],
  ])('%s', (_, scene, from) => {
    expect(play(scene).callsOutFailFrom).toBe(from);
  });
});

describe('a hook that is not understood', () => {
  it.each([
    [undefined, 30, 30],
    ['NeverEnd', 30, 30],
    ['EndAtOnce', 0, 5],
  ] as const)('is taken as asked (%s)', (unknownHooks, sigtermAt, appOrProxy) => {
    const termination = play({
      proxyPreStop: NOT_UNDERSTOOD,
      input: unknownHooks === undefined ? {} : { unknownHooks },
    });

    expect(termination.proxy).toMatchObject({ sigtermAt });
    expect(termination.proxy?.exitAt).toBe(appOrProxy === 30 ? 32 : 5);
    expect(termination.unknownHooks).toEqual([
      { container: 'istio-proxy', notUnderstood: [expect.stringContaining('coordinator.shop')] },
    ]);
  });

  it('of the app has the length that the annotation states', () => {
    const termination = play({ appPreStop: NOT_UNDERSTOOD, annotations: { 'sidecardrain.io/pre-stop': '7s' } });

    expect(termination.apps).toEqual([expect.objectContaining({ sigtermAt: 7, exitAt: 7 })]);
    expect(termination.unknownHooks).toEqual([]);
  });
});

describe('the verdict', () => {
  const survival = (scene: Scene): ReturnType<typeof survivalOf> =>
    survivalOf(settingsOf(templateOf(scene), meshOf(scene.form ?? 'classic', SHELL)), {
      ...DEFAULT_APPLICATION,
      ...scene.application,
    });

  it.each<[string, Scene, Partial<ReturnType<typeof survivalOf>>]>([
    [
      'classic, defaults',
      {},
      {
        longestInFlight: 5,
        endedBy: 'ProxyGone',
        outboundFloor: 5,
        quietProxyExit: 5,
        busyPodEnd: 30,
        adaptive: false,
      },
    ],
    ['classic, drain', { config: DRAIN_25 }, { longestInFlight: 25, outboundFloor: 25, quietProxyExit: 25 }],
    [
      'EXIT_ON_ZERO',
      { config: EXIT_ON_ZERO },
      { longestInFlight: 30, outboundFloor: 6, quietProxyExit: 6, adaptive: true },
    ],
    ['native', { form: 'native' }, { longestInFlight: 30, outboundFloor: 30, quietProxyExit: 0, adaptive: true }],
    ['no proxy', { form: 'none' }, { longestInFlight: 30, endedBy: 'AppGone', quietProxyExit: 0 }],
    [
      'no proxy and an app that exits at once',
      { form: 'none', application: { onSigterm: 'ExitAtOnce' } },
      { longestInFlight: 0, endedBy: 'AppGone', busyPodEnd: 0 },
    ],
  ])('%s', (_, scene, expected) => {
    expect(survival(scene)).toMatchObject(expected);
  });

  it('tells when the pod ends and what slack is left', () => {
    const termination = play({ config: DRAIN_25, initContainers: [{ name: 'logs', restartPolicy: 'Always' }] });

    expect([podEnd(termination), slackOf(termination), termination.podGoneAt]).toEqual([25, 5, 26.5]);
  });
});

describe('the pod that hooks look at', () => {
  const settings = settingsOf(templateOf({ app: { ports: [{ containerPort: 9000 }] } }), meshOf('classic', SHELL));
  const world = buildWorld(settings, {
    inbound: [{ from: -1, to: 4 }],
    appListeners: [{ port: 9000, closesAt: 3 }],
    idleKeepAliveClient: true,
    pooledOutbound: { from: -Infinity, to: 2 },
  });

  it("has the app's listener until SIGTERM, and the proxy's", () => {
    expect(world.listeners(2.9).map((socket) => socket.port)).toEqual([
      15006, 15001, 15021, 15090, 15000, 15004, 15020, 9000,
    ]);
    expect(world.listeners(3).map((socket) => socket.port)).not.toContain(9000);
  });

  it('counts a connection as long as its request, and an idle client for ever', () => {
    const inbound = (at: number): number =>
      world.connections(at).filter((connection) => connection.localPort === 15006).length;

    expect([inbound(0), inbound(3.9), inbound(4), inbound(100)]).toEqual([2, 2, 1, 1]);
    expect(countActive([{ from: 0, to: 1 }], 1)).toBe(0);
  });

  it('has outbound connections while the app holds them', () => {
    const outbound = (at: number): number =>
      world.connections(at).filter((connection) => connection.localPort === 15001).length;

    expect([outbound(1), outbound(2)]).toEqual([1, 0]);
  });

  it.each([
    ['GET', 9000, '/', 1, 'unknown'],
    ['GET', 9000, '/', 5, 'refused'],
    ['GET', 15021, '/healthz/ready', 5, 200],
    ['GET', 15021, '/x', 5, 404],
    ['POST', 15020, '/drain', 5, 200],
    ['GET', 15020, '/drain', 5, 405],
    ['GET', 15020, '/healthz/ready?x=1', 5, 200],
    ['GET', 15020, '/x', 5, 404],
    ['GET', 15000, '/stats', 5, 200],
    ['GET', 1, '/', 5, 'refused'],
  ] as const)('answers %s on %i%s at %i s: %s', (method, port, path, at, expected) => {
    expect(world.http(at, method, port, path)).toBe(expected);
  });

  it("without a proxy has the app's sockets alone", () => {
    const bare = buildWorld(settingsOf(templateOf(), meshOf('none')), {
      inbound: [{ from: -1, to: 4 }],
      appListeners: [{ port: 8080, closesAt: 3 }],
      idleKeepAliveClient: true,
    });

    expect(bare.listeners(0).map((socket) => socket.port)).toEqual([8080]);
    expect(bare.connections(0).map((connection) => connection.localPort)).toEqual([8080, 8080]);
    expect(bare.http(0, 'POST', 15020, '/drain')).toBe('refused');
  });

  it.each([
    ['nothing', '', {}, 'http.inbound.downstream_rq_active', false],
    [
      'a suffix',
      '',
      { 'sidecar.istio.io/statsInclusionSuffixes': 'rq_active' },
      'http.inbound.downstream_rq_active',
      true,
    ],
    [
      'a prefix',
      '',
      { 'sidecar.istio.io/statsInclusionPrefixes': 'http.inbound' },
      'http.inbound.downstream_rq_active',
      true,
    ],
    [
      'a whole expression',
      '',
      { 'sidecar.istio.io/statsInclusionRegexps': 'http.*active' },
      'http.inbound.downstream_rq_active',
      true,
    ],
    [
      'a part of one',
      '',
      { 'sidecar.istio.io/statsInclusionRegexps': 'inbound' },
      'http.inbound.downstream_rq_active',
      false,
    ],
    [
      'one that cannot be read',
      '',
      { 'sidecar.istio.io/statsInclusionRegexps': '(' },
      'http.inbound.downstream_rq_active',
      false,
    ],
    ['EXIT_ON_ZERO', EXIT_ON_ZERO, {}, 'listener.0.0.0.0_15006.downstream_cx_active', true],
    ['EXIT_ON_ZERO, another stat', EXIT_ON_ZERO, {}, 'http.inbound.downstream_rq_active', false],
  ])('exports by %s', (_, config, annotations, name, exported) => {
    expect(isExported(name, settingsOf(templateOf({ config, annotations })))).toBe(exported);
  });
});

describe('a pod with several containers', () => {
  const front: TemplateOptions = {
    app: { readinessProbe: { httpGet: {} }, lifecycle: { preStop: sleep(10) } },
    containers: [{ name: 'exporter', image: 'shop.example/exporter:1' }],
    grace: 60,
  };

  it('asks the container that serves, not the first to get SIGTERM', () => {
    const termination = play({ form: 'native', ...front, requests: [R(7, 9)] });

    expect(termination.requests).toEqual([{ id: 'r', survived: true, at: 16 }]);
    expect(termination.apps).toEqual([
      expect.objectContaining({ name: 'app', serves: true, sigtermAt: 10, exitAt: 16 }),
      expect.objectContaining({ name: 'exporter', serves: false, sigtermAt: 0, exitAt: 0 }),
    ]);
    expect(termination.appListenerClosesAt).toBe(10);
  });

  it('refuses what comes after the SIGTERM of the one that serves, whatever the others still do', () => {
    const termination = play({
      form: 'native',
      app: { ports: [{ containerPort: 8080 }] },
      containers: [{ name: 'exporter', lifecycle: { preStop: sleep(25) } }],
      grace: 60,
      requests: [R(7, 2)],
    });

    expect(termination.requests).toEqual([{ id: 'r', survived: false, at: 7, lostBecause: 'AppRefuses' }]);
    expect(termination.proxy).toMatchObject({ sigtermAt: 25, exitAt: 25 });
  });

  it('holds on to the worst where several may serve', () => {
    const two: TemplateOptions = {
      app: { ports: [], lifecycle: { preStop: sleep(10) } },
      containers: [{ name: 'second' }],
      grace: 60,
    };

    expect(play({ form: 'native', ...two, requests: [R(7, 2)] }).requests).toEqual([
      expect.objectContaining({ survived: false, at: 7 }),
    ]);
  });

  it('lets a worker run on for as long as is stated', () => {
    const termination = play({ form: 'native', ...front, application: { helpersRunOn: { exporter: 75 } } });

    expect(termination.apps[1]).toMatchObject({ name: 'exporter', exitAt: 60, exitCode: 137, how: 'Sigkill' });
    expect(termination.proxy).toMatchObject({ sigtermAt: 60, exitAt: 60, exitCode: 0 });
  });

  it('ends native helpers in the reverse order of their list, each after the one before, the proxy last', () => {
    const termination = play({
      form: 'native',
      initContainers: [
        { name: 'first', restartPolicy: 'Always', lifecycle: { preStop: sleep(11) } },
        { name: 'prepare' },
        { name: 'second', restartPolicy: 'Always' },
      ],
      application: { helpersRunOn: { first: 2, second: 4 } },
      requests: [R(-1, 5)],
      grace: 60,
    });

    expect(termination.sidecars).toEqual([
      expect.objectContaining({ name: 'first', sigtermAt: 11, exitAt: 13 }),
      expect.objectContaining({ name: 'second', sigtermAt: 4, exitAt: 8 }),
    ]);
    expect(termination.proxy).toMatchObject({ sigtermAt: 13, exitAt: 13 });
    expect(termination.podGoneAt).toBe(14.5);
  });

  it('kills a helper that has not ended with the grace period', () => {
    const termination = play({
      form: 'native',
      initContainers: [{ name: 'slow', restartPolicy: 'Always' }],
      application: { helpersRunOn: { slow: 40 } },
    });

    expect(termination.sidecars).toEqual([
      expect.objectContaining({ sigtermAt: 0, exitAt: 30, exitCode: 137, how: 'Sigkill' }),
    ]);
  });
});

describe('a preStop that is a request', () => {
  const httpGet = { httpGet: { path: '/leave', port: 8080 } };

  it.each<[string, Scene, number, number]>([
    ['takes what the server takes, beside a native proxy', { form: 'native' }, 9, 9],
    ['is cut with a classic proxy', { form: 'classic' }, 5, 5],
    ['is not cut by a drain that outlasts it', { form: 'classic', config: DRAIN_25 }, 9, 25],
    ['needs no proxy', { form: 'none' }, 9, 0],
  ])('%s', (_, scene, sigtermAt, proxyExit) => {
    const termination = play({ ...scene, appPreStop: httpGet, application: { answersHookAfter: 9 } });

    expect(termination.apps).toEqual([expect.objectContaining({ sigtermAt })]);
    expect(termination.proxy?.exitAt ?? 0).toBe(proxyExit);
  });

  it('lasts to the end of the grace period where nobody knows', () => {
    expect(play({ form: 'native', appPreStop: httpGet }).apps).toEqual([expect.objectContaining({ sigtermAt: 30 })]);
  });
});

describe('a stream', () => {
  const stream: InboundRequest = { id: 's', startsAt: -1, lasts: 21, stream: true };

  it('that is cut is given up by the server soon', () => {
    const termination = play({ requests: [stream] });

    expect(termination.requests).toEqual([{ id: 's', survived: false, at: 5, lostBecause: 'ProxyGone' }]);
    expect(termination.apps).toEqual([expect.objectContaining({ exitAt: 8 })]);
  });

  it('that is not cut holds the application like any request', () => {
    expect(play({ config: DRAIN_25, requests: [stream] }).apps).toEqual([expect.objectContaining({ exitAt: 20 })]);
    expect(play({ config: EXIT_ON_ZERO, requests: [stream] }).proxy).toMatchObject({ exitAt: 20 });
  });
});

describe('a grace period of 0', () => {
  it.each([{ grace: 0 }, { input: { deletedWithGracePeriod: 0 } }])(
    'removes the object at once, whatever still runs (%j)',
    (scene) => {
      expect(play({ ...scene, requests: [R(-1, 10)] })).toMatchObject({
        podGoneAt: 0,
        requests: [{ survived: false, at: 2 }],
      });
    },
  );
});
