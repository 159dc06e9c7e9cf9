import { describe, expect, it } from '@jest/globals';
import { readCorpus } from '../../fuzz/corpus.ts';
import { FUZZ_TARGETS } from '../../fuzz/targets/index.ts';

describe('the corpus of make fuzz', () => {
  it.each(FUZZ_TARGETS.map((target) => [target.name, target] as const))(
    '%s: what was found once stays mended, and what reaches most keeps its rules',
    async (name, target) => {
      const corpus = readCorpus(name);
      expect(corpus.length).toBeGreaterThan(0);

      for (const input of corpus) {
        await target.run(input);
      }
    },
    60_000,
  );
});
