// Runs measured terminations through the engine: `npm run -s timeline:cases -- FILE`.
import { readFileSync } from 'node:fs';
import { compareCase, type TerminationCase } from '../src/drain/timeline/cases.ts';

function main(): number {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    console.error('usage: npm run -s timeline:cases -- FILE.json');
    return 2;
  }
  const cases = readCases(file);
  if (typeof cases === 'string') {
    console.error(cases);
    return 2;
  }
  let differ = 0;
  for (const given of cases) {
    const differences = compare(given);
    if (differences.length === 0) {
      console.log(`agrees   ${given.id}`);
      continue;
    }
    differ++;
    console.log(`differs  ${given.id}`);
    for (const difference of differences) {
      console.log(`           ${difference}`);
    }
  }
  console.log(`${cases.length - differ} agree, ${differ} differ`);
  return differ === 0 ? 0 : 1;
}

function compare(given: TerminationCase): string[] {
  try {
    return compareCase(given);
  } catch (error) {
    return [`the case cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function readCases(file: string): TerminationCase[] | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return `${file}: ${error instanceof Error ? error.message : String(error)}`;
  }
  const cases: unknown = Array.isArray(parsed) ? parsed : (parsed as { cases?: unknown } | null)?.cases;
  return Array.isArray(cases) && cases.length > 0
    ? (cases as TerminationCase[])
    : `${file}: expected an object with a non-empty list "cases"`;
}

process.exit(main());
