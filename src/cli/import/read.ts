import { importRules, RULE_KINDS } from '../../drain/import/kyverno/index.ts';
import type { Imported } from '../../drain/import/remarks.ts';
import { at, textOf } from '../../drain/template/raw.ts';
import { CliError, UsageError, type Invocation } from '../command.ts';
import { inputPaths, maxFileBytes } from '../facts/flags.ts';
import { readDocuments, type InputDocument } from '../input/documents.ts';
import type { InputProblem } from '../input/problems.ts';
import { listSources, readSource, readStdin, STDIN_NAME } from '../input/sources.ts';

/** What was imported from one object of a file. */
export interface ImportedObject {
  readonly imported: Imported;
  readonly document: InputDocument;
}

export interface ReadRules {
  readonly objects: readonly ImportedObject[];
  readonly problems: readonly InputProblem[];
}

/** Reads the rules of all files as they are written; charts are not rendered. */
export async function readRules(invocation: Invocation): Promise<ReadRules> {
  const { flags, io } = invocation;
  const paths = inputPaths({ flags, positionals: invocation.positionals.slice(1) });
  if (flags.boolean('cluster')) {
    throw new UsageError(
      'import kyverno reads files: give it what kubectl get clusterpolicies,policies.kyverno.io -A -o yaml prints (- is standard input)',
    );
  }
  if (paths.length === 0) {
    throw new UsageError('no input: give files or folders with the rules (- is standard input)');
  }
  const objects: ImportedObject[] = [];
  const problems: InputProblem[] = [];
  const handler = {
    wants: (kind: string): boolean => RULE_KINDS.includes(kind),
    other: (): void => undefined,
    problem: (problem: InputProblem): void => {
      problems.push(problem);
    },
    document: (document: InputDocument): void => {
      const imported = importRules(document.value);
      if (imported === undefined) {
        return;
      }
      if (document.value['spec'] === undefined) {
        throw new CliError(
          `${document.file}:${document.line}: ${document.kind} ${nameOf(document)} has no spec: rules are expected there`,
        );
      }
      objects.push({ imported, document });
    },
  };
  for (const { path } of listSources(paths)) {
    const read =
      path === STDIN_NAME ? await readStdin(io.stdin, maxFileBytes(flags)) : readSource(path, maxFileBytes(flags));
    if (read.ok) {
      readDocuments(read.text, path, handler);
    } else {
      problems.push(read.problem);
    }
  }
  return { objects, problems };
}

export function nameOf({ value }: InputDocument): string {
  return textOf(at(value, ['metadata', 'name'])) ?? '(without a name)';
}
