import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readMeshSource } from '../../drain/mesh/git-sources.ts';
import type { Progress } from '../output/progress.ts';
import { readDocuments, type DocumentHandler, type InputDocument } from '../input/documents.ts';
import type { JudgedKinds } from '../input/kinds.ts';
import type { InputProblem } from '../input/problems.ts';
import type { SourceFile } from '../input/sources.ts';
import { buildKustomization, inOrder, Workshop, type BuildOptions, type KustomizationBuild } from './build.ts';
import {
  belongsToChart,
  chartAt,
  chartsOf,
  postRendered,
  renderChart,
  renderedDocuments,
  sourceInTemplate,
  type Chart,
  type ChartRelease,
} from './charts.ts';
import { appliedObjects } from './applied.ts';
import { knownMap, type KnownMap } from './config-maps.ts';
import { Destinations, pointersIn, type Destination } from './destinations.ts';
import { Origins, withoutOrigin } from './origin.ts';
import type { Kustomization } from './kustomization.ts';
import type { ProgramResult } from './programs.ts';
import { commonFolder, isRelease, readRelease, RELEASE_KINDS, type ReleaseObject } from './releases.ts';
import { nameOf, readTree, remoteReference, withCharts, type Root, type Tree } from './tree.ts';

export interface RepositoryOptions extends BuildOptions {
  /** Values files for every chart that is rendered, absolute; they win over those of its releases. */
  readonly helmValues: readonly string[];
}

/** Keys of a ConfigMap under which values of a chart may stand. */
const MAY_BE_VALUES = /values|\.ya?ml$/i;
const HAS_VALUES = /^[ \t]+["']?[\w.-]*(?:values|\.ya?ml)[\w.-]*["']?[ \t]*:/im;

/** Objects that tell how charts are rendered, beside those that the handler wants. */
function isRecipe(kind: string, text: string): boolean {
  return RELEASE_KINDS.has(kind) || (kind === 'ConfigMap' && HAS_VALUES.test(text));
}

/** A repository of kustomize trees and charts, as the tools read it that apply it. */
export class Repository {
  private known: Tree;
  readonly charts: readonly Chart[];
  /** The files of the input, absolute. */
  readonly given: ReadonlySet<string>;
  readonly options: RepositoryOptions;
  private readonly sources: readonly SourceFile[];
  private destinations: Destinations;
  private readonly top: string;
  private readonly releases: ReleaseObject[] = [];
  /** ConfigMaps that releases may take values from. */
  private readonly valueMaps: KnownMap[] = [];
  private readonly built = new Set<string>();
  private readonly said = new Set<string>();
  private readonly builtRoots = new Set<Kustomization>();

  constructor(sources: readonly SourceFile[], options: RepositoryOptions) {
    this.sources = sources;
    this.destinations = new Destinations(sources);
    this.known = readTree(sources, this.destinations);
    this.charts = chartsOf(sources);
    this.given = new Set(sources.map(({ path }) => resolve(path)));
    this.top = commonFolder(sources.map(({ path }) => path));
    this.options = options;
  }

  get tree(): Tree {
    return this.known;
  }

  /** Builds every root, and hands over what came out. Returns how many objects that were. */
  async build(handler: DocumentHandler, kinds: JudgedKinds, progress?: Progress): Promise<number> {
    const workshop = new Workshop();
    try {
      const known = await this.followBuiltPointers(workshop);
      return await this.buildIn(workshop, known, handler, kinds, progress);
    } finally {
      workshop.remove();
    }
  }

  /**
   * What points to folders may be patched itself: Flux' Kustomizations for each cluster. Those in kustomizations are taken as
   * they are built, and with them it is known which folders are applied, and how. Returns these builds, which are not made again.
   */
  private async followBuiltPointers(workshop: Workshop): Promise<ReadonlyMap<string, KustomizationBuild>> {
    const { pointingFiles } = this.destinations;
    const { kustomize } = this.options;
    const roots = this.tree.roots.filter(
      (root) =>
        [...this.tree.filesOf(root.kustomization)].some((file) => pointingFiles.has(file)) &&
        this.obstacle(root) === undefined,
    );
    const builds = new Map<string, KustomizationBuild>();
    if (kustomize === undefined || roots.length === 0) {
      return builds;
    }
    const files = new Set<string>();
    const pointers = { documents: [] as InputDocument[], maps: [] as KnownMap[], files };
    const results = inOrder(roots, ({ kustomization }) =>
      buildKustomization(kustomization, workshop, { ...this.options, kustomize }),
    );
    for await (const [{ kustomization }, result] of results) {
      builds.set(keyOf(kustomization), result);
      if (result.ok) {
        const found = pointersIn(result.output, this.tree.shown(kustomization.file));
        pointers.documents.push(...found.documents);
        pointers.maps.push(...found.maps);
        this.tree.filesOf(kustomization).forEach((file) => files.add(file));
      }
    }
    this.destinations = new Destinations(this.sources, pointers);
    this.known = readTree(this.sources, this.destinations);
    return builds;
  }

  private async buildIn(
    workshop: Workshop,
    known: ReadonlyMap<string, KustomizationBuild>,
    handler: DocumentHandler,
    kinds: JudgedKinds,
    progress?: Progress,
  ): Promise<number> {
    this.tree.problems.forEach((problem) => {
      handler.problem(problem);
    });
    this.destinations.assumptions.forEach((text) => handler.note?.(text));
    const roots = this.tree.roots.filter((root) => this.canBuild(root, handler));
    const { kustomize } = this.options;
    if (roots.length > 0 && kustomize === undefined) {
      handler.problem(this.notBuilt(roots));
    }
    if (roots.length === 0 || kustomize === undefined) {
      return 0;
    }
    const origins = new Origins(this.tree, kinds);
    const options = { ...this.options, kustomize };
    let objects = 0;
    let done = 0;
    const results = inOrder(
      roots,
      async ({ kustomization }) =>
        known.get(keyOf(kustomization)) ?? (await buildKustomization(kustomization, workshop, options)),
    );
    for await (const [{ kustomization }, result] of results) {
      progress?.update(`building ${this.tree.shown(kustomization.folder)}`, done++, roots.length);
      objects += this.takeBuild(kustomization, result, origins, handler, kinds);
    }
    return objects;
  }

  private takeBuild(
    kustomization: Kustomization,
    result: KustomizationBuild,
    origins: Origins,
    handler: DocumentHandler,
    kinds: JudgedKinds,
  ): number {
    const destinations = this.destinationsOf(kustomization);
    if (!result.ok) {
      handler.problem({
        kind: 'NotBuilt',
        file: this.tree.shown(kustomization.file),
        message:
          kustomization.overlay === undefined
            ? `cannot be built: ${result.why}; its manifests are judged as they stand`
            : `cannot be built as ${destinations[0]?.by ?? ''} applies it: ${result.why}; its manifests are judged as they stand, or as others apply them`,
      });
      return 0;
    }
    this.builtRoots.add(kustomization);
    this.tree.filesOf(kustomization).forEach((file) => this.built.add(file));
    return readDocuments(result.output, this.tree.shown(kustomization.file), {
      ...plainHandler(handler),
      wants: (kind, text) => isRecipe(kind, text) || handler.wants(kind, text),
      document: (document) => {
        const origin = origins.originOf(document, kustomization, result.from);
        const source = origins.sourceOf(origin);
        const value = withoutOrigin(document.value);
        const built = { ...document, value, file: source.file, line: source.line, source, origin };
        this.hand(handler, built, destinations, kinds);
      },
    });
  }

  private destinationsOf({ folder, overlay }: Kustomization): readonly (Destination | undefined)[] {
    return this.destinations
      .ofFolder(folder)
      .filter((each) => JSON.stringify(each?.overlay) === JSON.stringify(overlay));
  }

  /** Of what a file is a part, so that what stands in it says nothing by itself: of a build, or of what tells how to build. */
  partOf(path: string): 'Build' | 'Recipe' | undefined {
    const absolute = resolve(path);
    if (this.built.has(absolute) || this.tree.patches.has(absolute)) {
      return 'Build';
    }
    return this.tree.isKustomization(absolute) || belongsToChart(absolute, this.charts) ? 'Recipe' : undefined;
  }

  /** The kustomization that takes this file in and was not built, if there is one: then nobody knows what a change of it does. */
  unbuilt(path: string): string | undefined {
    const absolute = resolve(path);
    const root = this.tree.roots.find(
      ({ kustomization }) => !this.builtRoots.has(kustomization) && this.tree.filesOf(kustomization).has(absolute),
    );
    return root === undefined ? undefined : this.tree.shown(root.kustomization.file);
  }

  /** A handler that also sees the objects that point to charts. */
  watching(handler: DocumentHandler, kinds: JudgedKinds): DocumentHandler {
    return {
      ...plainHandler(handler),
      wants: (kind, text) => isRecipe(kind, text) || handler.wants(kind, text),
      document: (document) => {
        const destinations = this.destinations.ofFile(document.file);
        const overlaid = kinds.has(document.kind)
          ? destinations.find((each) => each?.overlay !== undefined)
          : undefined;
        if (overlaid !== undefined) {
          this.once(handler, notOverlaid(overlaid, document.file));
        }
        this.hand(handler, document, destinations, kinds);
      },
    };
  }

  /** Renders every chart, once for each release of it, and hands over what came out. Returns how many objects that were. */
  async render(handler: DocumentHandler, progress?: Progress): Promise<number> {
    const found = this.chartReleases(handler);
    const { helm } = this.options;
    if (found.length === 0) {
      return 0;
    }
    if (helm === undefined) {
      for (const chart of new Set(found.map((each) => each.chart))) {
        handler.problem({
          kind: 'NotBuilt',
          file: nameOf(join(chart, 'Chart.yaml')),
          message:
            'is a chart that is not rendered: there is no helm to do it with (on PATH, or by --helm); give the output of helm template instead',
        });
      }
      return 0;
    }
    const workshop = new Workshop();
    let objects = 0;
    try {
      const results = inOrder(found, async (release) => {
        const output = await renderChart(withValues(release, this.options, workshop), workshop, {
          ...this.options,
          helm,
        });
        const after = output.ok ? await postRendered(output.output, release, workshop, this.options) : output;
        return { output, after };
      });
      for await (const [release, { output, after }] of results) {
        progress?.update(`rendering ${nameOf(release.chart)}`, 0, found.length);
        objects += this.rendered(release, output, after, handler);
      }
    } finally {
      workshop.remove();
    }
    return objects;
  }

  private rendered(
    release: ChartRelease,
    output: ProgramResult,
    result: ProgramResult,
    handler: DocumentHandler,
  ): number {
    if (!result.ok || !output.ok) {
      handler.problem({
        kind: 'NotBuilt',
        file: nameOf(join(release.chart, 'Chart.yaml')),
        message: `is a chart that does not render: ${result.ok ? '' : result.why}; it is not judged`,
      });
      return 0;
    }
    const chart = chartAt(release.chart);
    let objects = 0;
    for (const { text, template } of renderedDocuments(result.output, chart, output.output)) {
      objects += readDocuments(text, nameOf(template?.file ?? chart.folder), {
        ...plainHandler(handler),
        document: (document) => {
          const source = sourceInTemplate(document, template?.file, chart, nameOf);
          handler.document({
            ...document,
            value: inNamespace(document.value, release.namespace),
            file: source.file,
            line: source.line,
            source,
            chart: { folder: chart.folder, template },
          });
        },
      });
    }
    return objects;
  }

  /** Charts of the input are rendered for each release that points to them, or once as they are. */
  private chartReleases(handler: DocumentHandler): ChartRelease[] {
    const releases: ChartRelease[] = [];
    const elsewhere: ReleaseObject[] = [];
    const unread = new Set<string>();
    for (const object of this.releases) {
      const read = readRelease(object, this.top, this.valueMaps);
      releases.push(...read.releases);
      read.releases
        .flatMap((each) => each.unread ?? [])
        .forEach((source) => {
          const { file, line, kind } = object.document;
          unread.add(
            `${kind} ${file}:${line} takes values from ${source}, too, which is not read: its chart is judged without them`,
          );
        });
      if (read.elsewhere > 0 && !isMeshSource(object)) {
        elsewhere.push(object);
      }
    }
    unread.forEach((text) => handler.note?.(text));
    const [first] = elsewhere;
    if (first !== undefined) {
      handler.note?.(
        `not judged: ${elsewhere.length} of HelmRelease and Application take a chart or manifests from elsewhere, or from where nothing here tells (the first: ${first.document.file}:${first.document.line})`,
      );
    }
    const released = new Set(releases.map(({ chart }) => chart));
    const alone = this.charts
      .filter(({ folder, isLibrary }) => !isLibrary && !released.has(folder))
      .map(({ folder, name }): ChartRelease => ({ chart: folder, release: name, valueFiles: [], values: [] }));
    return [...releases, ...alone];
  }

  /** A workload is judged in each namespace that it is applied to, with what is put in there; what states facts is told once. */
  private hand(
    handler: DocumentHandler,
    document: InputDocument,
    destinations: readonly (Destination | undefined)[],
    kinds: JudgedKinds,
  ): void {
    this.keepValues(document);
    const isWorkload = kinds.has(document.kind);
    const applied = appliedObjects(document, destinations, isWorkload);
    applied.problems.forEach((problem) => {
      this.once(handler, problem);
    });
    if (isRelease(document)) {
      const path = document.origin === undefined ? resolve(document.file) : document.origin.path;
      this.releases.push(...applied.documents.map((each) => ({ document: each, path })));
    }
    if (!handler.wants(document.kind, '')) {
      handler.other(document.kind);
      return;
    }
    if (!isWorkload) {
      // Facts that differ from cluster to cluster are those of none: as they are written, they say that they are not known.
      const [only, ...others] = applied.documents;
      const fact = others.length === 0 && only !== undefined ? only : document;
      handler.document({ ...fact, destination: undefined });
      return;
    }
    applied.documents.forEach((each) => {
      handler.document(each);
    });
  }

  private keepValues(document: InputDocument): void {
    if (document.kind === 'ConfigMap') {
      const maps = knownMap(document).filter(({ data }) => Object.keys(data).some((key) => MAY_BE_VALUES.test(key)));
      this.valueMaps.push(...maps);
    }
  }

  private once(handler: DocumentHandler, problem: InputProblem): void {
    const key = JSON.stringify(problem);
    if (!this.said.has(key)) {
      this.said.add(key);
      handler.problem(problem);
    }
  }

  /** What is known to be broken or not on this disk is said in one line, and not put to the program. */
  private canBuild(root: Root, handler: DocumentHandler): boolean {
    const obstacle = this.obstacle(root);
    if (obstacle !== undefined) {
      this.once(handler, obstacle);
    }
    return obstacle === undefined;
  }

  private obstacle({ kustomization, broken }: Root): InputProblem | undefined {
    const folder = this.tree.shown(kustomization.folder);
    if (broken !== undefined) {
      return {
        ...broken,
        message: `${broken.message}; ${folder} is not built, its manifests are judged as they stand`,
      };
    }
    const remote = this.options.network ? undefined : remoteReference(this.tree, kustomization);
    if (remote !== undefined) {
      return {
        kind: 'NotBuilt',
        file: this.tree.shown(remote.file),
        line: remote.line,
        message: `names ${remote.text}, which would be downloaded; ${folder} is not built without --allow-remote, its manifests are judged as they stand`,
      };
    }
    const charts = withCharts(this.tree, kustomization);
    return charts === undefined
      ? undefined
      : {
          kind: 'NotBuilt',
          file: this.tree.shown(charts.file),
          line: charts.chartsLine,
          message: `has charts, for which kustomize would run helm; ${folder} is not built, its manifests are judged as they stand: give the output of kustomize build --enable-helm instead`,
        };
  }

  private notBuilt(roots: readonly Root[]): InputProblem {
    const [first] = roots;
    const file = this.tree.shown(first?.kustomization.file ?? '');
    return {
      kind: 'NotBuilt',
      file,
      message:
        `${roots.length === 1 ? 'this kustomization is' : `this and ${roots.length - 1} more kustomizations are`} not built: ` +
        'there is no kustomize or kubectl to do it with (on PATH, or by --kustomize); manifests are judged as they stand, patches are left out',
    };
  }
}

function notOverlaid({ by }: Destination, file: string): InputProblem {
  return {
    kind: 'NotBuilt',
    file: nameOf(dirname(resolve(file))),
    message: `has no kustomization of its own, and ${by} patches what is in it: that is not built, its manifests are judged as they stand`,
  };
}

/** A kustomization, and what is done to it before it is built. */
function keyOf({ folder, overlay }: Kustomization): string {
  return JSON.stringify([folder, overlay]);
}

/** Its values are read as settings of a mesh, which is all that is asked of it. */
function isMeshSource({ document: { apiVersion, kind, value } }: ReleaseObject): boolean {
  return readMeshSource(apiVersion.split('/')[0] ?? '', kind, value) !== undefined;
}

function withValues(release: ChartRelease, { helmValues }: RepositoryOptions, workshop: Workshop): ChartRelease {
  const folder = workshop.make();
  const own = release.values.map((text, index) => {
    const file = join(folder, `values-${index}.yaml`);
    writeFileSync(file, text);
    return file;
  });
  return { ...release, valueFiles: [...release.valueFiles, ...own, ...helmValues] };
}

function inNamespace(value: InputDocument['value'], namespace: string | undefined): InputDocument['value'] {
  const metadata = value['metadata'];
  if (namespace === undefined || typeof metadata !== 'object' || metadata === null || 'namespace' in metadata) {
    return value;
  }
  return { ...value, metadata: { ...metadata, namespace } };
}

/** A handler's methods as an object's own, so that some can be replaced. */
function plainHandler(handler: DocumentHandler): DocumentHandler {
  return {
    wants: (kind, text) => handler.wants(kind, text),
    document: (document) => {
      handler.document(document);
    },
    other: (kind) => {
      handler.other(kind);
    },
    problem: (problem) => {
      handler.problem(problem);
    },
    note: (text) => handler.note?.(text),
  };
}
