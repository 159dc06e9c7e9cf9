import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../support/control-plane/index.ts';

/** Puts `lines` between the two comments that `name` marks in a page; `document` is below the project's root. */
export async function writeInto(document: string, name: string, lines: readonly string[]): Promise<void> {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const path = join(projectRoot(), document);
  const text = await readFile(path, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) {
    throw new Error(`${document} has no place for the table: it needs the lines ${begin} and ${end}`);
  }
  await writeFile(path, `${text.slice(0, from)}${begin}\n${lines.join('\n')}\n${text.slice(to)}`);
}
