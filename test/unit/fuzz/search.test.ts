import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Coverage } from '../../fuzz/coverage.ts';
import { instrument } from '../../fuzz/instrument.ts';
import { LONGEST_INPUT, mutate } from '../../fuzz/mutate.ts';
import { search } from '../../fuzz/search.ts';
import { Random } from '../../chaos/random.ts';

/** Four letters in a row: nobody hits them at once, but each of them is a branch of its own. */
const NESTED = `
  (text: string): void => {
    if (text.charAt(0) === 'b') {
      if (text.charAt(1) === 'u') {
        if (text.charAt(2) === 'g') {
          if (text.charAt(3) === '!') {
            throw new Error('found');
          }
        }
      }
    }
  }`;

const WORDS = [...'abcdefghijklmnopqrstuvwxyz!?.:'];

const MOST_INPUTS = 10_000;

/** The program, counting, and what it has reached. */
async function counting<T>(
  code: string,
): Promise<{ readonly program: (input: T) => void; readonly coverage: Coverage }> {
  const realm = createContext({}) as Record<string, unknown>;
  const program = runInContext(await instrument(code, 'program.ts'), realm) as (input: T) => void;
  return { program, coverage: new Coverage(true, realm) };
}

async function executionsUntilFound(
  seed: number,
  coverage: { take(): number },
  program: (text: string) => void,
): Promise<number> {
  let hit = false;
  const { executions } = await search({
    seeds: ['a'],
    words: WORDS,
    seed,
    coverage,
    run: program,
    goOn: (count) => !hit && count < MOST_INPUTS,
    found: () => {
      hit = true;
    },
  });
  return hit ? executions : Infinity;
}

describe('the search of make fuzz', () => {
  it('is led through nested branches by what is reached', async () => {
    const { program, coverage } = await counting<string>(NESTED);

    expect(await executionsUntilFound(3, coverage, program)).toBeLessThan(MOST_INPUTS);
  });

  it('finds nothing in the same number of inputs where it is not led', async () => {
    const { program } = await counting<string>(NESTED);

    expect(await executionsUntilFound(3, { take: () => 0 }, program)).toBe(Infinity);
  });

  it('counts a place anew only where it runs more often than before', async () => {
    const { program, coverage } = await counting<number>(
      '(n: number) => { for (let i = 0; i < n; i += 1) { void i; } }',
    );
    coverage.take();
    const fresh = [1, 1, 2, 2, 100, 90].map((rounds) => {
      program(rounds);
      return coverage.take() > 0;
    });

    expect(fresh).toEqual([true, false, true, false, true, false]);
  });

  it('makes the same inputs of the same seed, none too long', () => {
    const made = (seed: number): string[] => {
      const random = new Random(seed);
      return Array.from({ length: 500 }, () => mutate('sleep $(seq 1 9)', random, WORDS, ['x'.repeat(3_900)]));
    };

    expect(made(5)).toEqual(made(5));
    expect(made(5)).not.toEqual(made(6));
    expect(Math.max(...made(5).map(({ length }) => length))).toBeLessThanOrEqual(LONGEST_INPUT);
  });
});
