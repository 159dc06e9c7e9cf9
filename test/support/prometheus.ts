// Prometheus and promtool: those of the machine, else Debian's package, fetched by apt and unpacked without being installed.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheRoot } from './control-plane/paths.ts';
import { freePort } from './control-plane/processes.ts';

const run = promisify(execFile);

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/**
 * Folder of both programs: PROMETHEUS_ASSETS, the PATH, the cache, or Debian's archive; or, where none of them works, the
 * reason, which tests print in place of a result.
 */
export async function findPrometheus(): Promise<
  { ok: true; programs: PrometheusPrograms } | { ok: false; why: string }
> {
  const cache = join(dirname(cacheRoot()), 'prometheus');
  const stated = process.env.PROMETHEUS_ASSETS;
  for (const folder of stated === undefined
    ? [...(process.env.PATH ?? '').split(delimiter), join(cache, 'usr/bin')]
    : [stated]) {
    const programs = { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
    const found = await Promise.all(
      Object.values(programs).map((path) =>
        stat(path).then(
          (file) => file.isFile(),
          () => false,
        ),
      ),
    );
    if (found.every(Boolean)) {
      return { ok: true, programs };
    }
  }
  if (stated !== undefined) {
    return { ok: false, why: `PROMETHEUS_ASSETS=${stated} has no prometheus and promtool` };
  }
  if (spawnSync('apt-get', ['--version']).status !== 0 || spawnSync('dpkg-deb', ['--version']).status !== 0) {
    return {
      ok: false,
      why: 'neither on the PATH nor to be had from Debian; set PROMETHEUS_ASSETS to a folder with prometheus and promtool',
    };
  }
  await mkdir(dirname(cache), { recursive: true });
  const fresh = await mkdtemp(`${cache}-`);
  try {
    await run('apt-get', ['download', 'prometheus'], { cwd: fresh });
    const [archive = ''] = (await readdir(fresh)).filter((file) => file.endsWith('.deb'));
    await run('dpkg-deb', ['-x', join(fresh, archive), fresh]);
    await rename(fresh, cache).catch(() => undefined);
    return {
      ok: true,
      programs: { prometheus: join(cache, 'usr/bin/prometheus'), promtool: join(cache, 'usr/bin/promtool') },
    };
  } catch (error) {
    return {
      ok: false,
      why: `apt-get download prometheus failed (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}); set PROMETHEUS_ASSETS`,
    };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

export interface RunningPrometheus {
  /** Its address, without a slash at the end. */
  readonly url: string;
  /** The `data` of an answer of its HTTP API, for example of `query?query=up`. */
  get<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

/** A Prometheus that scrapes one address every second, with the given rules and --enable-feature. */
export async function startPrometheus(
  program: string,
  folder: string,
  target: string,
  rules?: string,
  features: readonly string[] = [],
): Promise<RunningPrometheus> {
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rules === undefined ? [] : [rules],
    scrape_configs: [{ job_name: 'sidecar-drain-operator', static_configs: [{ targets: [target] }] }],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...(features.length === 0 ? [] : [`--enable-feature=${features.join(',')}`]),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const ready = await fetch(`${base}/-/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) {
      break;
    }
    if (tries > 300 || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error(`Prometheus does not start: ${errors}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
  return {
    url: base,
    async get<T>(path: string): Promise<T> {
      const answer = await fetch(`${base}/api/v1/${path}`);
      const body = (await answer.json()) as { status: string; error?: string; data: T };
      if (body.status !== 'success') {
        throw new Error(`${path}: ${body.error ?? String(answer.status)}`);
      }
      return body.data;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
