// `make demo`. The first time, Go compiles Kubernetes' client, which the control plane needs whatever else is found on the
// machine, while npm fetches and unpacks packages; the build of the control plane then goes on from there.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileOptions, goEnvironment } from './go-options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<void>}
 */
async function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
  // Ctrl-C reaches everything that runs here: this one ends last. SIGTERM reaches this one alone.
  process.removeAllListeners('SIGINT').on('SIGINT', () => undefined);
  process.removeAllListeners('SIGTERM').on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('close', (code, signal) => resolve(signal === null ? code : 130));
  });
  if (code !== 0) {
    process.exit(code);
  }
}

/** @returns {() => Promise<void>} ends it */
function compileClient() {
  const programs = join(process.env.SIDECAR_DRAIN_CACHE ?? join(root, '.cache'), 'control-plane');
  if (existsSync(programs) || existsSync(join(root, 'node_modules'))) {
    return () => Promise.resolve();
  }
  const go = spawn('go', ['build', ...compileOptions, 'k8s.io/client-go/kubernetes'], {
    cwd: join(root, 'control-plane'),
    env: goEnvironment(),
    stdio: 'ignore',
  });
  // Whatever is wrong with Go, the build of the control plane says it.
  const ended = new Promise((resolve) => go.once('error', resolve).once('close', resolve));
  process.once('exit', () => go.kill('SIGINT'));
  return async () => {
    go.kill('SIGINT');
    await ended;
  };
}

const endCompiling = compileClient();
await run('make', ['--no-print-directory', 'build']);
await endCompiling();
await run(process.execPath, [join('scripts', 'run-ts.mjs'), join('demo', 'main.ts')]);
