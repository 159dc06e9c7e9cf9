import { describe, expect, it } from '@jest/globals';
import { fc } from '../../support/fast-check.ts';
import type { LifecycleHandler } from '../../../src/api/kubernetes.ts';
import { analyseHook, boundHooksByCpuTime, examineHook, productHook, runHook } from '../../../src/hooks/index.ts';
import type { HookRun } from '../../../src/hooks/index.ts';
import { HOSTILE_SCRIPTS } from './hostile-hooks.ts';
import { pod } from './worlds.ts';

/**
 * A hook's text is whatever somebody wrote into a workload. Whatever it is, the engine must come back with an answer,
 * always the same one, and never with an exception.
 */
const UNTIL = 90;

function sh(script: string, shell = 'sh'): LifecycleHandler {
  return { exec: { command: [shell, '-c', script] } };
}

function expectSound(handler: LifecycleHandler, container: 'Proxy' | 'App'): HookRun {
  const world = pod({ inFlightUntil: 19, appListensUntil: 25, exportsStats: true });
  const options = { container, start: 0, until: UNTIL } as const;
  const run = runHook(handler, world, options);

  expect(runHook(handler, world, options)).toEqual(run);
  expect(run.notUnderstood.length > 0).toBe(run.how === 'Unknown');
  expect(run.endsAt === undefined).toBe(run.how === 'Unknown' || run.how === 'StillRunning');
  expect(run.atLeast ?? 0).toBeLessThanOrEqual(run.atMost ?? Infinity);
  expect(run.endsAt ?? 0).toBeGreaterThanOrEqual(0);
  expect(run.endsAt ?? 0).toBeLessThanOrEqual(UNTIL);
  for (const [index, effect] of run.effects.entries()) {
    expect(effect.at).toBeGreaterThanOrEqual(run.effects[index - 1]?.at ?? 0);
    expect(effect.at).toBeLessThanOrEqual(UNTIL);
  }
  return run;
}

describe('hooks that would keep an engine busy', () => {
  it.each<readonly [string, string]>([
    ['a fork bomb', ':(){ :|:& };:'],
    ['a function that calls itself', 'f() { f; }; f'],
    ['a function that calls itself twice', 'f() { f; f; }; f'],
    ['a substitution that calls itself', 'f() { echo $(f); }; f'],
    ['eval of itself', `x='eval "$x"'; eval "$x"`],
    ['shells in shells', `x='sh -c "$0" "$0"'; sh -c "$x" "$x"`],
    ['a variable that doubles', 'x=aaaaaaaaaa; while :; do x=$x$x; done'],
    ['a variable that grows', 'x=; while :; do x="$x."; done'],
    ['many variables', 'n=0; x=$(seq 1 5000); while :; do n=$((n+1)); eval "v$n=\\$x"; done'],
    [
      'loops in loops',
      'for a in $(seq 1 1000); do for b in $(seq 1 1000); do for c in $(seq 1 1000); do :; done; done; done',
    ],
    ['a sleep of nothing', 'while :; do sleep 0; done'],
    ['tiny sleeps', 'while :; do sleep 0.0001; done'],
    ['an endless awk', `awk 'BEGIN { while (1) n++ }'`],
    ['an awk that builds a text', `awk 'BEGIN { for (;;) s = s "x" }'`],
    ['an awk that doubles a text', `awk 'BEGIN { s = "x"; for (;;) s = s s }'`],
    ['an awk that prints for ever', `awk 'BEGIN { for (;;) print "x" }'`],
    ['seq of a billion', 'seq 1 1000000000'],
    ['braces of a billion', 'echo {1..1000}{1..1000}{1..1000}'],
    ['a wide printf', `printf '%1000000000d' 1`],
    ['an expression that backtracks', `echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | grep -E '(a|aa)+$b'`],
    ['many stars', `x=$(seq -s '' 1 4000); echo $x | grep '.*.*.*.*z'`],
    ['many stars in a pattern', `x=$(seq -s '' 1 400); case $x in *1*2*3*4*5*6*7*8*9*z*) sleep 1;; esac`],
    ['a long expression', `grep -E '${'a?'.repeat(240)}' /dev/null`],
    ['deep parentheses', `${'('.repeat(3000)}:${')'.repeat(3000)}`],
    ['deep substitutions', `echo ${'$(echo '.repeat(900)}x${')'.repeat(900)}`],
    ['deep arithmetic', `echo $((${'('.repeat(3000)}1${')'.repeat(3000)}))`],
    ['deep negation', `echo $((${'!'.repeat(5000)}1))`],
    ['deep tests', `[ ${'! '.repeat(2000)} a ]`],
    ['deep groups in test', `[ ${'\\( '.repeat(2000)} a ${'\\) '.repeat(2000)} ]`],
    ['deep awk', `awk 'BEGIN { print ${'('.repeat(2000)}1${')'.repeat(2000)} }'`],
    ['deep expr', `expr ${"'(' ".repeat(2000)} 1 ${"')' ".repeat(2000)}`],
    ['a very long script', 'sleep 0;'.repeat(20_000)],
    ['long unclosed quotes', '"'.repeat(4999)],
    ['unclosed substitutions', '$('.repeat(4000)],
    ['unclosed braces', '${a:-'.repeat(1900)],
    ['here-documents without an end', 'cat <<A <<B <<C\n'.repeat(500)],
    ['control characters', '\u0000\u0001\u0001 \u00a0 \u0001x\u0001; echo \u0001; sleep \u0001'],
  ])('%s', (_, script) => {
    for (const shell of ['sh', 'bash']) {
      expectSound(sh(script, shell), 'Proxy');
    }
    analyseHook(sh(script), { container: 'Proxy', image: 'with-shell' });
  });
});

const APP = { container: 'App', image: 'unknown' } as const;
const PROXY = { container: 'Proxy', image: 'with-shell' } as const;

/** Generous: they take some hundredths of a second. */
const MOST_CPU_SECONDS = 2;

describe('hostile hooks', () => {
  it.each(HOSTILE_SCRIPTS.map((script) => [script.slice(0, 60), script] as const))('%s', (_, script) => {
    for (const [shell, options] of [
      ['sh', PROXY],
      ['bash', APP],
    ] as const) {
      const before = process.cpuUsage();
      const { analysis, steps, allowed } = examineHook(sh(script, shell), options);
      const { user, system } = process.cpuUsage(before);

      expect(steps).toBeLessThanOrEqual(allowed);
      // A step is some microseconds; work that nobody paid for shows here.
      expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS);
      // What was given up is never taken for short.
      if (analysis.atMost === 'unknown') {
        expect(analysis.notUnderstood).not.toEqual([]);
      }
      expect(analysis.notUnderstood.some((reason) => /steps|deeply/.test(reason)) ? analysis.atMost : 'unknown').toBe(
        'unknown',
      );
    }
  });

  it('gives up a hook that needs more than its share, and says so', () => {
    const { analysis } = examineHook(sh('i=0; while :; do i=$((i+1)); done'), PROXY);

    expect(analysis).toMatchObject({
      atMost: 'unknown',
      notUnderstood: ['how long a loop without a sleep takes', 'more steps than can be followed'],
      endsAtOnce: false,
    });
  });

  it('lets an expression that cannot be compiled cost what it takes to find that out', () => {
    const { steps } = examineHook(sh(`echo x | grep -E '${'(a|b)'.repeat(80)}(a'`), APP);

    expect(steps).toBeGreaterThan(800);
  });

  it('is bounded by CPU time too where a program asks for it, and says so', () => {
    let millis = 0;
    boundHooksByCpuTime(() => (millis += 10));
    try {
      const { analysis, steps, allowed } = examineHook(sh('i=0; while :; do i=$((i+1)); done'), PROXY);

      expect(analysis.atMost).toBe('unknown');
      expect(analysis.notUnderstood).toContain('more work than can be done for one hook');
      expect(steps).toBeLessThanOrEqual(allowed);
      // A hundred milliseconds at ten for each look: a dozen looks, and not the fifty of the whole budget.
      expect(millis).toBeLessThan(200);
      expect(examineHook(sh('sleep 20'), PROXY).analysis).toMatchObject({ atLeast: 20, atMost: 20 });
    } finally {
      boundHooksByCpuTime(undefined);
    }
  });

  it('leaves our own hook its length, however long it waits', () => {
    const hook = productHook({ duration: 300, maxWait: 3600, waitFor: 'EstablishedConnections' });

    expect(examineHook(hook, PROXY).analysis).toMatchObject({ atLeast: 300, atMost: 3600, notUnderstood: [] });
  });

  it('does no more for a pod of many hooks than for one of a few', () => {
    const total = (hooksInPod: number): number => {
      let steps = 0;
      for (let index = 0; index < hooksInPod; index += 1) {
        steps += examineHook(sh(`: ${index}; i=0; while :; do i=$((i+1)); done`), { ...APP, hooksInPod }).steps;
      }
      return steps;
    };

    expect(total(90)).toBeLessThan(total(2) * 1.1);
    expect(total(5000)).toBeLessThan(total(2));
  });

  it('leaves the usual hooks of a pod of ten containers their length', () => {
    expect(analyseHook(sh('sleep 20'), { ...APP, hooksInPod: 10 })).toMatchObject({ atLeast: 20, atMost: 20 });
  });
});

const name = fc.constantFrom('a', 'b', 'n', 'IFS', 'SECONDS');
const atom = fc.oneof(
  fc.constantFrom(
    '1',
    '2',
    '0',
    'x',
    '-n',
    '--',
    '""',
    `'a b'`,
    '*',
    '/dev/null',
    '/proc/uptime',
    '15006',
    ':15006',
    '{1..3}',
    '$?',
    '$@',
    '"$@"',
    '\\',
    '!',
    '=',
  ),
  name.map((one) => `$${one}`),
  name.map((one) => `"\${${one}:-2}"`),
  name.map((one) => `\${${one}%%.*}`),
);
const tool = fc.constantFrom(
  'echo',
  'sleep',
  'netstat -tn',
  'netstat -plunt',
  'ss -tln',
  'grep -c',
  'grep -vE',
  'awk',
  `awk '{s+=$2} END {print s}'`,
  'wc -l',
  'xargs',
  'cut -d: -f1',
  'tr -d',
  'head -n',
  'tail',
  'sort',
  'uniq -c',
  'sed',
  'cat',
  'date +%s',
  'seq',
  'expr',
  'test',
  '[',
  'timeout 5',
  'kill',
  'wait',
  'read',
  'curl -s',
  'nc -z',
  'pilot-agent request --debug-port=15020 POST drain',
  'pilot-agent request GET',
  'pilot-agent wait --timeoutSeconds',
  'command -v',
  'exit',
  'return',
  'break',
  'set -e;',
  'eval',
  'exec',
  'trap',
  'local',
  'shift',
  'unset',
  'printf',
  'jq',
  'ps',
  'tcpdump',
  'sh -c',
  'bash -c',
);
const command: fc.Memo<string> = fc.memo((depth) => {
  const simple = fc.tuple(tool, fc.array(atom, { maxLength: 3 })).map(([head, words]) => [head, ...words].join(' '));
  if (depth <= 1) {
    return simple;
  }
  const list = fc
    .tuple(command(), fc.constantFrom('; ', ' && ', ' || ', ' | ', ' & ', '\n'), command())
    .map((parts) => parts.join(''));
  return fc.oneof(
    simple,
    list,
    fc.tuple(name, command()).map(([variable, value]) => `${variable}=$(${value})`),
    fc.tuple(name, atom).map(([variable, value]) => `${variable}=$((${value} + ${variable}))`),
    fc.tuple(command(), command()).map(([condition, body]) => `while ${condition}; do ${body}; sleep 1; done`),
    fc.tuple(command(), command()).map(([condition, body]) => `until ${condition}; do ${body}; done`),
    fc
      .tuple(name, command(), command())
      .map(([variable, words, body]) => `for ${variable} in $(${words}); do ${body}; done`),
    fc
      .tuple(command(), command(), command())
      .map(([condition, yes, no]) => `if ${condition}; then ${yes}; else ${no}; fi`),
    fc.tuple(atom, command()).map(([word, body]) => `case ${word} in 1|x*) ${body};; *) sleep 2;; esac`),
    fc.tuple(command(), command()).map(([body, call]) => `f() { ${body}; }; f ${call}`),
    command().map((inner) => `( ${inner} ) 2>&1 >/dev/null`),
    command().map((inner) => `{ ${inner}; } &`),
  );
});

describe('generated hooks', () => {
  it('always ends with a sound answer, for scripts', () => {
    fc.assert(
      fc.property(
        command(4),
        fc.constantFrom('sh', 'bash'),
        fc.constantFrom('Proxy' as const, 'App' as const),
        (script, shell, container) => {
          expectSound(sh(script, shell), container);
        },
      ),
      { numRuns: 1000 },
    );
  }, 60_000);

  it('always ends with a sound answer, for any text', () => {
    const pieces = fc.constantFrom(
      'if',
      'then',
      'fi',
      'while',
      'do',
      'done',
      'case',
      'esac',
      'in',
      ';',
      ';;',
      '&',
      '&&',
      '|',
      '||',
      '(',
      ')',
      '((',
      '))',
      '{',
      '}',
      '$(',
      '$((',
      '${',
      '`',
      '"',
      "'",
      '\\',
      '\n',
      ' ',
      '<<',
      '<',
      '>',
      '2>&1',
      '[',
      ']',
      '[[',
      ']]',
      'a',
      '=',
      '1',
      '#',
      '$',
      '!',
      'sleep 1',
      'echo',
      '~',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
      fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(' ')),
    );

    fc.assert(
      fc.property(
        text,
        fc.constantFrom('sh', 'bash'),
        fc.constantFrom('Proxy' as const, 'App' as const),
        (script, shell, container) => {
          expectSound(sh(script, shell), container);
        },
      ),
      { numRuns: 2000 },
    );
  }, 60_000);

  it('always ends with a sound answer, for awk, sed and expressions', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '(',
      ')',
      '$1',
      '$NF',
      'NR',
      'a',
      'a[1]',
      '==',
      '~',
      '/x/',
      '/',
      '"s"',
      '+',
      '++',
      '-',
      '*',
      '!',
      '&&',
      '||',
      '?',
      ':',
      ';',
      ',',
      'print',
      'if',
      'for',
      'while',
      'in',
      'END',
      'BEGIN',
      'exit',
      'next',
      'length',
      'split',
      'gsub',
      '1',
      '=',
      '\n',
      '[',
      ']',
      's/a/b/',
      'p',
      'd',
      '\\(',
    );
    const text = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(' ').replaceAll("'", ''));

    fc.assert(
      fc.property(
        text,
        fc.constantFrom('awk', 'sed', 'sed -n', 'sed -E', 'grep', 'grep -E', 'grep -oE', 'expr', 'tr', 'cut'),
        (program, filterTool) => {
          expectSound(sh(`netstat -tan | ${filterTool} '${program}'`), 'Proxy');
        },
      ),
      { numRuns: 2000 },
    );
  }, 60_000);

  it('always ends with a sound answer, for any handler', () => {
    const handler = fc.record(
      {
        exec: fc.record(
          {
            command: fc.array(
              fc.oneof(
                fc.constantFrom('sh', '-c', '/bin/bash', 'sleep', 'pilot-agent', 'wait', '5', '-o', '+e', '-x'),
                fc.string(),
              ),
              { maxLength: 5 },
            ),
          },
          { requiredKeys: [] },
        ),
        httpGet: fc.record(
          { path: fc.string(), port: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.string()), host: fc.string() },
          { requiredKeys: ['port'] },
        ),
        tcpSocket: fc.record({ port: fc.integer() }),
        sleep: fc.record({ seconds: fc.integer({ min: -5, max: 200 }) }),
      },
      { requiredKeys: [] },
    );

    fc.assert(
      fc.property(handler, fc.constantFrom('Proxy' as const, 'App' as const), (one, container) => {
        expectSound(one, container);
        const analysis = analyseHook(one, { container, image: 'with-shell' });
        expect(analysis.summary).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });
});
