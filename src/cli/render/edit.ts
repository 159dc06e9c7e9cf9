import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isMergeKey } from '../../drain/template/istio-yaml.ts';
import { blanksBefore, eolOf, flowPair, flowStyleOf, flowStyleOfItems, flowText } from './flow.ts';
import { blockText, plainOrQuoted } from './scalars.ts';

/** A value to put at a path of an object; containers are chosen by name: `['containers', {name: 'istio-proxy'}]`. */
export interface FieldEdit {
  readonly path: readonly PathStep[];
  readonly value: EditValue;
}
export type PathStep = string | { readonly name: string };
export type EditValue = string | number | boolean | readonly EditValue[] | { readonly [key: string]: EditValue };

/** The text cannot be edited where it stands; the message says why. */
export class CannotEdit extends Error {}

interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

type Block = YAMLMap<Node, Node | null>;

/**
 * Puts values into one object of a document and leaves every other byte alone: comments, order, quotes, line endings.
 * `objectPath` leads to the object, for example `['items', 2]` in a List. Anchors are not followed: what they hold may
 * be used elsewhere.
 */
export function editDocument(
  text: string,
  objectPath: readonly (string | number)[],
  edits: readonly FieldEdit[],
): string {
  // One edit after the other: each sees the text that the one before has left.
  return edits.reduce((current, edit) => applyOne(current, objectPath, edit), text);
}

/** Appends an entry to a list at the root of a document, which is made at the end where it is missing. */
export function appendEntry(text: string, key: string, value: EditValue): string {
  const root = objectAt(documentOf(text), []);
  const list = usable(pairOf(root, key)?.value ?? null, key);
  const eol = eolOf(text);
  if (isSeq(list) && list.items.length > 0) {
    const { from, to, text: inserted } = appendItem(text, list as YAMLSeq<Node>, value);
    return text.slice(0, from) + inserted + text.slice(to);
  }
  if (pairOf(root, key) !== undefined) {
    return applyOne(text, [], { path: [key], value: [value] });
  }
  if (root.flow === true) {
    return applyOne(text, [], { path: [key], value: [value] });
  }
  const end = text === '' || text.endsWith('\n') ? text : `${text}${eol}`;
  return `${end}${pairLines(key, [value], '').join(eol)}${eol}`;
}

function documentOf(text: string): Document {
  return parseDocument(text, {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    prettyErrors: false,
    keepSourceTokens: true,
    logLevel: 'silent',
  });
}

function applyOne(text: string, objectPath: readonly (string | number)[], edit: FieldEdit): string {
  const document = documentOf(text);
  const object = objectAt(document, objectPath);
  const splice = spliceFor(text, object, edit.path, edit.value);
  return splice === undefined ? text : text.slice(0, splice.from) + splice.text + text.slice(splice.to);
}

function objectAt(document: Document, path: readonly (string | number)[]): Block {
  let node: Node | null = document.contents;
  for (const step of path) {
    const next: unknown =
      typeof step === 'number'
        ? isSeq(node)
          ? node.items[step]
          : undefined
        : isMap(node)
          ? pairOf(node as Block, step)?.value
          : undefined;
    node = usable((next ?? null) as Node | null, String(step));
  }
  if (!isMap(node)) {
    throw new CannotEdit('it is not a map');
  }
  return node as Block;
}

function usable(node: Node | null, where: string): Node | null {
  if (isAlias(node) || (node as { anchor?: string } | null)?.anchor !== undefined) {
    throw new CannotEdit(`${where} is shared through a YAML anchor`);
  }
  return node;
}

function pairOf(map: Block, key: string): Pair<Node, Node | null> | undefined {
  return map.items.findLast((pair) => isScalar(pair.key) && pair.key.value === key);
}

/** Walks down as far as the text goes, and writes the rest there. */
function spliceFor(text: string, root: Block, path: readonly PathStep[], value: EditValue): Splice | undefined {
  let map = root;
  for (const [index, step] of path.entries()) {
    const rest = path.slice(index + 1);
    if (typeof step !== 'string') {
      throw new CannotEdit('a list must be named by its key');
    }
    if (map.items.some((pair) => isMergeKey(pair.key)) && pairOf(map, step) === undefined) {
      throw new CannotEdit(`${step} may come from a merge key (<<)`);
    }
    const pair = pairOf(map, step);
    const node = usable(pair?.value ?? null, step);
    if (pair === undefined) {
      return insertPair(text, map, step, nest(rest, value));
    }
    if (rest.length === 0 || node === null || (isScalar(node) && node.value === '') || isEmpty(node)) {
      return replaceValue(text, map, pair, nest(rest, value));
    }
    const [next, ...beyond] = rest;
    if (typeof next === 'object') {
      const list = node;
      if (!isSeq(list)) {
        throw new CannotEdit(`${step} is not a list`);
      }
      const item = (list.items as Node[]).find(
        (each) => isMap(each) && textOf(pairOf(each as Block, 'name')?.value) === next.name,
      );
      if (item === undefined) {
        return appendItem(text, list as YAMLSeq<Node>, {
          name: next.name,
          ...(nest(beyond, value) as Record<string, EditValue>),
        });
      }
      return spliceFor(text, usable(item, next.name) as Block, beyond, value);
    }
    if (!isMap(node)) {
      throw new CannotEdit(`${step} is not a map`);
    }
    map = node as Block;
  }
  return undefined;
}

function isEmpty(node: Node): boolean {
  return (isMap(node) || isSeq(node)) && node.items.length === 0;
}

function textOf(node: Node | null | undefined): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}

/** The value with what has to stand around it. */
function nest(path: readonly PathStep[], value: EditValue): EditValue {
  return path.reduceRight<EditValue>(
    (inner, step) =>
      typeof step === 'string' ? { [step]: inner } : [{ name: step.name, ...(inner as Record<string, EditValue>) }],
    value,
  );
}

function insertPair(text: string, map: Block, key: string, value: EditValue): Splice {
  if (map.flow === true) {
    return insertIntoFlow(text, map, key, value);
  }
  const eol = eolOf(text);
  const indent = indentOf(text, map);
  const lines = pairLines(key, value, indent).join(eol);
  const [first, second] = map.items;
  // Before the first key that has a line to itself: behind a dash there is no room above.
  for (const pair of [first, second]) {
    const start = startOf(pair?.key);
    const lineStart = text.lastIndexOf('\n', start - 1) + 1;
    if (pair !== undefined && text.slice(lineStart, start).trim() === '') {
      return { from: lineStart, to: lineStart, text: `${lines}${eol}` };
    }
  }
  const end = endOfLine(text, endOf(first));
  const gap = end > 0 && text[end - 1] === '\n' ? '' : eol;
  return { from: end, to: end, text: `${gap}${lines}${gap === '' ? eol : ''}` };
}

function insertIntoFlow(text: string, map: Block, key: string, value: EditValue): Splice {
  const open = map.range?.[0] ?? 0;
  const entry = flowPair(key, value, flowStyleOf(text, map));
  const first = map.items[0];
  if (first === undefined) {
    return { from: open + 1, to: open + 1, text: entry };
  }
  // The blanks or line break before the first entry stay before it, and come before ours too.
  const space = text.slice(open + 1, startOf(first.key));
  return {
    from: open + 1,
    to: open + 1,
    text: space !== '' && space.trim() === '' ? `${space}${entry},` : `${entry}, `,
  };
}

function replaceValue(text: string, map: Block, pair: Pair<Node, Node | null>, value: EditValue): Splice {
  const eol = eolOf(text);
  const node = pair.value;
  const keyEnd = pair.key.range?.[1] ?? 0;
  const colon = text.indexOf(':', keyEnd);
  const isNothing = node === null || (isScalar(node) && node.value === '' && node.type === 'PLAIN');
  const from = isNothing ? colon + 1 : startOf(node);
  const end = isNothing ? colon + 1 : (node.range?.[1] ?? from);
  const to = typeof value === 'object' && !isNothing ? from + text.slice(from, end).trimEnd().length : end;
  if (map.flow === true) {
    return { from, to, text: `${isNothing ? ' ' : ''}${flowText(value, flowStyleOf(text, map))}` };
  }
  const indent = indentOf(text, map);
  if (typeof value === 'object') {
    // A comment behind the old value stays on the line of the key: inside a block scalar it would become text.
    const lineEnd = endOfContent(text, to);
    const comment = text.slice(to, lineEnd).trimEnd();
    return { from: colon + 1, to: lineEnd, text: `${comment}${eol}${valueLines(value, `${indent}  `).join(eol)}` };
  }
  const written = scalarText(value, indent, isScalar(node) ? node : undefined, eol);
  // A block scalar ends with its own line break, and the blank lines behind it are not ours.
  const old = text.slice(from, to);
  const wasBlock = old.endsWith('\n');
  const tail = wasBlock ? (/(?:\r?\n)+$/.exec(old)?.[0] ?? '') : '';
  return { from, to, text: `${isNothing ? ' ' : ''}${written}${tail}` };
}

function appendItem(text: string, list: YAMLSeq<Node>, value: EditValue): Splice {
  if (list.flow === true) {
    return appendToFlow(text, list, value);
  }
  const eol = eolOf(text);
  const first = list.items[0];
  const start = startOf(first);
  const dash = text.lastIndexOf('-', start);
  const lineStart = text.lastIndexOf('\n', dash) + 1;
  const indent = text.slice(lineStart, dash);
  const gap = text.slice(dash + 1, start);
  const inner = `${indent} ${gap.includes('\n') ? ' ' : gap}`;
  const lines = valueLines(value, inner);
  lines[0] = `${indent}-${gap.includes('\n') ? ' ' : gap}${(lines[0] ?? '').trimStart()}`;
  const end = endOfLine(text, endOfNode(list.items.at(-1)));
  const closed = end === 0 || text[end - 1] === '\n';
  return { from: end, to: end, text: closed ? `${lines.join(eol)}${eol}` : `${eol}${lines.join(eol)}` };
}

/** To a list that has items. */
function appendToFlow(text: string, list: YAMLSeq<Node>, value: EditValue): Splice {
  const close = (list.range?.[1] ?? 1) - 1;
  const last = list.items.at(-1);
  const style = flowStyleOfItems(text, list.items, startOf(list));
  const end = endOfNode(last);
  const comma = /^\s*,/.exec(text.slice(end, close))?.[0] ?? '';
  const blanks = blanksBefore(text, startOf(last));
  const item = `${blanks === undefined ? ' ' : `${style.eol}${blanks}`}${flowText(value, style)}`;
  const at = end + comma.length;
  return { from: at, to: at, text: comma === '' ? `,${item}` : `${item},` };
}

function pairLines(key: string, value: EditValue, indent: string): string[] {
  const head = `${indent}${plainOrQuoted(key)}:`;
  if (typeof value === 'object') {
    return [head, ...valueLines(value, `${indent}  `)];
  }
  return `${head} ${scalarText(value, indent, undefined, '\n')}`.split('\n');
}

/** A map or list in block style. */
function valueLines(value: EditValue, indent: string): string[] {
  if (Array.isArray(value)) {
    return (value as readonly EditValue[]).flatMap((item) => {
      const lines =
        typeof item === 'object'
          ? valueLines(item, `${indent}  `)
          : [`${indent}  ${scalarText(item, indent, undefined, '\n')}`];
      return [`${indent}- ${(lines[0] ?? '').trimStart()}`, ...lines.slice(1)].flatMap((line) => line.split('\n'));
    });
  }
  return Object.entries(value as Record<string, EditValue>).flatMap(([key, child]) => pairLines(key, child, indent));
}

/** A scalar as it stands behind its key; text of several lines becomes a block scalar. */
function scalarText(
  value: string | number | boolean,
  indent: string,
  present: Scalar | undefined,
  eol: string,
): string {
  if (typeof value !== 'string') {
    return String(value);
  }
  const quoted = present?.type === 'QUOTE_DOUBLE' || present?.type === 'QUOTE_SINGLE';
  const block = quoted ? undefined : blockText(value, indent);
  return block === undefined ? (quoted ? JSON.stringify(value) : plainOrQuoted(value)) : block.join(eol);
}

function indentOf(text: string, map: Block): string {
  const start = startOf(map.items[0]?.key);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  return ' '.repeat(start - lineStart);
}

function startOf(node: Node | null | undefined): number {
  return node?.range?.[0] ?? 0;
}

function endOf(pair: Pair<Node, Node | null> | undefined): number {
  return endOfNode(pair?.value ?? pair?.key);
}

function endOfNode(node: Node | null | undefined): number {
  return node?.range?.[1] ?? 0;
}

/** Before the line break of the line that `at` stands in. */
function endOfContent(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  const before = end === -1 ? text.length : end;
  return before > at && text[before - 1] === '\r' ? before - 1 : before;
}

/** Behind the line break of the line that `at` stands in; a node that ends with a line break is there already. */
function endOfLine(text: string, at: number): number {
  if (at > 0 && text[at - 1] === '\n') {
    return at;
  }
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}
