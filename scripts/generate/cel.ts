// Turns the CEL rules of the custom resource definitions into TypeScript expressions, so that files are judged by the
// very rules that the API server applies to objects, with no second copy to keep in step. Only the part of CEL that the
// rules use is understood; anything else ends the generation with an error. Durations become seconds.

const TOKEN = /\s*(?:([0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|'((?:[^'\\]|\\.)*)'|(\|\||&&|==|!=|<=|>=|[-+<>!?:.,()[\]]))/y;
const BINARY: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  in: 3,
  '+': 4,
};

/** One of the four is there; none at the end. */
interface Token {
  readonly number?: string;
  readonly name?: string;
  readonly text?: string;
  readonly sign?: string;
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) {
      throw new Error(`CEL not understood at: ${source.slice(from, from + 40)}`);
    }
    const [, number, name, text, sign] = match;
    found.push(
      number !== undefined
        ? { number }
        : name !== undefined
          ? { name }
          : text !== undefined
            ? { text: text.replace(/\\(['\\])/g, '$1') }
            : { sign },
    );
  }
  return found;
}

/** The TypeScript expression of a CEL expression over `self`. */
export function toTypeScript(source: string): string {
  const list = tokens(source);
  let at = 0;
  const peek = (): Token => list[at] ?? {};
  const fail = (what: string): never => {
    throw new Error(`CEL not understood: ${what} in: ${source}`);
  };
  const take = (sign: string): void => {
    if (peek().sign !== sign) {
      fail(`expected ${sign}`);
    }
    at += 1;
  };

  function args(end: string): string[] {
    const all: string[] = [];
    while (peek().sign !== end) {
      all.push(expression(0));
      if (peek().sign !== end) {
        take(',');
      }
    }
    take(end);
    return all;
  }

  function primary(): string {
    const token: Token = list[at++] ?? fail('the end');
    if (token.number !== undefined) {
      return token.number;
    }
    if (token.text !== undefined) {
      return JSON.stringify(token.text);
    }
    if (token.sign === '!') {
      return `!${unary()}`;
    }
    if (token.sign === '(') {
      const inner = expression(0);
      take(')');
      return `(${inner})`;
    }
    if (token.sign === '[') {
      return `[${args(']').join(', ')}]`;
    }
    if (token.name === undefined) {
      return fail(`sign ${token.sign ?? ''}`);
    }
    if (peek().sign !== '(') {
      return token.name;
    }
    at += 1;
    const [argument, ...more] = args(')');
    if (argument === undefined || more.length > 0) {
      return fail(`${token.name} with other than one argument`);
    }
    switch (token.name) {
      case 'has':
        return `(${argument} !== undefined)`;
      case 'size':
        return `Object.keys(${argument}).length`;
      case 'duration':
        return `parsePolicyDuration(${argument})`;
    }
    return fail(`function ${token.name}`);
  }

  function unary(): string {
    let value = primary();
    while (peek().sign === '.') {
      at += 1;
      const { name } = list[at++] ?? {};
      if (name === undefined) {
        return fail('a dot without a name');
      }
      if (peek().sign !== '(') {
        value = `${value}.${name}`;
        continue;
      }
      at += 1;
      const [first, second, ...others] = args(')');
      if (name === 'matches' && first !== undefined && second === undefined) {
        value = `new RegExp(${first}).test(${value})`;
      } else if (name === 'all' && first !== undefined && second !== undefined && others.length === 0) {
        value = `${value}.every((${first}: string) => ${second})`;
      } else {
        fail(`method ${name}`);
      }
    }
    return value;
  }

  function expression(power: number): string {
    let left = unary();
    for (;;) {
      const operator = peek().sign ?? peek().name ?? '';
      const next = BINARY[operator];
      if (next === undefined || next <= power) {
        return left;
      }
      at += 1;
      const right = expression(next);
      if (operator === 'in') {
        left = `${right}.includes(${left})`;
      } else {
        left = `${left} ${operator === '==' || operator === '!=' ? `${operator}=` : operator} ${right}`;
      }
    }
  }

  const result = expression(0);
  if (at !== list.length) {
    fail('more than one expression');
  }
  return result;
}
