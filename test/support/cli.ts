// Runs the built command line program as a process of its own, the way a user does.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './control-plane/index.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runProgram(args: readonly string[], input = ''): Promise<CliResult> {
  const program = process.env.SIDECAR_DRAIN_TEST_PROGRAM ?? join(projectRoot(), 'dist/main.js');
  return await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code: code ?? 1, stdout, stderr });
    });
    child.stdin.end(input);
  });
}
