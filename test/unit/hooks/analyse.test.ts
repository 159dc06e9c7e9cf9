import { describe, expect, it } from '@jest/globals';
import type { LifecycleHandler } from '../../../src/api/kubernetes.ts';
import { analyseHook } from '../../../src/hooks/index.ts';
import type { AnalysisOptions, HookAnalysis } from '../../../src/hooks/index.ts';

const PROXY: AnalysisOptions = { container: 'Proxy', image: 'with-shell' };
const APP: AnalysisOptions = { container: 'App', image: 'unknown', appPorts: [8080] };

function sh(script: string): LifecycleHandler {
  return { exec: { command: ['/bin/sh', '-c', script] } };
}

const SOURCE_DOCUMENT =
  'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done';
const FILTERED = `while [ $(netstat -plunt | grep tcp | grep -vE 'envoy|pilot-agent' | wc -l | xargs) -ne 0 ]; do sleep 1; done`;
const ESTABLISHED = `until [ $(netstat -tn 2>/dev/null | awk '$6=="ESTABLISHED" && $4 ~ /:15006$/' | wc -l) -eq 0 ]; do sleep 1; done`;
const REQUESTS = `while [ $(pilot-agent request GET 'stats?usedonly&filter=^http.inbound.*downstream_rq_active$' | awk -F': ' '{s+=$2} END{print s+0}') -ne 0 ]; do sleep 1; done`;
const CONNECTIONS = `while [ $(pilot-agent request GET 'stats?usedonly&filter=^listener.0.0.0.0_15006.downstream_cx_active$' | awk -F': ' '{s+=$2} END{print s+0}') -ne 0 ]; do sleep 1; done`;
const SUFFIXES = { prefixes: [], suffixes: ['downstream_cx_active', 'downstream_rq_active'], regexps: [] };

const base = {
  callsDrain: false,
  neverEnds: false,
  endsAtOnce: false,
  fails: false,
  statsNeeded: [],
  notUnderstood: [],
} satisfies Partial<HookAnalysis>;

describe('analyseHook', () => {
  it.each<readonly [string, LifecycleHandler, AnalysisOptions, Partial<HookAnalysis> & { kind?: string }]>([
    [
      'the sleep handler',
      { sleep: { seconds: 12 } },
      PROXY,
      {
        atLeast: 12,
        atMost: 12,
        whenQuiet: 12,
        whenBusy: 12,
        waitsFor: ['Sleep'],
        needsShell: false,
        tools: [],
        kind: 'SleepHook',
      },
    ],
    [
      'sleep as a program',
      { exec: { command: ['sleep', '20'] } },
      PROXY,
      { atLeast: 20, atMost: 20, waitsFor: ['Sleep'], needsShell: true, tools: ['sleep'], kind: 'SleepHook' },
    ],
    [
      'an app preStop',
      sh('sleep 15'),
      APP,
      { atLeast: 15, atMost: 15, whenBusy: 15, needsShell: false, waitsFor: ['Sleep'], kind: 'SleepHook' },
    ],
    [
      "Istio's own preStop",
      { exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] } },
      PROXY,
      { atLeast: 0, atMost: 0, callsDrain: true, endsAtOnce: true, needsShell: false, waitsFor: [], kind: 'DrainCall' },
    ],
    [
      'pilot-agent wait',
      { exec: { command: ['pilot-agent', 'wait'] } },
      PROXY,
      {
        atLeast: 0.5,
        atMost: 0.5,
        endsAtOnce: true,
        needsShell: false,
        waitsFor: ['HttpEndpoint'],
        kind: 'WaitCommand',
      },
    ],
    [
      'pilot-agent wait for nothing',
      { exec: { command: ['pilot-agent', 'wait', '--url', 'http://127.0.0.1:1/never', '--timeoutSeconds', '22'] } },
      PROXY,
      {
        atLeast: 22,
        atMost: 22,
        whenBusy: 22,
        fails: true,
        needsShell: false,
        waitsFor: ['Sleep'],
        kind: 'WaitCommand',
      },
    ],
    [
      "the source document's loop",
      sh(SOURCE_DOCUMENT),
      PROXY,
      {
        atMost: 'unbounded',
        whenQuiet: 'unbounded',
        whenBusy: 'unbounded',
        neverEnds: true,
        needsShell: true,
        waitsFor: ['AnyListener'],
        tools: ['grep', 'netstat', 'sh', 'sleep', 'wc', 'xargs'],
        kind: 'SourceDocumentHook',
      },
    ],
    [
      'its relative with ss',
      sh('while [ $(ss -Htlnp | grep -v envoy | wc -l) -gt 0 ]; do sleep 1; done'),
      PROXY,
      { neverEnds: true, waitsFor: ['AnyListener'], kind: 'SourceDocumentHook' },
    ],
    [
      'its relative with a sleep before',
      sh(`sleep 5; ${SOURCE_DOCUMENT}`),
      PROXY,
      { neverEnds: true, waitsFor: ['Sleep', 'AnyListener'], kind: 'SourceDocumentHook' },
    ],
    [
      'its relative without -p',
      sh('while [ $(netstat -lunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done'),
      PROXY,
      { neverEnds: true, waitsFor: ['AnyListener'], kind: 'SourceDocumentHook' },
    ],
    [
      'the same inside a timeout',
      sh(`timeout 40 sh -c '${SOURCE_DOCUMENT.replaceAll("'", '')}'; true`),
      PROXY,
      { atLeast: 40, atMost: 40, waitsFor: ['AnyListener'], kind: 'SourceDocumentHook' },
    ],
    [
      'the filtered loop',
      sh(FILTERED),
      PROXY,
      {
        atLeast: 0,
        atMost: 'unbounded',
        whenQuiet: 0,
        whenBusy: 0,
        endsAtOnce: true,
        waitsFor: ['AppListener'],
        kind: 'FilteredHook',
      },
    ],
    [
      "waiting for the app's port with nc",
      sh('while nc -z localhost 8080; do sleep 1; done'),
      PROXY,
      { whenBusy: 0, endsAtOnce: true, atMost: 'unbounded', waitsFor: ['AppListener'] },
    ],
    [
      'the established loop',
      sh(ESTABLISHED),
      PROXY,
      {
        atLeast: 0,
        atMost: 'unbounded',
        whenQuiet: 0,
        whenBusy: 'unbounded',
        waitsFor: ['InboundConnections'],
        kind: 'EstablishedHook',
      },
    ],
    [
      'the established loop, bounded',
      sh(
        `n=0; while [ $n -lt 25 ] && [ $(netstat -tn | awk '$6=="ESTABLISHED" && $4 ~ /:15006$/' | wc -l) -gt 0 ]; do sleep 1; n=$((n+1)); done`,
      ),
      PROXY,
      { atLeast: 0, atMost: 25, whenBusy: 25, waitsFor: ['InboundConnections'], kind: 'EstablishedHook' },
    ],
    [
      'the established loop after the drain call',
      sh(`pilot-agent request --debug-port=15020 POST drain; ${ESTABLISHED}`),
      PROXY,
      { callsDrain: true, atMost: 'unbounded', waitsFor: ['InboundConnections'] },
    ],
    [
      'the established loop with ss',
      sh(`while [ "$(ss -Htn state established '( sport = :15006 )' | wc -l)" -gt 0 ]; do sleep 1; done`),
      PROXY,
      { whenQuiet: 0, whenBusy: 'unbounded', waitsFor: ['InboundConnections'], kind: 'EstablishedHook' },
    ],
    [
      'any connection at all',
      sh('while netstat -tn | grep -q ESTABLISHED; do sleep 1; done'),
      PROXY,
      { neverEnds: true, waitsFor: ['AnyConnection'] },
    ],
    [
      'a deadline by the clock',
      sh(
        `end=$(($(date +%s) + 30)); while [ $(date +%s) -lt $end ] && netstat -tn | grep -q ':15006 .*EST'; do sleep 1; done`,
      ),
      PROXY,
      { atLeast: 0, atMost: 30, whenQuiet: 0, whenBusy: 30, waitsFor: ['InboundConnections'] },
    ],
    [
      'requests, by stats that are not exported',
      sh(REQUESTS),
      PROXY,
      {
        atLeast: 0,
        atMost: 0,
        whenBusy: 0,
        endsAtOnce: true,
        waitsFor: ['ActiveRequests'],
        statsNeeded: ['downstream_rq_active'],
        kind: 'StatsHook',
      },
    ],
    [
      'requests, by stats that are exported',
      sh(REQUESTS),
      { ...PROXY, statsInclusion: SUFFIXES },
      {
        atLeast: 0,
        atMost: 'unbounded',
        whenQuiet: 0,
        whenBusy: 'unbounded',
        waitsFor: ['ActiveRequests'],
        statsNeeded: [],
        kind: 'StatsHook',
      },
    ],
    [
      'connections, by stats that are not exported',
      sh(CONNECTIONS),
      PROXY,
      { whenBusy: 0, endsAtOnce: true, waitsFor: ['Stats'], statsNeeded: ['downstream_cx_active'], kind: 'StatsHook' },
    ],
    [
      'connections, by the stats that EXIT_ON_ZERO exports',
      sh(CONNECTIONS),
      { ...PROXY, exitOnZero: true },
      { whenBusy: 'unbounded', waitsFor: ['Stats'], statsNeeded: [] },
    ],
    [
      'stats exported by an expression',
      sh(REQUESTS),
      { ...PROXY, statsInclusion: { prefixes: [], suffixes: [], regexps: ['http\\.inbound.*'] } },
      { whenBusy: 'unbounded', statsNeeded: [] },
    ],
    [
      'stats exported by a prefix',
      sh(REQUESTS),
      { ...PROXY, statsInclusion: { prefixes: ['http.inbound'], suffixes: [], regexps: [] } },
      { whenBusy: 'unbounded', statsNeeded: [] },
    ],
    ['sleep for ever', sh('sleep infinity'), PROXY, { atMost: 'unbounded', neverEnds: true, waitsFor: ['Sleep'] }],
    [
      'a tool that is missing',
      sh('command -v netstatX >/dev/null || exit 1; sleep 30'),
      PROXY,
      { atLeast: 0, atMost: 0, whenBusy: 0, fails: true, endsAtOnce: true, waitsFor: [] },
    ],
    [
      'a line as one word',
      { exec: { command: ['sleep 5'] } },
      PROXY,
      { atMost: 0, fails: true, endsAtOnce: true, waitsFor: [] },
    ],
    [
      'sleep, then tell the app to stop',
      sh('sleep 5; /usr/sbin/nginx -s quit'),
      APP,
      { atLeast: 5, atMost: 5, waitsFor: ['Sleep'] },
    ],
  ])('%s', (_, handler, options, { kind, ...expected }) => {
    const analysis = analyseHook(handler, options);

    expect(analysis).toMatchObject({ ...base, ...expected, ...(kind === undefined ? {} : { recognised: { kind } }) });
  });

  it.each<readonly [string, LifecycleHandler, AnalysisOptions, string]>([
    ['a program of the app', sh('/app/drain.sh; sleep 5'), APP, '/app/drain.sh'],
    ['an endpoint of the app', { httpGet: { port: 8080, path: '/stop' } }, APP, 'httpGet :8080/stop'],
    ['a call of the app by curl', sh('curl -s localhost:8080/stop; sleep 5'), APP, 'GET to port 8080/stop'],
    [
      'an image of which nobody knows whether it has a shell',
      sh('sleep 5'),
      { container: 'Proxy', image: 'unknown' },
      'whether the proxy image has /bin/sh',
    ],
  ])('what is not known is unknown, and taken for unbounded: %s', (_, handler, options, words) => {
    expect(analyseHook(handler, options)).toMatchObject({
      atMost: 'unknown',
      whenBusy: 'unknown',
      waitsFor: ['Unknown'],
      notUnderstood: [words],
      neverEnds: false,
      endsAtOnce: false,
      summary: expect.stringContaining(`no upper bound can be known; not known: ${words}`),
    });
  });

  it.each<[string, readonly string[], string | undefined]>([
    [
      'wget -qO- localhost:15021/healthz',
      ['wget'],
      "it runs wget, which Istio's proxy image does not have (instead of wget: curl -s --max-time 5 URL)",
    ],
    ['while jq . /x | bc; do sleep 1; done', ['bc', 'jq'], 'instead of jq: awk or sed'],
    ['/opt/own/wait; sleep 30', ['wait'], "it runs wait, which Istio's proxy image does not have"],
    // Who only asks for it, copes.
    ['command -v wget || sleep 9', [], undefined],
    ['curl -s localhost:15021; ss -tn; nc -z localhost 1; netstat -tn; sleep 3', [], undefined],
  ])('names the programs that no proxy image has: %s', (script, missing, words) => {
    for (const image of ['with-shell', 'distroless'] as const) {
      expect(analyseHook(sh(script), { container: 'Proxy', image }).missingTools).toEqual(missing);
    }
    const { summary } = analyseHook(sh(script), { container: 'Proxy', image: 'with-shell' });
    expect(summary).toEqual(
      words === undefined ? expect.not.stringContaining('does not have') : expect.stringContaining(words),
    );
    expect(analyseHook(sh(script), { container: 'App', image: 'unknown' }).missingTools).toEqual([]);
  });

  it('names a program that cannot be started itself', () => {
    const analysis = analyseHook(
      { exec: { command: ['busybox', 'sleep', '3'] } },
      { container: 'Proxy', image: 'with-shell' },
    );
    expect(analysis.missingTools).toEqual(['busybox']);
    expect(analysis.summary).toContain('the image has no such program');
  });

  it('says what a distroless image lacks', () => {
    const analysis = analyseHook(sh(ESTABLISHED), { container: 'Proxy', image: 'distroless' });

    expect(analysis).toMatchObject({
      atLeast: 0,
      atMost: 0,
      fails: true,
      endsAtOnce: true,
      needsShell: true,
      tools: ['awk', 'netstat', 'sh', 'sleep', 'wc'],
    });
    expect(analysis.summary).toBe('cannot start: the proxy image is distroless and has no shell and none of its tools');
  });

  it.each<readonly [LifecycleHandler, string]>([
    [{ sleep: { seconds: 12 } }, 'waits for a fixed time; it takes 12 s whether requests are in flight or not'],
    [sh(SOURCE_DOCUMENT), 'waits for every listener of the pod to close, and never ends, not even in a quiet pod'],
    [
      sh(FILTERED),
      'waits for the app to close its listener: at least 0 s, without an upper bound, but it ends at once while requests are in flight and the app has closed its listener',
    ],
    [sh(ESTABLISHED), 'waits for inbound connections to end: at least 0 s, without an upper bound'],
    [sh('exit 1'), 'fails at once'],
    [
      sh('pilot-agent request --debug-port=15020 POST drain; sleep 10'),
      'asks the agent to drain, waits for a fixed time; it takes 10 s whether requests are in flight or not',
    ],
    [{}, 'cannot start: the image has no such program, or the handler is not a valid one'],
  ])('sums up in one sentence: %j', (handler, summary) => {
    expect(analyseHook(handler, PROXY).summary).toBe(summary);
  });

  it('explains the hooks that everybody copies', () => {
    expect(analyseHook(sh(SOURCE_DOCUMENT), PROXY).recognised?.explanation).toContain(
      'pilot-agent itself listens on 15020',
    );
    expect(analyseHook(sh(FILTERED), PROXY).recognised?.explanation).toContain('graceful app closes at SIGTERM');
  });

  it('gives the same answer again', () => {
    expect(analyseHook(sh(ESTABLISHED), PROXY)).toEqual(analyseHook(sh(ESTABLISHED), { ...PROXY }));
  });
});
