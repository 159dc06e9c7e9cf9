// What the programs beside the tests have in common: settings by environment variable, progress on standard error.

const begun = Date.now();

/** A line of progress, with the seconds since the program began. */
export function say(text: string): void {
  process.stderr.write(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
}

/** The whole number that an environment variable holds. */
export function wholeNumber(variable: string, otherwise: number, atLeast = 1): number {
  const text = process.env[variable] ?? '';
  const value = text === '' ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < atLeast) {
    throw new Error(`${variable} must be a whole number of at least ${atLeast}, not "${text}"`);
  }
  return value;
}
