import { readFileSync } from 'node:fs';
import { listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import { readDocuments, type InputDocument } from '../input/documents.ts';
import type { JudgedKinds } from '../input/kinds.ts';
import { sourceOf } from '../input/lines.ts';
import { readYaml } from '../input/yaml/read.ts';
import { lineOf, positionAt } from '../input/yaml/positions.ts';
import type { KustomizePatch, PatchTarget } from './kustomization.ts';

/** A part of what an object is built from: its manifest, or a patch. Lines are those of the fields that stand there. */
export interface Piece {
  readonly file: string;
  readonly line: number;
  readonly kind?: string;
  readonly name?: string;
  readonly fieldLines: Readonly<Record<string, number>>;
  /** How it is written: a manifest, a strategic merge patch, or a JSON patch (RFC 6902). */
  readonly form: 'Manifest' | 'StrategicMerge' | 'Json';
  readonly target?: PatchTarget;
}

/** The objects with a pod template among the documents of a text. */
export function piecesOf(text: string, file: string, kinds: JudgedKinds, form: Piece['form'] = 'Manifest'): Piece[] {
  const pieces: Piece[] = [];
  readDocuments(text, file, {
    wants: (kind) => kinds.has(kind),
    document: (document) => {
      pieces.push(pieceOf(document, kinds, form));
    },
    other: () => undefined,
    problem: () => undefined,
  });
  return pieces;
}

export function pieceOf(document: InputDocument, kinds: JudgedKinds, form: Piece['form']): Piece {
  const { file, line, kind, value } = document;
  const path = kinds.get(kind, document.apiVersion)?.templatePath ?? [];
  const fieldLines = sourceOf(document, path).fieldLines ?? {};
  return { file, line, kind, name: textOf(recordOf(value['metadata'])['name']), fieldLines, form };
}

/** What a patch sets. A patch that cannot be read sets nothing that we know of. */
export function patchPieces(patch: KustomizePatch, shown: string, kinds: JudgedKinds): Piece[] {
  const text = patch.text ?? textOfFile(patch.file);
  if (text === undefined) {
    return [];
  }
  const first = patch.text === undefined ? 1 : patch.line;
  const json = jsonPatch(text, first);
  if (json !== undefined) {
    return [{ file: shown, line: first, fieldLines: json, form: 'Json', target: patch.target }];
  }
  return piecesOf(text, shown, kinds, 'StrategicMerge').map((piece) => ({
    ...piece,
    line: piece.line + first - 1,
    fieldLines: Object.fromEntries(Object.entries(piece.fieldLines).map(([path, line]) => [path, line + first - 1])),
    target: patch.target,
  }));
}

function textOfFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

const GRACE = /\/spec\/terminationGracePeriodSeconds$/;
const ANNOTATION = /\/template\/metadata\/annotations\/([^/]+)$/;

/** Lines by field of a list of operations; undefined where the text is no such list. */
function jsonPatch(text: string, firstLine: number): Readonly<Record<string, number>> | undefined {
  if (!/^\s*(\[|- |#|---)/.test(text)) {
    return undefined;
  }
  const read = readYaml(text, firstLine);
  if (!read.ok || !Array.isArray(read.document.value)) {
    return undefined;
  }
  const lines: Record<string, number> = {};
  for (const [index, operation] of listOf(read.document.value).entries()) {
    const { op, path, value } = recordOf(operation);
    const { position } = read.document;
    const line = lineOf(positionAt(position, [index, 'value']) ?? positionAt(position, [index]) ?? firstLine);
    const pointer = textOf(path) ?? '';
    const key = ANNOTATION.exec(pointer)?.[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
    if (op === 'remove' || op === 'test') {
      continue;
    }
    if (GRACE.test(pointer)) {
      lines['spec.template.spec.terminationGracePeriodSeconds'] = line;
    } else if (key !== undefined) {
      lines[`spec.template.metadata.annotations["${key}"]`] = line;
    } else if (/\/template\/metadata\/annotations$/.test(pointer)) {
      for (const name of Object.keys(recordOf(value))) {
        lines[`spec.template.metadata.annotations["${name}"]`] = line;
      }
    }
  }
  return lines;
}
