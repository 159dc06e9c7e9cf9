import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { runHook } from '../../../src/hooks/index.ts';
import { quietPod } from './worlds.ts';

/**
 * The interpreter is held against the real thing: each snippet is run by the machine's own dash and bash (with its own
 * awk, grep, sed, coreutils), and the interpreter must come to the same output and exit status. A shell that the machine
 * does not have is left out, and the name of the test says so.
 */
function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

const POSIX_SNIPPETS: readonly string[] = [
  // Words and quoting
  `echo a  b   c`,
  `echo 'a  b' "c  d" e\\ f`,
  `x='a b  c'; echo $x; echo "$x"; echo '$x'`,
  `echo "a'b" 'c"d' "e\\"f" "g\\\\h" "i\\$j"`,
  `printf '%s|' a 'b c' "" d; echo`,
  `set -- a "b c" ""; echo $#; for i in "$@"; do echo "[$i]"; done`,
  `set -- a "b c"; for i in $@; do echo "[$i]"; done; for i in "$*"; do echo "[$i]"; done`,
  `set --; for i in "$@"; do echo never; done; echo $#`,
  `set -- 1 2 3; shift; echo $1 $#; shift 2; echo $#`,
  `x=; echo [$x] ["$x"]`,
  `echo "$(echo "nested $(echo "deep  er")")"`,
  'echo `echo a \\`echo b\\``',
  `echo "$(printf 'a\\nb\\n\\n')"end`,
  `x=$(printf 'a b\\nc'); echo $x; echo "$x"`,
  `echo a#b # comment`,
  `echo one \\\n two`,
  `: ; echo $?`,
  `true&&echo yes||echo no;false&&echo yes||echo no`,
  `! true; echo $?; ! false; echo $?`,
  // Parameter expansion
  `x=12345.67; echo \${x%.*} \${x#*.} \${x%%.*} \${x##*.}`,
  `p=/a/b/c.tar.gz; echo \${p##*/} \${p%/*} \${p%%.*} \${p#*/} \${p%.gz}`,
  `unset y; echo \${y:-d} \${y-e} [\${y+set}] \${y:=new} $y \${y:+set}`,
  `y=; echo [\${y:-d}] [\${y-e}] [\${y+set}] [\${y:+set}]`,
  `x=hello; echo \${#x} \${#}`,
  `x='*'; y='a*b'; echo "\${y%"$x"b}" "\${y#a\\*}"`,
  `x=aXbXc; echo \${x%X*} \${x%%X*} \${x#*X} \${x##*X} \${x#[a-c]} \${x%[!c]}`,
  `x="a b"; echo \${x:-none} "\${x:+it is set}"`,
  `echo \${z:-"quoted  default"} \${z:-unquoted  default}`,
  `set -u; (echo $nothing) 2>/dev/null || echo failed`,
  `(: \${must:?be set}) 2>/dev/null; [ $? -ne 0 ] && echo refused`,
  // Arithmetic
  `echo $((1 + 2 * 3)) $(((1 + 2) * 3)) $((7 / 2)) $((-7 / 2)) $((7 % 3)) $((-7 % 3))`,
  `n=5; echo $((n + 1)) $(($n * 2)) $((n > 3)) $((n == 5 && n != 6)) $((n < 3 || 0)) $((!n)) $((~n))`,
  `n=0; n=$((n+1)); n=$((n + 1)); echo $n; echo $((n += 5)) $n; : $((n = n * 2)); echo $n`,
  `echo $((0x1f)) $((010)) $((1 ? 2 : 3)) $((0 ? 2 : 3 )) $((1 << 4)) $((255 & 15)) $((1 | 6)) $((5 ^ 1))`,
  `a=3; b=4; echo $((a*a + b*b)) $(( (a < b) ? a : b ))`,
  `echo $(( $(echo 5) - 2 )) $(( \`echo 3\` ))`,
  `(echo $((08))) 2>/dev/null; [ $? -ne 0 ] && echo octal`,
  `(echo $((1 / 0))) 2>/dev/null; [ $? -ne 0 ] && echo division`,
  // Conditions
  `[ 1 -eq 1 ] && [ 1 -ne 2 ] && [ 1 -lt 2 ] && [ 2 -le 2 ] && [ 3 -gt 2 ] && [ 3 -ge 3 ] && echo ok`,
  `[ a = a ] && [ a != b ] && [ -n a ] && [ -z "" ] && [ ! a = b ] && echo ok`,
  `[ "" ] || echo empty; [ x ] && echo full; [ ] || echo nothing; [ ! ] && echo bang`,
  `[ 1 -eq 1 -a 2 -eq 2 ] && echo and; [ 1 -eq 2 -o 2 -eq 2 ] && echo or; [ ! 1 -eq 2 ] && echo not`,
  `[ " 3 " -eq 3 ] && echo spaces`,
  `[ a -eq 1 ] 2>/dev/null; echo $?`,
  `[ 1 -eq 2>/dev/null ] 2>/dev/null; echo $?`,
  `test 5 -gt 3; echo $?; test -z abc; echo $?`,
  `[ -e /dev/null ] && [ -r /proc/uptime ] && echo there`,
  `[ -f /proc/uptime ] && echo file`,
  `x=; [ $x -eq 0 ] 2>/dev/null; echo $?`,
  `x=; [ -n $x ] && echo trap`,
  `while [ ] ; do echo never; done; echo $?`,
  // Control flow
  `for i in 1 2 3; do echo $i; done`,
  `for i in $(seq 1 5); do [ $i -eq 2 ] && continue; [ $i -eq 4 ] && break; echo $i; done`,
  `for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done`,
  `for i in a b; do for j in 1 2; do [ $i$j = a2 ] && break 2; echo $i$j; done; done; echo end`,
  `n=0; while [ $n -lt 3 ]; do n=$((n+1)); echo $n; done; echo $?`,
  `n=0; until [ $n -ge 3 ]; do n=$((n+1)); done; echo $n`,
  `while false; do :; done; echo $?`,
  `n=0; while { n=$((n+1)); [ $n -lt 3 ] && continue; false; }; do echo never; done; echo $n $?`,
  `n=0; while n=$((n+1)); [ $n -lt 3 ] || { false; break; }; do (exit 5); done; echo $n $?`,
  `n=0; until { n=$((n+1)); [ $n -lt 3 ] && continue; true; }; do echo $n; done; echo $n $?`,
  `for i in a b; do while [ $i = a ] && continue 2; do echo never; done; echo $i; done; echo $?`,
  `if false; then echo a; elif true; then echo b; else echo c; fi`,
  `if false; then echo a; fi; echo $?`,
  `if true\nthen\n  echo newline\nfi`,
  `case abc in a*) echo one;; *) echo two;; esac`,
  `case x.y in *.z|x.?) echo m;; esac; case "a b" in "a b") echo q;; esac; case q in [!a-p]) echo set;; esac`,
  `case z in a) echo a;; esac; echo $?`,
  `case '*' in "*") echo star;; esac; case ab in "*") echo no;; *) echo yes;; esac`,
  `f() { echo "f $1 $#"; return 3; }; f a b; echo $?`,
  `f() { local v=1 2>/dev/null; v=2; }; v=0; f; echo $v`,
  `f() { [ "$1" -le 0 ] && return 0; echo $1; f $(($1 - 1)); }; f 3; echo $?`,
  `f() ( x=2; echo $x ); x=1; f; echo $x`,
  `{ echo a; echo b; } | wc -l`,
  `( x=5; echo $x ); echo [$x]`,
  `x=1; { x=2; }; echo $x`,
  `x=1; echo 5 | read x; echo $x`,
  `(exit 7); echo $?`,
  `echo a; exit 5; echo b`,
  `f() { exit 4; }; f; echo never`,
  `x=$(exit 9); echo $?`,
  `x=$(false) y=1; echo $? $y`,
  `x=\${y:-$(exit 3)}; echo $?; x=$(( $(echo 1; exit 4) + 1 )); echo $? $x; >/dev/null$(exit 5); echo $?`,
  `x=$(exit 3) $(exit 4); echo $?; $(exit 5) $(exit 6); echo $?; x=$(exit 7) >/dev/null; echo $?`,
  `false; for i in $(echo a; exit 7); do echo $?; done; case $(exit 4) in *) echo $?;; esac; echo $(exit 5) $?`,
  `until (exit 5); do echo $?; exit; done`,
  `for i in 1 2 3; do echo $?; (exit $i); done; echo $?`,
  `true | false; echo $?; false | true; echo $?`,
  `set -e; false || true; echo a; if false; then :; fi; echo b; false; echo never`,
  `set -e; x=$(false); echo never`,
  `set -e; ! true; echo c; false && true; echo d; (exit 3); echo never`,
  `set -e; f() { false; echo inside; }; f || echo caught`,
  `trap 'echo bye' EXIT; echo hi; exit 3`,
  `eval 'x=5; echo $x'; echo $x`,
  `eval "echo \\$((1+1))"`,
  // Redirections and here-documents
  `echo out; echo err >&2`,
  `{ echo out; echo err >&2; } 2>/dev/null`,
  `{ echo out; echo err >&2; } 2>&1 >/dev/null`,
  `{ echo out; echo err >&2; } >/dev/null 2>&1; echo $?`,
  `cat <<END\nvalue $((1+1)) \${u:-d}\nEND`,
  `cat <<'END'\nvalue $((1+1))\nEND`,
  `cat <<-END\n\ttabs\n\tEND`,
  `read a b <<END\none two three\nEND\necho "$a|$b"`,
  `while read -r l; do echo "[$l]"; done <<END\na b\n  c\nEND`,
  `printf 'a:b:c\\n' | { IFS=: read -r x y; echo "$x|$y"; }`,
  `printf '  lead trail  \\n' | { read -r x; echo "[$x]"; }`,
  `printf '  lead trail  \\n' | { IFS= read -r x; echo "[$x]"; }`,
  `read x </dev/null; echo $?`,
  `IFS=,; x=a,b,,c; for i in $x; do echo "[$i]"; done`,
  `IFS=/; set -- $(echo a/b/c); echo $# $2`,
  `command -v no-such-tool; echo $?`,
  `no-such-tool 2>/dev/null; echo $?`,
  `command -v sleep >/dev/null && echo there`,
  `sleep 0 & wait $!; echo $?`,
  `echo a; ; echo b`,
  `if true; then echo a`,
  `echo "unterminated`,
  `echo first\nfi\necho never`,
  `for i in {1..3}; do echo $i; done | wc -l`,
  // Filters
  `printf 'b\\na\\nb\\n' | sort | uniq -c | awk '{print $1 $2}'`,
  `printf 'b\\na\\nc\\n' | sort -r | head -n 2; printf '10\\n9\\n' | sort -n | tail -1`,
  `printf 'a b\\nc d\\n' | cut -d' ' -f2; printf 'a:b:c\\n' | cut -d: -f1,3; printf 'abcdef\\n' | cut -c2-4`,
  `echo Hello | tr a-z A-Z; echo a1b2 | tr -d 0-9; echo 'a   b' | tr -s ' '; echo abc | tr -cd 'ab'`,
  `printf 'x\\ny\\n' | wc -l; printf 'no newline' | wc -l; echo a b c | wc -w; printf abc | wc -c`,
  `printf '1\\n2\\n3\\n4\\n' | head -2 | tail -1; seq 5 | tail -n +4`,
  `echo '  a   b ' | xargs; printf '' | xargs; printf 'a\\nb\\n' | xargs echo x`,
  `printf '' | xargs -r echo never; echo $?`,
  `printf 'tcp a\\nudp b\\ntcp6 c\\n' | grep tcp; echo $?; echo abc | grep -q z; echo $?`,
  `printf 'tcp a\\nudp b\\n' | grep -v tcp; printf 'a\\nb\\n' | grep -c .; printf 'a\\n' | grep -c b`,
  `printf 'envoy\\npilot-agent\\napp\\n' | grep -vE 'envoy|pilot-agent'; printf 'a|b\\n' | grep 'a|b'`,
  `printf 'aXb\\nab\\n' | grep 'a.b'; printf 'a.b\\naxb\\n' | grep -F a.b; printf 'ABC\\n' | grep -i abc`,
  `printf 'foo\\nfoobar\\n' | grep -w foo; printf 'foo\\nfoobar\\n' | grep -x foo; echo a1b22 | grep -oE '[0-9]+'`,
  `printf 'a+b\\naab\\n' | grep 'a+b'; printf 'aab\\n' | grep 'a\\+b'; printf 'ab\\n' | grep '^\\(a\\)b$'`,
  `printf ':80 \\n:8080 \\n' | grep ':80 '; printf 'x{2}\\nxx\\n' | grep -E 'x{2}'; printf 'a]b\\n' | grep '[]]'`,
  `echo 15006 | grep -E '^(15006|15001)$'; echo 7 | grep '[[:digit:]]'; echo _ | grep '[^[:alnum:]]'`,
  `echo hello | sed 's/l/L/'; echo hello | sed 's/l/L/g'; echo a/b | sed 's,/,-,'; printf '1\\n2\\n3\\n' | sed -n 2p`,
  `printf '1\\n2\\n3\\n' | sed 1d; printf 'a\\nb\\n' | sed '/a/d'; echo 'k: v' | sed -E 's/^(.*): (.*)$/\\2=\\1/'`,
  `printf '1\\n2\\n3\\n' | sed '$d'; printf 'a\\nb\\n' | sed -n '/b/p'; echo abc | sed 's/b/[&]/'; printf 'a\\nb\\n' | sed 1q`,
  `expr 1 + 2; expr 2 '*' 3; expr 7 / 2; expr 5 '>' 3; expr abc = abc; expr length hello; expr 0; echo $?`,
  `expr abc : 'a\\(.*\\)'; expr abc : '.*'; expr 1 '<' 2 '&' 3`,
  `printf '%d %05d %-5s| %s\\n' 5 42 ab cd; printf '%s\\n' a b c; printf '%x %c %%\\n' 255 hello`,
  `seq 3; seq 2 4; seq 1 2 5; seq -s, 1 3; seq 3 1`,
  `basename /a/b.c; basename /a/b.c .c; dirname /a/b/c; dirname x`,
  `echo -n a; echo b`,
  `cat /dev/null | wc -c; echo x | cat; echo y | cat - `,
  `timeout 5 echo quick; echo $?`,
  `timeout 5 false; echo $?`,
  `sh -c 'echo $0 $1' name arg; sh -c 'exit 6'; echo $?`,
  `env X=1 sh -c 'echo sub' `,
  `read u r </proc/uptime && [ -n "$u" ] && [ \${u%.*} -gt 0 ] && echo up`,
  // awk
  `printf 'a 1\\nb 2\\nc 3\\n' | awk '{s += $2} END {print s, NR}'`,
  `printf 'a: 1\\nb: 2\\n' | awk -F': ' '{s+=$2} END{print s+0}'; printf '' | awk '{s+=$2} END{print s+0}'`,
  `printf 'a 1\\nb 2\\n' | awk '$2 > 1'; printf 'a 1\\nb 2\\n' | awk '$1 == "a" {print $2; exit}'`,
  `printf 'a b c\\n' | awk '{print NF, $NF, $(NF-1)}'; printf 'x y\\n' | awk '{print $1 "-" $2}'`,
  `printf 'tcp 0 0 1.2.3.4:15006 x ESTABLISHED\\n' | awk '$6=="ESTABLISHED" && $4 ~ /:15006$/' | wc -l`,
  `printf 'a\\nb\\nc\\n' | awk 'NR==2'; printf 'a\\nb\\nc\\n' | awk 'NR>1 && !/c/'; printf 'a\\nb\\n' | awk '/a/,/b/'`,
  `printf '10\\n9\\n' | awk '$1 < 10'; printf '10 9\\n' | awk '{print ($1 > $2), ($1 "" > $2 "")}'`,
  `awk 'BEGIN {print 1/4, 10/2, 2^3, 7%3, -3, 1e3, 0.1+0.2}'`,
  `awk 'BEGIN {x["a"]=1; x["b"]=2; n=0; for (k in x) n+=x[k]; print n, ("a" in x), ("c" in x), length("abc")}'`,
  `awk 'BEGIN {for (i=0;i<3;i++) printf "%d ", i; print ""; while (i-- > 0) printf "%s,", i; print ""}'`,
  `awk 'BEGIN {print substr("hello", 2, 3), index("hello", "l"), toupper("ab"), int(3.9); n = split("a:b:c", p, ":"); print n, p[2]}'`,
  `echo 'a b a' | awk '{gsub(/a/, "[&]"); print; sub(/b/, "c"); print $0}'; echo 'a b c' | awk '{$2 = "X"; print}'`,
  `awk -v n=5 'BEGIN {if (n > 3) print "big"; else print "small"}'; awk 'BEGIN {exit 3}'; echo $?`,
  `echo x | awk '{ok = 1} END {exit !ok || busy}'; echo $?; printf '' | awk '{ok = 1} END {exit !ok || busy}'; echo $?`,
  `printf 'a,b\\nc,d\\n' | awk -F, 'BEGIN {OFS="-"} {print $2, $1}'; printf 'a;b\\n' | awk -F';' '{print $2}'`,
  `printf 'x 1\\ny 2\\n' | awk '{m[$1] = $2} END {print m["x"] + m["y"]}'`,
  `printf 'k=v\\n' | awk -F= '$1=="k"{print $2}'; echo '3 4' | awk '{print ($1 > 3) ? "gt" : "le"}'`,
  `echo 'a  b' | awk '{$1=$1; print}'; echo ' lead' | awk '{print $1}'; printf 'a\\tb\\n' | awk -F'\\t' '{print $2}'`,
  `printf '3\\n1\\n2\\n' | awk 'BEGIN{m=0} $1>m {m=$1} END {print m}'; awk 'BEGIN { printf("%s %5.2f|%-4d|\\n", "x", 3.14159, 7) }'`,
  `echo 'LISTEN 0 128 0.0.0.0:15006' | awk '{split($4, a, ":"); print a[2]}'; echo abc | awk '{print match($0, /c/), RSTART}'`,
  `printf 'a\\nb\\n' | awk 'END {print $0, NR}'; printf 'a\\n\\nb\\n' | awk 'NF'; echo test | awk '!/x/ {print "no x"}'`,
];

const BASH_SNIPPETS: readonly string[] = [
  `for i in {1..3}; do echo $i; done; echo {a,b}c x{1..3}y {5..1..2}`,
  `[[ abc == a* ]] && echo glob; [[ abc == "a*" ]] || echo literal; [[ a < b && ( 1 -eq 1 || x = y ) ]] && echo and`,
  `[[ tcp6 =~ ^tcp[46]?$ ]] && echo regex; [[ -n "" || ! -z x ]] && echo unary; [[ 2 -gt 1 ]] && echo number`,
  `((1 + 1 > 1)) && echo yes; ((0)); echo $?; n=1; ((n++)); ((n += 3)); echo $n; let n=n*2; echo $n`,
  `for ((i = 0; i < 3; i++)); do echo $i; done`,
  `false; for ((i = 0; i < 2; i++)); do echo $?; done; false; for ((i = 0; i < 0; i++)); do :; done; echo $?`,
  `set -o pipefail; false | true; echo $?; set +o pipefail; false | true; echo $?`,
  `read -r a b <<< "one two three"; echo "$a|$b"; cat <<< text`,
  `f() { local x=2; echo $x; }; x=1; f; echo $x; function g { echo g; }; g`,
  `echo $'a\\tb' $'it\\'s'; x+=a; x+=b; echo $x; declare y=3; echo $y`,
  `[ a == a ] && echo same; { echo both; } &>/dev/null; echo -e 'a\\nb'`,
];

interface Outcome {
  readonly output: string;
  readonly status: number;
}

/** Runs every snippet in a shell of its own, with one process of ours for all of them. */
function runForReal(shell: string, snippets: readonly string[]): readonly Outcome[] {
  const driver =
    'shell=$1; shift; for s in "$@"; do out=$("$shell" -c "$s" 2>/dev/null </dev/null); printf "%s\\000%s\\000" "$out" "$?"; done';
  const { stdout } = spawnSync(shell, ['-c', driver, shell, shell, ...snippets], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    timeout: 60_000,
  });
  const parts = stdout.split('\0');
  return snippets.map((_, index) => ({ output: parts[2 * index] ?? '', status: Number(parts[2 * index + 1] ?? -1) }));
}

function quote(text: string): string {
  return `'${text.replaceAll(`'`, `'\\''`)}'`;
}

/** A script that ends with 0 exactly when the snippet has this output and status. */
function asCheck(shell: string, snippet: string, { output, status }: Outcome): string {
  return `out=$(${shell} -c ${quote(snippet)} 2>/dev/null); s=$?; [ "$out" = ${quote(output)} ] && [ $s -eq ${status} ]`;
}

function compare(shell: 'dash' | 'bash', snippets: readonly string[]): void {
  const outcomes = isInstalled(shell) ? runForReal(shell, snippets) : [];
  const cases = snippets.map((snippet, index) => ({ snippet, outcome: outcomes[index] ?? { output: '', status: -1 } }));

  (outcomes.length > 0 ? it : it.skip).each(cases)('$snippet', ({ snippet, outcome }) => {
    const script = asCheck(shell, snippet, outcome);

    const run = runHook({ exec: { command: ['/bin/sh', '-c', script] } }, quietPod(), {
      container: 'Proxy',
      start: 0,
      until: 60,
      environment: {},
      environmentIsWhole: true,
    });

    expect({ outcome, how: run.how, notUnderstood: run.notUnderstood }).toEqual({
      outcome,
      how: 'Completed',
      notUnderstood: [],
    });
  });
}

describe('the interpreter against the real dash', () => {
  compare('dash', POSIX_SNIPPETS);
});

describe('the interpreter against the real bash', () => {
  compare('bash', [...POSIX_SNIPPETS, ...BASH_SNIPPETS]);
});

describe('what netstat prints above its rows', () => {
  const options = ['-tn', '-tan', '-tln', '-plunt', '-tlnpe', '-tno', '-tn4', '--tcp --listening --numeric'];
  const snippets = options.map((option) => `netstat ${option} | head -n 2`);
  const outcomes =
    isInstalled('dash') && spawnSync('netstat', ['-tn']).status === 0 ? runForReal('dash', snippets) : [];

  (outcomes.length > 0 ? it : it.skip).each(snippets)('%s', (snippet) => {
    const outcome = outcomes[snippets.indexOf(snippet)];

    const run = runHook(
      { exec: { command: ['/bin/sh', '-c', asCheck('dash', snippet, outcome ?? { output: '', status: -1 })] } },
      quietPod(),
      { container: 'Proxy', start: 0, until: 60 },
    );

    expect({ outcome, how: run.how, notUnderstood: run.notUnderstood }).toEqual({
      outcome,
      how: 'Completed',
      notUnderstood: [],
    });
  });
});
