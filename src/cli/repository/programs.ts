import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';

/** A build may take this long, and print this much, before it is ended. */
const TIMEOUT_SECONDS = 120;
const OUTPUT_LIMIT_BYTES = 256 * 1024 * 1024;
const ERROR_LIMIT_BYTES = 64 * 1024;

/** Nobody listens there: a program that is to stay off the network and goes through a proxy reaches nothing. */
const NOWHERE = 'http://127.0.0.1:9';

export interface ProgramRun {
  readonly args: readonly string[];
  readonly cwd: string;
  /** A folder of its own, in which a program finds no settings and no plugins. */
  readonly home: string;
  /** Whether it may reach the network and find other programs (git). */
  readonly network: boolean;
  /** The environment of the user. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type ProgramResult =
  { readonly ok: true; readonly output: string } | { readonly ok: false; readonly why: string };

/** The path of the first of these programs that PATH has. A name with a slash in it is a path already. */
export function findProgram(names: readonly string[], path: string | undefined): string | undefined {
  for (const name of names) {
    const candidates = /[/\\]/.test(name)
      ? [resolve(name)]
      : (path ?? '')
          .split(delimiter)
          .filter((folder) => folder !== '')
          .map((folder) => join(folder, name));
    const found = candidates.find(isProgram);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Runs a program without a shell, with an environment that holds nothing of the user's but PATH (and that only where
 * the network is allowed), for a bounded time and with bounded output.
 */
export async function runProgram(program: string, run: ProgramRun): Promise<ProgramResult> {
  return await new Promise((done) => {
    const child = spawn(program, [...run.args], {
      cwd: run.cwd,
      env: environmentOf(run),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_SECONDS * 1000,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    let bytes = 0;
    let errors = '';
    let ended: string | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_LIMIT_BYTES) {
        ended = `it printed more than ${OUTPUT_LIMIT_BYTES / 1024 / 1024} MiB`;
        child.kill('SIGKILL');
        return;
      }
      out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-ERROR_LIMIT_BYTES);
    });
    child.once('error', (error) => {
      done({ ok: false, why: `${basename(program)} cannot be run: ${error.message}` });
    });
    child.once('close', (code, signal) => {
      if (code === 0 && ended === undefined) {
        done({ ok: true, output: Buffer.concat(out).toString() });
        return;
      }
      const late = signal === null ? undefined : `it took longer than ${TIMEOUT_SECONDS} s`;
      done({ ok: false, why: ended ?? late ?? errors.trim() });
    });
  });
}

function environmentOf({ home, network, env }: ProgramRun): NodeJS.ProcessEnv {
  const own: NodeJS.ProcessEnv = {
    HOME: home,
    TMPDIR: home,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
    XDG_DATA_HOME: home,
    HELM_PLUGINS: join(home, 'no-plugins'),
    KUBECONFIG: join(home, 'no-kubeconfig'),
    SystemRoot: env['SystemRoot'],
    // Go programs that live for less than a second, as many at once as there are cores: collecting garbage less often, and
    // on one core, saves a quarter of their time as long as there is little of it.
    GOGC: '400',
    GOMAXPROCS: '1',
    GOMEMLIMIT: '1GiB',
  };
  return network
    ? {
        ...own,
        PATH: env['PATH'],
        HTTPS_PROXY: env['HTTPS_PROXY'],
        HTTP_PROXY: env['HTTP_PROXY'],
        NO_PROXY: env['NO_PROXY'],
      }
    : { ...own, PATH: '', HTTPS_PROXY: NOWHERE, HTTP_PROXY: NOWHERE, NO_PROXY: '' };
}
