/**
 * What is known of a variable. `Open`: something that is not read here may set it. `Missing`: nothing sets it; the expression
 * has a default, or Flux refuses it (kustomize-controller 1.9) or puts in nothing (before).
 */
export type Variable = { readonly kind: 'Value'; readonly text: string } | { readonly kind: 'Open' | 'Missing' };

export type Lookup = (name: string) => Variable;

export type FilledText =
  | { readonly ok: true; readonly text: string; readonly unknown: readonly string[] }
  | { readonly ok: false; readonly why: string };

/** Names, and what stands behind them, deeper than this are not Flux'. */
const DEPTH_LIMIT = 20;
/** Defaults that take each other in grow; no manifest is as long. */
const LENGTH_LIMIT = 1_000_000;

/**
 * A text with its variables put in, as github.com/fluxcd/pkg/envsubst does it (July 2026): `${NAME}`, defaults, case, length
 * and parts; `$$` is a dollar sign, and `$NAME` stays as it is. What is unknown stays as it is written. Patterns
 * (`${NAME%.*}`, `${NAME/a/b}`) are not worked out: their values are unknown.
 */
export function fillIn(text: string, lookup: Lookup): FilledText {
  try {
    const reader = new Expander(text, lookup);
    return { ok: true, text: reader.all(), unknown: [...reader.unknown] };
  } catch (error) {
    if (error instanceof BadSubstitution) {
      return { ok: false, why: error.message };
    }
    throw error;
  }
}

/** Whether Flux would change this text, or refuse it. */
export function hasVariables(text: string): boolean {
  return text.includes('${') || text.includes('$$');
}

class BadSubstitution extends Error {}

interface Part {
  readonly text: string;
  readonly known: boolean;
}

const NAME = /[\p{L}\p{Nd}_]+/uy;
/** `:?` and `:+` do what `:-` does; without the colon only `=` is known. */
const DEFAULT_OPERATOR = /:[=\-?+]|=/y;

class Expander {
  readonly unknown = new Set<string>();
  private readonly text: string;
  private readonly lookup: Lookup;
  private pos = 0;
  private depth = 0;

  constructor(text: string, lookup: Lookup) {
    this.text = text;
    this.lookup = lookup;
  }

  all(): string {
    let out = '';
    while (this.pos < this.text.length) {
      if (this.text.startsWith('${', this.pos)) {
        out += this.expression().text;
      } else if (this.text.startsWith('$$', this.pos)) {
        out += '$';
        this.pos += 2;
      } else {
        const next = this.text.indexOf('$', this.pos + 1);
        out += this.text.slice(this.pos, next === -1 ? undefined : next);
        this.pos = next === -1 ? this.text.length : next;
      }
      if (out.length > LENGTH_LIMIT) {
        throw new BadSubstitution('what is put in is too long');
      }
    }
    return out;
  }

  /** At `${`; ends behind the brace that closes it. */
  private expression(): Part {
    const start = this.pos;
    if (++this.depth > DEPTH_LIMIT) {
      throw new BadSubstitution('variables in variables in variables, too deep');
    }
    this.pos += 2;
    const isLength = this.text[this.pos] === '#';
    this.pos += isLength ? 1 : 0;
    const name = this.take(NAME);
    if (name === undefined) {
      throw this.bad(start, 'has no name');
    }
    const variable = this.lookup(name);
    const value = isLength ? this.closed(variable, byteLength) : this.operation(variable, start);
    if (this.text[this.pos] !== '}') {
      throw this.bad(start, 'is not closed where its name ends');
    }
    this.pos++;
    this.depth--;
    if (value !== undefined) {
      return { text: value, known: true };
    }
    this.unknown.add(name);
    return { text: this.text.slice(start, this.pos), known: false };
  }

  /** What stands between the name and the closing brace. */
  private operation(variable: Variable, start: number): string | undefined {
    if (this.take(DEFAULT_OPERATOR) !== undefined) {
      return this.withDefault(variable, start);
    }
    switch (this.text[this.pos]) {
      case '}':
        return this.closed(variable, (text) => text);
      case ':':
        return this.closed(variable, partOf(this.take(/:[^}$]*/y) ?? ''));
      case ',':
      case '^':
        return this.closed(variable, CASES[this.take(/,,?|\^\^?/y) ?? '']);
      case '/':
      case '#':
      case '%':
        if (this.take(/[/#%][^}$]*/y) === undefined || this.text[this.pos] !== '}') {
          throw this.bad(start, 'has a pattern that is not closed');
        }
        return undefined;
      default:
        throw this.bad(start, 'is not closed where its name ends');
    }
  }

  private closed(variable: Variable, change: ((text: string) => string | undefined) | undefined): string | undefined {
    return variable.kind === 'Value' ? change?.(variable.text) : undefined;
  }

  private withDefault(variable: Variable, start: number): string | undefined {
    let text = '';
    let known = true;
    while (this.text[this.pos] !== '}') {
      if (this.pos >= this.text.length) {
        throw this.bad(start, 'is not closed');
      }
      const part = this.text.startsWith('${', this.pos)
        ? this.expression()
        : { text: this.take(/\$(?!\{)|[^}$]+/y) ?? '', known: true };
      text += part.text;
      known &&= part.known;
    }
    if (variable.kind === 'Value' && variable.text !== '') {
      return variable.text;
    }
    return variable.kind === 'Open' || !known ? undefined : text;
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.pos;
    const found = pattern.exec(this.text)?.[0];
    this.pos += found?.length ?? 0;
    return found;
  }

  private bad(start: number, why: string): BadSubstitution {
    const end = this.text.indexOf('}', start);
    return new BadSubstitution(
      `\${...} ${why}: ${this.text.slice(start, end === -1 ? start + 40 : end + 1).slice(0, 80)}`,
    );
  }
}

const CASES: Readonly<Record<string, (text: string) => string>> = {
  ',,': (text) => text.toLowerCase(),
  '^^': (text) => text.toUpperCase(),
  ',': (text) => text.slice(0, 1).toLowerCase() + text.slice(1),
  '^': (text) => text.slice(0, 1).toUpperCase() + text.slice(1),
};

function byteLength(text: string): string {
  return String(Buffer.byteLength(text));
}

/** `:FROM` and `:FROM:LENGTH`, counted in bytes: what is no ASCII is not cut. */
function partOf(written: string): (text: string) => string | undefined {
  const match = /^:(\d+)(?::(\d+))?$/.exec(written);
  return (text) => {
    if (match === null || byteLength(text) !== String(text.length)) {
      return undefined;
    }
    const from = Number(match[1]);
    return text.slice(from, match[2] === undefined ? undefined : from + Number(match[2]));
  };
}
