import { isBlank, isBlankOrEnd, isBreakOrEnd, isWord, YamlSyntaxError } from './cursor.ts';
import type { Cursor } from './cursor.ts';

/** `!!int` is handle `!!` and suffix `int`; `!<uri>` has no handle. In a `%TAG` line the suffix is the prefix. */
export interface TagParts {
  readonly handle: string;
  readonly suffix: string;
}

export type Directive =
  { readonly kind: 'version'; readonly version: string } | { readonly kind: 'tag'; readonly tag: TagParts };

export function scanTag(cursor: Cursor): TagParts {
  const start = cursor.offset;
  const tag = cursor.at(1) === '<' ? verbatimTag(cursor, start) : shortTag(cursor, start);
  if (!isBlankOrEnd(cursor.at())) {
    throw new YamlSyntaxError('did not find expected whitespace or line break behind a tag', start);
  }
  return tag;
}

function verbatimTag(cursor: Cursor, start: number): TagParts {
  cursor.take();
  cursor.take();
  const suffix = takeUri(cursor, start);
  if (suffix === '' || cursor.at() !== '>') {
    throw new YamlSyntaxError("did not find the expected '>' of a tag", start);
  }
  cursor.take();
  return { handle: '', suffix };
}

function shortTag(cursor: Cursor, start: number): TagParts {
  const handle = takeHandle(cursor);
  const uri = takeUri(cursor, start);
  if (handle.length > 1 && handle.endsWith('!')) {
    if (uri === '') {
      throw new YamlSyntaxError('did not find expected tag URI', start);
    }
    return { handle, suffix: uri };
  }
  const suffix = handle.slice(1) + uri;
  return suffix === '' ? { handle: '', suffix: '!' } : { handle: '!', suffix };
}

function takeHandle(cursor: Cursor): string {
  const handle = cursor.take() + cursor.takeAll(isWord);
  return cursor.at() === '!' ? handle + cursor.take() : handle;
}

function takeUri(cursor: Cursor, start: number): string {
  const uri = cursor.takeAll((character) => isWord(character) || ";/?:@&=+$,.!~*'()[]%".includes(character));
  try {
    return decodeURIComponent(uri);
  } catch {
    throw new YamlSyntaxError('did not find URI escaped octet in a tag', start);
  }
}

/** A line that starts with `%`; the cursor then stands behind it. */
export function scanDirective(cursor: Cursor): Directive {
  const start = cursor.offset;
  cursor.take();
  const name = cursor.takeAll(isWord);
  if (name === '' || !isBlankOrEnd(cursor.at())) {
    throw new YamlSyntaxError('could not find expected directive name behind %', start);
  }
  cursor.takeAll(isBlank);
  const directive = directiveOf(cursor, name, start);
  cursor.takeAll(isBlank);
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.at())) {
    throw new YamlSyntaxError('did not find expected comment or line break behind a directive', start);
  }
  return directive;
}

function directiveOf(cursor: Cursor, name: string, start: number): Directive {
  if (name === 'YAML') {
    const version = cursor.takeAll((character) => /^[\d.]$/.test(character));
    if (!/^\d{1,2}\.\d{1,2}$/.test(version)) {
      throw new YamlSyntaxError('did not find expected version number', start);
    }
    return { kind: 'version', version };
  }
  if (name === 'TAG') {
    return { kind: 'tag', tag: tagDirective(cursor, start) };
  }
  throw new YamlSyntaxError(`found unknown directive name ${name}`, start);
}

function tagDirective(cursor: Cursor, start: number): TagParts {
  const handle = cursor.at() === '!' ? takeHandle(cursor) : '';
  if (!/^!([\w-]*!)?$/.test(handle) || !isBlank(cursor.at())) {
    throw new YamlSyntaxError('did not find a tag handle behind %TAG', start);
  }
  cursor.takeAll(isBlank);
  const suffix = takeUri(cursor, start);
  if (suffix === '' || !isBlankOrEnd(cursor.at())) {
    throw new YamlSyntaxError('did not find the prefix behind %TAG', start);
  }
  return { handle, suffix };
}
