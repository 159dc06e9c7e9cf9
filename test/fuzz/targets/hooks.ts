import type { Container, LifecycleHandler } from '../../../src/api/kubernetes.ts';
import { examineHook, type AnalysisOptions } from '../../../src/hooks/index.ts';
import { decideFor, meshOf, policyOf, workloadOf } from '../../fixtures/drain/objects.ts';
import { HOSTILE_SCRIPTS } from '../../unit/hooks/hostile-hooks.ts';
import { demand, type FuzzTarget } from './target.ts';

/** As in a pod of so many hooks, which share its budget: what goes on for ever is given up sooner, and more is tried. */
const HOOKS_IN_POD = 20;
const PROXY = { container: 'Proxy', image: 'with-shell', hooksInPod: HOOKS_IN_POD } as const satisfies AnalysisOptions;
const APP = {
  container: 'App',
  image: 'unknown',
  appPorts: [8080],
  hooksInPod: HOOKS_IN_POD,
} as const satisfies AnalysisOptions;

const OTHERS: readonly Container[] = Array.from({ length: HOOKS_IN_POD - 1 }, (_, index) => ({
  name: `other-${index}`,
  lifecycle: { preStop: { sleep: { seconds: 1 } } },
}));

/** Whatever the hook is: its analysis is paid for, has a sound answer, and what it gave up on is never called compliant. */
function examine(command: readonly string[]): void {
  const handler: LifecycleHandler = { exec: { command: [...command] } };
  for (const options of [PROXY, APP]) {
    const { analysis, steps, allowed } = examineHook(handler, options);
    const { atLeast, atMost, notUnderstood, whenQuiet, whenBusy, summary } = analysis;
    demand(steps <= allowed, 'more was done than was paid for', { steps, allowed });
    demand(Number.isFinite(atLeast) && atLeast >= 0, 'the shortest length is a time', atLeast);
    demand(typeof atMost !== 'number' || atLeast <= atMost, 'the interval is in order', { atLeast, atMost });
    demand(atMost !== 'unknown' || notUnderstood.length > 0, 'an unknown length says why', analysis);
    demand(
      [whenQuiet, whenBusy].every((length) => typeof length !== 'number' || length >= atLeast),
      'no length lies below the interval',
      analysis,
    );
    demand(summary !== '', 'there is a summary');
    if (options === APP && atMost === 'unknown') {
      const { outcome, write } = decideFor(
        workloadOf({ appPreStop: handler, containers: OTHERS }),
        policyOf(),
        meshOf('classic'),
      );
      demand(outcome !== 'Compliant' && write === undefined, 'what is not understood is not compliant', outcome);
    }
  }
}

const SHELL_WORDS =
  'if then else elif fi while until do done for in case esac ; ;; & && | || ( ) (( )) { } $( $(( ${ ` " \' \\ < > >> 2>&1 <<E <<< [ ] [[ ]] = =~ -lt -f -n ! $? $@ "$@" $# $! $1 $x x= x=$x$x ${x%%*} ${x#*} ${x:-1} ${#x} ${x/a/b} * ? {1..9} {a,b} ~ # \n sleep echo printf eval exec exit return break continue trap wait kill set shift local unset export read test expr seq date timeout xargs cat head tail sort uniq wc cut tr grep sed awk netstat ss curl pilot-agent sh -c bash -c /proc/net/tcp /tmp/f 1 0 9 15000 f() f'.split(
    ' ',
  );

const AWK_WORDS =
  'BEGIN END { } ( ) [ ] $0 $1 $NF NF NR FS OFS RS IFS a a[x] a[i++] == != ~ !~ < > + - * / % ^ ++ -- += ! && || ? : ; , /x/ /(a|b)*c/ "s" "" print printf getline if else for while do in delete function return exit next length substr index split sub gsub match sprintf tolower toupper int system | \n 1 0 9 "%5s" "%d" for(;;) while(1)'.split(
    ' ',
  );

const SED_WORDS =
  's/a/b/ s/./&&/g s,x,y,p p d q n N D G H x y/abc/xyz/ ; { } / // $ 1 2,4 /x/ /x/,/y/ ! = a\\ i\\ c\\ :l bl tl \\( \\) \\1 & g I * . [0-9] ^ \\n \n'.split(
    ' ',
  );

const EXPRESSION_WORDS =
  'a b . * + ? ^ $ | ( ) [ ] [^a] [a-z] [[:digit:]] [[:foo:]] {2} {,3} {30,} \\( \\) \\{ \\} \\| \\1 \\w \\s \\b \\< \\> \\d (?i) (?: (?= (a|b)* (a+)+ .* 15006 :15006 ESTAB / \\/ \\'.split(
    ' ',
  );

const SHORT = 1_500;

/** Scripts of the shell, as sh and as bash. */
export const shellTarget: FuzzTarget = {
  name: 'shell',
  about: 'hooks in the shell and the programs that they call',
  seeds: [
    'sleep 20',
    'while [ "$(netstat -plunt | grep tcp | grep -v envoy | wc -l)" -ne 0 ]; do sleep 1; done',
    'pilot-agent request --debug-port=15020 POST drain; for i in $(seq 1 30); do curl -fs localhost:15021/healthz/ready || exit 0; sleep 1; done',
    ...HOSTILE_SCRIPTS.filter(({ length }) => length < SHORT),
  ],
  words: SHELL_WORDS,
  run(script) {
    examine([script.length % 2 === 0 ? 'sh' : 'bash', '-c', script]);
  },
};

export const awkTarget: FuzzTarget = {
  name: 'awk',
  about: 'programs of awk in hooks',
  seeds: [
    '{ s += $2 } END { print s }',
    '$6 == "ESTABLISHED" && $4 ~ /:15006$/ { n++ } END { exit n > 0 }',
    'BEGIN { while (i < 9) { a[i++] = i * 2 }; for (k in a) print k, a[k] }',
    'function f(x) { return x < 2 ? 1 : f(x - 1) + f(x - 2) } BEGIN { print f(9) }',
    '{ n = split($0, p, /[ :]+/); gsub(/0/, "1"); print substr($0, 2, 3), toupper(p[n]), match($0, /1+/), RSTART }',
    'BEGIN { printf "%5d %-3s %c|", 1, "x", 65; x = sprintf("%9s", "a") }',
  ],
  words: AWK_WORDS,
  run(program) {
    examine(['sh', '-c', 'x=$(netstat -tan | awk "$0"); sleep $x', program]);
  },
};

export const sedTarget: FuzzTarget = {
  name: 'sed',
  about: 'scripts of sed in hooks',
  seeds: [
    's/a/b/g',
    '/tcp/!d;s/.*:\\([0-9]*\\) .*/\\1/p',
    '1,3d',
    's/./&&/g;s/./&&/g',
    '$p;$!d',
    'y/01/ab/',
    '/x/,/y/p',
  ],
  words: SED_WORDS,
  run(script) {
    examine(['sh', '-c', 'netstat -tan | sed "$0" | sed -n -E "$0" | wc -l', script]);
  },
};

/** Each notation of regular expressions. */
export const expressionTarget: FuzzTarget = {
  name: 'expression',
  about: 'regular expressions of grep, [[ =~ ]], expr, awk and the filters of Envoy',
  seeds: [
    ':15006 .*ESTABLISHED',
    '(a|aa)+$b',
    '[[:digit:]]+',
    '^tcp6?\\b',
    '\\(1*\\)*2',
    'a{2,3}',
    'cluster\\..*rq_active',
  ],
  words: EXPRESSION_WORDS,
  run(expression) {
    examine([
      'bash',
      '-c',
      'ss -tan | grep "$0"; ss -tan | grep -ciE "$0"; ss -tan | grep -owP "$0"; [[ "$(seq 1 50)" =~ $0 ]]; ' +
        'expr aaaaaaaaaaaaaaaa : "$0"; ss -tan | awk -v "e=$0" \'$0 ~ e\'; curl -s "localhost:15000/stats?filter=$0"',
      expression,
    ]);
  },
};
