import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compileOptions, goEnvironment } from '../../../scripts/go-options.mjs';
import { isAlive, withLock } from './lock.ts';
import { withoutTestSupport } from './go-modules.ts';
import { apiServerSource, cacheRoot, kubernetesVersion, projectRoot } from './paths.ts';
import { startProgress } from './progress.ts';

interface GoProgram {
  /** Folder with the go.mod, below the project's root. */
  module: string;
  package: string;
  ldflags?: string;
  /** A Go that its module needs and that is fetched as the module that it is, where the installed one is older. */
  toolchain?: string;
}

const stamp = 'k8s.io/component-base/version';

/** Without a version the API server calls itself v0.0.0-master, and kubectl and feature gates take that at its word. */
function kubernetesFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.');
  return `-X ${stamp}.gitVersion=${version} -X ${stamp}.gitMajor=${major} -X ${stamp}.gitMinor=${minor}`;
}

const programs = {
  etcd: { module: 'control-plane', package: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': {
    module: apiServerSource().module,
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    ldflags: kubernetesFlags(apiServerSource().version),
  },
  controllers: {
    module: 'control-plane',
    package: 'sidecardrain.io/control-plane/controllers',
    ldflags: kubernetesFlags(kubernetesVersion),
  },
  kubectl: {
    module: 'control-plane',
    package: 'k8s.io/kubernetes/cmd/kubectl',
    ldflags: kubernetesFlags(kubernetesVersion),
  },
  helm: {
    module: 'control-plane/tools',
    package: 'helm.sh/helm/v3/cmd/helm',
    ldflags: '-X helm.sh/helm/v3/internal/version.version=v3.22.0',
  },
  helm4: {
    module: 'control-plane/tools',
    package: 'helm.sh/helm/v4/cmd/helm',
    ldflags: '-X helm.sh/helm/v4/internal/version.version=v4.3.1',
  },
  kustomize: {
    module: 'control-plane/tools',
    package: 'sigs.k8s.io/kustomize/kustomize/v5',
    ldflags: '-X sigs.k8s.io/kustomize/api/provenance.version=v5.8.2',
  },
  kstatus: { module: 'test/tools/gitops/kstatus', package: 'sidecardrain.io/test/tools/gitops/kstatus' },
  flux: {
    module: 'test/tools/gitops/engines',
    package: 'sidecardrain.io/test/tools/gitops/engines/flux',
    toolchain: 'go1.27.3',
  },
  argocd: {
    module: 'test/tools/gitops/engines',
    package: 'sidecardrain.io/test/tools/gitops/engines/argocd',
    toolchain: 'go1.27.3',
  },
  olm: { module: 'test/tools/olm', package: 'sidecardrain.io/test/tools/olm' },
} as const satisfies Record<string, GoProgram>;

export type BinaryName = keyof typeof programs;

function programOf(name: BinaryName): GoProgram {
  return programs[name];
}

/** Where a program is kept once built; only kube-apiserver may be of another version than the rest. */
export function builtFolder(name?: BinaryName): string {
  const version = name === 'kube-apiserver' ? apiServerSource().version : kubernetesVersion;
  return join(cacheRoot(), version, 'bin');
}

function run(
  command: string,
  args: string[],
  cwd: string,
  toolchain: string | undefined,
  onLine?: (line: string) => void,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: goEnvironment(toolchain) });
    let output = '';
    let rest = '';
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-8000);
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        onLine?.(line);
      }
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output: output.trim() }));
  });
}

async function checkGo(names: BinaryName[]): Promise<void> {
  const way = `Install Go 1.26 or newer (https://go.dev/dl/), or set KUBEBUILDER_ASSETS to a folder that has ${names.join(', ')}.`;
  let result: { code: number; output: string };
  try {
    // Asked inside the module: Go compares itself with the go.mod, and fetches a newer toolchain where it may.
    const { module, toolchain } = programOf(names[0]!);
    result = await run('go', ['version'], join(projectRoot(), module), toolchain);
  } catch {
    throw new Error(`Go was not found, and ${names.join(', ')} must be built with it. ${way}`);
  }
  if (result.code !== 0) {
    throw new Error(`Go is too old to build ${names.join(', ')} (${result.output.split('\n')[0]}). ${way}`);
  }
}

/** What an interrupted build left; the folder's name ends with the id of the process that made it. */
async function removeDeadBuilds(folder: string): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    const pid = /^\.build-(\d+)$/.exec(entry)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      await rm(join(folder, entry), { recursive: true, force: true });
    }
  }
}

/** What one command can build: `go build` cannot write two programs of the same name (Helm 3 and 4) into one folder. */
function batches(names: readonly BinaryName[]): BinaryName[][] {
  const found: BinaryName[][] = [];
  for (const name of names) {
    const { module, package: path } = programs[name];
    const batch = found.find((others) =>
      others.every(
        (other) => programs[other].module === module && builtName(programs[other].package) !== builtName(path),
      ),
    );
    if (batch === undefined) {
      found.push([name]);
    } else {
      batch.push(name);
    }
  }
  return found;
}

/** Programs of one module are built by one command: their packages share both cores, and links overlap compilation. */
async function buildModule(names: readonly BinaryName[], temporary: string): Promise<void> {
  const { module } = programs[names[0]!];
  const { toolchain } = programOf(names[0]!);
  const folder = join(projectRoot(), module);
  const progress = startProgress(`building ${names.join(', ')} from Go modules (${expectation(names)})`);
  let packages = 0;
  let downloads = 0;
  const sources = await withoutTestSupport(folder, join(temporary, 'source'), async (path) => {
    return (await run('go', ['mod', 'download', '-json', path], folder, toolchain)).output;
  });
  // A program that lacks a variable that -X names is linked without it.
  const flags = [...new Set(names.map((name) => programOf(name).ldflags ?? ''))];
  const args = [
    'build',
    '-v',
    ...compileOptions,
    ...sources,
    '-ldflags',
    ['-s -w', ...flags].join(' ').trim(),
    '-o',
    `${temporary}/`,
    ...names.map((name) => programs[name].package),
  ];
  const { code, output } = await run('go', args, folder, toolchain, (line) => {
    if (line.startsWith('go: downloading')) {
      downloads += 1;
    } else {
      packages += 1;
    }
    progress.detail(packages === 0 ? `${downloads} modules downloaded` : `${packages} packages compiled`);
  });
  if (code !== 0) {
    progress.done('failed');
    throw new Error(
      `go ${args.join(' ')} in ${module} failed with exit code ${code}:\n${output.split('\n').slice(-15).join('\n')}`,
    );
  }
  for (const name of names) {
    await mkdir(builtFolder(name), { recursive: true });
    await rename(join(temporary, builtName(programs[name].package)), join(builtFolder(name), name));
  }
  progress.done('done');
}

/** What `go build` calls a program: the last part of its package's path that is no major version. */
function builtName(path: string): string {
  return (
    path
      .replace(/\/v\d+$/, '')
      .split('/')
      .pop() ?? path
  );
}

/** Measured from nothing on two cores, quiet and shared with others; said so that nobody has to guess whether it hangs. */
function expectation(names: readonly BinaryName[]): string {
  if (names.includes('kube-apiserver')) {
    return 'once; 3 to 12 minutes on two cores';
  }
  return names.includes('controllers') ? 'once; 2 to 6 minutes on two cores' : 'once; a minute or so';
}

/** Builds what `missing` names into the cache. Interrupted builds leave nothing there: results are renamed into it. */
export async function buildBinaries(missing: BinaryName[], stillMissing: (name: BinaryName) => boolean): Promise<void> {
  await checkGo(missing);
  const folder = builtFolder();
  await mkdir(folder, { recursive: true });
  await withLock(
    folder,
    (pid) => console.error(`waiting for process ${pid}, which builds the control plane's binaries`),
    async () => {
      await removeDeadBuilds(folder);
      const names = missing.filter(stillMissing);
      const temporary = join(folder, `.build-${process.pid}`);
      await mkdir(temporary, { recursive: true });
      try {
        for (const batch of batches(names)) {
          await buildModule(batch, temporary);
        }
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    },
  );
}
