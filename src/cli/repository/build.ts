import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { stringify } from 'yaml';
import type { Kustomization } from './kustomization.ts';
import { runProgram, type ProgramResult } from './programs.ts';

/** How the programs are run that know how to read a tree. */
export interface BuildOptions {
  /** kustomize, or kubectl, which has it built in; absent where there is neither. */
  readonly kustomize?: string;
  readonly helm?: string;
  readonly network: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What came out, with the folder from which its origins count. */
export type KustomizationBuild = ProgramResult & { readonly from: string };

/** A folder for what the programs need, and for nothing of the user's. */
export class Workshop {
  private own: string | undefined;
  private next = 0;

  /** Made when it is first asked for: where nothing is built, nothing is written, not even on a read-only file system. */
  get folder(): string {
    // kustomize follows symbolic links before it compares paths, so the folder's own name must have none.
    this.own ??= realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-drain-')));
    return this.own;
  }

  /** A new folder in it. */
  make(): string {
    const made = join(this.folder, String(this.next++));
    mkdirSync(made);
    return made;
  }

  remove(): void {
    if (this.own !== undefined) {
      rmSync(this.own, { recursive: true, force: true });
    }
  }
}

/**
 * Builds a kustomization without touching its files: a kustomization of our own names it as its one resource, and asks
 * for the annotation `config.kubernetes.io/origin`, which kustomize hands down to everything below
 * (api/internal/target/kusttarget.go, accumulateDirectory).
 */
export async function buildKustomization(
  { folder, overlay }: Pick<Kustomization, 'folder' | 'overlay'>,
  workshop: Workshop,
  options: BuildOptions & { readonly kustomize: string },
): Promise<KustomizationBuild> {
  const from = workshop.make();
  const real = realpathSync(folder);
  const wrapper = {
    ...overlay?.fields,
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(from, real)],
    ...(overlay === undefined ? {} : { components: overlay.components.map((each) => relative(from, each)) }),
    buildMetadata: ['originAnnotations'],
  };
  writeFileSync(join(from, 'kustomization.yaml'), stringify(wrapper));
  const result = await buildAlone(from, options, options.kustomize);
  return result.ok ? { ...result, from } : { ok: false, why: essence(result.why, from), from };
}

/** Builds a folder as it is. */
export async function buildAlone(folder: string, options: BuildOptions, kustomize: string): Promise<ProgramResult> {
  const isKustomize = basename(kustomize).startsWith('kustomize');
  return await runProgram(kustomize, {
    args: [isKustomize ? 'build' : 'kustomize', folder],
    cwd: folder,
    home: folder,
    network: options.network,
    env: options.env,
  });
}

/** What kustomize puts around a message at each level of the tree, before what went wrong. */
const WRAPPERS = [
  /accumulat\w+ [^:]*?(?:err='|: )/,
  /couldn't make target for path '[^']*': /,
  /trouble configuring builtin \w+ with config: `[^`]*`: /,
  /must resolve to a file': /,
];

/** What went wrong, without what is wrapped around it, and with files as they are named from the folder of the user. */
function essence(why: string, from: string): string {
  const text = why
    .replaceAll(from, '.')
    .replaceAll(process.cwd() + sep, '')
    .replace(/^(Error|error): /, '')
    .replace(/\s+/g, ' ');
  const inner = WRAPPERS.reduce((rest, wrapper) => rest.split(wrapper).at(-1) ?? rest, text);
  const last = inner.replace(/'+:? ?(must build at directory|not a valid directory|evalsymlink).*$/, '');
  return last.length > 400 ? `${last.slice(0, 400)}...` : last;
}

/** Results that wait for their turn, for each core. */
const WAITING = 8;

/** Works on as many at once as there are cores, and yields what came out in the order of the list. */
export async function* inOrder<T, R>(list: readonly T[], work: (item: T) => Promise<R>): AsyncGenerator<[T, R]> {
  const cores = availableParallelism();
  const started: Promise<R>[] = [];
  let running = 0;
  let yielded = 0;
  const fill = (): void => {
    while (running < cores && started.length < Math.min(list.length, yielded + cores * WAITING)) {
      running++;
      started.push(
        work(list[started.length] as T).finally(() => {
          running--;
          fill();
        }),
      );
    }
  };
  for (const item of list) {
    fill();
    yield [item, await (started[yielded] as Promise<R>)];
    yielded++;
  }
}
