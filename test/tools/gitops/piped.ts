import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Runs a program on `input`. Returns what it prints; throws with what it says where it fails. */
export async function piped(
  program: string,
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, ...env } });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  if (code !== 0) {
    throw new Error(`${program} ended with ${code}: ${stderr.trim() === '' ? stdout : stderr}`);
  }
  return stdout;
}
