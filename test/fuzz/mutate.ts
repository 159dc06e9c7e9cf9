import type { Random } from '../chaos/random.ts';

/** Longer inputs say nothing that shorter ones do not, and each costs more. */
export const LONGEST_INPUT = 4_000;

const NUMBERS = [
  '0',
  '1',
  '-1',
  '2',
  '9',
  '30',
  '255',
  '65536',
  '2147483648',
  '1e9',
  '1e308',
  '0x10',
  '010',
  '1s',
  '1h',
];
const CHARACTERS = ' \n\t\'"`\\$(){}[]<>|&;:,.*?+-=/#!@%^~01aZ\u0000\u0001\u00a0é\u2028😀';

/**
 * Another input made of this one.
 * @param words what the language of the target is made of
 * @param others inputs of which pieces may be taken
 */
export function mutate(input: string, random: Random, words: readonly string[], others: readonly string[]): string {
  let text = input;
  for (let times = random.between(1, 4); times > 0; times -= 1) {
    text = change(text, random, words, others).slice(0, LONGEST_INPUT);
  }
  return text;
}

function change(text: string, random: Random, words: readonly string[], others: readonly string[]): string {
  const from = random.between(0, text.length);
  const to = Math.min(text.length, from + random.between(1, random.chance(0.2) ? 200 : 8));
  const piece = text.slice(from, to);
  const put = (middle: string, end = to): string => text.slice(0, from) + middle + text.slice(end);
  switch (
    random.weighted({
      word: 5,
      wordFor: 3,
      drop: 3,
      double: 2,
      many: 1,
      splice: 3,
      cross: 2,
      character: 3,
      number: 2,
      around: 1,
    })
  ) {
    case 'word':
      return put(random.pick(words), from);
    case 'wordFor':
      return put(random.pick(words));
    case 'drop':
      return put('');
    case 'double':
      return put(piece + piece);
    case 'many':
      return put(piece.repeat(random.between(2, random.chance(0.2) ? 500 : 20)));
    case 'splice':
      return put(pieceOf(random.pick(others), random), from);
    case 'cross': {
      const other = random.pick(others);
      return text.slice(0, from) + other.slice(random.between(0, other.length));
    }
    case 'character':
      return put(CHARACTERS.charAt(random.between(0, CHARACTERS.length - 1)), random.chance(0.5) ? from : from + 1);
    case 'number':
      return text.replace(/\d+/, () => random.pick(NUMBERS));
    case 'around': {
      const [before = '', after = ''] = random.pick(PAIRS);
      return put(before + piece + after);
    }
  }
}

const PAIRS = [
  ['$(', ')'],
  ['(', ')'],
  ['{ ', '; }'],
  ['"', '"'],
  ["'", "'"],
  ['[', ']'],
  ['{', '}'],
  ['while ', '; do :; done'],
  ['{"a":', '}'],
] as const;

function pieceOf(text: string, random: Random): string {
  const from = random.between(0, text.length);
  return text.slice(from, from + random.between(1, 40));
}
