// The archives that controller-tools publishes for envtest: etcd, kube-apiserver and kubectl, without the controller
// manager. They save the longest builds where the network lets them through, and cost nothing where it does not.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { cacheRoot, kubernetesVersion } from './paths.ts';
import { startProgress } from './progress.ts';

const defaultIndex = 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml';
const names = ['etcd', 'kube-apiserver', 'kubectl'];

interface Archive {
  hash: string;
  selfLink: string;
}

export function envtestFolder(): string {
  return join(cacheRoot(), `envtest-${kubernetesVersion}`, 'bin');
}

/** The newest archive of our Kubernetes minor for this machine, or undefined where the index has none. */
export function pickArchive(index: string, platform: string, architecture: string): Archive | undefined {
  const { releases } = parse(index) as { releases: Record<string, Record<string, Archive>> };
  const minor = kubernetesVersion.split('.').slice(0, 2).join('.');
  const versions = Object.keys(releases)
    .filter((version) => version.startsWith(`${minor}.`) && !version.includes('-'))
    .sort((a, b) => Number(b.split('.')[2]) - Number(a.split('.')[2]));
  const machine = `${platform}-${architecture === 'x64' ? 'amd64' : architecture}`;
  for (const version of versions) {
    const archive = releases[version]?.[`envtest-${version}-${machine}.tar.gz`];
    if (archive !== undefined) {
      return archive;
    }
  }
  return undefined;
}

async function download(url: string, timeoutMs: number): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}`);
  }
  return Buffer.from(await response.arrayBuffer());
}

/** True when the archive is in the cache now. A network that refuses is no error: the caller goes on without. */
export async function fetchEnvtest(): Promise<boolean> {
  const index = process.env.SIDECAR_DRAIN_ENVTEST_INDEX ?? defaultIndex;
  let archive: Archive | undefined;
  try {
    archive = pickArchive((await download(index, 5000)).toString(), process.platform, process.arch);
  } catch {
    return false;
  }
  if (archive === undefined) {
    return false;
  }
  const progress = startProgress('downloading the envtest archive');
  let bytes: Buffer;
  try {
    bytes = await download(archive.selfLink, 120_000);
  } catch (error) {
    progress.done(`not available (${(error as Error).message})`);
    return false;
  }
  if (createHash('sha512').update(bytes).digest('hex') !== archive.hash) {
    // Not a network that refuses but one that alters: said aloud, and never used.
    progress.done(`refused: the sha512 of ${archive.selfLink} is not the one in the index`);
    return false;
  }
  await mkdir(cacheRoot(), { recursive: true });
  const temporary = await mkdtemp(join(cacheRoot(), '.envtest-'));
  try {
    await writeFile(join(temporary, 'archive.tar.gz'), bytes);
    await promisify(execFile)('tar', ['-xzf', 'archive.tar.gz'], { cwd: temporary });
    await mkdir(envtestFolder(), { recursive: true });
    // The folders inside have changed over the releases; the programs' names have not.
    for (const entry of await readdir(temporary, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && names.includes(entry.name)) {
        await rename(join(entry.parentPath, entry.name), join(envtestFolder(), entry.name));
      }
    }
  } catch (error) {
    progress.done(`cannot be unpacked (${(error as Error).message})`);
    return false;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  progress.done('done');
  return true;
}
