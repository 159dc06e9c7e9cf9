import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, UsageError, type Invocation } from '../command.ts';
import { SPEC_TEMPLATE } from '../../drain/template/index.ts';
import { inputPaths } from '../facts/flags.ts';
import { load, reportProblems, requireWorkloads, type Loaded } from '../facts/load.ts';
import { listSources, readSource, readStdin, STDIN_NAME } from '../input/sources.ts';
import { requirePolicies } from '../plan/run.ts';
import { decisionForManifest, editsOf } from './changes.ts';
import type { RenderOutput } from './command.ts';
import { unifiedDiff } from './diff.ts';
import { editText, type ObjectEdits } from './documents.ts';
import type { FieldEdit } from './edit.ts';

export interface RenderedWorkload {
  readonly workload: Workload;
  readonly edits: readonly FieldEdit[];
  readonly shape: ManifestShape;
}

/** What the record of a workload does not tell of its manifest. */
export interface ManifestShape {
  readonly statesNamespace: boolean;
  readonly hasTemplateMetadata: boolean;
  readonly hasTemplateAnnotations: boolean;
}

function shapeOf(value: unknown, workload: Workload): ManifestShape {
  const at = (...path: string[]): unknown =>
    path.reduce<unknown>((current, key) => (current as Record<string, unknown> | null | undefined)?.[key], value);
  const template = workload.templatePath ?? SPEC_TEMPLATE;
  const isMap = (found: unknown): boolean => typeof found === 'object' && found !== null;
  return {
    statesNamespace: typeof at('metadata', 'namespace') === 'string',
    hasTemplateMetadata: isMap(at(...template, 'metadata')),
    hasTemplateAnnotations: isMap(at(...template, 'metadata', 'annotations')),
  };
}

export async function runRender(invocation: Invocation): Promise<number> {
  const { flags, io } = invocation;
  const output = (flags.string('output') ?? 'manifests') as RenderOutput;
  const inPlace = flags.boolean('in-place');
  const paths = inputPaths(invocation);
  if (inPlace && output !== 'manifests') {
    throw new UsageError('--in-place changes manifests: it goes with no other --output');
  }
  if (output === 'argocd' || output === 'flux' || output === 'vap' || output === 'map') {
    return printRules(output, invocation);
  }
  if (paths.length === 0) {
    throw new UsageError('no manifests: give files or folders (- is standard input)');
  }
  // Standard input can be read once only, and is needed as it was written.
  const stdin = paths.includes('-') ? await readStdin(io.stdin) : undefined;
  const texts = new Map<string, string>(stdin?.ok === true ? [[STDIN_NAME, stdin.text]] : []);
  const shapes = new Map<Workload, ManifestShape>();
  const loaded = await load(
    stdin?.ok === true ? { ...invocation, io: { ...io, stdin: streamOf(stdin.text) } } : invocation,
    {
      alsoFiles: flags.strings('policy'),
      positionalFiles: true,
      onWorkload: ({ value }, workload) => shapes.set(workload, shapeOf(value, workload)),
    },
  );
  reportProblems(loaded, invocation);
  if (!flags.boolean('allow-empty')) {
    requireWorkloads(loaded);
  }
  requirePolicies(loaded);
  const { rendered, blocked } = renderAll(loaded, shapes);
  for (const line of blocked) {
    io.stderr.write(`${line}\n`);
  }
  if (output === 'kustomize' || output === 'json-patch') {
    const { kustomizeComponent, jsonPatches } = await import('./patches.ts');
    io.stdout.write(output === 'kustomize' ? kustomizeComponent(rendered) : jsonPatches(rendered));
    return exitCode(rendered.length > 0, blocked.length > 0, flags.boolean('check'));
  }
  const files = new Map<string, RenderedWorkload[]>();
  for (const one of rendered) {
    const file = one.workload.source?.file ?? '';
    files.set(file, [...(files.get(file) ?? []), one]);
  }
  const edited = editFiles(files, texts, io);
  if (inPlace) {
    for (const [file, text] of edited.changed) {
      replaceFile(file, text);
      io.stdout.write(`${file}\n`);
    }
  } else if (output === 'diff') {
    for (const [file, text] of edited.changed) {
      io.stdout.write(unifiedDiff(file === STDIN_NAME ? 'stdin' : file, readAgain(file, texts), text));
    }
  } else {
    printManifests(paths, edited.changed, texts, io);
  }
  return exitCode(edited.changed.size > 0, blocked.length + edited.refused > 0, flags.boolean('check'));
}

function exitCode(changes: boolean, failures: boolean, check: boolean): number {
  return failures || (check && changes) ? EXIT_FINDINGS : EXIT_OK;
}

function renderAll(
  { collected, context }: Loaded,
  shapes: ReadonlyMap<Workload, ManifestShape>,
): { rendered: RenderedWorkload[]; blocked: string[] } {
  const rendered: RenderedWorkload[] = [];
  const blocked: string[] = [];
  for (const workload of collected.workloads) {
    const shape = shapes.get(workload);
    const decision = shape === undefined ? undefined : decisionForManifest(workload, context);
    if (shape !== undefined && decision?.outcome === 'Pending') {
      rendered.push({ workload, edits: editsOf(workload, decision), shape });
    } else if (decision?.outcome === 'Failed' || decision?.outcome === 'Unknown') {
      const place = workload.source === undefined ? '' : `${workload.source.file}:${workload.source.line}: `;
      blocked.push(`${place}${workloadKey(workload)} is not rendered: ${decision.message}`);
    }
  }
  return { rendered, blocked };
}

function editFiles(
  files: ReadonlyMap<string, readonly RenderedWorkload[]>,
  texts: ReadonlyMap<string, string>,
  io: Invocation['io'],
): { changed: Map<string, string>; refused: number } {
  const changed = new Map<string, string>();
  let refused = 0;
  for (const [file, workloads] of files) {
    const objects = workloads.map(({ workload, edits }): ObjectEdits => ({
      line: workload.source?.line ?? 1,
      edits,
      name: workloadKey(workload),
    }));
    const before = readAgain(file, texts);
    const result = editText(before, objects);
    for (const { name, line, why } of result.refused) {
      io.stderr.write(`${file}:${line}: ${name} cannot be changed in place: ${why}; take --output kustomize\n`);
      refused++;
    }
    if (result.text !== before) {
      changed.set(file, result.text);
    }
  }
  return { changed, refused };
}

function readAgain(file: string, texts: ReadonlyMap<string, string>): string {
  const known = texts.get(file);
  if (known !== undefined) {
    return known;
  }
  const read = readSource(file, Number.MAX_SAFE_INTEGER);
  if (!read.ok) {
    throw new CliError(`${file}: ${read.problem.message}`);
  }
  return read.text;
}

/** All of the input, changed or not, so that render can stand in a pipe. */
function printManifests(
  paths: readonly string[],
  changed: ReadonlyMap<string, string>,
  texts: ReadonlyMap<string, string>,
  io: Invocation['io'],
): void {
  let first = true;
  for (const { path } of listSources(paths)) {
    const text = changed.get(path) ?? readAgain(path, texts);
    if (!first && !/^(?:#.*\r?\n|\s*\n)*---(?:\s|$)/.test(text)) {
      io.stdout.write('---\n');
    }
    io.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
    first = false;
  }
}

/** A reader of the file sees the old text or the new one, never a part. The byte order mark, if there was one, stays. */
function replaceFile(file: string, text: string): void {
  try {
    const { mode } = statSync(file);
    const bom = readFileSync(file)
      .subarray(0, 3)
      .equals(Buffer.from([0xef, 0xbb, 0xbf]))
      ? '\ufeff'
      : '';
    const temporary = `${file}.${process.pid}.tmp`;
    writeFileSync(temporary, bom + text, { mode });
    renameSync(temporary, file);
  } catch (error) {
    throw new CliError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function streamOf(text: string): Invocation['io']['stdin'] {
  return Readable.from([Buffer.from(text)]);
}

async function printRules(output: 'argocd' | 'flux' | 'vap' | 'map', invocation: Invocation): Promise<number> {
  const { flags, io } = invocation;
  const paths = [...inputPaths(invocation), ...flags.strings('policy')];
  if (paths.length === 0 && !flags.boolean('cluster')) {
    throw new UsageError(`no policy: give one with -p (--output ${output} needs no manifests)`);
  }
  const loaded = await load(invocation, {
    alsoFiles: flags.strings('policy'),
    filesOptional: true,
    positionalFiles: true,
  });
  reportProblems(loaded, invocation);
  requirePolicies(loaded);
  const rules = await import('./rules.ts');
  const policies = loaded.collected.policies.map((policy) => policy.record);
  const { mutatingAdmissionPolicies } = await import('./mutating.ts');
  const print = {
    argocd: rules.argoCd,
    flux: rules.flux,
    vap: rules.validatingAdmissionPolicies,
    map: mutatingAdmissionPolicies,
  }[output];
  io.stdout.write(print(policies));
  return EXIT_OK;
}
