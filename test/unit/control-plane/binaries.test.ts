import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { findBinaries } from '../../support/control-plane/binaries.ts';
import { kubernetesVersion } from '../../support/control-plane/paths.ts';

const environment = { ...process.env };
let folder: string;
let cache: string;
let output: string;

function program(path: string, text = '#!/bin/sh\n'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** Stands in for the Go tool: it writes a program per package into the folder of `-o`, and keeps a list of them. */
function fakeGo(build = 'printf "#!/bin/sh\\n" > "$out"; chmod +x "$out"', version = 'echo go version go1.26.8'): void {
  program(
    join(folder, 'path', 'go'),
    `#!/bin/sh
if [ "$1" = version ]; then ${version}; exit; fi
folder=
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then
    shift
    folder=$1
  elif [ -n "$folder" ]; then
    name=$(basename "\${1%/v[0-9]}")
    out="$folder$name"
    echo "$name" >> "${folder}/built"
    ${build}
  fi
  shift
done
`,
  );
  process.env.PATH = `${join(folder, 'path')}:/usr/bin:/bin`;
}

function built(): string[] {
  return existsSync(join(folder, 'built')) ? readFileSync(join(folder, 'built'), 'utf8').trim().split('\n') : [];
}

function builtFolder(): string {
  return join(cache, 'control-plane', kubernetesVersion, 'bin');
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-binaries-'));
  cache = join(folder, 'cache');
  output = '';
  process.env.SIDECAR_DRAIN_CACHE = cache;
  // Nothing listens there: a network that refuses at once.
  process.env.SIDECAR_DRAIN_ENVTEST_INDEX = 'http://127.0.0.1:9/index.yaml';
  delete process.env.KUBEBUILDER_ASSETS;
  jest.spyOn(console, 'error').mockImplementation((text: string) => {
    output += `${text}\n`;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  process.env = { ...environment };
  rmSync(folder, { recursive: true, force: true });
});

describe('where a program is found', () => {
  it('takes each from KUBEBUILDER_ASSETS, then from the cache, then from a build', async () => {
    fakeGo();
    const etcd = program(join(folder, 'assets', 'etcd'));
    program(join(builtFolder(), 'etcd'));
    const kubectl = program(join(builtFolder(), 'kubectl'));
    process.env.KUBEBUILDER_ASSETS = join(folder, 'assets');

    const paths = await findBinaries(['etcd', 'kubectl', 'controllers']);

    expect(paths).toEqual({ etcd, kubectl, controllers: join(builtFolder(), 'controllers') });
    expect(built()).toEqual(['controllers']);
    expect(output).toContain('has no controllers: taken from elsewhere');
  });

  it('builds once and keeps the result', async () => {
    fakeGo();

    await findBinaries(['etcd', 'kubectl']);
    await findBinaries(['etcd', 'kubectl']);

    expect(built()).toEqual(['server', 'kubectl']);
    expect(readdirSync(builtFolder()).sort()).toEqual(['etcd', 'kubectl']);
    expect(output).toMatch(/building etcd, kubectl from Go modules \(once; [^)]*\): done \(\d+s\)/);
  });

  it('builds what would get the same name by commands of their own', async () => {
    fakeGo();

    const { helm, helm4 } = await findBinaries(['helm', 'kustomize', 'helm4']);

    expect(built()).toEqual(['helm', 'kustomize', 'helm']);
    expect([helm, helm4]).toEqual([join(builtFolder(), 'helm'), join(builtFolder(), 'helm4')]);
    expect(readdirSync(builtFolder()).sort()).toEqual(['helm', 'helm4', 'kustomize']);
  });

  it('builds once for two that ask at the same time', async () => {
    fakeGo('sleep 0.3; printf "#!/bin/sh\\n" > "$out"; chmod +x "$out"');

    const [first, second] = await Promise.all([findBinaries(['etcd']), findBinaries(['etcd'])]);

    expect(first).toEqual(second);
    expect(built()).toEqual(['server']);
    expect(output).toContain(`waiting for process ${process.pid}`);
  });

  it('takes over from a build that was killed, and removes what it left', async () => {
    fakeGo();
    const dead = spawnSync('true').pid;
    program(join(builtFolder(), `.build-${dead}`, 'etcd'), 'half a program');
    writeFileSync(join(builtFolder(), 'lock'), String(dead));

    const { etcd } = await findBinaries(['etcd']);

    expect(readFileSync(etcd, 'utf8')).toBe('#!/bin/sh\n');
    expect(readdirSync(builtFolder())).toEqual(['etcd']);
  });

  it('takes over from a lock that nobody has touched for long, whoever has its process id now', async () => {
    fakeGo();
    mkdirSync(builtFolder(), { recursive: true });
    writeFileSync(join(builtFolder(), 'lock'), String(process.ppid));
    utimesSync(join(builtFolder(), 'lock'), new Date(0), new Date(0));

    await findBinaries(['etcd']);

    expect(readdirSync(builtFolder())).toEqual(['etcd']);
  });

  it('says what the compiler said, and leaves nothing, when a build fails', async () => {
    fakeGo('echo "no space left on device" >&2; exit 1');

    await expect(findBinaries(['etcd'])).rejects.toThrow(
      /^go build .* failed with exit code 1:\n[^]*no space left on device/,
    );

    expect(readdirSync(builtFolder())).toEqual([]);
  });

  it.each([
    [
      'missing',
      () => {
        process.env.PATH = join(folder, 'nothing');
      },
      /^Go was not found, and etcd must be built with it\. Install Go 1\.26 or newer .*KUBEBUILDER_ASSETS.*$/,
    ],
    [
      'too old',
      () => fakeGo('', 'echo "go: go.mod requires go >= 1.26.0 (running go 1.21.0)" >&2; exit 1'),
      /^Go is too old to build etcd \(go: go\.mod requires go >= 1\.26\.0 \(running go 1\.21\.0\)\)\. Install Go 1\.26 or newer .*$/,
    ],
  ])('says in one line what to do when Go is %s', async (_, prepare, message) => {
    prepare();

    await expect(findBinaries(['etcd'])).rejects.toThrow(message);
  });
});

describe('the envtest archives', () => {
  let server: Server;
  let archive: Buffer;
  let hash: string;

  beforeEach(async () => {
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) {
      program(join(folder, 'archive', 'controller-tools', 'envtest', name), `#!/bin/sh\n# ${name} of the archive\n`);
    }
    execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', join(folder, 'archive'), 'controller-tools']);
    archive = readFileSync(join(folder, 'archive.tar.gz'));
    hash = createHash('sha512').update(archive).digest('hex');
    server = createServer((request, response) => {
      const origin = `http://${request.headers.host}`;
      const machine = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
      const entry = (version: string, link: string): object => ({
        [`envtest-${version}-${machine}.tar.gz`]: { hash, selfLink: origin + link },
      });
      const [major, minor] = kubernetesVersion.split('.');
      const other = `${major}.${Number(minor) + 1}.0`;
      const releases = {
        [`${major}.${minor}.0`]: entry(`${major}.${minor}.0`, '/old'),
        [`${major}.${minor}.10`]: entry(`${major}.${minor}.10`, '/archive'),
        [`${major}.${minor}.9`]: entry(`${major}.${minor}.9`, '/old'),
        [other]: entry(other, '/other-minor'),
      };
      if (request.url === '/index.yaml') {
        response.end(JSON.stringify({ releases }));
      } else if (request.url === '/archive') {
        response.end(archive);
      } else {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env.SIDECAR_DRAIN_ENVTEST_INDEX = `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.yaml`;
    fakeGo();
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('give all but the controllers, from the newest patch of our minor', async () => {
    const paths = await findBinaries(['etcd', 'kube-apiserver', 'kubectl', 'controllers']);

    expect(readFileSync(paths['kube-apiserver'], 'utf8')).toContain('kube-apiserver of the archive');
    expect(built()).toEqual(['controllers']);
    expect(readdirSync(join(cache, 'control-plane')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('are not used when their hash is another than the index says', async () => {
    hash = '0'.repeat(128);

    await findBinaries(['etcd', 'kubectl']);

    expect(built()).toEqual(['server', 'kubectl']);
    expect(output).toContain('refused: the sha512');
  });

  it('are not asked for when everything is in the cache', async () => {
    const etcd = program(join(builtFolder(), 'etcd'));
    let asked = 0;
    server.on('request', () => {
      asked += 1;
    });

    expect(await findBinaries(['etcd'])).toEqual({ etcd });
    expect(asked).toBe(0);
  });
});
