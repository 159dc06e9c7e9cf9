import { COLLECTION_STYLE, EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import type { Event, ScalarEvent } from 'js-yaml';
import { resolvePlain } from '../../../drain/template/istio-yaml.ts';
import { detached } from './lexical.ts';
import { lineOf, type DuplicateKey, type Position, type ReadDocument, type Remark } from './positions.ts';

/** What is wrong with a document, at a line of its file. */
export interface YamlProblem {
  readonly message: string;
  readonly line: number;
}

export type Reading =
  { readonly ok: true; readonly document: ReadDocument } | { readonly ok: false; readonly problem: YamlProblem };

/**
 * More values than this, counted as if every alias were written out, is an attack or a mistake: a few hundred bytes of
 * nested aliases can stand for billions.
 */
export const EXPANSION_LIMIT = 1_000_000;
const DEPTH_LIMIT = 1000;

/**
 * Reads a document with the types that Kubernetes' own reader gives (go-yaml, YAML 1.1), and the line of every key.
 * `firstLine` is the line at which `text` starts in its file.
 */
export function readYaml(text: string, firstLine: number): Reading {
  try {
    const { source, events } = parsed(text);
    const builder = new Builder(source, firstLine, events);
    return { ok: true, document: builder.document() };
  } catch (error) {
    if (error instanceof YAMLException) {
      return { ok: false, problem: { message: error.reason, line: firstLine + (error.mark?.line ?? 0) } };
    }
    if (error instanceof CannotBuild) {
      return { ok: false, problem: { message: error.message, line: error.line } };
    }
    if (error instanceof RangeError) {
      return { ok: false, problem: { message: 'nested too deeply to be read', line: firstLine } };
    }
    throw error;
  }
}

/** So many lines of quoted text and of flow collections may stand further left than YAML wants them. */
const REPAIR_LIMIT = 200;
const WIDE = ' '.repeat(200);

/**
 * The specification wants quoted text and flow collections to stay to the right of their key, and js-yaml takes no tab before
 * one; go-yaml does not care. Blanks there mean nothing, so they are made what the parser takes, and no line changes its number.
 */
function parsed(text: string): { readonly source: string; readonly events: readonly Event[] } {
  let source = text;
  for (let repairs = 0; ; repairs++) {
    try {
      return { source, events: parseEvents(source, { maxDepth: DEPTH_LIMIT }) };
    } catch (error) {
      const isIndentation = error instanceof YAMLException && error.reason === 'deficient indentation';
      const repaired = isIndentation && repairs < REPAIR_LIMIT ? withBlanks(source, error.mark) : undefined;
      if (repaired === undefined) {
        throw error;
      }
      source = repaired;
    }
  }
}

function withBlanks(source: string, mark: YAMLException['mark']): string | undefined {
  const lines = source.split('\n');
  const line = mark === undefined ? undefined : lines[mark.line];
  if (mark === undefined || line === undefined) {
    return undefined;
  }
  const before = line.slice(0, mark.column);
  const tabs = /[ \t]*\t[ \t]*[[{]?$/.exec(before)?.[0];
  if (before.trim() !== '' && tabs === undefined) {
    return undefined;
  }
  const head =
    before.trim() === ''
      ? WIDE
      : before.slice(0, before.length - (tabs?.length ?? 0)) + (tabs?.replaceAll('\t', ' ') ?? '');
  lines[mark.line] = head + line.slice(mark.column);
  return lines.join('\n');
}

class CannotBuild extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

interface Built {
  readonly value: unknown;
  readonly position: Position;
  /** How many values there would be with every alias written out. */
  readonly size: number;
}

const NOTHING = -1;
const STRING_TAGS = new Set(['!', '!!str', '!<tag:yaml.org,2002:str>']);

class Builder {
  private readonly text: string;
  private readonly events: readonly Event[];
  private readonly anchors = new Map<string, Built | 'open'>();
  private readonly duplicates: DuplicateKey[] = [];
  private readonly remarks: Remark[] = [];
  private at = 0;
  private offset = 0;
  private line: number;
  private lines: readonly string[] | undefined;
  private readonly firstLine: number;
  private flow = 0;

  constructor(text: string, firstLine: number, events: readonly Event[]) {
    this.text = text;
    this.line = firstLine;
    this.firstLine = firstLine;
    this.events = events;
  }

  document(): ReadDocument {
    const first = this.events[0];
    if (first?.type !== EVENT_ID.DOCUMENT) {
      return { value: null, position: this.line, duplicates: [], remarks: [] };
    }
    this.at = 1;
    const line = this.lineOf(this.events[1]) ?? this.line;
    const { value, position } = this.node(line);
    return { value, position, duplicates: this.duplicates, remarks: this.remarks };
  }

  /** The line at an offset; offsets only grow. */
  private lineAt(offset: number): number {
    let next = this.text.indexOf('\n', this.offset);
    while (next !== -1 && next < offset) {
      this.line++;
      this.offset = next + 1;
      next = this.text.indexOf('\n', this.offset);
    }
    return this.line;
  }

  /** The line of the first of these offsets; an empty scalar has none. */
  private lineFrom(anchor: number, tag: number, start: number): number | undefined {
    const first = anchor === NOTHING ? tag : tag === NOTHING ? anchor : Math.min(anchor, tag);
    const offset = first === NOTHING ? start : first;
    return offset === NOTHING ? undefined : this.lineAt(offset);
  }

  private lineOf(event: Event | undefined): number | undefined {
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return this.lineFrom(event.anchorStart, event.tagStart, startOf(event));
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE:
        return this.lineFrom(event.anchorStart, event.tagStart, event.start);
      case EVENT_ID.ALIAS:
        return this.lineAt(event.anchorStart);
      default:
        return undefined;
    }
  }

  /** `line` is that of the key or the dash that the node stands behind. */
  private node(line: number): Built {
    const event = this.events[this.at++];
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return this.kept(event, { value: this.scalar(event, line), position: line, size: 1 }, line);
      case EVENT_ID.MAPPING:
        this.open(event);
        return this.kept(event, this.map(line, event.style), line);
      case EVENT_ID.SEQUENCE:
        this.open(event);
        return this.kept(event, this.list(line, event.style), line);
      case EVENT_ID.ALIAS: {
        const name = this.text.slice(event.anchorStart, event.anchorEnd);
        const known = this.anchors.get(name);
        if (known === undefined || known === 'open') {
          throw new CannotBuild(
            known === undefined ? `unknown anchor ${name}` : `anchor ${name} contains itself`,
            line,
          );
        }
        return known;
      }
      default:
        this.at--;
        return { value: null, position: line, size: 1 };
    }
  }

  private open({ anchorStart, anchorEnd }: { readonly anchorStart: number; readonly anchorEnd: number }): void {
    if (anchorStart !== NOTHING) {
      this.anchors.set(this.text.slice(anchorStart, anchorEnd), 'open');
    }
  }

  private kept(
    { anchorStart, anchorEnd }: { readonly anchorStart: number; readonly anchorEnd: number },
    built: Built,
    line: number,
  ): Built {
    if (built.size > EXPANSION_LIMIT) {
      throw new CannotBuild(`aliases stand for more than ${EXPANSION_LIMIT} values: an alias bomb, or a mistake`, line);
    }
    if (anchorStart !== NOTHING) {
      this.anchors.set(this.text.slice(anchorStart, anchorEnd), built);
    }
    return built;
  }

  private isEnd(): boolean {
    return this.events[this.at]?.type === EVENT_ID.POP;
  }

  private map(line: number, style: unknown): Built {
    const value: Record<string, unknown> = {};
    const keys = new Map<string, Position>();
    const merged = new Set<string>();
    let size = 1;
    this.flow += style === COLLECTION_STYLE.FLOW ? 1 : 0;
    while (!this.isEnd()) {
      const event = this.events[this.at];
      const keyLine = this.lineOf(event) ?? line;
      if (this.isMergeKey(event)) {
        this.at++;
        size += this.merge(value, keys, merged, keyLine);
        continue;
      }
      const key = this.key(event, keyLine);
      const known = keys.get(key);
      if (known !== undefined && !merged.delete(key)) {
        this.duplicates.push({ key, line: keyLine, firstLine: typeof known === 'number' ? known : known.line });
      }
      const child = this.node(keyLine);
      size += child.size;
      setOwn(value, key, child.value);
      keys.set(key, typeof child.position === 'number' ? keyLine : { ...child.position, line: keyLine });
    }
    this.flow -= style === COLLECTION_STYLE.FLOW ? 1 : 0;
    this.at++;
    return { value, position: { line, keys }, size };
  }

  private isMergeKey(event: Event | undefined): boolean {
    return (
      event?.type === EVENT_ID.SCALAR &&
      event.style === SCALAR_STYLE.PLAIN &&
      event.valueEnd - event.valueStart === 2 &&
      this.text.startsWith('<<', event.valueStart)
    );
  }

  /**
   * kubectl and helm read with sigs.k8s.io/yaml, where what is merged wins over what stands before it; for kustomize and
   * most other readers the explicit key wins in any order (kubectl 1.32 and 1.36, kustomize 5.8).
   */
  private merge(
    target: Record<string, unknown>,
    keys: Map<string, Position>,
    merged: Set<string>,
    line: number,
  ): number {
    const { value: source, size } = this.node(line);
    const sources: readonly unknown[] = Array.isArray(source)
      ? [...(source as readonly unknown[])].reverse()
      : [source];
    for (const one of sources) {
      if (typeof one !== 'object' || one === null || Array.isArray(one)) {
        throw new CannotBuild('a merge key (<<) needs a map', line);
      }
      for (const [key, child] of Object.entries(one)) {
        if (keys.has(key) && !merged.has(key) && JSON.stringify(target[key]) !== JSON.stringify(child)) {
          this.remarks.push({
            line,
            message: `the merge key (<<) comes after ${key}: kubectl and helm take the merged value, kustomize and others the one of ${key}; write << first`,
          });
        }
        setOwn(target, key, child);
        keys.set(key, line);
        merged.add(key);
      }
    }
    return size;
  }

  private list(line: number, style: unknown): Built {
    const value: unknown[] = [];
    const items: Position[] = [];
    let size = 1;
    this.flow += style === COLLECTION_STYLE.FLOW ? 1 : 0;
    while (!this.isEnd()) {
      const event = this.events[this.at];
      const itemLine = this.lineOf(event) ?? this.lineOfEmptyItem(items.at(-1), line) ?? line;
      const child = this.node(itemLine);
      size += child.size;
      value.push(child.value);
      items.push(event?.type === EVENT_ID.ALIAS ? itemLine : child.position);
    }
    this.flow -= style === COLLECTION_STYLE.FLOW ? 1 : 0;
    this.at++;
    return { value, position: { line, items }, size };
  }

  /**
   * An empty item has no place in the events: its dash is the next one that stands alone. That of a first item can stand in
   * the line of the list itself (`- -`), which then holds nothing but dashes.
   */
  private lineOfEmptyItem(previous: Position | undefined, listLine: number): number | undefined {
    this.lines ??= this.text.split('\n');
    const after = previous === undefined ? listLine - 1 : lineOf(previous);
    const from = Math.max(previous === undefined ? this.line - 1 : this.line, after) - this.firstLine + 1;
    const alone = previous === undefined ? /^[\s-]*-\s*(#.*)?$/ : /(^|\s)-\s*(#.*)?$/;
    const index = this.lines.findIndex((text, at) => at >= from && alone.test(text));
    return index === -1 ? undefined : index + this.firstLine;
  }

  private key(event: Event | undefined, line: number): string {
    if (event?.type === EVENT_ID.SCALAR) {
      this.at++;
      this.kept(event, { value: getScalarValue(this.text, event), position: line, size: 1 }, line);
      return detached(getScalarValue(this.text, event));
    }
    const { value } = this.node(line);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return `${value}`;
    }
    throw new CannotBuild('a key must be a scalar', line);
  }

  private scalar(event: ScalarEvent, line: number): unknown {
    const text = getScalarValue(this.text, event);
    const tag = event.tagStart === NOTHING ? '' : this.text.slice(event.tagStart, event.tagEnd);
    if (STRING_TAGS.has(tag) || (tag === '' && event.style !== SCALAR_STYLE.PLAIN)) {
      return detached(text);
    }
    if (this.flow > 0 && event.style === SCALAR_STYLE.PLAIN && text.includes('?')) {
      this.remarks.push({
        line,
        message: `kubectl refuses the ? in ${text}: inside of [] and {} it must be in quotes`,
      });
    }
    const value = resolvePlain(text);
    if (typeof value === 'string') {
      return detached(value);
    }
    return typeof value === 'number' && !Number.isFinite(value) ? text : value;
  }
}

/** A block scalar starts in the line of its header, which ends before its text. */
function startOf({ style, valueStart }: ScalarEvent): number {
  const isBlock = style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
  return isBlock && valueStart > 0 ? valueStart - 1 : valueStart;
}

/** A key such as `__proto__` is a key like any other. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
    return;
  }
  target[key] = value;
}
