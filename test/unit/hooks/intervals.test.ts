import { describe, expect, it } from '@jest/globals';
import { analyseHook, runHook } from '../../../src/hooks/index.ts';
import type { HookAnalysis } from '../../../src/hooks/index.ts';
import { pod } from './worlds.ts';

type Interval = readonly [number, number | 'unknown' | 'unbounded'];

const ENVIRONMENT = { WAIT_SECONDS: '12', FROM_SECRET: undefined };

function analyse(script: string, shell = 'sh'): HookAnalysis {
  return analyseHook(
    { exec: { command: [shell, '-c', script] } },
    { container: 'App', image: 'unknown', environment: ENVIRONMENT },
  );
}

function intervalOf({ atLeast, atMost }: HookAnalysis): Interval {
  return [atLeast, atMost];
}

describe('a program that nobody knows takes any time and ends with any status', () => {
  it.each<readonly [string, Interval, readonly string[]]>([
    ['dbctl flush; sleep 90', [90, 'unknown'], ['dbctl flush']],
    ['dbctl flush && sleep 90', [0, 'unknown'], ['dbctl flush']],
    ['dbctl flush || sleep 90', [0, 'unknown'], ['dbctl flush']],
    ['! dbctl flush; sleep 9', [9, 'unknown'], ['dbctl flush']],
    ['sleep 3; dbctl flush && exit; sleep 4', [3, 'unknown'], ['dbctl flush']],
    ['set -e; sleep 2; dbctl flush; sleep 9', [2, 'unknown'], ['dbctl flush']],
    ['if dbctl ok; then sleep 8; else sleep 5; fi; sleep 1', [6, 'unknown'], ['dbctl ok']],
    ['case $(dbctl role) in leader) sleep 8;; *) sleep 3;; esac', [3, 'unknown'], ['dbctl role']],
    ['while dbctl busy; do sleep 1; done; sleep 6', [6, 'unknown'], ['dbctl busy']],
    ['while :; do dbctl busy || break; sleep 1; done; sleep 6', [6, 'unknown'], ['dbctl busy']],
    ['n=0; until dbctl ok; do n=$((n+1)); sleep 2; done', [0, 'unknown'], ['dbctl ok']],
    ['for i in 1 2 3; do dbctl ok && break; sleep 1; done', [0, 'unknown'], ['dbctl ok']],
    ['dbctl ok & sleep 4', [4, 4], []],
    ['dbctl ok & sleep 4; wait', [4, 'unknown'], ['dbctl ok']],
    ['dbctl list | sleep 4', [4, 'unknown'], ['dbctl list']],
    ['sleep $(dbctl seconds); sleep 2', [2, 'unknown'], ['dbctl seconds']],
    ['(dbctl ok; exit 3) || sleep 7', [7, 'unknown'], ['dbctl ok']],
    ['f() { dbctl ok && return; sleep 9; }; f; sleep 1', [1, 'unknown'], ['dbctl ok']],
    ['. /opt/functions; sleep 5', [0, 'unknown'], ['. /opt/functions']],
    ['sleep 6; eval "$(dbctl script)"; sleep 5', [6, 'unknown'], ['dbctl script']],
    ['dbctl stop; while nc -z localhost 8080; do sleep 1; done', [0, 'unknown'], ['dbctl stop']],
    ['trap "sleep 3" EXIT; dbctl ok && exit; sleep 9', [3, 'unknown'], ['dbctl ok']],
    ['touch /f && trap "sleep 3" EXIT', [0, 'unknown'], ['a trap or a local that differs from way to way']],
  ])('%s', (script, interval, words) => {
    const analysis = analyse(script);

    expect(intervalOf(analysis)).toEqual(interval);
    expect(analysis.notUnderstood).toEqual(words);
    for (const word of words) {
      expect(analysis.summary).toContain(word);
    }
  });

  it('is not found out by the status of a name alone: exec hooks without a shell too', () => {
    const analysis = analyseHook({ exec: { command: ['/app/stop', '--now'] } }, { container: 'App', image: 'unknown' });

    expect(intervalOf(analysis)).toEqual([0, 'unknown']);
    expect(analysis.notUnderstood).toEqual(['/app/stop --now']);
  });
});

describe('what shells and programs do not agree on', () => {
  it.each<readonly [string, Interval, Interval]>([
    ["printf -v n '%d' 8; sleep $n", [0, 'unknown'], [8, 8]],
    ['i=0; while [ $i -lt 4 ]; do i=$((++i)); sleep 1; done', [0, 'unknown'], [4, 4]],
    ['i=0; while [ $i -lt 4 ]; do : $((i++)); sleep 1; done', [0, 'unknown'], [4, 4]],
    ['sleep $((2**3))', [0, 'unknown'], [0, 'unknown']],
    ['i=5; ((i>=5)) && sleep 6', [0, 'unknown'], [6, 6]],
    ['[[ a == a ]] && sleep 6', [0, 6], [6, 6]],
    ['[ a == a ] && sleep 6', [0, 6], [6, 6]],
    ['function f { sleep 6; }; f', [0, 'unknown'], [6, 6]],
    ['sleep 1\ngrep -q a <<<a && sleep 6', [1, 'unknown'], [7, 7]],
    ['set -o pipefail; sleep 6', [0, 6], [6, 6]],
    ['sleep 2; return; sleep 6', [2, 2], [8, 8]],
    ['if return; then sleep 6; else sleep 5; fi; sleep 2', [0, 7], [7, 7]],
    ['(return 0) && sleep 6', [0, 6], [0, 0]],
    ['(return 1) && sleep 6', [0, 0], [0, 0]],
    ['f() { return 0; }; f && sleep 6', [6, 6], [6, 6]],
    ['sleep 2; shift; sleep 6', [2, 8], [8, 8]],
    ['set -- a; shift; sleep 6', [6, 6], [6, 6]],
    ['sleep 2; local x=1; sleep 6', [2, 8], [8, 8]],
    ['sleep 3e1', [0, 30], [0, 30]],
    ['sleep 0x1e', [0, 30], [0, 30]],
    ['sleep -- 5', [0, 5], [0, 5]],
  ])('%s', (script, inSomeShell, inBash) => {
    expect(intervalOf(analyse(script))).toEqual(inSomeShell);
    expect(intervalOf(analyse(script, 'bash'))).toEqual(inBash);
  });
});

describe('what bounds a program bounds the hook', () => {
  it.each<readonly [string, Interval]>([
    ['timeout 18 dbctl flush', [0, 18]],
    ['timeout -k 4 18 dbctl flush', [0, 22]],
    ['timeout -s INT --kill-after=4 18s dbctl flush; sleep 1', [1, 23]],
    ['timeout -t 18 dbctl flush', [0, 18]],
    ['timeout $FROM_SECRET sleep 5', [0, 5]],
    [`timeout 18 sh -c 'dbctl flush; sleep 100'`, [18, 18]],
    [`timeout 18 sh -c 'dbctl flush && sleep 100'; sleep 1`, [1, 19]],
    [`timeout 18 sh -c 'while dbctl busy; do sleep 1; done'; sleep 4`, [4, 22]],
    [`timeout 5 sh -c 'timeout 18 dbctl flush'`, [0, 5]],
    [`timeout 18 sh -c 'timeout 5 dbctl flush; sleep 2'`, [2, 7]],
    ['curl -m 3 http://registry.test/leave; sleep 6', [6, 9]],
    ['curl -sfm 3 http://registry.test/leave && sleep 6', [0, 9]],
    ['curl --max-time 3 --retry 2 --retry-delay 1 http://registry.test/leave', [0, 'unknown']],
    ['curl --max-time 3 --retry 2 --retry-delay 4 --retry-max-time 20 http://registry.test/leave', [0, 27]],
    ['curl --max-time 3 --retry 4 --retry-max-time 20 http://registry.test/leave', [0, 31]],
    ['curl -m 3 --retry=4 --odd http://registry.test/leave', [0, 'unknown']],
    ['curl -m 3 http://registry.test/leave http://registry.test/bye', [0, 6]],
    ['curl -m 3 --url http://registry.test/leave --url http://registry.test/bye', [0, 6]],
    ['curl -m 3 http://registry.test/leave --next http://registry.test/bye', [0, 'unknown']],
    ['curl -m 3 http://registry.test/node[1-40]/leave', [0, 'unknown']],
    ['curl -m 3 -K /etc/leave.conf', [0, 'unknown']],
    ['curl --connect-timeout 2 http://registry.test/leave', [0, 'unknown']],
    ['curl -m 2 localhost:8080/stop; sleep 1', [1, 3]],
    ['wget -T 2 -t 1 -qO- http://registry.test/leave', [0, 'unknown']],
    ['timeout 9 wget -T 2 -t 1 -qO- http://registry.test/leave', [0, 9]],
    ['nc -z -w 3 10.20.0.1 5432; sleep 1', [1, 4]],
    // The status that the body of a loop begins with: of the condition; behind $(...) shells differ.
    ["if sh -c 'while curl -m 3 http://a.test; do exit; done'; then sleep 1; else sleep 9; fi", [1, 4]],
    ["if sh -c 'until curl -m 3 http://a.test; do exit; done'; then sleep 1; else sleep 9; fi", [1, 12]],
    ["if sh -c 'for x in $(curl -m 3 http://a.test); do exit; done'; then sleep 1; else sleep 9; fi", [1, 12]],
    ["if bash -c 'for x in $(curl -m 3 http://a.test); do exit; done'; then sleep 1; else sleep 9; fi", [1, 12]],
    ["if dash -c 'for x in $(curl -m 3 http://a.test); do exit; done'; then sleep 1; else sleep 9; fi", [1, 4]],
    ["if sh -c 'for x in $(echo a; false); do exit; done'; then sleep 1; else sleep 9; fi", [1, 9]],
    ["if bash -c 'for x in $(echo a; false); do exit; done'; then sleep 1; else sleep 9; fi", [9, 9]],
    ["if dash -c 'for x in $(echo a; false); do exit; done'; then sleep 1; else sleep 9; fi", [1, 1]],
    ['for i in $(seq 8); do curl -m 2 http://a.test && break; sleep 3; done', [0, 40]],
    ['n=0; while [ $n -lt 6 ]; do curl -m 1 http://a.test && break; n=$((n+1)); sleep 2; done; sleep 1', [1, 19]],
    ['n=0; while [ $n -lt 6 ]; do if dbctl x & then sleep 1; else sleep 2; fi; n=$((n+1)); done', [6, 6]],
    ['n=0; while [ $n -lt 6 ]; do if touch /f; then sleep 1; else sleep 2; fi; n=$((n+1)); done', [6, 12]],
  ])('%s', (script, interval) => {
    expect(intervalOf(analyse(script))).toEqual(interval);
  });
});

describe('who may leave early does so where the command that it leaves ends', () => {
  it.each<readonly [string, Interval]>([
    ['for i in 1 2; do touch /f && break; for j in 1 2; do sleep 1; done; sleep 5; done; sleep 1', [1, 15]],
    ['for i in 1 2; do touch /f && continue; for j in 1 2; do sleep 1; done; sleep 5; done; sleep 1', [1, 15]],
    ['for i in 1 2; do for j in 1 2; do touch /f && break 2; sleep 1; done; sleep 5; done; sleep 1', [1, 15]],
    ['for i in 1 2; do for j in 1 2; do touch /f && continue 2; sleep 1; done; sleep 5; done; sleep 1', [1, 15]],
    ['while while :; do touch /f || break 2; sleep 1; done; do sleep 5; done; sleep 1', [1, 'unknown']],
    ['for i in 1; do touch /f && continue; sleep 4; done; sleep 1', [1, 5]],
    ['g() { sleep 1; }; f() { touch /f && return; g; sleep 5; }; f; sleep 2', [2, 8]],
    ['g() { sleep 1; }; for i in 1 2; do touch /f && break; g; sleep 5; done; sleep 2', [2, 14]],
    ['f() { for i in 1 2; do touch /f && return; sleep 3; done; sleep 1; }; f; sleep 2', [2, 9]],
    // In the condition of a loop.
    ['while { touch /f && continue; false; }; do sleep 5; done; sleep 1', [1, 'unknown']],
    ['until touch /f || continue; do sleep 5; done; sleep 1', [1, 'unknown']],
    ["dash -c 'until touch /f || continue; do sleep 5; done'; sleep 1", [1, 'unknown']],
    ["bash -c 'until touch /f || continue; do sleep 5; done'; sleep 1", [1, 1]],
    ['while touch /f && break; do sleep 2; done; sleep 1', [1, 1]],
    ['for i in 1 2; do while touch /f && continue 2; do sleep 2; done; sleep 1; done', [0, 2]],
    ['f() { local x=1; touch /f && exit; sleep 3; }; f 4; f 5; sleep 2', [0, 8]],
    ['set -e; f() { touch /f; sleep 3; }; f 4; f 5; sleep 2', [0, 8]],
  ])('%s', (script, interval) => {
    expect(intervalOf(analyse(script))).toEqual(interval);
  });
});

describe('loops without a sleep', () => {
  const WAITS = 'how long a loop without a sleep takes';
  it.each<readonly [string, Interval, readonly string[]]>([
    ['i=0; while [ $i -lt 40 ]; do i=$((i+1)); done; sleep 3', [3, 3], []],
    ['i=0; while [ $i -lt 900 ]; do i=$((i+1)); done; sleep 3', [3, 'unknown'], [WAITS]],
    ['sleep 2; i=0; until [ $i -ge 2600 ]; do i=$((i+1)); done', [2, 'unknown'], [WAITS]],
    ['for i in $(seq 900); do : $i; done; sleep 3', [3, 'unknown'], [WAITS]],
    ['for i in $(seq 30); do : $i; done; sleep 3', [3, 3], []],
    [`timeout 9 sh -c 'i=0; while [ $i -lt 900 ]; do i=$((i+1)); done'; sleep 3`, [3, 12], [WAITS]],
    // A clock ends it, or the counter: how fast it counts is not known.
    [
      'e=$(($(date +%s)+9)); i=0; while [ $i -lt 900 ] && [ $(date +%s) -lt $e ]; do i=$((i+1)); done',
      [0, 'unknown'],
      [WAITS],
    ],
  ])('%s', (script, interval, words) => {
    const analysis = analyse(script);

    expect(intervalOf(analysis)).toEqual(interval);
    expect(analysis.notUnderstood).toEqual(words);
  });
});

describe('programs that are done at once, with a status that nobody knows', () => {
  it.each<readonly [string, Interval]>([
    ['touch /flag && sleep 33', [0, 33]],
    ['touch /flag; sleep 33', [33, 33]],
    ['pkill -f worker; sleep 33s', [33, 33]],
    ['set -e; pkill -12 worker; sleep 33', [0, 33]],
    ['kill -USR2 $(pidof proxyd); sleep 33', [33, 33]],
    ['killall -HUP proxyd; sleep 33', [33, 33]],
    ['[ -f /flag ] && sleep 33', [0, 33]],
    ['[ -f /flag ] || exit 1; sleep 33', [0, 33]],
    ['test -d /data && sleep 3 || sleep 5', [3, 5]],
  ])('%s', (script, interval) => {
    expect(intervalOf(analyse(script))).toEqual(interval);
  });
});

describe('variables of the container', () => {
  it.each<readonly [string, Interval, readonly string[]]>([
    ['sleep $WAIT_SECONDS', [12, 12], []],
    ['sleep "${WAIT_SECONDS:-40}"', [12, 12], []],
    ['sleep $((WAIT_SECONDS + 3))', [15, 15], []],
    ['sleep $FROM_SECRET', [0, 'unknown'], ['$FROM_SECRET, whose value is not in the pod template']],
    ['sleep ${FROM_SECRET:-4}', [0, 'unknown'], ['$FROM_SECRET, whose value is not in the pod template']],
    ['sleep $OTHER', [0, 'unknown'], ['$OTHER']],
    ['sleep ${OTHER:-4}', [4, 4], []],
    ['sleep ${OTHER-4}', [4, 4], []],
    ['sleep ${OTHER:-${ANOTHER:-4}}', [4, 4], []],
    ['sleep $(( ${OTHER:-7} - 3 ))', [4, 4], []],
    [': ${OTHER:=4}; sleep $OTHER', [4, 4], []],
    // Something else than the image sets these.
    ['sleep ${HOSTNAME:-4}', [0, 'unknown'], ['$HOSTNAME, which the image may set']],
    ['sleep ${DB_PORT:-4}', [0, 'unknown'], ['$DB_PORT, which the image may set']],
    ['sleep ${RANDOM:-4}', [0, 'unknown'], ['$RANDOM, which the image may set']],
    ['unset WAIT_SECONDS; sleep ${WAIT_SECONDS:-4}', [0, 'unknown'], ['$WAIT_SECONDS once it is unset']],
    ['sleep 2 ${OTHER:+-x}', [0, 'unknown'], ['$OTHER, which the image may set']],
    ['OTHER=6; sleep ${OTHER:-4}', [6, 6], []],
    ['sleep $(PAUSE)', [0, 'unknown'], ['a program PAUSE: a shell runs $(PAUSE), and reads a variable as $PAUSE']],
    // What is no number ends the shell.
    ['sleep $((OTHER + 3)); sleep 2', [0, 'unknown'], ['$OTHER']],
    ['set -u; sleep 1; echo $OTHER; sleep 2', [1, 3], ['$OTHER']],
    ['sleep 1; : ${OTHER:?}; sleep 2', [1, 3], ['$OTHER']],
    // Kubernetes does not expand $(NAME) in the command of a lifecycle handler; the shell looks for a program.
    ['sleep $(WAIT_SECONDS)', [0, 0], []],
    ['for host in $OTHER; do sleep 2; done; sleep 5', [5, 'unknown'], ['$OTHER']],
  ])('%s', (script, interval, words) => {
    const analysis = analyse(script);

    expect(intervalOf(analysis)).toEqual(interval);
    expect(analysis.notUnderstood).toEqual(words);
  });
});

describe('a default that the hook states itself', () => {
  it.each<readonly [string, readonly string[]]>([
    ['sleep ${OTHER:-4}', ['OTHER']],
    ['sleep ${OTHER:-${ANOTHER:-4}}', ['ANOTHER', 'OTHER']],
    ['sleep ${WAIT_SECONDS:-4}', []],
    // How long this one takes does not rest on it.
    ['echo ${OTHER:-none}; sleep 4', []],
    ['OTHER=3; sleep ${OTHER:-4}', []],
    ['sleep $OTHER', []],
  ])('is named where the length rests on it: %s', (script, defaults) => {
    expect(analyse(script).defaults).toEqual(defaults);
  });

  it('says nothing of the proxy, whose environment comes from more than its pod template', () => {
    const analysis = analyseHook(
      { exec: { command: ['sh', '-c', 'sleep ${OTHER:-4}'] } },
      { container: 'Proxy', image: 'with-shell' },
    );

    expect(intervalOf(analysis)).toEqual([0, 'unknown']);
  });
});

describe('loops that count by other means than variables come to their end', () => {
  it.each<readonly [string, number]>([
    ['for ((i=0;i<6;i++)); do sleep 2; done', 12],
    ['i=0; for ((i = 0; i < 6;)); do sleep 2; ((i += 3)); done', 4],
    ['set -- a b c; while [ $# -gt 0 ]; do sleep 5; shift; done', 15],
    ['f() { shift; while [ $# -gt 0 ]; do sleep $1; shift; done; }; f 9 2 3', 5],
    ['true; while [ $? = 0 ]; do sleep 3; false; done', 3],
    ['f() { sleep 2; f() { return 1; }; }; while f; do sleep 3; done', 5],
    ['while :; do sleep 4; false; set -e; done', 8],
  ])('%s', (script, seconds) => {
    const analysis = analyse(script, 'bash');

    expect(intervalOf(analysis)).toEqual([seconds, seconds]);
    expect(analysis.neverEnds).toBe(false);
  });

  it.each(['for ((;;)); do sleep 1; done', 'set -- a; while [ $# -gt 0 ]; do sleep 1; done'])(
    'or have none: %s',
    (script) => {
      expect(analyse(script, 'bash').neverEnds).toBe(true);
    },
  );
});

describe('wait is for the jobs of its own shell', () => {
  it.each<readonly [string, number]>([
    ['( sleep 10 & ); sleep 1; wait', 1],
    ['{ sleep 20 & sleep 2; } & sleep 1; wait', 2],
    ['{ for i in 1 2 3 4; do sleep 9 & sleep 1; done; } & sleep 2; kill $!; wait', 2],
    ['( sleep 10 & wait ); sleep 1', 11],
    ['f() { sleep 8 & }; f; wait', 8],
    ['sleep 8 & wait $!', 8],
  ])('%s', (script, seconds) => {
    expect(intervalOf(analyse(script))).toEqual([seconds, seconds]);
  });

  it('and what may go on after the last moment that is played has no end', () => {
    const played = runHook(
      { exec: { command: ['sh', '-c', 'touch /f && sleep 100; curl -m 60 http://a.test'] } },
      pod(),
      { container: 'App', start: 0, until: 120 },
    );

    expect(played).toMatchObject({ how: 'Unknown', atLeast: 0 });
    expect(played.atMost).toBeUndefined();
  });
});

describe('what only the pod knows', () => {
  it.each<readonly [string, Interval]>([
    // Containers need not declare the ports that they listen on.
    ['while nc -z localhost 9404; do sleep 1; done', [0, 'unknown']],
    ['nc -z localhost 9404 && sleep 30', [0, 30]],
    ['curl -s localhost:9404/bye; sleep 3', [3, 'unknown']],
    ['curl -m 4 -s localhost:9404/bye; sleep 3', [3, 7]],
    ['wget -qO- localhost:9404/bye; sleep 3', [3, 'unknown']],
    ['curl -s localhost:1/bye; sleep 3', [3, 3]],
    // Another Envoy's admin port: whoever listens there, the answer comes at once.
    ['curl -XPOST localhost:9902/healthcheck/fail; sleep 3', [3, 3]],
    ['wget -qO- --post-data= localhost:9902/healthcheck/fail && sleep 3', [0, 3]],
    // Whether there is such a process.
    ['while pgrep java; do sleep 1; done', [0, 'unknown']],
    ['pgrep java || sleep 50', [0, 50]],
    ['pidof java && sleep 50', [0, 50]],
    // What the image has, and where.
    ['command -v curl && sleep 20', [0, 20]],
    ['which drainer; sleep 20', [20, 20]],
    ['if command -v curl >/dev/null; then sleep 5; else sleep 8; fi', [5, 8]],
    ['command -v sleep && sleep 20', [20, 20]],
    ['cd /app && sleep 20', [0, 20]],
    ['cd /tmp && sleep 20', [20, 20]],
    ['/app/stop/sleep 20', [0, 'unknown']],
    ['/usr/local/bin/sleep 20', [20, 20]],
    ['cp -a /data /backup; sleep 3', [3, 'unknown']],
    ['cp ready gone; sleep 3', [3, 3]],
    ['sleep 10 & while [ -n "$(jobs -r)" ]; do sleep 1; done', [0, 'unknown']],
    [`trap 'sleep 5' ERR; false; sleep 2`, [0, 'unknown']],
  ])('%s', (script, interval) => {
    expect(intervalOf(analyse(script, 'bash'))).toEqual(interval);
  });

  it('an httpGet to a port that no container declares', () => {
    const analysis = analyseHook(
      { httpGet: { port: 9404, path: '/bye' } },
      { container: 'App', image: 'unknown', appPorts: [8080] },
    );

    expect(intervalOf(analysis)).toEqual([0, 'unknown']);
  });

  it.each<readonly [string, Interval]>([
    ['sleep 20 > /var/log/bye', [0, 20]],
    ['{ sleep 20; } > /tmp/bye 2>&1', [0, 20]],
    ['echo bye > /tmp/bye; sleep 20', [20, 20]],
    ['echo bye > /dev/null && sleep 20', [20, 20]],
    ['echo bye > /etc/istio/proxy/bye && sleep 20', [20, 20]],
  ])('a file in the read-only container of the proxy: %s', (script, interval) => {
    const analysis = analyseHook(
      { exec: { command: ['sh', '-c', script] } },
      { container: 'Proxy', image: 'with-shell' },
    );

    expect(intervalOf(analysis)).toEqual(interval);
  });

  it.each<readonly [string, Interval]>([
    ['http://localhost:9404/ready', [0.5, 22.5]],
    ['http://localhost:1/ready', [22, 22]],
  ])('pilot-agent wait bounds its own waiting: %s', (url, interval) => {
    const analysis = analyseHook(
      { exec: { command: ['pilot-agent', 'wait', '--url', url, '--timeoutSeconds', '22'] } },
      { container: 'Proxy', image: 'distroless' },
    );

    expect(intervalOf(analysis)).toEqual(interval);
  });
});

describe('programs that run another one take as long as it', () => {
  it.each([
    'nice sleep 7',
    'nice -n 10 sleep 7',
    'nice -10 sleep 7',
    'ionice -c 3 sleep 7',
    'nohup sleep 7',
    'env A=b sleep 7',
    `env LENGTH=7 sh -c 'sleep $LENGTH'`,
    'exec sleep 7',
    `bash -lc 'sleep 7'`,
    `dash -ec 'sleep 7'`,
    'tini -- sleep 7',
    'dumb-init sleep 7',
    'gosu app sleep 7',
    'su-exec app:app sleep 7',
    `su app -c 'sleep 7'`,
    `su -s /bin/sh -c 'sleep 7' app`,
    'runuser -u app -- sleep 7',
    'sudo -u app -n sleep 7',
    'setsid sleep 7',
    'stdbuf -oL sleep 7',
    'time sleep 7',
    'taskset 0x1 sleep 7',
    'echo 7 | xargs sleep',
    'command sleep 7',
    `python3 -c 'import time; time.sleep(7)'`,
    `node -e 'setTimeout(() => {}, 7000)'`,
    `perl -e 'sleep 7'`,
    `ruby -e 'sleep(7)'`,
    'usleep 7000000',
    'n=$(printf %d 7); sleep $n',
  ])('%s', (script) => {
    expect(intervalOf(analyse(script))).toEqual([7, 7]);
  });

  it('knows that setsid forks where it leads a process group', () => {
    const analysis = analyseHook(
      { exec: { command: ['setsid', 'sleep', '7'] } },
      { container: 'App', image: 'unknown' },
    );

    expect(intervalOf(analysis)).toEqual([0, 7]);
  });

  it.each([`python3 -c 'import app; app.stop()'`, `node -e 'stop()'`, 'ruby stop.rb'])(
    'names another: %s',
    (script) => {
      expect(analyse(script).notUnderstood).toHaveLength(1);
      expect(intervalOf(analyse(script))).toEqual([0, 'unknown']);
    },
  );
});
