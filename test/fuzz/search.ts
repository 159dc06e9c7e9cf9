import { Random } from '../chaos/random.ts';
import type { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';

export interface Search {
  readonly seeds: readonly string[];
  readonly words: readonly string[];
  readonly seed: number;
  readonly coverage: Pick<Coverage, 'take'>;
  /** Throws where the input breaks what has to hold. */
  readonly run: (input: string) => void | Promise<void>;
  /** Asked before each input. */
  readonly goOn: (executions: number) => boolean;
  /** Told of each input before it runs, so that one that never ends is known. */
  readonly begin?: (input: string) => void;
  readonly found: (input: string, error: unknown) => void;
}

/** Inputs that reached something new, in the order in which they were found. */
export interface Searched {
  readonly corpus: readonly string[];
  readonly executions: number;
}

/** Tries the seeds, then changes of whatever has reached something new, until it is told to end. */
export async function search({ seeds, words, seed, coverage, run, goOn, begin, found }: Search): Promise<Searched> {
  const random = new Random(seed);
  const corpus: string[] = [];
  let executions = 0;
  const attempt = async (input: string): Promise<void> => {
    begin?.(input);
    try {
      await run(input);
    } catch (error) {
      found(input, error);
    }
    executions += 1;
    if (coverage.take() > 0) {
      corpus.push(input);
    }
  };
  coverage.take();
  for (const input of seeds) {
    if (!goOn(executions)) {
      break;
    }
    await attempt(input);
  }
  while (goOn(executions)) {
    const base = pickBase(corpus, random) ?? random.pick(seeds);
    await attempt(mutate(base, random, words, corpus.length === 0 ? seeds : corpus));
  }
  return { corpus, executions };
}

/** What was found last has been changed least so far. */
function pickBase(corpus: readonly string[], random: Random): string | undefined {
  if (corpus.length === 0) {
    return undefined;
  }
  const from = random.chance(0.5) ? Math.floor(corpus.length * 0.8) : 0;
  return corpus[random.between(from, corpus.length - 1)];
}
