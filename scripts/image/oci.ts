import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tarOf, type TarEntry } from './tar.ts';

export interface ImageParts {
  /** Such as sidecar-drain-operator:0.1.0. */
  readonly name: string;
  /** As Go calls it: amd64, arm64. */
  readonly architecture: string;
  /** From the one that changes least. */
  readonly layers: readonly (readonly TarEntry[])[];
  readonly user: string;
  readonly workingDir: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface OciArchive {
  readonly archive: Buffer;
  /** Of the image's manifest: sha256:... */
  readonly digest: string;
}

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

function blobOf(bytes: Buffer): Blob {
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/**
 * An OCI image layout as one archive (OCI image specification 1.1), with docker's manifest.json beside it for `docker load`.
 * It says no time, so the same parts give the same bytes.
 */
export function ociArchive(parts: ImageParts): OciArchive {
  const tars = parts.layers.map((entries) => tarOf(entries));
  const layers = tars.map((tar) => blobOf(gzipSync(tar, { level: 9 })));
  const config = blobOf(
    json({
      architecture: parts.architecture,
      os: 'linux',
      config: {
        User: parts.user,
        WorkingDir: parts.workingDir,
        Entrypoint: parts.entrypoint,
        Cmd: parts.command,
        Env: Object.entries(parts.environment).map(([name, value]) => `${name}=${value}`),
        Labels: parts.labels,
      },
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => blobOf(tar).digest) },
    }),
  );
  const manifest = blobOf(
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
    }),
  );
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
        annotations: {
          // containerd's importer, and so kind, names the image by this.
          'io.containerd.image.name': `docker.io/library/${parts.name}`,
          'org.opencontainers.image.ref.name': parts.name.slice(parts.name.lastIndexOf(':') + 1),
        },
        platform: { architecture: parts.architecture, os: 'linux' },
      },
    ],
  };
  const docker = [{ Config: pathOf(config), RepoTags: [parts.name], Layers: layers.map(pathOf) }];
  const file = (path: string, content: Buffer): TarEntry => ({ path, mode: 0o644, content });
  const archive = tarOf([
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json(index)),
    file('manifest.json', json(docker)),
    { path: 'blobs', mode: 0o755 },
    { path: 'blobs/sha256', mode: 0o755 },
    ...[config, manifest, ...layers].map((blob) => file(pathOf(blob), blob.bytes)),
  ]);
  return { archive, digest: manifest.digest };
}

function descriptor(mediaType: string, { digest, bytes }: Blob): object {
  return { mediaType, digest, size: bytes.length };
}

function pathOf({ digest }: Blob): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}
