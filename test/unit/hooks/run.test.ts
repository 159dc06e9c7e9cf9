import { describe, expect, it } from '@jest/globals';
import type { LifecycleHandler } from '../../../src/api/kubernetes.ts';
import { runHook } from '../../../src/hooks/index.ts';
import type { HookRun } from '../../../src/hooks/index.ts';
import { pod } from './worlds.ts';
import type { PodShape } from './worlds.ts';

/** Nothing in flight, the app has closed its listener. */
const QUIET: PodShape = { exportsStats: true };
/** A request in flight until 19 s; a graceful app, so that its listener is closed. */
const BUSY: PodShape = { inFlightUntil: 19, exportsStats: true };
/** The same with an app that listens until it has finished. */
const LISTENING: PodShape = { inFlightUntil: 19, appListensUntil: 19, exportsStats: true };
const FOR_EVER: PodShape = { inFlightUntil: Infinity, appListensUntil: Infinity, exportsStats: true };
const IDLE_CLIENT: PodShape = { idleClientUntil: Infinity, exportsStats: true };

const UNTIL = 60;
const STILL = 'StillRunning';

function sh(script: string): LifecycleHandler {
  return { exec: { command: ['/bin/sh', '-c', script] } };
}

function bash(script: string): LifecycleHandler {
  return { exec: { command: ['bash', '-c', script] } };
}

function run(handler: LifecycleHandler, shape: PodShape = QUIET, container: 'Proxy' | 'App' = 'Proxy'): HookRun {
  return runHook(handler, pod(shape), { container, start: 0, until: UNTIL });
}

function lengthOf(result: HookRun): number | string {
  return result.endsAt ?? (result.how === 'Unknown' ? `Unknown: ${result.notUnderstood.join('; ')}` : result.how);
}

const SOURCE_DOCUMENT =
  'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done';
const FILTERED = `while [ $(netstat -plunt | grep tcp | grep -vE 'envoy|pilot-agent' | wc -l | xargs) -ne 0 ]; do sleep 1; done`;
const ESTABLISHED = `until [ $(netstat -tn 2>/dev/null | awk '$6=="ESTABLISHED" && $4 ~ /:15006$/' | wc -l) -eq 0 ]; do sleep 1; done`;

describe('hooks that are copied all over the field, while a request is in flight until 19 s', () => {
  it.each<readonly [string, string, PodShape, number | string]>([
    // [measured] pilot-agent's 15020 keeps the well-known loop running for ever.
    ['the literal loop', SOURCE_DOCUMENT, BUSY, STILL],
    ['the literal loop in a quiet pod', SOURCE_DOCUMENT, QUIET, STILL],
    ['the literal loop after a sleep', `sleep 5; ${SOURCE_DOCUMENT}`, QUIET, STILL],
    [
      'the literal loop after drain_listeners',
      `curl -X POST localhost:15000/drain_listeners?inboundonly; ${SOURCE_DOCUMENT}`,
      QUIET,
      STILL,
    ],
    [
      'the literal loop with -ltnp',
      'while [ $(netstat -ltnp | grep tcp | grep -v envoy | wc -l) -ne 0 ]; do sleep 1; done',
      QUIET,
      STILL,
    ],
    [
      'without -p nothing can be filtered by name',
      'while [ $(netstat -lunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done',
      QUIET,
      STILL,
    ],
    ['without -n listeners keep their numbers', 'while netstat -lt | grep -q :15020; do sleep 1; done', QUIET, STILL],
    [
      'with egrep and -gt',
      `while [ $(netstat -plunt | egrep 'tcp' | grep -v envoy | wc -l) -gt 0 ]; do sleep 1; done`,
      QUIET,
      STILL,
    ],
    [
      'with backticks',
      'while [ `netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs` -ne 0 ]; do sleep 1; done',
      QUIET,
      STILL,
    ],
    ['with ss', 'while [ $(ss -Htlnp | grep -v envoy | wc -l) -ne 0 ]; do sleep 1; done', QUIET, STILL],
    [
      'with ss and its header counted',
      'while [ $(ss -tlnp | grep -vE "envoy|pilot-agent" | wc -l) -ne 0 ]; do sleep 1; done',
      QUIET,
      STILL,
    ],
    // [measured] The app's socket shows "-"; a graceful app has closed it.
    ['filtered: the app has closed its listener', FILTERED, BUSY, 0],
    ['filtered: the app listens until it is done', FILTERED, LISTENING, 19],
    [
      'filtered with ss',
      `while [ $(ss -Htlnp | grep -vE 'envoy|pilot-agent' | wc -l) -ne 0 ]; do sleep 1; done`,
      LISTENING,
      19,
    ],
    [
      'filtered by two greps',
      'while [ $(netstat -plunt | grep tcp | grep -v envoy | grep -v pilot-agent | wc -l) -ne 0 ]; do sleep 1; done',
      LISTENING,
      19,
    ],
    [
      'filtered with awk',
      `while [ "$(netstat -plnt | awk '/LISTEN/ && !/envoy|pilot-agent/' | wc -l)" != 0 ]; do sleep 2; done`,
      LISTENING,
      20,
    ],
    ['waiting for one port', `while netstat -ltn | grep -q ':8080 '; do sleep 1; done`, LISTENING, 19],
    ['waiting for one port with nc', 'while nc -z localhost 8080; do sleep 1; done', LISTENING, 19],
    // [measured] Established connections.
    ['established', ESTABLISHED, BUSY, 19],
    ['established, an idle client', ESTABLISHED, IDLE_CLIENT, STILL],
    [
      'established, bounded by rounds',
      `n=0; while [ $n -lt 25 ] && [ $(netstat -tn 2>/dev/null | awk '$6=="ESTABLISHED" && $4 ~ /:15006$/' | wc -l) -gt 0 ]; do sleep 1; n=$((n+1)); done`,
      IDLE_CLIENT,
      25,
    ],
    [
      'established with ss',
      `while [ "$(ss -Htn state established '( sport = :15006 )' | wc -l)" -gt 0 ]; do sleep 1; done`,
      BUSY,
      19,
    ],
    ['established with ss and grep', `while ss -tn | grep ESTAB | grep -q ':15006'; do sleep 1; done`, BUSY, 19],
    [
      'established with grep -c',
      `while [ $(netstat -tn | grep ESTABLISHED | grep -c ':15006 ') -gt 0 ]; do sleep 1; done`,
      BUSY,
      19,
    ],
    ['established with grep -q', `while netstat -tn | grep -qE ':15006 .*ESTABLISHED'; do sleep 0.5; done`, BUSY, 19],
    [
      "any connection: the agent's own to istiod holds it",
      'while netstat -tn | grep -q ESTABLISHED; do sleep 1; done',
      QUIET,
      STILL,
    ],
    [
      'established without the control plane',
      `while netstat -tn | grep ESTABLISHED | grep -qv ':15012 '; do sleep 1; done`,
      BUSY,
      19,
    ],
    [
      'all sockets, unix ones too, say LISTENING',
      'while netstat -an | grep -v tcp | grep -q LISTEN; do sleep 1; done',
      QUIET,
      STILL,
    ],
    [
      '/proc/net/tcp by state and port',
      `while awk '$4 == "01" && $2 ~ /:3A9E$/ { found = 1 } END { exit !found }' /proc/net/tcp; do sleep 1; done`,
      BUSY,
      19,
    ],
    [
      '/proc/net/tcp by grep',
      `while cat /proc/net/tcp | grep -q ':3A9E [0-9A-F]*:[0-9A-F]* 01 '; do sleep 1; done`,
      BUSY,
      19,
    ],
    // [measured] Envoy's own stats, exported here.
    [
      'rq_active',
      `while [ $(pilot-agent request GET 'stats?usedonly&filter=^http.inbound.*downstream_rq_active$' | awk -F': ' '{s+=$2} END{print s+0}') -ne 0 ]; do sleep 1; done`,
      BUSY,
      19,
    ],
    [
      'rq_active, an idle client does not count',
      `while [ $(pilot-agent request GET 'stats?usedonly&filter=^http.inbound.*downstream_rq_active$' | awk -F': ' '{s+=$2} END{print s+0}') -ne 0 ]; do sleep 1; done`,
      IDLE_CLIENT,
      0,
    ],
    [
      'cx_active by curl, encoded',
      `while [ "$(curl -s 'localhost:15000/stats?filter=downstream%5Fcx_active' | grep 15006 | cut -d' ' -f2)" != 0 ]; do sleep 1; done`,
      BUSY,
      19,
    ],
    [
      'prometheus stats',
      `while [ $(curl -s http://127.0.0.1:15090/stats/prometheus | grep downstream_rq_active | awk '{s += $2} END {print s}') -gt 0 ]; do sleep 1; done`,
      BUSY,
      19,
    ],
    [
      'merged prometheus stats',
      `while curl -sf localhost:15020/stats/prometheus | grep envoy_http_downstream_rq_active | grep -vq ' 0$'; do sleep 1; done`,
      BUSY,
      19,
    ],
    [
      'stats that are not exported sum to 0',
      `while [ $(pilot-agent request GET 'stats?filter=rq_active' | awk -F': ' '{s+=$2} END{print s+0}') -ne 0 ]; do sleep 1; done`,
      { inFlightUntil: 19 },
      0,
    ],
    [
      'pilot-agent prints an empty line for nothing, which wc counts',
      `while [ $(pilot-agent request GET 'stats?filter=no_such' | wc -l) -ne 0 ]; do sleep 1; done`,
      QUIET,
      STILL,
    ],
  ])('%s', (_, script, shape, expected) => {
    expect(lengthOf(run(sh(script), shape))).toBe(expected);
  });
});

describe('the shell', () => {
  it.each<readonly [string, string, number | string]>([
    ['sleeps', 'sleep 5', 5],
    ['fractions and units', 'sleep 0.5; sleep 1m 0.5m & sleep 2s', 2.5],
    ['sleep infinity', 'sleep infinity', STILL],
    ['a sleep that ends exactly at the end', 'sleep 60', 60],
    ['a sleep that ends after the end', 'sleep 61', STILL],
    ['background commands do not hold the hook', 'sleep 30 & sleep 2', 2],
    ['wait does', 'sleep 30 & sleep 2; wait', 30],
    ['wait for one of two', 'sleep 30 & sleep 7 & wait $!', 7],
    ['kill of a job', 'sleep 30 & pid=$!; sleep 3; kill $pid; wait $pid', 3],
    ['kill -0 of a job as a condition', 'sleep 4 & while kill -0 $! 2>/dev/null; do sleep 1; done', 4],
    ['stages of a pipeline run at the same time', 'sleep 5 | sleep 3', 5],
    ['timeout cuts', 'timeout 10 sleep 30; sleep 1', 11],
    ['timeout around a shell', `timeout 10 sh -c 'while :; do sleep 1; done'; [ $? -eq 124 ] && sleep 2`, 12],
    ['timeout does not cut what is shorter', 'timeout 10 sleep 3', 3],
    ['nested timeouts', `timeout 20 sh -c 'timeout 5 sleep 30; sleep 1'`, 6],
    ['timeout in minutes', 'timeout 1m sleep 3', 3],
    ['for over seq', 'for i in $(seq 1 30); do sleep 1; done', 30],
    ['sh knows no braces: one round', 'for i in {1..30}; do sleep 1; done', 1],
    ['counting with expr', 'i=0; while [ $i -lt 7 ]; do i=`expr $i + 1`; sleep 1; done', 7],
    ['counting down', 'i=8; while [ $((i=i-1)) -gt 0 ]; do sleep 2; done', 14],
    ['break', 'while true; do sleep 3; [ -e /dev/null ] && break; done', 3],
    ['exit in the middle', 'sleep 2; exit 0; sleep 9', 2],
    ['set -e', 'set -e; sleep 1; false; sleep 9', 1],
    ['a function', 'pause() { sleep "$1"; }; pause 3; pause 4', 7],
    ['case', 'x=slow; case $x in fast) sleep 1;; sl*) sleep 6;; esac', 6],
    ['exec', 'exec sleep 4; sleep 9', 4],
    ['a deadline by date', 'end=$(( $(date +%s) + 15 )); while [ $(date +%s) -lt $end ]; do sleep 2; done', 16],
    [
      'a deadline by uptime',
      'read u _ </proc/uptime; s=${u%.*}; while read u _ </proc/uptime; [ $((${u%.*} - s)) -lt 12 ]; do sleep 5; done',
      15,
    ],
    ['a loop that does nothing', 'while :; do :; done', STILL],
    ['a loop without a sleep that looks at a constant', 'while [ 1 -eq 1 ]; do true; done', STILL],
    ['tail -f', 'tail -f /dev/null', STILL],
    ['a condition on nothing is an error, so the loop ends', 'while [ $(echo) -ne 0 ]; do sleep 1; done', 0],
    ['until Envoy is ready', 'until curl -fsI http://localhost:15021/healthz/ready; do sleep 3; done', 0],
    [
      'a condition with timeout and bash',
      `timeout 30 bash -c 'until curl --head localhost:15021/healthz/ready; do sleep 1; done'`,
      0,
    ],
    ['a missing sleep makes the loop spin', 'n=0; while [ $n -lt 5 ]; do nosleep 1; n=$((n+1)); done', 0],
    ['a sleep with a mistake does not sleep', 'sleep 5seconds; sleep 2', 2],
    ['until it succeeds', 'n=0; until [ $n -ge 3 ]; do n=$((n+1)); sleep 1; done', 3],
    ['eval', `eval 'sleep 3'`, 3],
    ['a trap at the end', `trap 'sleep 2' EXIT; sleep 1`, 3],
    ['redirections', '{ sleep 1; echo x; } >/dev/null 2>&1; echo drained >/proc/1/fd/1; sleep 1', 2],
    ['several lines with comments', '# wait\nsleep 2 # two\n\nif true\nthen\n  sleep 3\nfi\n', 5],
    ['a line continuation', 'sleep \\\n 3', 3],
    ['xargs for a command', 'echo 4 | xargs sleep', 4],
    ['a default for a variable that nobody sets', 'unset pause; sleep "${pause:-8}"', 8],
    [
      'a default for a variable that the image may set',
      'sleep "${DRAIN_SECONDS:-8}"',
      'Unknown: $DRAIN_SECONDS, which the image may set',
    ],
    ['sh in sh', `sh -c 'sleep 3; exit 1' || sleep 1`, 4],
  ])('%s', (_, script, expected) => {
    expect(lengthOf(run(sh(script)))).toBe(expected);
  });

  it('lets a loop without a sleep run into its deadline', () => {
    const result = run(sh('end=$(( $(date +%s) + 5 )); while [ $(date +%s) -lt $end ]; do :; done'));

    expect(result.endsAt).toBeCloseTo(5, 0);
  });

  it.each<readonly [string, string, number | string]>([
    ['braces', 'for i in {1..30}; do sleep 1; done', 30],
    ['counting for', 'for ((i = 0; i < 12; i++)); do sleep 1; done', 12],
    ['[[ ]]', `while [[ $(netstat -tn | grep -c ':15006 ') -gt 0 ]]; do sleep 1; done`, 0],
    ['SECONDS', 'while [ $SECONDS -lt 9 ]; do sleep 2; done', 10],
    ['SECONDS set back', 'sleep 3; SECONDS=0; while ((SECONDS < 4)); do sleep 1; done', 7],
    ['pipefail', 'set -o pipefail; if false | true; then sleep 9; else sleep 1; fi', 1],
  ])('bash: %s', (_, script, expected) => {
    expect(lengthOf(run(bash(script)))).toBe(expected);
  });

  it.each([
    ['[[ ]]', '[[ 1 -eq 1 ]]; sleep 1'],
    ['arrays', 'a=(1 2); sleep 1'],
    ['pipefail', 'set -o pipefail; sleep 1'],
    ['a syntax error', 'if true; sleep 1; fi'],
  ])("Ubuntu's sh is dash: %s", (_, script) => {
    const result = run(sh(script));

    expect(result.how).toBe(script.startsWith('[[') ? 'Completed' : 'Failed');
    expect(result.endsAt).toBe(script.startsWith('[[') ? 1 : 0);
  });
});

describe('how a hook ends', () => {
  it.each<readonly [string, LifecycleHandler, HookRun['how'], number | undefined]>([
    ['sleep handler', { sleep: { seconds: 12 } }, 'Completed', 12],
    ['sleep handler beyond the end', { sleep: { seconds: 90 } }, 'StillRunning', undefined],
    ['exec without a shell', { exec: { command: ['sleep', '7'] } }, 'Completed', 7],
    ['words behind -c are not part of the script', { exec: { command: ['sh', '-c', 'sleep', '20'] } }, 'Failed', 0],
    ['-- before the script', { exec: { command: ['sh', '-c', '--', 'sleep 4'] } }, 'Completed', 4],
    ['env', { exec: { command: ['/usr/bin/env', 'bash', '-c', 'sleep 3'] } }, 'Completed', 3],
    ['a whole line as one word', { exec: { command: ['sleep 7'] } }, 'CannotStart', 0],
    ['a shell builtin without a shell', { exec: { command: ['while', 'true'] } }, 'CannotStart', 0],
    ['no command', { exec: { command: [] } }, 'CannotStart', 0],
    ['no handler', {}, 'CannotStart', 0],
    [
      'two handlers, which the API server refuses',
      { sleep: { seconds: 1 }, exec: { command: ['sleep', '5'] } },
      'CannotStart',
      0,
    ],
    ['tcpSocket, which the kubelet never implemented', { tcpSocket: { port: 8080 } }, 'Failed', 0],
    ['a status other than 0', sh('sleep 3; exit 4'), 'Failed', 3],
    ['the status of the last command', sh('sleep 1; grep -q x /dev/null'), 'Failed', 1],
    ['a program that the image does not have', sh('jq . x'), 'Failed', 0],
    ['wget is not in the proxy image', sh('wget -qO- localhost:15020/healthz/ready; sleep 1'), 'Completed', 1],
    [
      'a missing tool is seen',
      sh('command -v netstatX >/dev/null && command -v awk >/dev/null || exit 1; sleep 9'),
      'Failed',
      0,
    ],
    ['/bin/bash', { exec: { command: ['/bin/bash', '-ec', 'false; sleep 5'] } }, 'Failed', 0],
    ['busybox is not in the proxy image', { exec: { command: ['busybox', 'sh', '-c', 'sleep 5'] } }, 'CannotStart', 0],
    ['python is not in the proxy image', { exec: { command: ['/usr/bin/python3', '-c', 'x'] } }, 'CannotStart', 0],
    ['pilot-agent in another folder', { exec: { command: ['/usr/bin/pilot-agent', 'wait'] } }, 'CannotStart', 0],
  ])('%s', (_, handler, how, endsAt) => {
    expect(run(handler)).toMatchObject({ how, effects: [], notUnderstood: [] });
    expect(run(handler).endsAt).toBe(endsAt);
  });

  it.each<readonly [string, LifecycleHandler, HookRun['how'], number | undefined]>([
    ['a shell', sh('sleep 5'), 'CannotStart', 0],
    ['sleep as a program', { exec: { command: ['sleep', '5'] } }, 'CannotStart', 0],
    ['the sleep handler', { sleep: { seconds: 22 } }, 'Completed', 22],
    [
      'pilot-agent',
      { exec: { command: ['pilot-agent', 'wait', '--url', 'http://127.0.0.1:1/never', '--timeoutSeconds', '22'] } },
      'Failed',
      22,
    ],
    [
      'pilot-agent by its path',
      { exec: { command: ['/usr/local/bin/pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] } },
      'Completed',
      0,
    ],
  ])('on a distroless proxy: %s', (_, handler, how, endsAt) => {
    const result = run(handler, { image: 'distroless' });

    expect(result.how).toBe(how);
    expect(result.endsAt).toBe(endsAt);
  });

  it('says that it depends on the image where that is not known', () => {
    expect(run(sh('sleep 5'), { image: 'unknown' })).toMatchObject({
      how: 'Unknown',
      effects: [],
      notUnderstood: ['whether the proxy image has /bin/sh'],
    });
  });

  it('starts at the time it is given', () => {
    const result = runHook(sh('pilot-agent request --debug-port=15020 POST drain; sleep 5'), pod(QUIET), {
      container: 'Proxy',
      start: 7,
      until: 60,
    });

    expect(result).toEqual({
      how: 'Completed',
      endsAt: 12,
      effects: [{ at: 7, kind: 'AgentDrain' }],
      notUnderstood: [],
    });
  });
});

describe('pilot-agent wait', () => {
  it.each<readonly [string, readonly string[], PodShape, HookRun['how'], number]>([
    ['ready at the first look, after half a second', ['wait'], QUIET, 'Completed', 0.5],
    ['never ready: 60 s by default', ['wait'], { http: () => 503 }, 'Failed', 60],
    ['ready later', ['wait'], { http: (at) => (at >= 4 ? 200 : 'refused') }, 'Completed', 4],
    ['its own period', ['wait', '--periodMillis=2000'], { http: (at) => (at >= 3 ? 200 : 503) }, 'Completed', 4],
    [
      'its own time',
      ['wait', '--timeoutSeconds', '5', '--url=http://localhost:15021/never'],
      { http: () => 404 },
      'Failed',
      5,
    ],
    ['an unknown flag', ['wait', '--patience=5'], QUIET, 'Failed', 0],
  ])('%s', (_, words, shape, how, endsAt) => {
    expect(run({ exec: { command: ['pilot-agent', ...words] } }, shape)).toMatchObject({ how, endsAt, effects: [] });
  });
});

describe('what a hook does to the proxy', () => {
  it.each<readonly [string, LifecycleHandler, HookRun['effects'], number]>([
    [
      'the drain call',
      { exec: { command: ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'] } },
      [{ at: 0, kind: 'AgentDrain' }],
      0,
    ],
    [
      'the drain call with a slash',
      sh('sleep 2; pilot-agent request --debug-port 15020 POST /drain; sleep 1'),
      [{ at: 2, kind: 'AgentDrain' }],
      3,
    ],
    [
      'the drain call by curl',
      sh('curl -s -X POST http://localhost:15020/drain; sleep 3'),
      [{ at: 0, kind: 'AgentDrain' }],
      3,
    ],
    [
      'the drain call with curl -XPOST and options',
      sh('curl -fsS -XPOST --max-time 5 127.0.0.1:15020/drain -o /dev/null && sleep 1'),
      [{ at: 0, kind: 'AgentDrain' }],
      1,
    ],
    ['GET does not drain', sh('curl -sf http://localhost:15020/drain || sleep 2'), [], 2],
    ['pilot-agent GET does not drain either', sh('pilot-agent request --debug-port=15020 GET drain || sleep 1'), [], 1],
    ["the default port is Envoy's, which knows no /drain", sh('pilot-agent request POST drain; sleep 1'), [], 1],
    [
      'a port that pilot-agent does not allow',
      sh('pilot-agent request --debug-port=15090 GET stats || sleep 2'),
      [],
      2,
    ],
    [
      'drain_listeners',
      sh(`pilot-agent request POST 'drain_listeners?inboundonly&graceful'; sleep 4`),
      [{ at: 0, kind: 'EnvoyDrain' }],
      4,
    ],
    ['healthcheck/fail does not wait', sh('curl -X POST localhost:15000/healthcheck/fail; sleep 5'), [], 5],
    ['GET of a mutation changes nothing', sh('curl -s localhost:15000/drain_listeners; sleep 1'), [], 1],
    [
      'quitquitquit ends the container and the hook with it',
      sh('sleep 3; curl -X POST http://localhost:15020/quitquitquit; sleep 99'),
      [{ at: 3, kind: 'AgentQuit' }],
      3,
    ],
    ['quitquitquit of Envoy', sh('pilot-agent request POST quitquitquit; sleep 99'), [{ at: 0, kind: 'AgentQuit' }], 0],
    [
      'in the background, after the hook',
      sh('(sleep 10; curl -sX POST localhost:15020/drain) & sleep 1'),
      [{ at: 10, kind: 'AgentDrain' }],
      1,
    ],
    [
      'in the background, killed before',
      sh('(sleep 10; curl -sX POST localhost:15020/drain) & sleep 1; kill $!'),
      [],
      1,
    ],
  ])('%s', (_, handler, effects, endsAt) => {
    expect(run(handler)).toEqual({ how: 'Completed', endsAt, effects, notUnderstood: [] });
  });

  it('calls from the app container reach the proxy, which is gone after quitquitquit', () => {
    const handler = sh(
      'curl -sX POST localhost:15020/quitquitquit; sleep 2; curl -sX POST localhost:15020/drain || sleep 3',
    );

    expect(run(handler, QUIET, 'App')).toMatchObject({
      how: 'Completed',
      endsAt: 5,
      effects: [{ at: 0, kind: 'AgentQuit' }],
    });
  });
});

describe('httpGet handlers, asked by the kubelet', () => {
  it.each<readonly [string, LifecycleHandler, PodShape, HookRun['how']]>([
    ['a port where nothing listens', { httpGet: { port: 9999, path: '/stop' } }, QUIET, 'Failed'],
    ['the app: nobody knows how long it takes', { httpGet: { port: 8080, path: '/stop' } }, FOR_EVER, 'Unknown'],
    ['the app after it has closed its listener', { httpGet: { port: 8080 } }, QUIET, 'Failed'],
    [
      "the agent's drain, which needs POST",
      { httpGet: { port: 15020, path: '/drain' } },
      { http: () => 405 },
      'Completed',
    ],
    ['quitquitquit by GET', { httpGet: { port: 15020, path: 'quitquitquit' } }, { http: () => 405 }, 'Completed'],
    ["Envoy's admin port is out of reach", { httpGet: { port: 15000, path: '/quitquitquit' } }, QUIET, 'Failed'],
    ['a port by name', { httpGet: { port: 'http' } }, QUIET, 'Unknown'],
    ['another host', { httpGet: { port: 80, host: 'example.com' } }, QUIET, 'Unknown'],
  ])('%s', (_, handler, shape, how) => {
    const result = run(handler, shape);

    expect(result).toMatchObject({ how, effects: [] });
    expect(result.notUnderstood.length > 0).toBe(how === 'Unknown');
    expect(result.endsAt).toBe(how === 'Unknown' ? undefined : 0);
  });
});

describe('app containers', () => {
  it.each<readonly [string, LifecycleHandler, number | string]>([
    ['a sleep', { exec: { command: ['/bin/sleep', '15'] } }, 15],
    ['sh', sh('sleep 15'), 15],
    ['busybox', { exec: { command: ['busybox', 'sh', '-c', 'sleep 5'] } }, 5],
    ['[[ ]] may be bash, busybox or dash', sh('[[ 1 == 1 ]] && sleep 4'), 'Unknown: [[ ]] (dash has none)'],
    [
      'braces differ between shells',
      sh('for i in {1..3}; do sleep 1; done'),
      'Unknown: {1..3} (bash expands braces, other shells do not)',
    ],
    ['a program of the app', sh('/app/drain.sh; sleep 5'), 'Unknown: /app/drain.sh'],
    [
      'an endpoint of the app',
      sh('curl -s http://localhost:8080/shutdown; sleep 5'),
      'Unknown: GET to port 8080/shutdown',
    ],
    [
      'another host',
      sh('curl -s http://registry.example/deregister; sleep 5'),
      'Unknown: curl -s http://registry.example/deregister',
    ],
    ['a variable of the environment', sh('sleep $PRESTOP_SECONDS'), 'Unknown: $PRESTOP_SECONDS'],
    ['echo of a variable does no harm', sh('echo "$HOSTNAME stops"; sleep 5'), 5],
    ['output of a program that nobody reads', sh('date; ls /tmp; ps aux | grep java >/dev/null; sleep 5'), 5],
    [
      'a decision on such output',
      sh('if ps aux | grep -q java; then sleep 5; fi'),
      'Unknown: the result of grep -q java',
    ],
    ['pilot-agent is not in an app image', sh('pilot-agent wait || sleep 2'), 2],
    ['wget may be there', sh('wget -qO- --post-data= localhost:15020/drain; sleep 1'), 1],
  ])('%s', (_, handler, expected) => {
    expect(lengthOf(run(handler, FOR_EVER, 'App'))).toBe(expected);
  });

  it('says what it takes for granted about the image', () => {
    expect(run(sh('curl -s localhost:15021/healthz/ready; sleep 1'), QUIET, 'App').assumed).toEqual([
      'the image has /bin/sh',
      'the image has curl',
      'the image has sleep',
    ]);
  });

  it.each([
    ['nginx -s quit', 'sleep 5; /usr/sbin/nginx -s quit', 5],
    ['kill 1', 'sleep 3 && kill -TERM 1; sleep 4', 3],
    ['kill -s', 'kill -s QUIT 1', 0],
    ['apache', 'apachectl -k graceful-stop; sleep 2', 0],
    ['pkill', 'sleep 1; pkill -f gunicorn', 1],
    ['pidof', 'sleep 2; kill -QUIT $(pidof nginx); sleep 30', 2],
    ['a pid file', 'kill -s TERM `cat /var/run/nginx.pid`', 0],
    ['a path and a configuration', '/usr/local/nginx/sbin/nginx -c /etc/nginx/nginx.conf -s quit', 0],
  ])('tells the app to stop: %s', (_, script, at) => {
    expect(run(sh(script), QUIET, 'App').toldAppToStopAt).toBe(at);
  });

  it.each([
    'nginx -s quit; while pgrep nginx; do sleep 1; done',
    'kill -TERM 1; while kill -0 1; do sleep 1; done',
    'kill $(pidof java); while pidof java >/dev/null; do sleep 1; done',
  ])('does not know how long the app needs to stop: %s', (script) => {
    expect(lengthOf(run(sh(script), QUIET, 'App'))).toBe('Unknown: how long the app needs to stop');
  });

  it('uses the environment where it is known', () => {
    const options = { container: 'App', start: 0, until: 60, environment: { PRESTOP_SECONDS: '9' } } as const;

    expect(runHook(sh('sleep $PRESTOP_SECONDS'), pod(), options)).toMatchObject({ how: 'Completed', endsAt: 9 });
    expect(runHook(sh('sleep ${OTHER:-4}'), pod(), options)).toMatchObject({
      endsAt: 4,
      assumed: expect.arrayContaining(['the image sets no OTHER']),
    });
    expect(runHook(sh('sleep ${OTHER:-4}'), pod(), { ...options, doubtsDefaults: true })).toMatchObject({
      how: 'Unknown',
      atLeast: 0,
    });
    expect(runHook(sh('sleep ${OTHER:-4}'), pod(), { ...options, environmentIsWhole: true })).toMatchObject({
      how: 'Completed',
      endsAt: 4,
    });
  });
});

describe('what is not understood is said', () => {
  it.each<readonly [string, string, number, number | undefined]>([
    ['perl -e "print 5"', 'perl -e print 5', 0, undefined],
    ['tcpdump -c 5', 'tcpdump -c 5', 0, undefined],
    ['ping -c 3 example.com; sleep 2', 'ping -c 3 example.com', 2, undefined],
    ['. /etc/profile; sleep 5', '. /etc/profile', 0, undefined],
    ['kill 1; sleep 5', 'kill 1', 0, 5],
    ['pkill envoy; sleep 5', 'pkill envoy', 0, 5],
    ['if ss -tn "sport lol"; then sleep 5; fi', 'ss -tn sport lol', 0, 5],
    ['if [ -f /var/run/ready ]; then sleep 5; fi', 'test -f /var/run/ready', 0, 5],
    [
      'while [ $(cat /sys/fs/cgroup/pids.current) -gt 5 ]; do sleep 1; done',
      'the content of /sys/fs/cgroup/pids.current',
      0,
      undefined,
    ],
    ['while lsof -i :15006 | grep -q EST; do sleep 1; done', 'the result of grep -q EST', 0, undefined],
    ['[ $(netstat -s | wc -l) -gt 0 ] && sleep 3', 'the output of netstat -s', 0, 3],
    ['while [ $(netstat -t | grep -c http) -gt 0 ]; do sleep 1; done', 'netstat without -n shows names', 0, undefined],
    [`echo | awk '{system("sleep 5")}'`, 'awk {system("sleep 5")} (the function system)', 0, undefined],
    ['x=$(date +%Y); [ $x -gt 2020 ] && sleep 5', 'the output of date +%Y', 0, 5],
  ])('%s', (script, words, atLeast, atMost) => {
    expect(run(sh(script))).toEqual({ how: 'Unknown', effects: [], notUnderstood: [words], atLeast, atMost });
  });

  it('keeps what was done before', () => {
    const result = run(sh('pilot-agent request --debug-port=15020 POST drain; sleep 2; perl -e 1'));

    expect(result).toEqual({
      how: 'Unknown',
      effects: [{ at: 0, kind: 'AgentDrain' }],
      notUnderstood: ['perl -e 1'],
      atLeast: 2,
    });
  });

  it('gives up on what takes more steps than it can follow, and keeps what is certain', () => {
    const result = runHook(sh('sleep 7; n=0; while :; do n=$((n+1)); sleep 0.001; done'), pod(), {
      container: 'Proxy',
      start: 0,
      until: 100_000,
    });

    expect(result).toMatchObject({ how: 'Unknown', effects: [], notUnderstood: ['more steps than can be followed'] });
    expect(result.atLeast).toBeGreaterThan(7);
    expect(result.atMost).toBeUndefined();
  });

  it('finds a loop that repeats itself in a pod that has come to rest', () => {
    const result = runHook(sh(ESTABLISHED), pod(IDLE_CLIENT), {
      container: 'Proxy',
      start: 0,
      until: 1e9,
      steadyFrom: 0,
    });

    expect(result.how).toBe('StillRunning');
  });
});
