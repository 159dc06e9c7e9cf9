// make bench-hooks: the CPU time of the analysis of each hostile hook of the tests, the slowest first.
import { readFileSync } from 'node:fs';
import { examineHook, type AnalysisOptions } from '../src/hooks/index.ts';
import { HOSTILE_SCRIPTS } from '../test/unit/hooks/hostile-hooks.ts';

const SHOWN = 12;
const SETTINGS: readonly (readonly [string, AnalysisOptions])[] = [
  ['sh', { container: 'Proxy', image: 'with-shell' }],
  ['bash', { container: 'App', image: 'unknown' }],
];

interface Measured {
  readonly script: string;
  readonly shell: string;
  readonly millis: number;
  readonly steps: number;
}

/** More of them: a file with a JSON list of texts, such as one of test/fuzz/corpus. */
const files = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')) as readonly string[]);
const scripts = [...HOSTILE_SCRIPTS, ...files.flat()];

function measure(script: string, shell: string, options: AnalysisOptions): Measured {
  const before = process.cpuUsage();
  const { steps } = examineHook({ exec: { command: [shell, '-c', script] } }, options);
  const { user, system } = process.cpuUsage(before);
  return { script, shell, millis: (user + system) / 1_000, steps };
}

// Once to warm up: an operator that has run for a minute has compiled what it runs.
const rounds = [0, 1, 2].map(() =>
  scripts.flatMap((script) => SETTINGS.map(([shell, options]) => measure(script, shell, options))),
);
/** The better of two: the rest is what else the machine did. */
const measured = (rounds[1] ?? []).map((one, index) => {
  const other = rounds[2]?.[index];
  return other !== undefined && other.millis < one.millis ? other : one;
});
measured.sort((a, b) => b.millis - a.millis);
const first = rounds[0] ?? [];
console.log(
  `worst of a program that has just started: ${Math.max(...first.map(({ millis }) => millis)).toFixed(0)} ms`,
);
const sum = measured.reduce((total, { millis }) => total + millis, 0);
console.log(`${measured.length} analyses: mean ${(sum / measured.length).toFixed(1)} ms of CPU time; the slowest:`);
for (const { script, shell, millis, steps } of measured.slice(0, SHOWN)) {
  const perStep = (millis * 1_000) / Math.max(1, steps);
  console.log(
    `${millis.toFixed(1).padStart(7)} ms ${String(Math.round(steps)).padStart(8)} steps ${perStep.toFixed(2)} µs each  ${shell}: ${script.slice(0, 90).replaceAll('\n', ' ')}`,
  );
}
