import { isDeepStrictEqual } from 'node:util';
import { splitDocuments } from '../input/split.ts';
import { readYaml } from '../input/yaml/read.ts';
import { lineOf, positionAt, type Position } from '../input/yaml/positions.ts';
import { CannotEdit, editDocument, type EditValue, type FieldEdit, type PathStep } from './edit.ts';

/** The edits of one object of a file, which is found by the line at which it stands. */
export interface ObjectEdits {
  readonly line: number;
  readonly edits: readonly FieldEdit[];
  /** How it is called in messages. */
  readonly name: string;
}

export interface EditedText {
  readonly text: string;
  /** Objects that could not be edited, with the reason. */
  readonly refused: readonly { readonly name: string; readonly line: number; readonly why: string }[];
}

/** Edits objects of a file. Every edit is proved: read again, the file says what it said, and the new values. */
export function editText(text: string, objects: readonly ObjectEdits[]): EditedText {
  const refused: { name: string; line: number; why: string }[] = [];
  let out = '';
  let copied = 0;
  for (const chunk of splitDocuments(text)) {
    const written = text.slice(chunk.from, chunk.to);
    const lines = written.split('\n').length;
    const here = objects.filter((object) => object.line >= chunk.line && object.line < chunk.line + lines);
    if (here.length === 0) {
      continue;
    }
    let edited = written;
    for (const object of here) {
      try {
        edited = editObject(edited, written, chunk.line, object);
      } catch (error) {
        if (!(error instanceof CannotEdit)) {
          throw error;
        }
        refused.push({ name: object.name, line: object.line, why: error.message });
      }
    }
    out += text.slice(copied, chunk.from) + edited;
    copied = chunk.to;
  }
  return { text: out + text.slice(copied), refused };
}

function editObject(text: string, original: string, firstLine: number, { line, edits }: ObjectEdits): string {
  // Lines move while the objects of a list are edited one after the other: the path is found in the original.
  const before = readYaml(original, firstLine);
  const path = before.ok ? pathOfLine(before.document.value, before.document.position, line) : undefined;
  const current = readYaml(text, firstLine);
  if (path === undefined || !current.ok) {
    throw new CannotEdit('it was not found again in its file');
  }
  const edited = editDocument(text, path, edits);
  const after = readYaml(edited, firstLine);
  const wanted = edits.reduce(
    (value, edit) => withValue(value, [...path, ...edit.path], edit.value),
    current.document.value,
  );
  if (!after.ok || !isDeepStrictEqual(after.document.value, wanted)) {
    throw new CannotEdit('its YAML is written in a way in which the change cannot be made safely');
  }
  return edited;
}

function pathOfLine(value: unknown, position: Position, line: number): (string | number)[] | undefined {
  const items = (value as { items?: unknown } | null)?.items;
  if (Array.isArray(items)) {
    for (const [index, item] of items.entries()) {
      const place = positionAt(position, ['items', index]);
      const inner = place === undefined ? undefined : pathOfLine(item, place, line);
      if (inner !== undefined) {
        return ['items', index, ...inner];
      }
    }
  }
  return lineOf(position) === line ? [] : undefined;
}

/** A copy of a plain value with one more value in it, as the edit means it. */
export function withValue(root: unknown, path: readonly (PathStep | number)[], value: EditValue): unknown {
  const [step, ...rest] = path;
  if (step === undefined) {
    return value;
  }
  if (typeof step === 'object') {
    const list = Array.isArray(root) ? (root as readonly unknown[]) : [];
    const index = list.findIndex((item) => (item as { name?: unknown } | null)?.name === step.name);
    const item = index === -1 ? { name: step.name } : list[index];
    const next = rest.length === 0 ? { ...(item as object), ...(value as object) } : withValue(item, rest, value);
    return index === -1 ? [...list, next] : list.map((each, at) => (at === index ? next : each));
  }
  if (typeof step === 'number') {
    return (root as readonly unknown[]).map((each, at) => (at === step ? withValue(each, rest, value) : each));
  }
  const map = typeof root === 'object' && root !== null ? (root as Record<string, unknown>) : {};
  return { ...map, [step]: withValue(map[step], rest, value) };
}
