import { describe, expect, it } from '@jest/globals';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import { appDelayOf, proxyClocks, type ProxyClocks } from '../../../../src/drain/promise/clocks.ts';
import { classicStrategy, compile, type Target } from '../../../../src/drain/promise/compile.ts';
import { fnv1a } from '../../../../src/drain/hash.ts';
import { assumedIntent, intentKey, intentOf, type Intent } from '../../../../src/drain/promise/intent.ts';
import {
  brokenDrainClauses,
  graceNeed,
  graceWords,
  neededGrace,
  unmetOptions,
} from '../../../../src/drain/promise/promise.ts';
import { readPolicy } from '../../../../src/drain/plan/policies.ts';
import { withDefaults, type SidecarDrainPolicySpec } from '../../../../src/api/policy.ts';
import {
  bounded,
  DRAIN_THEN_ESTABLISHED,
  drainThenSleep,
  NEVER_ENDS,
  NOT_UNDERSTOOD,
  sh,
  sleep,
  WHILE_ESTABLISHED,
} from '../../../fixtures/drain/hooks.ts';
import {
  intentFor,
  meshOf,
  settingsOf,
  templateOf,
  type ProxyForm,
  type TemplateOptions,
} from '../../../fixtures/drain/objects.ts';

const SHELL: Partial<MeshFacts> = { stated: { proxyImage: 'with-shell' } };
const GATEWAY: TemplateOptions = {
  annotations: { 'inject.istio.io/templates': 'gateway' },
  spec: { containers: [{ name: 'istio-proxy', image: 'auto' }] },
};

function compiled(
  form: ProxyForm | 'gateway',
  asked: Partial<Intent>,
  template: TemplateOptions = {},
  version = '1.30.3',
): Target {
  const settings = settingsOf(
    templateOf(form === 'gateway' ? GATEWAY : template),
    meshOf(form === 'gateway' ? 'classic' : form, SHELL, version),
  );
  const intent = intentFor(asked);
  return compile(intent, settings, appDelayOf(settings, intent.endpointDelay));
}

describe('the compile table: 60 s at least, 120 s at most, endpoints need 5 s', () => {
  const FIXED: Partial<Intent> = { mode: 'Fixed', duration: 60 };
  const ADAPTIVE: Partial<Intent> = { mode: 'Adaptive', maxWait: 120 };
  const COMBINED: Partial<Intent> = { mode: 'Combined', duration: 60, maxWait: 120 };
  const zero = (minimumDrain: number): Target => ({ exitOnZero: true, minimumDrain });
  const hook = (
    duration: number,
    maxWait: number,
    waitFor: 'EstablishedConnections' | 'ActiveRequests' = 'EstablishedConnections',
  ): NonNullable<Target['hook']> => ({ duration, maxWait, waitFor });

  it.each<[string, ProxyForm | 'gateway', Partial<Intent>, Target]>([
    ['Fixed on classic', 'classic', FIXED, { terminationDrainDuration: 65 }],
    ['Fixed on native', 'native', FIXED, {}],
    ['Fixed on unknown', 'unknown', FIXED, { terminationDrainDuration: 65 }],
    ['Fixed on a gateway', 'gateway', FIXED, { terminationDrainDuration: 65 }],
    ['Fixed without a proxy', 'none', FIXED, {}],
    ['Adaptive on classic', 'classic', ADAPTIVE, zero(5)],
    ['Adaptive on native', 'native', ADAPTIVE, {}],
    ['Adaptive on unknown', 'unknown', ADAPTIVE, zero(5)],
    ['Adaptive on a gateway', 'gateway', ADAPTIVE, zero(5)],
    [
      "Adaptive, no endpoint delay: never below Istio's own minimum",
      'classic',
      { ...ADAPTIVE, endpointDelay: 0 },
      zero(5),
    ],
    ['Adaptive, slow endpoints', 'classic', { ...ADAPTIVE, endpointDelay: 12 }, zero(12)],
    ['Combined on classic', 'classic', COMBINED, zero(65)],
    ['Combined on native', 'native', COMBINED, {}],
    ['Combined on unknown', 'unknown', COMBINED, zero(65)],
    ['PreStopHook, Adaptive, on classic', 'classic', { ...ADAPTIVE, strategy: 'PreStopHook' }, { hook: hook(5, 125) }],
    [
      'PreStopHook, Combined, on classic',
      'classic',
      { ...COMBINED, strategy: 'PreStopHook', hook: 'ActiveRequests' },
      { hook: hook(65, 125, 'ActiveRequests'), terminationDrainDuration: 65 },
    ],
    ['PreStopHook on native: never a hook', 'native', { ...COMBINED, strategy: 'PreStopHook' }, {}],
    ['PreStopHook on unknown: never a hook', 'unknown', { ...COMBINED, strategy: 'PreStopHook' }, zero(65)],
    ['PreStopHook on a gateway: never a hook', 'gateway', { ...COMBINED, strategy: 'PreStopHook' }, zero(65)],
    [
      'drainDuration follows a fixed drain',
      'classic',
      { ...FIXED, drainDuration: 'Follow' },
      { terminationDrainDuration: 65, drainDuration: 65 },
    ],
    [
      'drainDuration follows what can be waited for',
      'classic',
      { ...COMBINED, drainDuration: 'Follow' },
      { ...zero(65), drainDuration: 125 },
    ],
    [
      'drainDuration has no part in a drain call',
      'classic',
      { ...COMBINED, strategy: 'PreStopHook', drainDuration: 'Follow' },
      { hook: hook(65, 125), terminationDrainDuration: 65 },
    ],
    [
      'hold on classic',
      'classic',
      { ...FIXED, holdApplicationUntilProxyStarts: 'Enabled' },
      { terminationDrainDuration: 65, hold: true },
    ],
    ['hold on native', 'native', { ...FIXED, holdApplicationUntilProxyStarts: 'Enabled' }, {}],
    [
      'hold on a gateway, which knows none',
      'gateway',
      { ...FIXED, holdApplicationUntilProxyStarts: 'Enabled' },
      { terminationDrainDuration: 65 },
    ],
  ])('%s', (_, form, intent, target) => {
    expect(compiled(form, intent)).toEqual(target);
  });

  it.each([
    ['1.22.8', 'Auto', { terminationDrainDuration: 125 }],
    ['1.22.8', 'ActiveConnections', zero(65)],
    ['1.23.0', 'Auto', zero(65)],
    ['', 'Auto', zero(65)],
  ] as const)('Auto trusts the count of connections since Istio 1.23: %s, %s', (version, strategy, target) => {
    expect(compiled('classic', { ...COMBINED, strategy }, {}, version)).toEqual(target);
  });

  it.each([
    [
      'the longest app preStop',
      {
        appPreStop: sleep(20),
        containers: [{ name: 'second', ports: [{ containerPort: 9000 }], lifecycle: { preStop: sh('sleep 30') } }],
      },
      90,
    ],
    [
      'nothing of a container that serves nothing',
      { appPreStop: sleep(20), containers: [{ name: 'helper', lifecycle: { preStop: sh('sleep 30') } }] },
      80,
    ],
    ['the endpoint delay where that is longer', { appPreStop: sleep(2) }, 65],
    [
      'what the annotation states',
      { appPreStop: NOT_UNDERSTOOD, annotations: { 'sidecardrain.io/pre-stop': '25s' } },
      85,
    ],
    ['what is certain where the rest cannot be known', { appPreStop: NOT_UNDERSTOOD }, 65],
  ])("counts from the app's SIGTERM: %s", (_, template, terminationDrainDuration) => {
    expect(compiled('classic', FIXED, template)).toEqual({ terminationDrainDuration });
  });

  it('switches off an EXIT_ON_ZERO from elsewhere where a fixed drain shall count', () => {
    const template = { config: '{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}' };

    expect(compiled('classic', FIXED, template)).toEqual({ terminationDrainDuration: 65, exitOnZero: false });
    expect(compiled('classic', { ...COMBINED, strategy: 'PreStopHook' }, template)).toMatchObject({
      exitOnZero: false,
    });
  });

  it.each([
    ['Fixed', { mode: 'Fixed', strategy: 'PreStopHook' }, 'Drain'],
    ['Adaptive', { mode: 'Adaptive' }, 'ActiveConnections'],
    ['PreStopHook', { mode: 'Combined', strategy: 'PreStopHook' }, 'PreStopHook'],
  ] as const)('names the strategy: %s', (_, intent, strategy) => {
    expect(classicStrategy(intentFor(intent), settingsOf(templateOf()))).toBe(strategy);
  });
});

describe('the clocks of a proxy', () => {
  const clocks = (
    template: TemplateOptions,
    form: ProxyForm = 'classic',
    mesh: Partial<MeshFacts> = SHELL,
  ): ProxyClocks => proxyClocks(settingsOf(templateOf(template), meshOf(form, mesh)));
  const zero = (minimum: string): string =>
    `{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true","MINIMUM_DRAIN_DURATION":"${minimum}"}}`;

  it.each<[string, TemplateOptions, Partial<ProxyClocks>]>([
    [
      'nothing set',
      {},
      { floor: 5, busy: 5, ceiling: 5, bounded: 5, afterApps: 5, callsDrain: false, heldFrom: Infinity },
    ],
    ['a drain', { config: '{"terminationDrainDuration":"25s"}' }, { floor: 25, busy: 25, ceiling: 25 }],
    ['a negative drain', { config: '{"terminationDrainDuration":"-5s"}' }, { floor: 0, busy: 0, ceiling: 0 }],
    [
      'EXIT_ON_ZERO',
      { config: zero('20s') },
      { floor: 21, busy: Infinity, ceiling: Infinity, bounded: 21, heldFrom: 21 },
    ],
    [
      'EXIT_ON_ZERO after a hook',
      { config: zero('20s'), proxyPreStop: sleep(10) },
      { floor: 31, busy: Infinity, heldFrom: 31 },
    ],
    ['a sleep', { proxyPreStop: sleep(10) }, { floor: 15, busy: 15, ceiling: 15 }],
    [
      'a drain call',
      { proxyPreStop: drainThenSleep(10) },
      { floor: 10, busy: 10, ceiling: 10, afterApps: 0, callsDrain: true },
    ],
    ['a bounded wait', { proxyPreStop: bounded(20) }, { floor: 5, busy: 25, ceiling: 25, heldFrom: 0 }],
    [
      'an unbounded wait',
      { proxyPreStop: WHILE_ESTABLISHED },
      { floor: 5, busy: Infinity, ceiling: Infinity, bounded: 5, afterUnboundedPreStop: 5 },
    ],
    [
      'an unbounded wait after the drain call',
      { proxyPreStop: DRAIN_THEN_ESTABLISHED },
      { floor: 0, busy: Infinity, afterUnboundedPreStop: 0 },
    ],
    ['a hook without end', { proxyPreStop: NEVER_ENDS }, { floor: Infinity, busy: Infinity }],
    [
      'a hook that tells it to quit',
      { proxyPreStop: sh('sleep 7; pilot-agent request --debug-port=15020 POST quitquitquit') },
      { floor: 7, busy: 7, quitsAt: 7 },
    ],
    [
      'an app that tells it to quit',
      {
        config: '{"terminationDrainDuration":"60s"}',
        appPreStop: sh('sleep 9; curl -X POST localhost:15020/quitquitquit; sleep 9'),
      },
      { floor: 9, busy: 9, quitsAt: 9 },
    ],
    ['a hook that nobody understands', { proxyPreStop: NOT_UNDERSTOOD }, { floor: 5, busy: 5, ceiling: Infinity }],
  ])('%s', (_, template, expected) => {
    expect(clocks(template)).toMatchObject(expected);
  });

  it('reckons with both images where it is not known', () => {
    const mesh: Partial<MeshFacts> = { revisions: [{ name: 'default', nativeSidecars: 'false' }] };

    expect(clocks({ proxyPreStop: drainThenSleep(30) }, 'classic', mesh)).toMatchObject({
      floor: 5,
      busy: 5,
      ceiling: 30,
      callsDrain: false,
      afterApps: 5,
    });
  });
});

describe('the promise', () => {
  function judged(
    template: TemplateOptions,
    asked: Partial<Intent>,
    form: ProxyForm = 'classic',
  ): { codes: string[]; needed: number; intents: string[] } {
    const settings = settingsOf(templateOf(template), meshOf(form, SHELL));
    const intent = intentFor(asked);
    const clocks = { delay: appDelayOf(settings, intent.endpointDelay), proxy: proxyClocks(settings) };
    return {
      codes: brokenDrainClauses(settings, intent, clocks).map((clause) => clause.code),
      needed: neededGrace(settings, intent, clocks),
      intents: unmetOptions(settings, intent, clocks),
    };
  }
  const drain = (text: string): TemplateOptions => ({ config: `{"terminationDrainDuration":"${text}"}` });
  const zero = (minimum: string): TemplateOptions => ({
    config: `{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true","MINIMUM_DRAIN_DURATION":"${minimum}"}}`,
  });

  it.each<[string, TemplateOptions, Partial<Intent>, ProxyForm, string[], number]>([
    ['Fixed, kept', drain('65s'), {}, 'classic', [], 70],
    ['Fixed, a second short', drain('64s'), {}, 'classic', ['DrainTooShort', 'DrainTooShort'], 70],
    ['Fixed, longer than needed', drain('100s'), {}, 'classic', [], 105],
    ['Fixed, kept by counting connections', zero('64s'), {}, 'classic', [], 70],
    ['Fixed, the minimum too short', zero('60s'), {}, 'classic', ['MinimumDrainTooShort'], 70],
    ['Adaptive, kept', zero('5s'), { mode: 'Adaptive' }, 'classic', [], 130],
    [
      "Adaptive, the app's preStop is longer than the minimum",
      { ...zero('5s'), appPreStop: sleep(30) },
      { mode: 'Adaptive' },
      'classic',
      ['MinimumDrainTooShort', 'DrainTooShort'],
      155,
    ],
    ['Adaptive by a long fixed drain', drain('200s'), { mode: 'Adaptive' }, 'classic', ['DrainNotAdaptive'], 205],
    [
      'Combined by a wait of the user',
      { proxyPreStop: WHILE_ESTABLISHED, ...drain('70s') },
      { mode: 'Combined' },
      'classic',
      ['DrainTooShort'],
      200,
    ],
    [
      'Combined by a wait that begins late enough',
      { proxyPreStop: sh(`sleep 66; ${WHILE_ESTABLISHED.exec?.command?.[2] ?? ''}`) },
      { mode: 'Combined' },
      'classic',
      [],
      135,
    ],
    ['native, whatever is set', drain('1s'), {}, 'native', [], 70],
    ['native with an app preStop', { appPreStop: sleep(20) }, {}, 'native', [], 85],
    [
      'native with a hook that makes no drain call',
      { proxyPreStop: sh('sleep 90'), ...drain('10s') },
      {},
      'native',
      [],
      105,
    ],
    [
      'native with a hook that quits',
      { proxyPreStop: sh('sleep 9; pilot-agent request --debug-port=15020 POST quitquitquit') },
      {},
      'native',
      ['DrainTooShort'],
      70,
    ],
    ['unknown is both', drain('90s'), {}, 'unknown', [], 95],
    [
      'unknown with a hook, which on native drops the drain',
      { proxyPreStop: sh('sleep 10'), ...drain('60s') },
      {},
      'unknown',
      [],
      130,
    ],
    [
      'PreStopHook: hook and net add up',
      { proxyPreStop: drainThenSleep(125) },
      { mode: 'Combined', strategy: 'PreStopHook' },
      'classic',
      ['DrainNotAdaptive'],
      190,
    ],
    ['no proxy', {}, {}, 'none', [], 70],
  ])('%s', (_, template, intent, form, codes, needed) => {
    expect(judged(template, intent, form)).toMatchObject({ codes, needed });
  });

  it('lets a fixed drain stand for Adaptive where connections cannot be counted on', () => {
    const settings = settingsOf(templateOf(drain('125s')), meshOf('classic', {}, '1.22.0'));
    const intent = intentFor({ mode: 'Adaptive' });

    expect(
      brokenDrainClauses(settings, intent, { delay: appDelayOf(settings, 5), proxy: proxyClocks(settings) }),
    ).toEqual([]);
  });

  it.each<[string, TemplateOptions, Partial<Intent>, ProxyForm, string[]]>([
    ['another form', {}, { form: 'Native' }, 'classic', ['a native sidecar']],
    ['the form that is there', {}, { form: 'Native' }, 'native', []],
    ['a form that is not known', {}, { form: 'Native' }, 'unknown', []],
    ['hold', {}, { holdApplicationUntilProxyStarts: 'Enabled' }, 'classic', ['holdApplicationUntilProxyStarts']],
    [
      'hold that is there',
      { config: 'holdApplicationUntilProxyStarts: true' },
      { holdApplicationUntilProxyStarts: 'Enabled' },
      'classic',
      [],
    ],
    ['drainDuration', {}, { drainDuration: 'Follow' }, 'classic', ['drainDuration 65 s']],
    ['drainDuration on native', {}, { drainDuration: 'Follow' }, 'native', []],
  ])('has intents beside it: %s', (_, template, intent, form, intents) => {
    expect(judged(template, intent, form).intents).toEqual(intents);
  });
});

describe('an intent', () => {
  const spec = (
    drain: SidecarDrainPolicySpec['drain'],
    more: Partial<SidecarDrainPolicySpec> = {},
  ): SidecarDrainPolicySpec => ({ match: { namespaceSelector: {} }, drain, ...more });

  it('is the policy in seconds', () => {
    expect(intentOf(withDefaults(spec({ mode: 'Combined', duration: '1m', maxWait: '5m' })))).toEqual({
      mode: 'Combined',
      duration: 60,
      maxWait: 300,
      endpointDelay: 5,
      strategy: 'Auto',
      hook: 'EstablishedConnections',
      application: 'Leave',
      environment: 'Annotation',
      drainDuration: 'Leave',
      form: 'Keep',
      holdApplicationUntilProxyStarts: 'Keep',
      graceChange: 'RaiseOnly',
      margin: 5,
      graceMaximum: 600,
    });
  });

  it('has one length in Fixed and no minimum in Adaptive', () => {
    expect(intentOf(withDefaults(spec({ mode: 'Fixed', duration: '1m' })))).toMatchObject({
      duration: 60,
      maxWait: 60,
    });
    expect(intentOf(withDefaults(spec({ mode: 'Adaptive', maxWait: '1m' })))).toMatchObject({
      duration: 0,
      maxWait: 60,
    });
  });

  it('has a key that tells every intent apart, but not the limit of what may be written', () => {
    const base = intentFor();
    const others: Partial<Intent>[] = [
      { mode: 'Combined' },
      { duration: 61 },
      { maxWait: 61 },
      { endpointDelay: 6 },
      { strategy: 'PreStopHook' },
      { hook: 'ActiveRequests' },
      { environment: 'ProxyConfig' },
      { drainDuration: 'Follow' },
      { form: 'Native' },
      { holdApplicationUntilProxyStarts: 'Enabled' },
      { graceChange: 'Never' },
      { margin: 6 },
    ];

    expect(new Set([base, ...others.map((other) => ({ ...base, ...other }))].map(intentKey)).size).toBe(
      others.length + 1,
    );
    expect(intentKey({ ...base, graceMaximum: 1 })).toBe(intentKey(base));
  });

  it('without a policy is what was assumed', () => {
    expect(assumedIntent(15, 5)).toMatchObject({
      mode: 'Fixed',
      duration: 15,
      maxWait: 15,
      endpointDelay: 5,
      graceMaximum: Infinity,
    });
  });

  it('is hashed as FNV-1a says', () => {
    expect([fnv1a(''), fnv1a('a'), fnv1a('foobar')]).toEqual(['811c9dc5', 'e40c292c', 'bf9cf968']);
  });

  it.each([
    ['fine', spec({ mode: 'Fixed', duration: '1m' }), undefined],
    [
      'a selector that cannot be',
      spec({ mode: 'Fixed', duration: '1m' }, { match: { namespaceSelector: { matchLabels: { 'a b': 'c' } } } }),
      'InvalidSelector',
    ],
    ['no drain at all', { match: { namespaceSelector: {} } } as unknown as SidecarDrainPolicySpec, 'InvalidSpec'],
  ])('a policy that cannot be evaluated is stalled: %s', (_, given, reason) => {
    const record = readPolicy({
      apiVersion: 'sidecardrain.io/v1alpha1',
      kind: 'SidecarDrainPolicy',
      metadata: { name: 'x', uid: 'u', generation: 2, deletionTimestamp: 'now' },
      spec: given,
    });

    expect(record).toMatchObject({ name: 'x', uid: 'u', generation: 2, deleting: true });
    expect(record.stalled?.reason).toBe(reason);
    expect(record.compiled === undefined).toBe(reason !== undefined);
  });
});

describe('an app preStop of which only a lower bound is known', () => {
  const waits = sh('sleep 20; while netstat -tn | grep -q :8080.*ESTABLISHED; do sleep 1; done');

  it('counts with what is certain, and is named', () => {
    const delay = appDelayOf(settingsOf(templateOf({ appPreStop: waits }), meshOf('native')), 5);

    expect(delay).toMatchObject({ seconds: 20, unbounded: [{ container: 'app', atLeast: 20, serves: true }] });
  });

  it('is never taken for shorter than it is, whatever is stated', () => {
    const template = { appPreStop: waits, annotations: { 'sidecardrain.io/pre-stop': '8s' } };
    const delay = appDelayOf(settingsOf(templateOf(template), meshOf('native')), 5);

    expect(delay).toMatchObject({ seconds: 20, unbounded: [] });
  });

  it('makes the lower bound of what is needed, in words', () => {
    const settings = settingsOf(templateOf({ appPreStop: waits }), meshOf('native'));
    const intent = intentFor({ duration: 30, maxWait: 30 });
    const clocks = { delay: appDelayOf(settings, 5), proxy: proxyClocks(settings) };

    expect(graceWords(graceNeed(settings, intent, clocks))).toBe(
      '20 s until the application gets SIGTERM + 30 s for requests in flight + 5 s margin',
    );
    expect(neededGrace(settings, intent, clocks)).toBe(55);
  });
});

describe('the parts of a grace period', () => {
  const words = (form: ProxyForm, template: TemplateOptions): string => {
    const settings = settingsOf(templateOf(template), meshOf(form, { stated: { proxyImage: 'with-shell' } }));
    const intent = intentFor({ duration: 10, maxWait: 10, margin: 2 });
    const clocks = { delay: appDelayOf(settings, 5), proxy: proxyClocks(settings) };
    const need = graceNeed(settings, intent, clocks);

    expect(need.seconds).toBe(Math.ceil(need.parts.reduce((sum, part) => sum + part.seconds, 0)));
    return graceWords(need);
  };

  it.each<[ProxyForm, TemplateOptions, string]>([
    ['classic', { proxyPreStop: sleep(25) }, '25 s preStop of istio-proxy + 5 s drain + 2 s margin'],
    [
      'native',
      { proxyPreStop: sh('sleep 25') },
      '25 s preStop of istio-proxy + 5 s drain of the proxy after that + 2 s margin',
    ],
    ['classic', { config: '{"terminationDrainDuration":"40s"}' }, '40 s drain + 2 s margin'],
    [
      'native',
      { containers: [{ name: 'shipper', lifecycle: { preStop: sleep(50) } }] },
      '50 s preStop of container shipper + 2 s margin',
    ],
  ])('name what is needed, and add up (%s, %j)', (form, template, expected) => {
    expect(words(form, template)).toBe(expected);
  });
});
