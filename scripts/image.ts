// make image: the operator's image as an OCI archive, without a Docker daemon: the Node.js of npm, the few libraries of
// Debian that it needs, and the bundle. Built twice, and the two have to be the same.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheRoot, projectRoot } from '../test/support/control-plane/paths.ts';
import { NODE_VERSIONS, nodeProgram } from '../test/support/node-versions.ts';
import { RUNTIME_ENVIRONMENT } from './image/environment.ts';
import { ociArchive, type OciArchive } from './image/oci.ts';
import type { TarEntry } from './image/tar.ts';

const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6'];
/** What node is linked against (`readelf -d`), and the loader that it names. */
const LIBRARIES = [
  'libdl.so.2',
  'libstdc++.so.6',
  'libm.so.6',
  'libgcc_s.so.1',
  'libpthread.so.0',
  'libc.so.6',
  'libatomic.so.1',
];
const LOADERS = ['ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'];

const root = projectRoot();
const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly description: string;
};
const release = NODE_VERSIONS.find((one) => one.startsWith('24.')) ?? NODE_VERSIONS[0];
const node = await nodeProgram(release);
const debian = debianRoot();
const libraries = librariesOf(debian);
/** Of what is passed on; Debian's other two packages point to a third for theirs. */
const COPYRIGHTS = [
  ['libc6', join(debian, 'usr/share/doc/libc6/copyright')],
  ['node', join(dirname(node), '..', 'LICENSE')],
] as const;
const built = build();
if (build().digest !== built.digest) {
  throw new Error('two builds of the same parts have two digests');
}
const folder = join(root, 'out', 'image');
mkdirSync(folder, { recursive: true });
const file = join(folder, 'sidecar-drain-operator.tar');
writeFileSync(file, built.archive);
console.log(`${file}: ${Math.round(built.archive.length / 2 ** 20)} MiB, Node.js ${release}, ${built.digest}`);
console.log(
  `kind load image-archive ${file}   or   docker load -i ${file}   or   skopeo copy oci-archive:${file} docker://...`,
);

function build(): OciArchive {
  const entry = (path: string, from: string, mode = 0o644): TarEntry => ({ path, mode, content: readFileSync(from) });
  const folderAt = (path: string, mode = 0o755): TarEntry => ({ path, mode });
  const text = (path: string, content: string): TarEntry => ({ path, mode: 0o644, content: Buffer.from(content) });
  const base = [
    folderAt('etc'),
    text('etc/passwd', 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n'),
    text('etc/group', 'root:x:0:\nnonroot:x:65532:\n'),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    ...['lib', 'lib64', 'nodejs', 'nodejs/bin'].map((path) => folderAt(path)),
    folderAt('tmp', 0o1777),
    ...libraries,
    ...['usr', 'usr/share', 'usr/share/doc'].map((path) => folderAt(path)),
    ...COPYRIGHTS.filter(([, from]) => existsSync(from)).flatMap(([name, from]) => [
      folderAt(`usr/share/doc/${name}`),
      entry(`usr/share/doc/${name}/copyright`, from),
    ]),
    entry('nodejs/bin/node', node, 0o755),
  ];
  const bundle = [
    folderAt('app'),
    ...['LICENSE', 'package.json'].map((name) => entry(`app/${name}`, join(root, name))),
    folderAt('app/dist'),
    ...readdirSync(join(root, 'dist'))
      .sort()
      .map((name) => entry(`app/dist/${name}`, join(root, 'dist', name))),
  ];
  return ociArchive({
    name: `sidecar-drain-operator:${version}`,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    layers: [base, bundle],
    user: '65532:65532',
    workingDir: '/app',
    entrypoint: ['/nodejs/bin/node', '/app/dist/main.js'],
    command: ['controller'],
    environment: { LD_LIBRARY_PATH: '/lib', ...RUNTIME_ENVIRONMENT, PATH: '/nodejs/bin' },
    labels: {
      'org.opencontainers.image.title': 'sidecar-drain-operator',
      'org.opencontainers.image.description': description,
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
    },
  });
}

/** Debian's packages, fetched by apt and unpacked without being installed; kept in the cache. */
function debianRoot(): string {
  const cache = join(dirname(cacheRoot()), 'image-root');
  if (existsSync(cache)) {
    return cache;
  }
  mkdirSync(dirname(cache), { recursive: true });
  const fresh = mkdtempSync(`${cache}-`);
  try {
    execFileSync('apt-get', ['download', ...PACKAGES], { cwd: fresh, stdio: 'pipe' });
    for (const archive of readdirSync(fresh).filter((name) => name.endsWith('.deb'))) {
      execFileSync('dpkg-deb', ['-x', join(fresh, archive), fresh]);
      rmSync(join(fresh, archive));
    }
    renameSync(fresh, cache);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error(
      `make image needs apt-get and dpkg-deb, to fetch ${PACKAGES.join(', ')} from Debian: ${String(error)}`,
    );
  }
  return cache;
}

function librariesOf(from: string): TarEntry[] {
  const found = new Map<string, string>();
  for (const path of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    const name = basename(path);
    if (LIBRARIES.includes(name) || LOADERS.includes(name)) {
      const real = realpathSync(join(from, path));
      // A link with an absolute target would leave the folder.
      if (real.startsWith(realpathSync(from))) {
        found.set(name, real);
      }
    }
  }
  return [...found]
    .sort()
    .map(([name, path]) => ({
      path: `${name === 'ld-linux-x86-64.so.2' ? 'lib64' : 'lib'}/${name}`,
      mode: 0o755,
      content: readFileSync(path),
    }));
}
