import { stringify } from 'yaml';
import { recordOf } from '../../drain/template/raw.ts';
import { readYaml } from '../input/yaml/read.ts';
import { fillIn, hasVariables, type Lookup } from './envsubst.ts';

/** A value of an object that variables were put into, or that has some of which nobody knows what is put in. */
export interface FilledValue {
  /** From the object's root to it; the key itself where the variable stands in one. */
  readonly path: readonly (string | number)[];
  /** As it is written. */
  readonly written: string;
  readonly unknown: readonly string[];
}

export type Substituted =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>>; readonly filled: readonly FilledValue[] }
  | { readonly ok: false; readonly why: string };

/** kustomize-controller passes over an object with this label or annotation (fluxcd/pkg/kustomize, kustomize_varsub.go). */
const SWITCH = 'kustomize.toolkit.fluxcd.io/substitute';

class CannotFill extends Error {}

/**
 * An object with its variables put in. Flux writes the object as YAML, puts them in, and reads the result: the text `${STOP}` is
 * written without quotes, so a number put in becomes a number, whatever the quotes in the file.
 */
export function substituted(value: Readonly<Record<string, unknown>>, lookup: Lookup): Substituted {
  const metadata = recordOf(value['metadata']);
  if ([metadata['labels'], metadata['annotations']].some((map) => recordOf(map)[SWITCH] === 'disabled')) {
    return { ok: true, value, filled: [] };
  }
  const filled: FilledValue[] = [];
  try {
    return { ok: true, value: recordOf(valueWith(value, lookup, [], filled)), filled };
  } catch (error) {
    if (error instanceof CannotFill) {
      return { ok: false, why: error.message };
    }
    throw error;
  }
}

type Path = FilledValue['path'];

function valueWith(value: unknown, lookup: Lookup, path: Path, filled: FilledValue[]): unknown {
  if (typeof value === 'string') {
    return hasVariables(value) ? scalarWith(value, lookup, path, filled) : value;
  }
  if (Array.isArray(value)) {
    return value.map((each, index) => valueWith(each, lookup, [...path, index], filled));
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      hasVariables(key) ? textWith(key, lookup, [...path, key], filled) : key,
      valueWith(each, lookup, [...path, key], filled),
    ]),
  );
}

function textWith(written: string, lookup: Lookup, path: Path, filled: FilledValue[]): string {
  const result = fillIn(written, lookup);
  if (!result.ok) {
    throw new CannotFill(result.why);
  }
  filled.push({ path, written, unknown: result.unknown });
  return result.text;
}

function scalarWith(written: string, lookup: Lookup, path: Path, filled: FilledValue[]): unknown {
  const text = textWith(written, lookup, path, filled);
  if (filled.at(-1)?.unknown.length !== 0 || !isWrittenPlain(written)) {
    return text;
  }
  const read = readYaml(`value: ${text}\n`, 1);
  if (!read.ok || Object.keys(recordOf(read.document.value)).length !== 1) {
    throw new CannotFill(`${path.join('.')} is no YAML any more: ${text.slice(0, 80)}`);
  }
  return recordOf(read.document.value)['value'];
}

/** Whether a text is written without quotes, and on one line. */
function isWrittenPlain(text: string): boolean {
  return !text.includes('\n') && stringify(text, { version: '1.1', lineWidth: 0 }) === `${text}\n`;
}

/** The first variable in a text whose value nobody knows where nothing tells that, and with what, Flux fills it in. */
export function variableIn(text: unknown): string | undefined {
  return typeof text === 'string' ? /\$\{([A-Za-z_]\w*)(?:[:=][^}]*)?\}/.exec(text)?.[1] : undefined;
}
