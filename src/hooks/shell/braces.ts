import type { Word } from './ast.ts';
import { literalWord } from './parse-word.ts';
import type { Source } from './source.ts';
import { spendOn, Unsupported } from './source.ts';

const MAXIMUM_WORDS = 2000;

/** Of a word with braces; taking it apart takes time that grows with a power of its length. */
const MAXIMUM_LENGTH = 300;
const RANGE = /^(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?$/;

/** The words that a word becomes by brace expansion. */
export function withBraces(word: Word, source: Source): readonly Word[] {
  if (source.dialect === 'dash') {
    return [word];
  }
  if (source.dialect === 'bash') {
    return expandBraces(word, source) ?? [word];
  }
  if (!hasBraces(word)) {
    return [word];
  }
  throw new Unsupported(`${word.literal ?? 'braces'} (bash expands braces, other shells do not)`);
}

/**
 * Brace expansion of bash, `{1..30}` and `{a,b}`, where the whole word is unquoted text; `undefined` where the word
 * has none. dash and busybox leave such a word as it is: `for i in {1..30}` runs once there.
 */
function expandBraces(word: Word, source: Source): readonly Word[] | undefined {
  const [only] = word.parts;
  if (word.parts.length !== 1 || only?.type !== 'text' || only.quoted) {
    return undefined;
  }
  if (only.text.length > MAXIMUM_LENGTH) {
    throw new Unsupported('braces in a word of this length');
  }
  const expanded = expandText(only.text);
  spendOn(source, expanded.length);
  return expanded.length === 1 && expanded[0] === only.text ? undefined : expanded.map((text) => literalWord(text));
}

function hasBraces(word: Word): boolean {
  return word.parts.some(
    (part) =>
      part.type === 'text' &&
      !part.quoted &&
      (part.text.length > MAXIMUM_LENGTH ? part.text.includes('{') : /\{[^{}]*(\.\.|,)[^{}]*\}/.test(part.text)),
  );
}

function expandText(text: string): string[] {
  const match = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(text);
  if (match === null) {
    return [text];
  }
  const [, before = '', inside = '', after = ''] = match;
  const choices = choicesOf(inside);
  if (choices === undefined) {
    return expandText(after).map((rest) => `${before}{${inside}}${rest}`);
  }
  const rests = expandText(after);
  if (choices.length * rests.length > MAXIMUM_WORDS) {
    return [text];
  }
  return choices.flatMap((choice) => rests.map((rest) => before + choice + rest));
}

function choicesOf(inside: string): string[] | undefined {
  const range = RANGE.exec(inside);
  if (range === null) {
    return inside.includes(',') ? inside.split(',') : undefined;
  }
  const first = Number(range[1]);
  const last = Number(range[2]);
  const step = Math.max(1, Math.abs(Number(range[3] ?? 1)));
  const count = Math.floor(Math.abs(last - first) / step) + 1;
  if (count > MAXIMUM_WORDS) {
    return undefined;
  }
  const direction = last >= first ? step : -step;
  return Array.from({ length: count }, (_, index) => String(first + index * direction));
}
