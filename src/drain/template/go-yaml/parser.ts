import { Alias, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Node, Range } from 'yaml';
import { YamlSyntaxError } from './cursor.ts';
import { DEEPEST, Scanner } from './scanner.ts';
import type { Token, TokenKind } from './scanner.ts';
import type { TagParts } from './tags.ts';

/**
 * The grammar of go-yaml v2 (github.com/yaml/go-yaml, branch v2), which `sigs.k8s.io/yaml` reads with. It departs from
 * YAML 1.1 and 1.2 alike: `?` ends a plain scalar in flow style, `{A: -}` is fine, a tab behind `- ` is not. Only the
 * first document is read, and what follows it only as far as go-yaml looks ahead. The nodes are those of the package
 * `yaml`, with their places, for edits.
 */
export interface FirstDocument {
  readonly root: Node | null;
  /** Something other than blanks and comments follows. */
  readonly more: boolean;
}

/** An entry of a map; `colon` is the position behind its colon, if it has one. */
export class PlacedPair extends Pair<Node, Node> {
  readonly colon: number | undefined;
  constructor(key: Node, value: Node, colon: number | undefined) {
    super(key, value);
    this.colon = colon;
  }
}

/** Throws `YamlSyntaxError` where go-yaml refuses the text. */
export function parseFirstDocument(text: string): FirstDocument {
  return new Parser(text).document();
}

const DEFAULT_TAGS: ReadonlyMap<string, string> = new Map([
  ['!', '!'],
  ['!!', 'tag:yaml.org,2002:'],
]);

interface Properties {
  readonly anchor?: string;
  readonly tag?: string;
  readonly end: number;
}

class Parser {
  private readonly scanner: Scanner;
  private tags: ReadonlyMap<string, string> = DEFAULT_TAGS;
  private depth = 0;

  constructor(text: string) {
    this.scanner = new Scanner(text);
  }

  document(): FirstDocument {
    const first = this.next();
    if (first === 'end') {
      return { root: null, more: false };
    }
    const hasDirectives = this.directives();
    if (this.next() === '---') {
      this.scanner.take();
    } else if (hasDirectives) {
      throw this.unexpected('did not find expected --- behind the directives');
    } else {
      return { root: this.node(true, false), more: this.more() };
    }
    const isEmpty = this.isNext('version', 'tag-directive', '---', '...', 'end');
    return { root: isEmpty ? null : this.node(true, false), more: this.more() };
  }

  private more(): boolean {
    return this.next() === '...' ? false : this.next() !== 'end';
  }

  private next(): TokenKind {
    return this.scanner.peek().kind;
  }

  private isNext(...kinds: readonly TokenKind[]): boolean {
    return kinds.includes(this.next());
  }

  private unexpected(message: string): YamlSyntaxError {
    return new YamlSyntaxError(message, this.scanner.peek().start);
  }

  private directives(): boolean {
    const tags = new Map<string, string>();
    let version: string | undefined;
    while (this.isNext('version', 'tag-directive')) {
      const token = this.scanner.take();
      if (token.tag !== undefined) {
        if (tags.has(token.tag.handle)) {
          throw new YamlSyntaxError('found duplicate %TAG directive', token.start);
        }
        tags.set(token.tag.handle, token.tag.suffix);
        continue;
      }
      if (version !== undefined) {
        throw new YamlSyntaxError('found duplicate %YAML directive', token.start);
      }
      version = token.value;
      if (version !== '1.1') {
        throw new YamlSyntaxError('found incompatible YAML document: Istio reads YAML 1.1', token.start);
      }
    }
    this.tags = new Map([...DEFAULT_TAGS, ...tags]);
    return version !== undefined || tags.size > 0;
  }

  private node(block: boolean, listWithoutIndent: boolean): Node {
    this.depth += 1;
    if (this.depth > DEEPEST) {
      throw this.unexpected(`nested deeper than ${DEEPEST} levels`);
    }
    const node = this.nodeInside(block, listWithoutIndent);
    this.depth -= 1;
    return node;
  }

  private nodeInside(block: boolean, listWithoutIndent: boolean): Node {
    if (this.next() === 'alias') {
      const token = this.scanner.take();
      const alias = new Alias(token.value ?? '');
      alias.range = rangeOf(token.start, token.end);
      return alias;
    }
    const properties = this.properties();
    const node = this.content(block, listWithoutIndent);
    if (node === undefined && properties === undefined) {
      throw this.unexpected('did not find expected node content');
    }
    const result = node ?? emptyScalar(properties?.end ?? 0);
    if (properties?.anchor !== undefined) {
      result.anchor = properties.anchor;
    }
    if (properties?.tag !== undefined) {
      result.tag = properties.tag;
    }
    return result;
  }

  private properties(): Properties | undefined {
    const first = this.takeIf('anchor', 'tag');
    if (first === undefined) {
      return undefined;
    }
    const second = this.takeIf(first.kind === 'anchor' ? 'tag' : 'anchor');
    const anchor = first.kind === 'anchor' ? first : second;
    const tag = first.kind === 'tag' ? first : second;
    return {
      end: (second ?? first).end,
      ...(anchor?.value === undefined ? {} : { anchor: anchor.value }),
      ...(tag?.tag === undefined ? {} : { tag: this.tagName(tag.tag, tag.start) }),
    };
  }

  private tagName({ handle, suffix }: TagParts, at: number): string {
    if (handle === '') {
      return suffix;
    }
    const prefix = this.tags.get(handle);
    if (prefix === undefined) {
      throw new YamlSyntaxError(`found undefined tag handle ${handle}`, at);
    }
    return prefix + suffix;
  }

  private takeIf(...kinds: readonly TokenKind[]): Token | undefined {
    return this.isNext(...kinds) ? this.scanner.take() : undefined;
  }

  private content(block: boolean, listWithoutIndent: boolean): Scalar | YAMLMap | YAMLSeq | undefined {
    const token = this.scanner.peek();
    switch (token.kind) {
      case 'scalar':
        return scalarOf(this.scanner.take());
      case '[':
        return this.flowList();
      case '{':
        return this.flowMap();
      case '-':
        return listWithoutIndent ? this.blockList('?', ':', 'block-end') : undefined;
      case 'block-list':
        return block ? this.indentedList() : undefined;
      case 'block-map':
        return block ? this.blockMap() : undefined;
      default:
        return undefined;
    }
  }

  /** What stands behind an indicator; nothing where one of these tokens follows. */
  private nodeUnless(after: Token, block: boolean, listWithoutIndent: boolean, ...none: readonly TokenKind[]): Node {
    return this.isNext(...none) ? emptyScalar(after.end) : this.node(block, listWithoutIndent);
  }

  private indentedList(): YAMLSeq {
    this.scanner.take();
    const list = this.blockList('block-end');
    if (this.next() !== 'block-end') {
      throw this.unexpected("did not find expected '-' indicator");
    }
    this.scanner.take();
    return list;
  }

  private blockList(...ends: readonly TokenKind[]): YAMLSeq {
    const list = new YAMLSeq<Node>();
    const start = this.scanner.peek().start;
    while (this.next() === '-') {
      const dash = this.scanner.take();
      list.items.push(this.nodeUnless(dash, true, false, '-', ...ends));
    }
    return placed(list, start, this.scanner.peek().start);
  }

  private blockMap(): YAMLMap {
    const start = this.scanner.take().start;
    const map = new YAMLMap<Node, Node>();
    while (this.next() === '?') {
      const mark = this.scanner.take();
      const key = this.nodeUnless(mark, true, true, '?', ':', 'block-end');
      map.items.push(this.pair(key, true, '?', ':', 'block-end'));
    }
    if (this.next() !== 'block-end') {
      throw this.unexpected('did not find expected key');
    }
    this.scanner.take();
    return placed(map, start, this.scanner.peek().start);
  }

  private pair(key: Node, block: boolean, ...none: readonly TokenKind[]): PlacedPair {
    const colon = this.takeIf(':');
    if (colon === undefined) {
      return new PlacedPair(key, emptyScalar(endOf(key)), undefined);
    }
    return new PlacedPair(key, this.nodeUnless(colon, block, block, ...none), colon.end);
  }

  private flowList(): YAMLSeq {
    const start = this.scanner.take().start;
    const list = new YAMLSeq<Node>();
    list.flow = true;
    for (let first = true; this.next() !== ']'; first = false) {
      this.comma(first, ']');
      if (this.next() === ']') {
        break;
      }
      list.items.push(this.next() === '?' ? this.pairInList() : this.node(false, false));
    }
    return placed(list, start, this.scanner.take().end);
  }

  private comma(first: boolean, close: ']' | '}'): void {
    if (!first && this.takeIf(',') === undefined) {
      throw this.unexpected(
        `did not find expected ',' or '${close}' in ${close === '}' ? 'a map in braces' : 'a list in brackets'}`,
      );
    }
  }

  private pairInList(): YAMLMap {
    const mark = this.scanner.take();
    const map = new YAMLMap<Node, Node>();
    map.flow = true;
    if (this.isNext(':', ',', ']')) {
      // go-yaml drops the token that stands in the key's place, so that `[? : a]` has no colon.
      const dropped = this.scanner.take();
      map.items.push(this.pair(emptyScalar(dropped.end), false, ',', ']'));
    } else {
      map.items.push(this.pair(this.node(false, false), false, ',', ']'));
    }
    return placed(map, mark.start, this.scanner.peek().start);
  }

  private flowMap(): YAMLMap {
    const start = this.scanner.take().start;
    const map = new YAMLMap<Node, Node>();
    map.flow = true;
    for (let first = true; this.next() !== '}'; first = false) {
      this.comma(first, '}');
      if (this.next() === '}') {
        break;
      }
      map.items.push(this.flowPair());
    }
    return placed(map, start, this.scanner.take().end);
  }

  private flowPair(): PlacedPair {
    const mark = this.takeIf('?');
    if (mark !== undefined) {
      return this.pair(this.nodeUnless(mark, false, false, ':', ',', '}'), false, ',', '}');
    }
    // Without a `?` token (of its own, or put before a possible key) it has no value: a colon is then unexpected.
    const key = this.node(false, false);
    return new PlacedPair(key, emptyScalar(endOf(key)), undefined);
  }
}

function rangeOf(start: number, end: number): Range {
  return [start, end, end];
}

function placed<T extends YAMLMap | YAMLSeq>(node: T, start: number, end: number): T {
  node.range = rangeOf(start, end);
  return node;
}

function emptyScalar(at: number): Scalar {
  const scalar = new Scalar('');
  scalar.type = 'PLAIN';
  scalar.range = rangeOf(at, at);
  return scalar;
}

function scalarOf(token: Token): Scalar {
  const scalar = new Scalar(token.value ?? '');
  scalar.type = token.type ?? 'PLAIN';
  scalar.range = rangeOf(token.start, token.end);
  return scalar;
}

function endOf(node: Node): number {
  return node.range?.[1] ?? 0;
}
