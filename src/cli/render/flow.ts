import { isMap, isScalar } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import type { EditValue } from './edit.ts';
import { resolvePlain } from '../../drain/template/istio-yaml.ts';

/** How values are written in flow style, where the author has braces: as JSON has it, or with plain keys as KYAML has. */
export interface FlowStyle {
  readonly quotedKeys: boolean;
  /** The blanks before the line in which the value begins. Absent: all of it on one line. */
  readonly indent?: string;
  readonly eol: string;
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_./-]*$/;

/** The style of a map that stands in the text. */
export function flowStyleOf(text: string, map: YAMLMap<Node, Node | null>): FlowStyle {
  const first = map.items[0]?.key;
  return {
    quotedKeys: isScalar(first) && first.type === 'QUOTE_DOUBLE',
    indent: first === undefined ? undefined : blanksBefore(text, first.range?.[0] ?? 0),
    eol: eolOf(text),
  };
}

/** The style of the maps in a list that stands in the text. */
export function flowStyleOfItems(text: string, items: readonly Node[], start: number): FlowStyle {
  const last = items.at(-1);
  const style = isMap(last)
    ? flowStyleOf(text, last as YAMLMap<Node, Node | null>)
    : { quotedKeys: false, eol: eolOf(text) };
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  const own = blanksBefore(text, last?.range?.[0] ?? 0);
  return { ...style, indent: style.indent === undefined ? undefined : (own ?? /^[ \t]*/.exec(line)?.[0]) };
}

/** How the lines of a text end. */
export function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

/** What stands before `at` in its line, where that is blanks only. The first line of a text that begins with a brace has none. */
export function blanksBefore(text: string, at: number): string | undefined {
  const lineEnd = text.lastIndexOf('\n', at - 1);
  const blanks = text.slice(lineEnd + 1, at);
  return lineEnd !== -1 && blanks.trim() === '' ? blanks : undefined;
}

export function flowPair(key: string, value: EditValue, style: FlowStyle): string {
  const plain = !style.quotedKeys && PLAIN_KEY.test(key) && resolvePlain(key) === key;
  return `${plain ? key : JSON.stringify(key)}: ${flowText(value, style)}`;
}

/** A blank behind each colon and comma: YAML needs the first, and people read both. */
export function flowText(value: EditValue, style: FlowStyle): string {
  if (Array.isArray(value)) {
    return `[${(value as readonly EditValue[]).map((item) => flowText(item, style)).join(', ')}]`;
  }
  if (typeof value !== 'object') {
    return JSON.stringify(value);
  }
  const entries = Object.entries(value as Record<string, EditValue>);
  const { indent, eol, quotedKeys } = style;
  if (indent === undefined || entries.length === 0) {
    return `{${entries.map(([key, child]) => flowPair(key, child, style)).join(', ')}}`;
  }
  const inner = `${indent}  `;
  const lines = entries.map(([key, child]) => `${inner}${flowPair(key, child, { ...style, indent: inner })}`);
  // KYAML ends each line with a comma; JSON may not.
  return `{${eol}${lines.join(`,${eol}`)}${quotedKeys ? '' : ','}${eol}${indent}}`;
}
