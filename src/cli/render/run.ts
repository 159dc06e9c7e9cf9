import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, UsageError, type Invocation } from '../command.ts';
import { SPEC_TEMPLATE } from '../../drain/template/index.ts';
import { inputPaths, policyFiles, statedBy } from '../facts/flags.ts';
import { load, reportProblems, requireWorkloads, type Loaded } from '../facts/load.ts';
import type { InputDocument } from '../input/documents.ts';
import { valueInLine, type TemplateFile } from '../repository/charts.ts';
import type { Kustomization } from '../repository/kustomization.ts';
import type { BuiltOrigin } from '../repository/origin.ts';
import { listSources, readSource, readStdin, STDIN_NAME } from '../input/sources.ts';
import { requirePolicies } from '../plan/run.ts';
import { decisionForManifest, editsOf } from './changes.ts';
import type { RenderOutput } from './command.ts';
import { unifiedDiff } from './diff.ts';
import { editText, type ObjectEdits } from './documents.ts';
import { filledFields, keptForApplier, type FilledField } from './filled.ts';
import type { FieldEdit } from './edit.ts';
import type { OverlayChanges } from './gateways.ts';
import { idOf } from './proof.ts';

export interface RenderedWorkload {
  readonly workload: Workload;
  readonly edits: readonly FieldEdit[];
  readonly shape: ManifestShape;
  /** The kustomization that it was built from. */
  readonly root?: Kustomization;
}

/** A workload as it was read, with what its record does not keep. */
interface ReadWorkload {
  readonly shape: ManifestShape;
  readonly id: string;
  /** Fields whose values are put in when it is applied. */
  readonly filled: readonly FilledField[];
  readonly origin?: BuiltOrigin;
  readonly chart?: InputDocument['chart'];
  readonly destination?: InputDocument['destination'];
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
  const read = new Map<Workload, ReadWorkload>();
  const loaded = await load(
    stdin?.ok === true ? { ...invocation, io: { ...io, stdin: streamOf(stdin.text) } } : invocation,
    {
      alsoFiles: policyFiles(flags),
      positionalFiles: true,
      onWorkload: ({ value, written = value, filled, origin, chart, destination }, workload) =>
        read.set(workload, {
          shape: shapeOf(written, workload),
          id: idOf(written),
          filled: filled === undefined ? [] : filledFields(filled, written),
          origin,
          chart,
          destination,
        }),
    },
  );
  reportProblems(loaded, invocation);
  if (!flags.boolean('allow-empty')) {
    requireWorkloads(loaded);
  }
  requirePolicies(loaded);
  const all = renderAll(loaded, read);
  const { overlayChanges } = await import('./gateways.ts');
  const overlays = overlayChanges(all.rendered, output === 'manifests' || output === 'diff');
  const rendered = [...all.rendered.filter(({ workload }) => workload.overlay === undefined), ...overlays.rendered];
  const blocked = [...all.blocked, ...overlays.blocked];
  if (output === 'kustomize' || output === 'json-patch') {
    printLines(io, blocked);
    const { kustomizeComponent, jsonPatches } = await import('./patches.ts');
    io.stdout.write(output === 'kustomize' ? kustomizeComponent(rendered) : jsonPatches(rendered));
    return exitCode(rendered.length > 0, blocked.length > 0, flags.boolean('check'));
  }
  const edited = withAdded(await changesOf(loaded, rendered, read, texts), overlays.added);
  printLines(io, [...blocked, ...edited.refused]);
  if (inPlace) {
    for (const [file, text] of edited.changed) {
      replaceFile(file, text);
      io.stdout.write(`${file}\n`);
    }
  } else if (output === 'diff') {
    for (const [file, text] of edited.changed) {
      const before = isThere(file, texts) ? readAgain(file, texts) : '';
      io.stdout.write(unifiedDiff(file === STDIN_NAME ? 'stdin' : file, before, text));
    }
  } else {
    printManifests(paths, edited.changed, texts, io);
  }
  return exitCode(edited.changed.size > 0, blocked.length + edited.refused.length > 0, flags.boolean('check'));
}

function printLines(io: Invocation['io'], lines: readonly string[]): void {
  for (const line of lines) {
    io.stderr.write(`${line}\n`);
  }
}

function exitCode(changes: boolean, failures: boolean, check: boolean): number {
  return failures || (check && changes) ? EXIT_FINDINGS : EXIT_OK;
}

function renderAll(
  { collected, context }: Loaded,
  read: ReadonlyMap<Workload, ReadWorkload>,
): { rendered: RenderedWorkload[]; blocked: string[] } {
  const rendered: RenderedWorkload[] = [];
  const blocked: string[] = [];
  for (const workload of collected.workloads) {
    const { shape, origin } = read.get(workload) ?? {};
    const decision = shape === undefined ? undefined : decisionForManifest(workload, context);
    if (shape !== undefined && decision?.outcome === 'Pending') {
      rendered.push({ workload, edits: editsOf(workload, decision), shape, root: origin?.root });
    } else if (decision?.outcome === 'Failed' || decision?.outcome === 'Unknown') {
      blocked.push(`${placeOf(workload)}${workloadKey(workload)} is not rendered: ${decision.message}`);
    }
  }
  return { rendered, blocked };
}

function placeOf({ source }: Workload): string {
  return source === undefined ? '' : `${source.file}:${source.line}: `;
}

interface Edited {
  readonly changed: ReadonlyMap<string, string>;
  readonly refused: readonly string[];
}

/** Manifests are changed where they stand, trees where the value belongs in them, and charts not at all. */
async function changesOf(
  { collected }: Loaded,
  rendered: readonly RenderedWorkload[],
  read: ReadonlyMap<Workload, ReadWorkload>,
  texts: ReadonlyMap<string, string>,
): Promise<Edited> {
  const { repository } = collected;
  const refused: string[] = [];
  const files = new Map<string, RenderedWorkload[]>();
  const edits = new Map(rendered.map((one) => [one.workload, one.edits]));
  const { again, disputed } = appliedTwice(read, edits);
  for (const one of rendered) {
    const { workload } = one;
    if (disputed.has(workload)) {
      refused.push(
        `${placeOf(workload)}${workloadKey(workload)} is not changed: its manifest is applied more than once, with other namespaces, patches or variables, and not all want the same; give each an overlay of its own`,
      );
    }
    if (again.has(workload) || disputed.has(workload)) {
      continue;
    }
    const { origin, chart, filled, destination } = read.get(workload) ?? {};
    const file = workload.source?.file ?? '';
    const kept = keptForApplier(one.edits, filled ?? [], { destination, origin });
    const unbuilt = origin === undefined && file !== STDIN_NAME ? repository?.unbuilt(file) : undefined;
    if (kept !== undefined) {
      refused.push(`${placeOf(workload)}${workloadKey(workload)} is not changed: ${kept}`);
    } else if (chart !== undefined) {
      refused.push(`${placeOf(workload)}${chartHint(one, chart.template)}`);
    } else if (unbuilt !== undefined) {
      refused.push(
        `${placeOf(workload)}${workloadKey(workload)} is not changed: ${unbuilt} takes it in and was not built, so nobody knows what would come of it; take --output kustomize`,
      );
    } else if (origin === undefined) {
      files.set(file, [...(files.get(file) ?? []), one]);
    }
  }
  const plain = editFiles(files, texts);
  const kustomize = repository?.options.kustomize;
  if (repository === undefined || kustomize === undefined) {
    return { changed: plain.changed, refused: [...refused, ...plain.refused] };
  }
  const { treeChanges } = await import('./tree.ts');
  const tree = await treeChanges(
    [...read].flatMap(([workload, { origin, id }]) =>
      origin === undefined || again.has(workload) || disputed.has(workload)
        ? []
        : [{ workload, origin, id, edits: edits.get(workload) ?? [] }],
    ),
    repository.tree,
    repository.given,
    { ...repository.options, kustomize },
  );
  return {
    changed: new Map([
      ...plain.changed,
      ...[...tree.files].map(([file, text]) => [repository.tree.shown(file), text] as const),
    ]),
    refused: [...refused, ...plain.refused, ...tree.refused],
  };
}

/** Workloads of one manifest that is applied more than once: those that want what the first one wants, and those that do not agree. */
function appliedTwice(
  read: ReadonlyMap<Workload, ReadWorkload>,
  edits: ReadonlyMap<Workload, readonly FieldEdit[]>,
): { readonly again: ReadonlySet<Workload>; readonly disputed: ReadonlySet<Workload> } {
  const byManifest = new Map<string, Workload[]>();
  for (const [workload, { origin, destination, id }] of read) {
    if (destination !== undefined) {
      const place = origin === undefined ? placeOf(workload) : origin.root.file;
      const key = `${place} ${id} ${workload.name}`;
      byManifest.set(key, [...(byManifest.get(key) ?? []), workload]);
    }
  }
  const again = new Set<Workload>();
  const disputed = new Set<Workload>();
  for (const [first, ...others] of byManifest.values()) {
    const wanted = first === undefined ? [] : (edits.get(first) ?? []);
    const agrees = others.every((each) => isDeepStrictEqual(edits.get(each) ?? [], wanted));
    [...(agrees || first === undefined ? [] : [first]), ...others].forEach((each) =>
      (agrees ? again : disputed).add(each),
    );
  }
  return { again, disputed };
}

/** What the team can do where a template makes the manifest: set the value that the template puts there, or patch the rendering. */
function chartHint({ workload, edits }: RenderedWorkload, template: TemplateFile | undefined): string {
  const key = workloadKey(workload);
  const patch = 'or apply the patch of --output kustomize behind helm (a post-renderer)';
  for (const { path, value } of edits) {
    const line = workload.source?.fieldLines?.[TEMPLATE_GRACE];
    const name = template === undefined || line === undefined ? undefined : valueInLine(template, line);
    if (path.at(-1) === 'terminationGracePeriodSeconds' && name !== undefined) {
      return `${key} comes from a chart and is not changed: set the value ${name} to ${JSON.stringify(value)}, ${patch}`;
    }
  }
  return `${key} comes from a chart and is not changed: change its template, ${patch}`;
}

/** New manifests stand behind those that name them, where these could be changed. */
function withAdded({ changed, refused }: Edited, added: OverlayChanges['added']): Edited {
  const texts = new Map(changed);
  for (const { file, text } of added) {
    const known = texts.get(file);
    if (known !== undefined) {
      texts.set(file, `${known}${known.endsWith('\n') ? '' : '\n'}---\n${text}`);
    }
  }
  return { changed: texts, refused };
}

const TEMPLATE_GRACE = 'spec.template.spec.terminationGracePeriodSeconds';

function editFiles(
  files: ReadonlyMap<string, readonly RenderedWorkload[]>,
  texts: ReadonlyMap<string, string>,
): { changed: Map<string, string>; refused: string[] } {
  const changed = new Map<string, string>();
  const refused: string[] = [];
  for (const [file, workloads] of files) {
    const objects = workloads.map(({ workload, edits }): ObjectEdits => ({
      line: workload.source?.line ?? 1,
      edits,
      name: workloadKey(workload),
    }));
    const before = readAgain(file, texts);
    const result = editText(before, objects);
    for (const { name, line, why } of result.refused) {
      refused.push(`${file}:${line}: ${name} cannot be changed in place: ${why}; take --output kustomize`);
    }
    if (result.text !== before) {
      changed.set(file, result.text);
    }
  }
  return { changed, refused };
}

function isThere(file: string, texts: ReadonlyMap<string, string>): boolean {
  return texts.has(file) || existsSync(file);
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
  const known = new Set(listSources(paths).map(({ path }) => path));
  for (const [file, text] of changed) {
    if (!known.has(file)) {
      io.stdout.write(`---\n# ${file}\n${text}`);
    }
  }
}

/** A reader of the file sees the old text or the new one, never a part. The byte order mark, if there was one, stays. */
function replaceFile(file: string, text: string): void {
  try {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    const isMarked =
      mode !== undefined &&
      readFileSync(file)
        .subarray(0, 3)
        .equals(Buffer.from([0xef, 0xbb, 0xbf]));
    const bom = isMarked ? '\ufeff' : '';
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
  const paths = [...inputPaths(invocation), ...policyFiles(flags)];
  if (paths.length === 0 && !flags.boolean('cluster')) {
    throw new UsageError(`no policy: give one with -p (--output ${output} needs no manifests)`);
  }
  const loaded = await load(invocation, { alsoFiles: policyFiles(flags), filesOptional: true, positionalFiles: true });
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
  io.stdout.write(print(policies, statedBy(flags).facts.injected === true));
  return EXIT_OK;
}
