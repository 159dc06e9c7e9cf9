import fc from 'fast-check';

/**
 * Property tests take the same samples each time, so that a commit passes or fails whoever runs it; `make test-properties`
 * takes new ones. PROPERTY_SEED says another seed: that of a failure repeats it.
 */
const DEFAULT_SEED = 20_261;

function seedFrom(text: string | undefined): number {
  const seed = text === undefined || text === '' ? DEFAULT_SEED : Number(text);
  if (!Number.isInteger(seed)) {
    throw new Error(
      `PROPERTY_SEED is "${text}": expected a whole number, such as the "seed" that a failed property prints`,
    );
  }
  return seed;
}

fc.configureGlobal({ seed: seedFrom(process.env['PROPERTY_SEED']) });

export { fc };
