import { Readable, Writable } from 'node:stream';
import { explainCommand } from '../../../../src/cli/explain/index.ts';
import { runCli } from '../../../../src/cli/run.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
}

/** Runs `explain` as a process would, without one. */
export async function runExplain(
  args: readonly string[],
  { stdin = '', env = {}, columns }: Surroundings = {},
): Promise<Ran> {
  const collect = (): { stream: Writable; text: () => string } => {
    const chunks: string[] = [];
    return {
      stream: new Writable({
        write(chunk: Buffer, _, done) {
          chunks.push(chunk.toString());
          done();
        },
      }),
      text: () => chunks.join(''),
    };
  };
  const out = collect();
  const err = collect();
  const stdout = columns === undefined ? out.stream : Object.assign(out.stream, { isTTY: true, columns });
  const code = await runCli(['explain', ...args], {
    program: 'sidecar-drain',
    commands: [explainCommand],
    io: { stdin: Readable.from([stdin]), stdout, stderr: err.stream, env },
  });
  return { code, out: out.text(), err: err.text() };
}

export const EXAMPLES = 'docs/examples/termination';
/** The mesh that the examples are drawn for. */
export const MESH = [
  '--assume',
  'injected=true',
  '--istio-version',
  '1.30.3',
  '--proxy-image',
  'with-shell',
  '--namespace-labels',
  'istio-injection=enabled',
] as const;

export function example(name: string): string[] {
  return ['-f', `${EXAMPLES}/${name}.yaml`];
}
