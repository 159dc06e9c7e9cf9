// The operators that are measured: the one of today, and one of an earlier commit beside it.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../test/support/control-plane/index.ts';
import { programOf } from '../test/support/earlier-build.ts';
import { RUNTIME_ENVIRONMENT } from '../scripts/image/environment.ts';
import type { StartOptions } from '../test/support/operator.ts';
import { say } from '../test/support/program.ts';

export interface BenchOperator {
  readonly name: 'today' | 'base';
  /** Of the earlier one. */
  readonly commit?: string;
  /** Of what runs it. */
  readonly nodeVersion: string;
  readonly start: StartOptions;
}

/** The earlier commit that is measured beside today's build; undefined: none. */
export function baseCommit(): string | undefined {
  const commit = setting('BENCH_BASE') ?? '3c77cc4';
  return commit === 'none' ? undefined : commit;
}

export async function operatorsFromEnvironment(): Promise<readonly BenchOperator[]> {
  const node = setting('BENCH_NODE') ?? process.execPath;
  const nodeFlags = (setting('BENCH_NODE_FLAGS') ?? '').split(' ').filter((flag) => flag !== '');
  const { stdout } = await promisify(execFile)(node, ['--version']);
  const common = { nodeVersion: stdout.trim() };
  const today: BenchOperator = {
    ...common,
    name: 'today',
    start: { node, nodeFlags, program: join(projectRoot(), 'dist/main.js'), env: RUNTIME_ENVIRONMENT },
  };
  const commit = baseCommit();
  if (commit === undefined) {
    return [today];
  }
  say(`building the operator of ${commit}`);
  const program = await programOf(commit);
  // Each as its images run it. Before there was such a file they set nothing that matters here.
  const env = existsSync(join(dirname(program), '../scripts/image/environment.ts')) ? RUNTIME_ENVIRONMENT : {};
  return [{ ...common, name: 'base', commit, start: { node, nodeFlags, program, env } }, today];
}

function setting(variable: string): string | undefined {
  const text = process.env[variable] ?? '';
  return text === '' ? undefined : text;
}
