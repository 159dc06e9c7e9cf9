import { isUtf8 } from 'node:buffer';
import { opendirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { CliError } from '../command.ts';
import type { InputProblem } from './problems.ts';

/** A file larger than this is not read: a manifest is never that large, and one of them could eat the memory of a CI job. */
export const FILE_LIMIT_BYTES = 64 * 1024 * 1024;
const SKIPPED_FOLDERS = new Set(['node_modules', '.git', '.terraform', 'vendor']);
const EXTENSIONS = ['.yaml', '.yml', '.json'];
export const STDIN_NAME = '<stdin>';

export interface SourceFile {
  /** As the user would name it: relative where the argument was. */
  readonly path: string;
  /** Named by the user, not found in a folder. */
  readonly named: boolean;
}

/** The files behind `-f FILE|DIR|-`, in a stable order, each once. */
export function listSources(paths: readonly string[]): readonly SourceFile[] {
  const files = new Map<string, SourceFile>();
  for (const path of paths) {
    if (path === '-') {
      files.set(STDIN_NAME, { path: STDIN_NAME, named: true });
      continue;
    }
    let isFolder: boolean;
    try {
      isFolder = statSync(path).isDirectory();
    } catch (error) {
      throw new CliError(`-f ${path}: ${errorText(error)}`);
    }
    if (!isFolder) {
      files.set(path, { path, named: true });
      continue;
    }
    for (const found of walk(path)) {
      files.set(found, files.get(found) ?? { path: found, named: false });
    }
  }
  return [...files.values()];
}

/** Symbolic links are followed for files and not for folders, so that no walk is endless. */
function walk(folder: string): string[] {
  const found: string[] = [];
  const directory = opendirSync(folder);
  const entries: { name: string; isFolder: boolean }[] = [];
  for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
    entries.push({ name: entry.name, isFolder: entry.isDirectory() });
  }
  directory.closeSync();
  for (const { name, isFolder } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, name);
    if (isFolder) {
      if (!SKIPPED_FOLDERS.has(name)) {
        found.push(...walk(path));
      }
    } else if (EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension)) || name === 'Kustomization') {
      found.push(path);
    }
  }
  return found;
}

export type FileText =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: InputProblem };

export function readSource(path: string, limit = FILE_LIMIT_BYTES): FileText {
  try {
    const { size } = statSync(path);
    if (size > limit) {
      return { ok: false, problem: tooLarge(path, size, limit) };
    }
    return decode(path, readFileSync(path));
  } catch (error) {
    return { ok: false, problem: { kind: 'Unreadable', file: path, message: `cannot be read: ${errorText(error)}` } };
  }
}

export async function readStdin(stdin: Readable, limit = FILE_LIMIT_BYTES): Promise<FileText> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stdin) {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
    size += bytes.length;
    if (size > limit) {
      return { ok: false, problem: tooLarge(STDIN_NAME, size, limit) };
    }
    parts.push(bytes);
  }
  return decode(STDIN_NAME, Buffer.concat(parts));
}

function tooLarge(file: string, size: number, limit: number): InputProblem {
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`;
  return {
    kind: 'TooLarge',
    file,
    message: `is larger (${mebibytes(size)}) than the limit of ${mebibytes(limit)} and is not read; split it, or raise --max-file-size`,
  };
}

function decode(file: string, bytes: Buffer): FileText {
  const encoding = byteOrder(bytes);
  if (encoding !== undefined) {
    return { ok: true, text: new TextDecoder(encoding).decode(bytes) };
  }
  if (bytes.subarray(0, 8192).includes(0)) {
    return { ok: false, problem: { kind: 'Binary', file, message: 'is a binary file, not a manifest' } };
  }
  if (!isUtf8(bytes)) {
    return { ok: false, problem: { kind: 'Binary', file, message: 'is not UTF-8 text' } };
  }
  const text = bytes.toString('utf8');
  return { ok: true, text: text.startsWith('\ufeff') ? text.slice(1) : text };
}

/** YAML may be UTF-16 where a byte order mark says so. */
function byteOrder(bytes: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return 'utf-16le';
  }
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

function errorText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return 'no such file or folder';
    case 'EACCES':
      return 'permission denied';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
