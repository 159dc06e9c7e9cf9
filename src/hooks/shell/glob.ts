/**
 * Shell patterns. `*` is matched with one step of memory instead of recursion, so that no pattern can take more than
 * length x length steps.
 */
export interface PatternItem {
  readonly kind: 'character' | 'any' | 'many' | 'set';
  readonly text: string;
  readonly negated: boolean;
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alpha: /[A-Za-z]/,
  digit: /\d/,
  alnum: /[A-Za-z0-9]/,
  space: /\s/,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  punct: /[!-/:-@[-`{-~]/,
};

/** `escaped` tells for each character whether it was quoted, so that it stands for itself. */
export function compilePattern(text: string, escaped: (index: number) => boolean): readonly PatternItem[] {
  const items: PatternItem[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (escaped(index)) {
      items.push({ kind: 'character', text: character, negated: false });
    } else if (character === '*') {
      if (items.at(-1)?.kind !== 'many') {
        items.push({ kind: 'many', text: '', negated: false });
      }
    } else if (character === '?') {
      items.push({ kind: 'any', text: '', negated: false });
    } else if (character === '[') {
      const end = setEnd(text, index);
      if (end < 0) {
        items.push({ kind: 'character', text: character, negated: false });
        continue;
      }
      const negated = text.charAt(index + 1) === '!' || text.charAt(index + 1) === '^';
      items.push({ kind: 'set', text: text.slice(index + (negated ? 2 : 1), end), negated });
      index = end;
    } else {
      items.push({ kind: 'character', text: character, negated: false });
    }
  }
  return items;
}

function setEnd(text: string, start: number): number {
  let index = start + 1;
  if (text.charAt(index) === '!' || text.charAt(index) === '^') {
    index += 1;
  }
  if (text.charAt(index) === ']') {
    index += 1;
  }
  while (index < text.length && text.charAt(index) !== ']') {
    const close = text.startsWith('[:', index) ? text.indexOf(':]', index) : -1;
    index = close < 0 ? index + 1 : close + 2;
  }
  return index < text.length ? index : -1;
}

function inSet(set: string, character: string): boolean {
  for (let index = 0; index < set.length; index += 1) {
    if (set.startsWith('[:', index)) {
      const close = set.indexOf(':]', index);
      const known = CLASSES[set.slice(index + 2, close)];
      if (close >= 0 && known !== undefined) {
        if (known.test(character)) {
          return true;
        }
        index = close + 1;
        continue;
      }
    }
    if (set.charAt(index + 1) === '-' && index + 2 < set.length) {
      if (character >= set.charAt(index) && character <= set.charAt(index + 2)) {
        return true;
      }
      index += 2;
    } else if (set.charAt(index) === character) {
      return true;
    }
  }
  return false;
}

/** How many characters of the pattern may be looked at for each character of a text. */
function sizeOf(items: readonly PatternItem[]): number {
  return items.reduce((size, item) => size + 1 + item.text.length, 1);
}

/** Accounts for looks at characters. */
export type Charge = (looks: number) => void;

/** Whether the whole text matches. */
export function matchesPattern(items: readonly PatternItem[], text: string, charge: Charge): boolean {
  const stars = items.some((item) => item.kind === 'many');
  charge((stars ? text.length : Math.min(text.length, items.length)) * sizeOf(items));
  return isMatch(items, text);
}

function isMatch(items: readonly PatternItem[], text: string): boolean {
  let item = 0;
  let position = 0;
  let star = -1;
  let starPosition = 0;
  while (position < text.length) {
    const wanted = items[item];
    if (wanted?.kind === 'many') {
      star = item;
      starPosition = position;
      item += 1;
    } else if (wanted !== undefined && matchesOne(wanted, text.charAt(position))) {
      item += 1;
      position += 1;
    } else if (star >= 0) {
      item = star + 1;
      starPosition += 1;
      position = starPosition;
    } else {
      return false;
    }
  }
  while (items[item]?.kind === 'many') {
    item += 1;
  }
  return item === items.length;
}

function matchesOne(item: PatternItem, character: string): boolean {
  if (item.kind === 'any') {
    return true;
  }
  if (item.kind === 'set') {
    return inSet(item.text, character) !== item.negated;
  }
  return item.text === character;
}

/** `${x%pattern}` and its relatives: the text without the shortest or longest matching end or beginning. */
export function withoutMatch(
  text: string,
  items: readonly PatternItem[],
  operator: '%' | '%%' | '#' | '##',
  charge: Charge,
): string {
  charge(text.length);
  const simple = withoutSeparated(text, items, operator);
  if (simple !== undefined) {
    return simple;
  }
  charge(text.length ** 2 * sizeOf(items));
  const fromStart = operator.startsWith('#');
  const longest = operator.length === 2;
  for (let step = 0; step <= text.length; step += 1) {
    const length = longest ? text.length - step : step;
    const part = fromStart ? text.slice(0, length) : text.slice(text.length - length);
    if (isMatch(items, part)) {
      return fromStart ? text.slice(length) : text.slice(0, text.length - length);
    }
  }
  return text;
}

/** `${x%.*}` and `${x#*.}` with one separating character: the usual ones, and they stand in polling loops. */
function withoutSeparated(text: string, items: readonly PatternItem[], operator: string): string | undefined {
  const [first, second] = items;
  if (items.length !== 2 || first === undefined || second === undefined) {
    return undefined;
  }
  const separator = operator.startsWith('#') ? second : first;
  const star = operator.startsWith('#') ? first : second;
  if (separator.kind !== 'character' || star.kind !== 'many') {
    return undefined;
  }
  const index = operator === '%' || operator === '##' ? text.lastIndexOf(separator.text) : text.indexOf(separator.text);
  if (index < 0) {
    return text;
  }
  return operator.startsWith('#') ? text.slice(index + 1) : text.slice(0, index);
}
