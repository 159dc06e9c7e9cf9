import { describe, expect, it } from '@jest/globals';
import { fc } from '../support/fast-check.ts';
import { runHook } from '../../src/hooks/index.ts';
import type { HookRun } from '../../src/hooks/index.ts';
import { pod } from '../unit/hooks/worlds.ts';
import { TIMEOUT_MILLIS } from './runs.ts';

/**
 * Scripts with programs that nobody knows, beside the same scripts in which each of them has been replaced by one whose
 * length, status and output are known. Whatever they turn out to be, the length lies in the interval.
 */
const COMPLETIONS = Number(process.env['HOOK_PROPERTY_RUNS'] ?? 6000);
const COMPLETIONS_PER_SCRIPT = 6;

/** What an unknown program turns out to be; `every` makes its status depend on the moment. */
interface Completion {
  readonly lasts: number;
  readonly status: number;
  readonly prints: string;
  readonly every: number;
}

/** Where a script has an unknown: its name, and how long it takes at the most. */
const UNKNOWN = /@(any|curl|quick)(\d)@/g;

const NAMES: Readonly<Record<string, (index: string) => string>> = {
  any: (index) => `/app/unknown-${index}`,
  curl: (index) => `curl -m 3 http://other-${index}.test`,
  quick: (index) => `touch /data/file-${index}`,
};

function asWritten(script: string): string {
  return script.replace(UNKNOWN, (_, kind: string, index: string) => NAMES[kind]?.(index) ?? '');
}

function asCompleted(script: string, completions: readonly Completion[]): string {
  return script.replace(UNKNOWN, (_, kind: string, index: string) => {
    const { lasts, status, prints, every } = completions[Number(index)] ?? {
      lasts: 0,
      status: 0,
      prints: '',
      every: 0,
    };
    const seconds = kind === 'any' ? lasts : kind === 'curl' ? Math.min(3, lasts) : 0;
    const end = every > 1 ? `[ $(( $(date +%s) % ${every} )) -lt ${status + 1} ]` : `exit ${status}`;
    return `sh -c 'sleep ${seconds}; ${kind === 'quick' || prints === '' ? '' : `echo ${prints}; `}${end}'`;
  });
}

const index = fc.integer({ min: 0, max: 3 });
const unknown = fc
  .tuple(fc.constantFrom('any', 'any', 'curl', 'quick'), index)
  .map(([kind, which]) => `@${kind}${which}@`);
const variable = fc.constantFrom('x', 'y');
const small = fc.integer({ min: 0, max: 4 });

const command: fc.Memo<string> = fc.memo((depth) => {
  const simple = fc.oneof(
    { arbitrary: unknown, weight: 4 },
    { arbitrary: small.map((seconds) => `sleep ${seconds}`), weight: 3 },
    fc.tuple(variable, small).map(([name, value]) => `${name}=${value}`),
    fc.tuple(variable, unknown).map(([name, program]) => `${name}=$(${program})`),
    variable.map((name) => `sleep $${name}`),
    variable.map((name) => `${name}=$((${name} + 1))`),
    fc.tuple(variable, small).map(([name, value]) => `[ "$${name}" -ge ${value} ]`),
    fc.tuple(variable, small).map(([name, value]) => `[ "$${name}" = ${value} ]`),
    fc.constantFrom('true', 'false', 'break', 'continue', 'exit', 'exit 3', 'return', 'set -e', 'wait', 'f', 'break 2'),
    fc.constantFrom('echo $?', 'x=$?', 'shift', 'trap "sleep 2" EXIT', 'set -- a b', 'f() { exit 1; }', 'exec sleep 1'),
  );
  if (depth <= 1) {
    return simple;
  }
  const inner = command();
  return fc.oneof(
    { arbitrary: simple, weight: 2 },
    {
      arbitrary: fc
        .tuple(inner, fc.constantFrom('; ', '; ', ' && ', ' || ', '\n'), inner)
        .map((parts) => parts.join('')),
      weight: 6,
    },
    fc.tuple(inner, inner).map((stages) => stages.map((stage) => `{ ${stage}; }`).join(' | ')),
    inner.map((one) => `! { ${one}; }`),
    inner.map((one) => `{ ${one}; } &`),
    inner.map((one) => `( ${one} )`),
    inner.map((one) => `{ ${one}; } >/tmp/out`),
    fc.tuple(variable, inner).map(([name, one]) => `${name}=$( ${one} )`),
    fc.tuple(inner, inner, inner).map(([one, yes, no]) => `if ${one}; then ${yes}; else ${no}; fi`),
    fc.tuple(unknown, inner, inner).map(([one, yes, no]) => `case $(${one}) in 1) ${yes};; 2|ok) ${no};; esac`),
    fc.tuple(variable, inner, inner).map(([one, yes, no]) => `case $${one} in 1) ${yes};; *) ${no};; esac`),
    fc.tuple(inner, inner).map(([one, body]) => `while ${one}; do ${body}; sleep 1; done`),
    fc.tuple(inner, inner).map(([one, body]) => `until ${one}; do ${body}; sleep 1; done`),
    fc
      .tuple(variable, small, inner, inner)
      .map(
        ([name, rounds, one, body]) =>
          `${name}=0; while [ $${name} -lt ${rounds} ] && { ${one}; }; do ${body}; ${name}=$((${name} + 1)); done`,
      ),
    fc.tuple(variable, inner).map(([name, body]) => `for ${name} in 1 2 3; do ${body}; done`),
    fc.tuple(variable, unknown, inner).map(([name, words, body]) => `for ${name} in $(${words}); do ${body}; done`),
    fc.tuple(unknown, inner).map(([words, body]) => `${words} | while read x; do ${body}; done`),
    fc.tuple(inner, inner).map(([body, after]) => `f() { ${body}; }; f; ${after}`),
    fc.tuple(fc.integer({ min: 1, max: 9 }), unknown).map(([limit, one]) => `timeout ${limit} ${one}`),
    fc
      .tuple(fc.integer({ min: 1, max: 9 }), inner)
      .filter(([, body]) => !body.includes('"'))
      .map(([limit, body]) => `timeout ${limit} sh -c "${body.replaceAll('$', '\\$')}"`),
    fc.tuple(inner, inner).map(([one, two]) => `{ ${one}; } & sleep 2; wait $!; ${two}`),
    fc.tuple(inner, inner).map(([one, two]) => `{ ${one}; } & sleep 2; kill $!; wait; ${two}`),
  );
});

const completion: fc.Arbitrary<Completion> = fc.record({
  lasts: fc.constantFrom(0, 0, 1, 2, 5, 8, 40),
  status: fc.constantFrom(0, 0, 1, 2),
  prints: fc.constantFrom('', '1', '2', 'ok', '1 2'),
  every: fc.constantFrom(1, 1, 2, 3, 5),
});

const UNTIL = 120;
/** As in a pod of so many hooks, which share what may be done for one pod: what needs more is given up sooner. */
const HOOKS_IN_POD = 50;
const ROUNDING = 1e-6;

function play(script: string, shell: string): HookRun {
  return runHook({ exec: { command: [shell, '-c', script] } }, pod({ appListensUntil: Infinity }), {
    container: 'App',
    start: 0,
    until: UNTIL,
    steadyFrom: 0,
    hooksInPod: HOOKS_IN_POD,
    environmentIsWhole: true,
    environment: {},
  });
}

/** A number, or `Infinity` where it still runs at the end; undefined where even the completed script was given up. */
function lengthOf(run: HookRun): number | undefined {
  return run.how === 'Unknown' ? undefined : (run.endsAt ?? Infinity);
}

function intervalOf(run: HookRun): readonly [number, number] {
  const length = lengthOf(run);
  return length === undefined ? [run.atLeast ?? 0, run.atMost ?? Infinity] : [Math.min(length, UNTIL), length];
}

describe('the interval of a hook', () => {
  it(
    'holds every length that it may turn out to have',
    () => {
      const seen = { scripts: 0, completions: 0, givenUp: 0, bounded: 0, exact: 0 };
      fc.assert(
        fc.property(
          command(4),
          fc.constantFrom('sh', 'bash'),
          fc.array(fc.array(completion, { minLength: 4, maxLength: 4 }), {
            minLength: COMPLETIONS_PER_SCRIPT,
            maxLength: COMPLETIONS_PER_SCRIPT,
          }),
          (script, shell, completions) => {
            const [atLeast, atMost] = intervalOf(play(asWritten(script), shell));
            seen.scripts += 1;
            seen.bounded += atMost < Infinity ? 1 : 0;
            seen.exact += atMost === atLeast ? 1 : 0;
            for (const one of completions) {
              const completed = play(asCompleted(script, one), shell);
              const length = lengthOf(completed);
              if (length === undefined) {
                seen.givenUp += 1;
                continue;
              }
              seen.completions += 1;
              expect(Math.min(length, UNTIL)).toBeGreaterThanOrEqual(Math.min(atLeast, UNTIL) - ROUNDING);
              expect(length).toBeLessThanOrEqual(atMost + ROUNDING);
            }
          },
        ),
        { numRuns: Math.ceil(COMPLETIONS / COMPLETIONS_PER_SCRIPT) },
      );
      if (process.env['HOOK_PROPERTY_RUNS'] !== undefined) {
        console.info(JSON.stringify(seen));
      }
      // Most scripts must be followed to their end for this to say anything.
      expect(seen.completions).toBeGreaterThan(seen.givenUp * 4);
      expect(seen.bounded).toBeGreaterThan(seen.exact);
    },
    TIMEOUT_MILLIS + COMPLETIONS * 20,
  );
});
