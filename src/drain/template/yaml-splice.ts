import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Node, Pair, Scalar, YAMLMap } from 'yaml';
import { PlacedPair } from './go-yaml/parser.ts';
import { resolvePlain } from './istio-yaml.ts';

/**
 * Edits of a YAML or JSON text that leave every other byte alone. The parser says where things stand; the text is cut
 * there. Printing the parsed document again would change indentation, quotes and comments that are not ours.
 *
 * The functions handle the forms that people write. Whether an edit came out as meant is for the caller to check by
 * reading the result again.
 */

export type Leaf = string | boolean;
/** A leaf, or a new map with one entry. */
export type SplicedValue = Leaf | { readonly key: string; readonly value: Leaf };
export type YamlPair = Pair<Node, Node | null>;
type YamlBlock = YAMLMap<Node, Node | null>;

export class SpliceError extends Error {}

/** Sets a key of a map: replaces the value of its last occurrence, which is the one that counts, or adds the key. */
export function setKey(text: string, map: YamlBlock, key: string, value: SplicedValue): string {
  const pair = pairOf(map, key);
  if (pair === undefined) {
    return map.flow === true ? insertIntoFlow(text, map, key, value) : insertIntoBlock(text, map, key, value);
  }
  return replaceValue(text, map, pair, value);
}

/** Takes the last occurrence of a key out, with its line in a block map. */
export function removeKey(text: string, map: YamlBlock, key: string): string {
  const index = map.items.findLastIndex((pair) => keyName(pair) === key);
  const pair = map.items[index];
  if (pair === undefined) {
    return text;
  }
  if (map.flow === true) {
    return removeFromFlow(text, map, index);
  }
  const start = startOfLine(text, startOf(pair.key));
  const end = endOfLine(text, endOfPair(pair));
  if (end === text.length && !text.endsWith('\n')) {
    // The text had no final line break before our line came, so it gets none from it.
    return text.slice(0, start).replace(/\r?\n$/, '');
  }
  return text.slice(0, start) + text.slice(end);
}

/** Starts a map in a text that holds none: empty, or comments only. */
export function startMap(text: string, key: string, value: SplicedValue): string {
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  return `${text}${separator}${blockLines('', '  ', key, value, '\n')}`;
}

export function pairOf(map: YamlBlock, key: string): YamlPair | undefined {
  return map.items.findLast((pair) => keyName(pair) === key);
}

function keyName(pair: YamlPair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function insertIntoBlock(text: string, map: YamlBlock, key: string, value: SplicedValue): string {
  const last = map.items.at(-1);
  if (last === undefined) {
    throw new SpliceError('a map without keys');
  }
  const indent = indentOf(text, map);
  const eol = lineEnding(text);
  const at = endOfLine(text, endOfPair(last));
  const lines = blockLines(indent, stepOf(text, map, indent), key, value, eol);
  if (at > 0 && text[at - 1] !== '\n') {
    return `${text}${eol}${lines.slice(0, -eol.length)}`;
  }
  return text.slice(0, at) + lines + text.slice(at);
}

function blockLines(indent: string, step: string, key: string, value: SplicedValue, eol: string): string {
  if (typeof value !== 'object') {
    return `${indent}${writeString(key, 'PLAIN')}: ${writeLeaf(value, 'PLAIN')}${eol}`;
  }
  return `${indent}${key}:${eol}${indent}${step}${writeString(value.key, 'PLAIN')}: ${writeLeaf(value.value, 'PLAIN')}${eol}`;
}

function insertIntoFlow(text: string, map: YamlBlock, key: string, value: SplicedValue): string {
  const open = startOf(map);
  const close = endOf(map) - 1;
  const style = flowStyle(text, map);
  const first = map.items[0];
  const last = map.items.at(-1);
  if (first === undefined || last === undefined) {
    const inner = text.slice(open + 1, close);
    const entry = flowEntry(key, value, style, '');
    return inner.trim() === ''
      ? `${text.slice(0, open + 1)}${entry}${text.slice(close)}`
      : `${text.slice(0, close)}${entry}${text.slice(close)}`;
  }
  const end = endOfPair(last);
  const comma = trailingComma(text, end, close);
  const at = comma ?? end;
  const before = comma === undefined ? ',' : '';
  const opening = text.slice(open, startOf(first.key));
  if (!opening.includes('\n')) {
    const gap = comma === undefined ? style.itemGap : style.itemGap === '' ? '' : ' ';
    return `${text.slice(0, at)}${before}${gap}${flowEntry(key, value, style, '')}${text.slice(at)}`;
  }
  const indent = opening.slice(opening.lastIndexOf('\n') + 1);
  return `${text.slice(0, at)}${before}${lineEnding(text)}${indent}${flowEntry(key, value, style, indent)}${text.slice(at)}`;
}

interface FlowStyle {
  readonly quote: Scalar.Type;
  readonly colon: string;
  readonly itemGap: string;
  readonly step: string;
  readonly eol: string;
}

/** How the writer of this map spaces and quotes it, from its first entries. */
function flowStyle(text: string, map: YamlBlock): FlowStyle {
  const [first, second] = map.items;
  const json = isJson(text);
  const keyType = isScalar(first?.key) ? first.key.type : undefined;
  const quote =
    json || keyType === 'QUOTE_DOUBLE' ? 'QUOTE_DOUBLE' : keyType === 'QUOTE_SINGLE' ? 'QUOTE_SINGLE' : 'PLAIN';
  const opening = first === undefined ? '' : text.slice(startOf(map), startOf(first.key));
  const multiline = opening.includes('\n');
  const between =
    first?.value?.range === undefined || first.value.range === null
      ? ': '
      : text.slice(endOf(first.key), first.value.range[0]);
  const tight = quote !== 'PLAIN' && between === ':';
  const gap =
    first === undefined || second === undefined ? undefined : text.slice(endOfPair(first), startOf(second.key));
  const itemGap = gap !== undefined && /^,[ ]*$/.test(gap) ? gap.slice(1) : tight ? '' : ' ';
  const indent = multiline ? opening.slice(opening.lastIndexOf('\n') + 1) : '';
  const closing = text.slice(startOfLine(text, endOf(map) - 1), endOf(map) - 1);
  const step =
    multiline && closing.trim() === '' && indent.startsWith(closing) && indent.length > closing.length
      ? indent.slice(closing.length)
      : '  ';
  return { quote, colon: tight ? ':' : ': ', itemGap, step, eol: multiline ? lineEnding(text) : '' };
}

function flowEntry(key: string, value: SplicedValue, style: FlowStyle, indent: string): string {
  const name = writeString(key, style.quote);
  if (typeof value !== 'object') {
    return `${name}${style.colon}${writeLeaf(value, style.quote)}`;
  }
  const inner = `${writeString(value.key, style.quote)}${style.colon}${writeLeaf(value.value, style.quote)}`;
  const map = style.eol === '' ? `{${inner}}` : `{${style.eol}${indent}${style.step}${inner}${style.eol}${indent}}`;
  return `${name}${style.colon}${map}`;
}

function replaceValue(text: string, map: YamlBlock, pair: YamlPair, value: SplicedValue): string {
  const node = pair.value;
  if (node === null || (isScalar(node) && startOf(node) === endOf(node))) {
    return fillEmptyValue(text, map, pair, value);
  }
  if (!isScalar(node) && !isAlias(node)) {
    throw new SpliceError('there is a map or list where a single value is expected');
  }
  const start = startOf(node);
  const end = endOf(node);
  if (typeof value === 'object') {
    const style = flowStyle(text, map);
    const inner = `${writeString(value.key, style.quote)}${style.colon}${writeLeaf(value.value, style.quote)}`;
    return `${text.slice(0, start)}{${inner}}${text.slice(end)}`;
  }
  const type = isScalar(node) ? node.type : 'PLAIN';
  const json = isJson(text);
  const written = writeLeaf(
    value,
    json || type === 'QUOTE_DOUBLE' ? 'QUOTE_DOUBLE' : type === 'QUOTE_SINGLE' ? 'QUOTE_SINGLE' : 'PLAIN',
  );
  // The range of a block scalar ends behind its last line break.
  const tail = text.slice(start, end).endsWith('\n') ? lineEnding(text) : '';
  return text.slice(0, start) + written + tail + text.slice(end);
}

function fillEmptyValue(text: string, map: YamlBlock, pair: YamlPair, value: SplicedValue): string {
  const colon = colonOf(pair);
  const at = colon ?? endOf(pair.key);
  const gap = colon === undefined ? ': ' : ' ';
  if (typeof value !== 'object') {
    const style = map.flow === true ? flowStyle(text, map).quote : 'PLAIN';
    return `${text.slice(0, at)}${gap}${writeLeaf(value, style)}${text.slice(at)}`;
  }
  if (map.flow === true) {
    const style = flowStyle(text, map);
    const inner = `${writeString(value.key, style.quote)}${style.colon}${writeLeaf(value.value, style.quote)}`;
    return `${text.slice(0, at)}${gap}{${inner}}${text.slice(at)}`;
  }
  const indent = indentOf(text, map);
  const eol = lineEnding(text);
  const line = `${indent}${stepOf(text, map, indent)}${writeString(value.key, 'PLAIN')}: ${writeLeaf(value.value, 'PLAIN')}`;
  const next = endOfLine(text, at);
  return text[next - 1] === '\n' ? `${text.slice(0, next)}${line}${eol}${text.slice(next)}` : `${text}${eol}${line}`;
}

function removeFromFlow(text: string, map: YamlBlock, index: number): string {
  const pair = map.items[index];
  const next = map.items[index + 1];
  const previous = map.items[index - 1];
  if (pair === undefined) {
    return text;
  }
  if (next !== undefined) {
    return text.slice(0, startOf(pair.key)) + text.slice(startOf(next.key));
  }
  if (previous !== undefined) {
    return text.slice(0, endOfPair(previous)) + text.slice(endOfPair(pair));
  }
  return text.slice(0, startOf(map) + 1) + text.slice(endOf(map) - 1);
}

/** Behind the last entry: the position after a comma that JSON would forbid and YAML allows. */
function trailingComma(text: string, from: number, to: number): number | undefined {
  const tail = text.slice(from, to).replace(/#[^\n]*/g, (comment) => ' '.repeat(comment.length));
  const comma = tail.indexOf(',');
  return comma === -1 ? undefined : from + comma + 1;
}

function startOf(node: Node): number {
  const range = node.range;
  if (range === undefined || range === null) {
    throw new SpliceError('a node without a place');
  }
  return range[0];
}

function endOf(node: Node): number {
  const range = node.range;
  if (range === undefined || range === null) {
    throw new SpliceError('a node without a place');
  }
  return range[1];
}

/** Where the text of an entry ends. The range of a block collection runs on over comments that follow it. */
function endOfPair(pair: YamlPair): number {
  const value = pair.value;
  if (value !== null && !(isScalar(value) && startOf(value) === endOf(value))) {
    return endOfNode(value);
  }
  return colonOf(pair) ?? endOf(pair.key);
}

function endOfNode(node: Node): number {
  if (isMap(node) && node.flow !== true) {
    const last = (node as YamlBlock).items.at(-1);
    return last === undefined ? endOf(node) : endOfPair(last);
  }
  if (isSeq(node) && node.flow !== true) {
    const last = node.items.at(-1) as Node | null | undefined;
    return last === undefined || last === null ? endOf(node) : endOfNode(last);
  }
  return endOf(node);
}

/** The position behind the colon of an entry; `undefined` where it has none (`{a, b}`). */
function colonOf(pair: YamlPair): number | undefined {
  return pair instanceof PlacedPair ? pair.colon : undefined;
}

function startOfLine(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}

/** The position behind the line break of the line that `at` stands in, or of the one that ends right before `at`. */
function endOfLine(text: string, at: number): number {
  if (at > 0 && text[at - 1] === '\n') {
    return at;
  }
  const next = text.indexOf('\n', at);
  return next === -1 ? text.length : next + 1;
}

function lineEnding(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function indentOf(text: string, map: YamlBlock): string {
  const first = map.items[0];
  const at = first === undefined ? startOf(map) : startOf(first.key);
  const indent = text.slice(startOfLine(text, at), at);
  if (indent.trim() !== '') {
    throw new SpliceError('keys do not start their line');
  }
  // A byte order mark is no indentation.
  return indent.replace('\ufeff', '');
}

/** How much deeper this writer indents a nested map. */
function stepOf(text: string, map: YamlBlock, indent: string): string {
  for (const pair of map.items) {
    if (isMap(pair.value) && pair.value.flow !== true && pair.value.items.length > 0) {
      const inner = indentOf(text, pair.value as YamlBlock);
      if (inner.startsWith(indent) && inner.length > indent.length) {
        return inner.slice(indent.length);
      }
    }
  }
  return '  ';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const PLAIN_SAFE = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/;

function writeLeaf(value: Leaf, style: Scalar.Type): string {
  return typeof value === 'boolean' ? String(value) : writeString(value, style);
}

function writeString(value: string, style: Scalar.Type): string {
  if (style === 'QUOTE_SINGLE' && /^[\x20-\x7e]*$/.test(value)) {
    return `'${value.replaceAll("'", "''")}'`;
  }
  const plain = style !== 'QUOTE_DOUBLE' && PLAIN_SAFE.test(value) && resolvePlain(value) === value;
  return plain ? value : JSON.stringify(value);
}
