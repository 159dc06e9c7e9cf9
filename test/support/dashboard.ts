// Runs `sidecar-drain dashboard` as a process of its own, as the user does.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './control-plane/index.ts';

export interface RunningDashboard {
  readonly url: string;
  readonly pid: number;
  /** SIGTERM, and wait. Returns the exit code. */
  stop(): Promise<number | null>;
}

/** Resolves when it has said where it listens. */
export async function startDashboard(
  args: readonly string[],
  nodeFlags: readonly string[] = [],
): Promise<RunningDashboard> {
  const program = process.env.SIDECAR_DRAIN_TEST_PROGRAM ?? join(projectRoot(), 'dist/main.js');
  const child = spawn(process.execPath, [...nodeFlags, program, 'dashboard', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /http:\/\/\S+/.exec(text);
      if (found !== null) {
        resolve(found[0]);
      }
    });
    void exited.then((code) => {
      reject(new Error(`the dashboard ended with ${code}: ${errors}`));
    });
  });
  return {
    url,
    pid: child.pid ?? -1,
    stop: async () => {
      child.kill('SIGTERM');
      return await exited;
    },
  };
}
