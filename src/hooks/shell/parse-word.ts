import type { ParameterOperator, Program, Word, WordPart } from './ast.ts';
import type { Source } from './source.ts';
import {
  atEnd,
  current,
  deeper,
  isMeta,
  newSource,
  spendOn,
  startsWith,
  SyntaxProblem,
  take,
  Unsupported,
} from './source.ts';

/** How a command substitution is parsed; given by the command parser, which itself needs words. */
export interface ProgramParser {
  /** Parses up to the closing parenthesis and takes it. */
  parenthesised(source: Source): Program;
  whole(text: string, source: Source): Program;
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
/** How many characters that may be read again count as one part. */
const CHARACTERS_PER_PART = 8;
const SPECIAL_PARAMETERS = '@*#?-$!0123456789';

export function takeName(source: Source): string {
  NAME.lastIndex = source.position;
  const found = NAME.exec(source.text)?.[0] ?? '';
  source.position += found.length;
  return found;
}

export function literalWord(text: string, quoted = false): Word {
  return { parts: text === '' && !quoted ? [] : [{ type: 'text', text, quoted }], literal: text, quoted };
}

export function toWord(parts: readonly WordPart[]): Word {
  let literal: string | undefined = '';
  let quoted = false;
  for (const part of parts) {
    if (part.quoted) {
      quoted = true;
    }
    literal = literal !== undefined && part.type === 'text' ? literal + part.text : undefined;
  }
  return { parts, quoted, literal };
}

/** Collects text so that neighbouring characters become one part. */
class PartList {
  readonly parts: WordPart[] = [];
  private text = '';
  private quoted = false;

  add(text: string, quoted: boolean): void {
    if (this.quoted !== quoted) {
      this.flush();
    }
    this.quoted = quoted;
    this.text += text;
  }

  /** Quotes without content still make a word. */
  addEmpty(): void {
    this.flush();
    this.parts.push({ type: 'text', text: '', quoted: true });
  }

  push(part: WordPart): void {
    this.flush();
    this.parts.push(part);
  }

  finish(): Word {
    this.flush();
    return toWord(this.parts);
  }

  private flush(): void {
    if (this.text !== '') {
      this.parts.push({ type: 'text', text: this.text, quoted: this.quoted });
    }
    this.text = '';
  }
}

/** A word as it stands in a command; `undefined` where none begins here. */
export function parseWord(source: Source, programs: ProgramParser): Word | undefined {
  if (isMeta(current(source))) {
    if (startsWith(source, '<(') || startsWith(source, '>(')) {
      if (source.dialect !== 'dash') {
        throw new Unsupported('process substitution <( )');
      }
    }
    return undefined;
  }
  return parseUntil(source, programs, (character) => isMeta(character));
}

/** An unquoted text up to a character for which `stop` holds (not taken). */
export function parseUntil(
  source: Source,
  programs: ProgramParser,
  stop: (character: string) => boolean,
  plainSingleQuotes = false,
): Word {
  const list = new PartList();
  for (;;) {
    const character = current(source);
    if (character === '' || stop(character)) {
      return list.finish();
    }
    if (character === '\\') {
      source.position += 1;
      const next = current(source);
      source.position += 1;
      if (next === '') {
        list.add('\\', true);
      } else if (next !== '\n') {
        list.add(next, true);
      }
    } else if (character === "'" && !plainSingleQuotes) {
      parseSingleQuotes(source, list);
    } else if (character === '"') {
      parseDoubleQuotes(source, programs, list);
    } else if (character === '$') {
      parseDollar(source, programs, list, false);
    } else if (character === '`') {
      list.push({ type: 'command', program: parseBackticks(source, programs, false), quoted: false });
    } else {
      list.add(character, false);
      source.position += 1;
    }
  }
}

function parseSingleQuotes(source: Source, list: PartList): void {
  const end = source.text.indexOf("'", source.position + 1);
  if (end < 0) {
    throw new SyntaxProblem('unterminated quoted string');
  }
  const text = source.text.slice(source.position + 1, end);
  if (text === '') {
    list.addEmpty();
  } else {
    list.add(text, true);
  }
  source.position = end + 1;
}

function parseDoubleQuotes(source: Source, programs: ProgramParser, list: PartList): void {
  source.position += 1;
  list.addEmpty();
  parseQuotedText(source, programs, list, '"');
  source.position += 1;
}

/** The inside of double quotes, of a here-document or of an arithmetic expansion, up to `end` (not taken). */
function parseQuotedText(source: Source, programs: ProgramParser, list: PartList, end: '"' | ''): void {
  for (;;) {
    if (atEnd(source)) {
      if (end === '') {
        return;
      }
      throw new SyntaxProblem('unterminated quoted string');
    }
    const character = current(source);
    if (character === end) {
      return;
    }
    if (character === '\\') {
      const next = source.text.charAt(source.position + 1);
      source.position += 2;
      if (next === '\n') {
        continue;
      }
      const escapes = next === '$' || next === '`' || next === '\\' || (next === '"' && end === '"');
      list.add(escapes ? next : `\\${next}`, true);
    } else if (character === '$') {
      parseDollar(source, programs, list, true);
    } else if (character === '`') {
      list.push({ type: 'command', program: parseBackticks(source, programs, end === '"'), quoted: true });
    } else {
      list.add(character, true);
      source.position += 1;
    }
  }
}

/** The body of a here-document whose delimiter was not quoted. */
export function parseHereDocument(text: string, source: Source, programs: ProgramParser): Word {
  const inner = newSource(text, source.dialect, source);
  const list = new PartList();
  parseQuotedText(inner, programs, list, '');
  return list.finish();
}

function parseDollar(source: Source, programs: ProgramParser, list: PartList, quoted: boolean): void {
  spendOn(source, 1);
  source.position += 1;
  if (startsWith(source, '((')) {
    const expression = deeper(source, () => parseArithmetic(source, programs));
    if (expression !== undefined) {
      list.push({ type: 'arithmetic', expression, quoted });
      return;
    }
  }
  if (take(source, '(')) {
    const program = deeper(source, () => programs.parenthesised(source));
    list.push({ type: 'command', program, quoted });
    return;
  }
  if (take(source, '{')) {
    list.push(deeper(source, () => parseBracedParameter(source, programs, quoted)));
    return;
  }
  const name = takeName(source);
  if (name !== '') {
    list.push({ type: 'parameter', name, operator: '', quoted });
    return;
  }
  const special = current(source);
  if (special !== '' && SPECIAL_PARAMETERS.includes(special)) {
    source.position += 1;
    list.push({ type: 'parameter', name: special, operator: '', quoted });
    return;
  }
  if (special === "'" && !quoted && source.dialect !== 'dash') {
    parseSingleQuotesWithEscapes(source, list);
    return;
  }
  list.add('$', quoted);
}

const ANSI_ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"' };

function parseSingleQuotesWithEscapes(source: Source, list: PartList): void {
  source.position += 1;
  list.addEmpty();
  while (current(source) !== "'") {
    if (atEnd(source)) {
      throw new SyntaxProblem('unterminated quoted string');
    }
    let character = current(source);
    if (character === '\\') {
      source.position += 1;
      const escaped = ANSI_ESCAPES[current(source)];
      if (escaped === undefined) {
        throw new Unsupported(`escape \\${current(source)} in $'...'`);
      }
      character = escaped;
    }
    list.add(character, true);
    source.position += 1;
  }
  source.position += 1;
}

/**
 * `$((...))` from its first parenthesis; `undefined`, with the place unchanged, where it turns out to be a command
 * substitution that begins with a subshell.
 */
export function parseArithmetic(source: Source, programs: ProgramParser): Word | undefined {
  const start = source.position;
  source.position += 2;
  const list = new PartList();
  let depth = 0;
  for (;;) {
    spendOn(source, 1 / CHARACTERS_PER_PART);
    const character = current(source);
    if (character === '' || character === ';' || character === '\n') {
      break;
    }
    if (character === ')' && depth === 0) {
      if (!take(source, '))')) {
        break;
      }
      return list.finish();
    }
    if (character === '(') {
      depth += 1;
    }
    if (character === ')') {
      depth -= 1;
    }
    if (character === '$') {
      parseDollar(source, programs, list, true);
    } else if (character === '`') {
      list.push({ type: 'command', program: parseBackticks(source, programs, true), quoted: true });
    } else {
      if (character !== '"') {
        list.add(character, true);
      }
      source.position += 1;
    }
  }
  source.position = start;
  return undefined;
}

function parseBackticks(source: Source, programs: ProgramParser, inDoubleQuotes: boolean): Program {
  source.position += 1;
  let text = '';
  for (;;) {
    const character = current(source);
    if (character === '') {
      throw new SyntaxProblem('EOF in backquote substitution');
    }
    source.position += 1;
    if (character === '`') {
      break;
    }
    const next = current(source);
    if (character === '\\' && (next === '`' || next === '\\' || next === '$' || (inDoubleQuotes && next === '"'))) {
      text += next;
      source.position += 1;
    } else {
      text += character;
    }
  }
  return deeper(source, () => programs.whole(text, source));
}

const BRACED_OPERATORS: readonly ParameterOperator[] = [
  ':-',
  ':=',
  ':?',
  ':+',
  '%%',
  '##',
  '-',
  '=',
  '?',
  '+',
  '%',
  '#',
];

function parseBracedParameter(source: Source, programs: ProgramParser, quoted: boolean): WordPart {
  if (current(source) === '#' && source.text.charAt(source.position + 1) !== '}') {
    source.position += 1;
    const name = takeParameterName(source);
    if (name !== '' && take(source, '}')) {
      return { type: 'parameter', name, operator: 'length', quoted };
    }
    return parseBadSubstitution(source);
  }
  const name = takeParameterName(source);
  if (name === '') {
    return parseBadSubstitution(source);
  }
  if (take(source, '}')) {
    return { type: 'parameter', name, operator: '', quoted };
  }
  for (const operator of BRACED_OPERATORS) {
    if (!take(source, operator)) {
      continue;
    }
    const argument = parseBracedArgument(source, programs, quoted && !'%#'.includes(operator.charAt(0)));
    if (!take(source, '}')) {
      throw new SyntaxProblem('missing }');
    }
    return { type: 'parameter', name, operator, argument, quoted };
  }
  return parseBadSubstitution(source);
}

/** Inside double quotes a single quote is a character, except where a pattern is expected. */
function parseBracedArgument(source: Source, programs: ProgramParser, plainSingleQuotes: boolean): Word {
  return parseUntil(source, programs, (character) => character === '}', plainSingleQuotes);
}

function takeParameterName(source: Source): string {
  const name = takeName(source);
  if (name !== '') {
    return name;
  }
  const digits = /\d+/y;
  digits.lastIndex = source.position;
  const number = digits.exec(source.text)?.[0];
  const special = number ?? (SPECIAL_PARAMETERS.includes(current(source)) ? current(source) : '');
  source.position += special.length;
  return special;
}

/**
 * `${x/a/b}` and the like: bash knows them, dash ends with "Bad substitution" when it comes to expand one (not before,
 * so that what stands earlier on the line is done).
 */
function parseBadSubstitution(source: Source): WordPart {
  const end = source.text.indexOf('}', source.position);
  if (end < 0) {
    throw new SyntaxProblem('missing }');
  }
  const words = source.text.slice(source.position, end);
  source.position = end + 1;
  if (source.dialect !== 'dash') {
    throw new Unsupported(`\${...${words}}`);
  }
  return { type: 'parameter', name: words, operator: 'bad', quoted: true };
}
