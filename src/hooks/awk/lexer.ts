import { AwkProblem } from './syntax.ts';

export interface Token {
  readonly kind: 'number' | 'text' | 'regex' | 'name' | 'call' | 'symbol' | 'newline' | 'end';
  readonly text: string;
}

const SYMBOLS = [
  '&&',
  '||',
  '==',
  '!=',
  '<=',
  '>=',
  '++',
  '--',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '^=',
  '!~',
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ';',
  ',',
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '!',
  '<',
  '>',
  '=',
  '~',
  '?',
  ':',
  '$',
  '|',
];

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  '/': '/',
  f: '\f',
  v: '\v',
  a: '',
  b: '\b',
};

/** After one of these a slash divides; elsewhere it begins an expression. */
function endsOperand(token: Token | undefined): boolean {
  if (token === undefined) {
    return false;
  }
  if (token.kind === 'number' || token.kind === 'text' || token.kind === 'regex') {
    return true;
  }
  if (token.kind === 'name') {
    return !/^(print|printf|return|in|exit|if|while|else|do|getline)$/.test(token.text);
  }
  return token.kind === 'symbol' && [')', ']', '$', '++', '--'].includes(token.text);
}

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  const matchAt = (expression: RegExp): string | undefined => {
    expression.lastIndex = position;
    return expression.exec(text)?.[0];
  };
  while (position < text.length) {
    const character = text.charAt(position);
    if (character === ' ' || character === '\t' || character === '\r') {
      position += 1;
    } else if (character === '\\' && text.charAt(position + 1) === '\n') {
      position += 2;
    } else if (character === '#') {
      position = text.indexOf('\n', position) < 0 ? text.length : text.indexOf('\n', position);
    } else if (character === '\n') {
      tokens.push({ kind: 'newline', text: character });
      position += 1;
    } else if (character === '"') {
      const { value, end } = takeText(text, position);
      tokens.push({ kind: 'text', text: value });
      position = end;
    } else if (character === '/' && !endsOperand(tokens.at(-1))) {
      const { value, end } = takeRegex(text, position);
      tokens.push({ kind: 'regex', text: value });
      position = end;
    } else {
      const number = matchAt(/\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?/y);
      const name = number === undefined ? matchAt(/[A-Za-z_]\w*/y) : undefined;
      const symbol = SYMBOLS.find((candidate) => text.startsWith(candidate, position));
      const found = number ?? name ?? symbol;
      if (found === undefined) {
        throw new AwkProblem(`unexpected ${character}`);
      }
      position += found.length;
      if (number !== undefined) {
        tokens.push({ kind: 'number', text: found });
      } else if (name !== undefined) {
        tokens.push({ kind: text.charAt(position) === '(' ? 'call' : 'name', text: found });
      } else {
        tokens.push({ kind: 'symbol', text: found });
      }
    }
  }
  tokens.push({ kind: 'end', text: 'the end' });
  return tokens;
}

function takeText(text: string, start: number): { value: string; end: number } {
  let value = '';
  for (let index = start + 1; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === '"') {
      return { value, end: index + 1 };
    }
    if (character === '\\') {
      index += 1;
      const next = text.charAt(index);
      value += ESCAPES[next] ?? `\\${next}`;
    } else {
      value += character;
    }
  }
  throw new AwkProblem('unterminated string');
}

function takeRegex(text: string, start: number): { value: string; end: number } {
  let inSet = false;
  for (let index = start + 1; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === '\\') {
      index += 1;
    } else if (character === '\n') {
      break;
    } else if (character === '[') {
      inSet = true;
    } else if (character === ']') {
      inSet = false;
    } else if (character === '/' && !inSet) {
      return { value: text.slice(start + 1, index), end: index + 1 };
    }
  }
  throw new AwkProblem('unterminated regular expression');
}
