import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { projectRoot } from '../support/control-plane/paths.ts';

function fileOf(target: string): string {
  return join(projectRoot(), 'test', 'fuzz', 'corpus', `${target}.json`);
}

/** Inputs of a target that are kept in the repository: those that once broke something, and those that reach most. */
export function readCorpus(target: string): readonly string[] {
  const file = fileOf(target);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as readonly string[]) : [];
}

export async function writeCorpus(target: string, inputs: readonly string[]): Promise<void> {
  const sorted = [...new Set(inputs)].sort();
  writeFileSync(fileOf(target), await format(JSON.stringify(sorted), { parser: 'json', printWidth: 140 }));
}
