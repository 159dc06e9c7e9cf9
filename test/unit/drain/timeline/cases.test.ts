import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { compareCase, type Observed, type TerminationCase } from '../../../../src/drain/timeline/cases.ts';

function casesOf(file: string | URL): TerminationCase[] {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as { cases: TerminationCase[] } | TerminationCase[];
  return Array.isArray(parsed) ? parsed : parsed.cases;
}

const own = ['cases.json', 'container-cases.json'].flatMap((name) =>
  casesOf(new URL(`../../../fixtures/drain/${name}`, import.meta.url)),
);

describe('terminations worked out by hand', () => {
  it.each(own.map((given) => [given.id, given] as const))('%s', (_, given) => {
    expect(compareCase(given)).toEqual([]);
  });
});

/** Measured cases are not part of the project; where there are some, a variable names their file. */
const file = process.env['SIDECAR_DRAIN_CASES'];

if (file !== undefined) {
  const measured = casesOf(file);

  describe('terminations that were measured', () => {
    it.each(measured.map((given) => [given.id, given] as const))('%s', (_, given) => {
      expect(compareCase(given)).toEqual([]);
    });
  });
}

describe('a comparison', () => {
  const given = (observed: Observed, more: Partial<TerminationCase> = {}): TerminationCase => ({
    id: 'x',
    proxy: 'classic',
    podTemplate: { spec: { containers: [{ name: 'app' }] } },
    application: { runsOnAfterSigterm: 10, callsOutEverySecond: 'NewConnection' },
    load: [{ id: 'R1', startsAt: -1, lasts: 20 }],
    observed,
    ...more,
  });

  it.each<[string, Observed, Partial<TerminationCase>, string[]]>([
    [
      'within two seconds',
      {
        appExit: { code: 0, at: 17 },
        proxyExit: { code: 0, at: 7 },
        podGoneAt: 22.5,
        callsOutFailFrom: 8,
        newInboundConnectionsFailFrom: 3,
      },
      {},
      [],
    ],
    ['a request', { requests: { R1: 'survived' } }, {}, ['request R1: the engine says lost at 5 s, it survived']],
    [
      'a lost one',
      { requests: { R1: 'lost' } },
      { load: [{ id: 'R1', startsAt: -1, lasts: 3 }] },
      ['request R1: the engine says survived at 2 s, it was lost'],
    ],
    [
      'one that was not played',
      { requests: { R9: 'survived' } },
      {},
      ['request R9: the engine says lost, it survived'],
    ],
    ['an exit code', { proxyExit: { code: 137, at: 5 } }, {}, ['proxyExit: the engine says code 0, it was 137']],
    ['a time', { appExit: { code: 0, at: 22 } }, {}, ['appExit.at: the engine says 19 s, it was 22 s']],
    [
      'no such container',
      { proxyExit: { code: 0, at: 5 } },
      { proxy: 'none' },
      ['proxyExit: the engine has no such container, it ended with 0 at 5'],
    ],
    [
      'the kind of proxy',
      {},
      {
        podTemplate: {
          metadata: { annotations: { 'sidecar.istio.io/nativeSidecar': 'true' } },
          spec: { containers: [{ name: 'app' }] },
        },
      },
      ['proxy: the engine says native, it was classic'],
    ],
    ['calls that failed', { callsOutFailFrom: null }, {}, ['callsOutFailFrom: the engine says 6 s, none failed']],
    [
      'calls that should fail',
      { callsOutFailFrom: 6 },
      { application: {} },
      ['callsOutFailFrom: the engine says none fails, they failed from 6 s'],
    ],
    [
      'connections',
      { newInboundConnectionsFailFrom: 45 },
      {},
      ['newInboundConnectionsFailFrom: the engine says 5 s, it was 45 s'],
    ],
    [
      'connections that none lost',
      { newInboundConnectionsFailFrom: null },
      {
        podTemplate: {
          metadata: {
            annotations: { 'proxy.istio.io/config': '{"terminationDrainDuration":"20s","drainDuration":"4s"}' },
          },
          spec: { containers: [{ name: 'app' }] },
        },
      },
      ['newInboundConnectionsFailFrom: the engine says 4 s, none failed'],
    ],
  ])('says what differs: %s', (_, observed, more, differences) => {
    expect(compareCase(given(observed, more))).toEqual(differences);
  });
});
