import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ociArchive, type ImageParts } from '../../../scripts/image/oci.ts';
import { tarOf } from '../../../scripts/image/tar.ts';

const PARTS: ImageParts = {
  name: 'sidecar-drain-operator:1.2.3',
  architecture: 'amd64',
  layers: [
    [
      { path: 'bin', mode: 0o755 },
      { path: 'bin/tool', mode: 0o755, content: Buffer.from('x'.repeat(513)) },
      { path: 'bin/link', mode: 0o777, linkTo: 'tool' },
    ],
    [{ path: 'app.js', mode: 0o644, content: Buffer.from('1') }],
  ],
  user: '65532:65532',
  workingDir: '/',
  entrypoint: ['/bin/tool'],
  command: ['controller'],
  environment: { NODE_ENV: 'production' },
  labels: { 'org.opencontainers.image.version': '1.2.3' },
};

interface Described {
  readonly digest: string;
  readonly size: number;
}

describe('the archive of an image', () => {
  let folder: string;
  const blob = (digest: string): Buffer => readFileSync(join(folder, 'blobs/sha256', digest.replace('sha256:', '')));
  const read = (path: string): unknown => JSON.parse(readFileSync(join(folder, path), 'utf8'));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'oci-'));
    writeFileSync(join(folder, 'image.tar'), ociArchive(PARTS).archive);
    execFileSync('tar', ['-xf', 'image.tar'], { cwd: folder });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is the same for the same parts, and another one for others', () => {
    const { archive, digest } = ociArchive(PARTS);

    expect(ociArchive(PARTS).archive.equals(archive)).toBe(true);
    expect(ociArchive({ ...PARTS, user: '0' }).digest).not.toBe(digest);
  });

  it('names each blob by its digest, from the index to the layers', () => {
    expect(read('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    for (const name of readdirSync(join(folder, 'blobs/sha256'))) {
      expect(createHash('sha256').update(blob(name)).digest('hex')).toBe(name);
    }
    const { manifests } = read('index.json') as { manifests: readonly Described[] };
    const manifest = JSON.parse(blob(manifests[0]?.digest ?? '').toString()) as {
      config: Described;
      layers: readonly Described[];
    };
    for (const { digest, size } of [manifest.config, ...manifest.layers]) {
      expect(blob(digest)).toHaveLength(size);
    }
    expect(manifest.layers).toHaveLength(2);
    expect(JSON.parse(blob(manifest.config.digest).toString())).toMatchObject({
      os: 'linux',
      config: { User: '65532:65532', Env: ['NODE_ENV=production'], Cmd: ['controller'] },
    });
  });

  it('holds layers that tar unpacks with their modes and links', () => {
    const [{ Layers }] = read('manifest.json') as [{ Layers: readonly string[] }];
    execFileSync('tar', ['-xzf', Layers[0] ?? ''], { cwd: folder });

    expect(statSync(join(folder, 'bin/tool')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(folder, 'bin/link'), 'utf8')).toHaveLength(513);
  });

  it('refuses a name that does not fit', () => {
    expect(() => tarOf([{ path: 'a'.repeat(101), mode: 0o644, content: Buffer.alloc(0) }])).toThrow(/100 bytes/);
  });
});
