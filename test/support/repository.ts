// Repositories in folders of their own, the real programs that build them, and what comes out of both.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cli, type Ran } from '../unit/cli/support.ts';
import { projectRoot } from './control-plane/index.ts';

export const GRACE = '/spec/template/spec/terminationGracePeriodSeconds';
export const CONFIG = '/spec/template/metadata/annotations/proxy.istio.io/config';

/** Values of a build by their path: `Deployment web/spec/replicas`. */
export type Leaves = Readonly<Record<string, unknown>>;

export interface Finding {
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly builtFrom?: string;
  readonly workload: { readonly name: string; readonly namespace: string };
}

export interface Output {
  readonly findings: readonly Finding[];
  readonly problems: readonly {
    readonly kind: string;
    readonly file: string;
    readonly line?: number;
    readonly message: string;
  }[];
  readonly notes: readonly string[];
  readonly summary: { readonly workloads: number };
}

const folders: string[] = [];

/** A folder that is gone when the tests of the file are over. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-tree-'));
  folders.push(folder);
  return folder;
}

export function removeRepositories(): void {
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function repositoryOf(files: Readonly<Record<string, string>>): string {
  const folder = newFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** A copy of one of test/fixtures/repositories, as a repository of Git has it. */
export function fixture(name: string): string {
  const folder = newFolder();
  cpSync(join(projectRoot(), 'test/fixtures/repositories', name), folder, { recursive: true });
  mkdirSync(join(folder, '.git'));
  return folder;
}

/** A folder for PATH in which the programs have the names that people know them by. */
export function pathWith(programs: Readonly<Record<string, string>>): string {
  const bin = newFolder();
  for (const [name, path] of Object.entries(programs)) {
    symlinkSync(path, join(bin, name));
  }
  return bin;
}

/** The command line with nothing on PATH but these programs. */
export class Tools {
  private readonly bin: string;

  constructor(
    /** kustomize or kubectl, under that name. */
    readonly kustomize: string,
    readonly helm: string,
    readonly facts: readonly string[],
  ) {
    const name = basename(kustomize);
    this.bin = pathWith({ [name]: kustomize, helm });
  }

  async run(...args: string[]): Promise<Ran> {
    return await cli([...args, ...this.facts], { env: { PATH: this.bin } });
  }

  async lint(folder: string, ...more: string[]): Promise<Output> {
    const { out } = await this.run('lint', folder, '-o', 'json', ...more);
    return JSON.parse(out) as Output;
  }

  async lintText(...texts: readonly string[]): Promise<Output> {
    const stdin = texts.join('\n---\n');
    const { out } = await cli(['lint', '-', '-o', 'json', ...this.facts], { stdin });
    return JSON.parse(out) as Output;
  }

  build(folder: string): string {
    const verb = basename(this.kustomize) === 'kubectl' ? 'kustomize' : 'build';
    return execFileSync(this.kustomize, [verb, folder], { encoding: 'utf8' });
  }

  template(chart: string, release: string, ...more: string[]): string {
    return execFileSync(this.helm, ['template', release, chart, '--skip-tests', ...more], { encoding: 'utf8' });
  }

  leaves(folder: string): Leaves {
    return leavesOf(this.build(folder));
  }
}

/** Every leaf of every object of a text. */
export function leavesOf(text: string): Leaves {
  const found: Record<string, unknown> = {};
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) {
      found[path] = value;
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      visit(child, `${path}/${key}`);
    }
  };
  for (const document of parseAllDocuments(text)) {
    const value = document.toJS() as { kind: string; metadata: { name: string } };
    visit(value, `${value.kind} ${value.metadata.name}`);
  }
  return found;
}

export function changedLeaves(before: Leaves, after: Leaves): Leaves {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...paths].filter((path) => before[path] !== after[path]).map((path) => [path, after[path]]),
  );
}

/** What is found of which workload, in no order. */
export function verdicts({ findings }: Output): string[] {
  return findings.map(({ code, workload: { namespace, name } }) => `${namespace}/${name} ${code}`).sort();
}
