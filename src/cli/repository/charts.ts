import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { stringify } from 'yaml';
import { listOf, recordOf, textOf } from '../../drain/template/raw.ts';
import type { SourceLocation } from '../../drain/model/workload.ts';
import type { InputDocument } from '../input/documents.ts';
import type { SourceFile } from '../input/sources.ts';
import { splitDocuments } from '../input/split.ts';
import { readYaml } from '../input/yaml/read.ts';
import type { Overlay } from './flux.ts';
import { runProgram, type ProgramResult } from './programs.ts';
import { buildAlone, type BuildOptions, type Workshop } from './build.ts';

export interface Chart {
  /** Absolute. */
  readonly folder: string;
  readonly name: string;
  /** A library has no templates of its own that could be rendered. */
  readonly isLibrary: boolean;
}

/** The charts among the input, without those that are parts of another chart. */
export function chartsOf(sources: readonly SourceFile[]): readonly Chart[] {
  const folders = sources
    .filter(({ path }) => /(^|[/\\])Chart\.ya?ml$/.test(path))
    .map(({ path }) => dirname(resolve(path)))
    .sort();
  const tops: string[] = [];
  for (const folder of folders) {
    if (!tops.some((top) => folder.startsWith(join(top, 'charts') + sep))) {
      tops.push(folder);
    }
  }
  return tops.map(chartAt);
}

export function chartAt(folder: string): Chart {
  const value = yamlOf(join(folder, 'Chart.yaml'));
  return {
    folder,
    name: textOf(value['name']) ?? folder.slice(folder.lastIndexOf(sep) + 1),
    isLibrary: value['type'] === 'library',
  };
}

function yamlOf(file: string): Readonly<Record<string, unknown>> {
  const read = isFile(file) ? readYaml(readFileSync(file, 'utf8'), 1) : undefined;
  return recordOf(read?.ok === true ? read.document.value : undefined);
}

/** Whether a file belongs to a chart: its templates, values, and parts, which are nothing outside of it. */
export function belongsToChart(path: string, charts: readonly Chart[]): boolean {
  const absolute = resolve(path);
  return charts.some(({ folder }) => {
    const inside = relative(folder, absolute).split(sep);
    const [first = ''] = inside;
    return (
      first !== '..' &&
      (['templates', 'charts', 'crds', 'ci', 'files'].includes(first) ||
        (inside.length === 1 && /^(Chart|values.*|requirements)\.(ya?ml|json|schema\.json)$/.test(first)))
    );
  });
}

/** One rendering of a chart: what a release of it is told. */
export interface ChartRelease {
  readonly chart: string;
  readonly release: string;
  readonly namespace?: string;
  /** Absolute paths, the last one wins. */
  readonly valueFiles: readonly string[];
  /** Texts of values, which win over the files. */
  readonly values: readonly string[];
  /** What is done to the manifests behind helm. */
  readonly postRenderers?: readonly Overlay[];
  /** Values that it also takes, and that nobody here can see. */
  readonly unread?: string;
}

/** Renders a chart as `helm template` does, with nothing but what is on this disk: no plugins, no download of dependencies. */
export async function renderChart(
  { chart, release, namespace, valueFiles }: ChartRelease,
  workshop: Workshop,
  options: BuildOptions & { readonly helm: string },
): Promise<ProgramResult> {
  const home = workshop.make();
  const result = await runProgram(options.helm, {
    args: [
      'template',
      release,
      chart,
      '--skip-tests',
      ...(namespace === undefined ? [] : ['--namespace', namespace]),
      ...valueFiles.flatMap((file) => ['--values', file]),
    ],
    cwd: home,
    home,
    network: false,
    env: options.env,
  });
  return result.ok ? result : { ok: false, why: essence(result.why) };
}

/** The manifests of a release as the post-renderers of a HelmRelease leave them. */
export async function postRendered(
  output: string,
  { postRenderers = [] }: ChartRelease,
  workshop: Workshop,
  options: BuildOptions,
): Promise<ProgramResult> {
  let manifests = output;
  for (const overlay of postRenderers) {
    const { kustomize } = options;
    if (kustomize === undefined) {
      return { ok: false, why: 'its release has postRenderers, and there is no kustomize or kubectl to run them with' };
    }
    const folder = workshop.make();
    writeFileSync(join(folder, 'all.yaml'), manifests);
    writeFileSync(join(folder, 'kustomization.yaml'), stringify({ ...overlay.fields, resources: ['all.yaml'] }));
    const result = await buildAlone(folder, options, kustomize);
    if (!result.ok) {
      return { ok: false, why: `the postRenderers of its release fail: ${essence(result.why)}` };
    }
    manifests = result.output;
  }
  return { ok: true, output: manifests };
}

function essence(why: string): string {
  const line = why
    .split('\n')
    .filter((each) => !/^(WARNING|Use --debug|level=|walk\.go)/.test(each))
    .join(' ')
    .replace(/^Error: /, '')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > 400 ? `${line.slice(0, 400)}...` : line;
}

const SOURCE = /^# Source: (.+)$/m;

/** A template of a chart or of one of its parts. */
export interface TemplateFile {
  /** Absolute. */
  readonly file: string;
  /** The parts on the way to it, as the values of the chart name them: `['redis']` for values below `redis`. */
  readonly parts: readonly string[];
}

/**
 * The documents of a rendering, each with the template that it came from.
 *
 * @param before what helm printed, where a post-renderer has taken out its comments since
 */
export function* renderedDocuments(
  output: string,
  { folder }: Chart,
  before = output,
): Generator<{ readonly text: string; readonly template?: TemplateFile }> {
  const known = new Map<string, TemplateFile | undefined>();
  const sources = output === before ? undefined : sourcesOf(before);
  for (const chunk of splitDocuments(output)) {
    const text = output.slice(chunk.from, chunk.to);
    const source = SOURCE.exec(text)?.[1]?.trim() ?? sources?.get(objectOf(text));
    if (source !== undefined && !known.has(source)) {
      // The first part is the name of the chart, the rest a path in its folder.
      known.set(source, templateAt(folder, source.split('/').slice(1)));
    }
    yield { text, template: source === undefined ? undefined : known.get(source) };
  }
}

/** The comment of each object by its kind and name. */
function sourcesOf(output: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const chunk of splitDocuments(output)) {
    const text = output.slice(chunk.from, chunk.to);
    const source = SOURCE.exec(text)?.[1]?.trim();
    if (source !== undefined) {
      found.set(objectOf(text), source);
    }
  }
  return found;
}

/** Kind and name, as far as they stand where programs write them. */
function objectOf(text: string): string {
  const kind = /^kind: (.*)$/m.exec(text)?.[1] ?? '';
  const name = /^metadata:\n(?: .*\n)*? {2}name: (.*)$/m.exec(text)?.[1] ?? '';
  return `${kind.trim()} ${name.trim().replaceAll(/["']/g, '')}`;
}

/** Helm names a part by its alias, and a folder of charts/ may have any name. */
function templateAt(folder: string, path: readonly string[], parts: readonly string[] = []): TemplateFile | undefined {
  const [first, part, ...rest] = path;
  if (first !== 'charts' || part === undefined) {
    const file = join(folder, ...path);
    return isFile(file) ? { file, parts } : undefined;
  }
  const below = partFolder(folder, part);
  return below === undefined ? undefined : templateAt(below, rest, [...parts, part]);
}

/** The folder of the part that goes by this name; undefined for one that is packed. */
function partFolder(folder: string, name: string): string | undefined {
  const dependencies = ['Chart.yaml', 'requirements.yaml'].flatMap((file) =>
    listOf(yamlOf(join(folder, file))['dependencies']).map(recordOf),
  );
  const dependency = dependencies.find((each) => each['alias'] === name) ?? { name };
  const real = textOf(dependency['name']) ?? name;
  const inCharts = [join(folder, 'charts', real), ...foldersIn(join(folder, 'charts'))];
  const local = /^file:\/\/(.*)$/.exec(textOf(dependency['repository']) ?? '')?.[1];
  return [...inCharts, ...(local === undefined ? [] : [resolve(folder, local)])].find(
    (each) => textOf(yamlOf(join(each, 'Chart.yaml'))['name']) === real,
  );
}

function foldersIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(folder, name))
    : [];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** The lines of a template in which an object and its fields are most likely written: a template is text, not YAML. */
export function sourceInTemplate(
  document: InputDocument,
  template: string | undefined,
  chart: Chart,
  shown: (path: string) => string,
): SourceLocation {
  const builtFrom = shown(chart.folder);
  if (template === undefined) {
    return { file: shown(join(chart.folder, 'Chart.yaml')), line: 1, builtFrom };
  }
  const lines = readFileSync(template, 'utf8').split('\n');
  const start = Math.max(
    0,
    lines.findIndex((line) => line.startsWith(`kind: ${document.kind}`)),
  );
  const fieldLines: Record<string, number> = {};
  const put = (field: string, wanted: string): void => {
    const index = lines.findIndex((line, at) => at >= start && line.includes(wanted));
    if (index !== -1) {
      fieldLines[field] = index + 1;
    }
  };
  put('spec.template.spec.terminationGracePeriodSeconds', 'terminationGracePeriodSeconds');
  put('spec.template.metadata.annotations["proxy.istio.io/config"]', 'proxy.istio.io/config');
  return { file: shown(template), line: start + 1, fieldLines, builtFrom };
}

/** The value that a template puts into this line, by the name that it has for the chart as a whole, for example `redis.grace`. */
export function valueInLine({ file, parts }: TemplateFile, line: number): string | undefined {
  const text = readFileSync(file, 'utf8').split('\n')[line - 1] ?? '';
  const name = /\.Values\.([A-Za-z_][\w.]*)/.exec(text)?.[1];
  if (name === undefined) {
    return undefined;
  }
  return name.startsWith('global.') ? name : [...parts, name].join('.');
}
