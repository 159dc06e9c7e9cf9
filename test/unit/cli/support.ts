import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { cliCommands } from '../../../src/cli/commands.ts';
import { runCli } from '../../../src/cli/run.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
  /** Told of each piece of standard error as it comes. */
  readonly onErr?: (text: string) => void;
}

/** Runs the program as a process would, without one. */
export async function cli(
  args: readonly string[],
  { stdin = '', env = {}, terminal = false, onErr = () => undefined }: Surroundings = {},
): Promise<Ran> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const into = (parts: Buffer[], told: (text: string) => void = () => undefined): Writable =>
    new Writable({
      write(chunk: Buffer, _, done) {
        parts.push(chunk);
        told(chunk.toString());
        done();
      },
    });
  const stdout = terminal ? Object.assign(into(out), { isTTY: true, columns: 100 }) : into(out);
  const code = await runCli(args, {
    program: 'sidecar-drain',
    commands: cliCommands(),
    io: { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr: into(err, onErr), env },
  });
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

const folders: string[] = [];

/** A folder with these files, gone when the tests of the file are over. */
export function folderWith(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-test-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Sketch {
  readonly name?: string;
  readonly namespace?: string;
  readonly kind?: string;
  readonly grace?: number;
  /** The text of proxy.istio.io/config. */
  readonly config?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The API server wants a selector; nothing else does. */
  readonly selector?: boolean;
}

/** A Deployment as people write it. */
export function deployment({
  name = 'checkout',
  namespace,
  kind = 'Deployment',
  grace,
  config,
  annotations,
  selector = false,
}: Sketch = {}): string {
  const lines = [
    'apiVersion: apps/v1',
    `kind: ${kind}`,
    'metadata:',
    `  name: ${name}`,
    ...(namespace === undefined ? [] : [`  namespace: ${namespace}`]),
    ...(annotations === undefined
      ? []
      : [
          '  annotations:',
          ...Object.entries(annotations).map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`),
        ]),
    'spec:',
    '  replicas: 2',
    ...(selector ? [`  selector: {matchLabels: {app: ${name}}}`] : []),
    '  template:',
    '    metadata:',
    `      labels: {app: ${name}}`,
    ...(config === undefined
      ? []
      : [
          '      annotations:',
          '        proxy.istio.io/config: |',
          ...config
            .trimEnd()
            .split('\n')
            .map((line) => `          ${line}`),
        ]),
    '    spec:',
    ...(grace === undefined ? [] : [`      terminationGracePeriodSeconds: ${grace}`]),
    '      containers:',
    '      - name: server',
    '        image: example/server:1  # pinned by the release',
    '',
  ];
  return lines.join('\n');
}

export function policy(name: string, drain: string, more = ''): string {
  return `apiVersion: sidecardrain.io/v1alpha1\nkind: SidecarDrainPolicy\nmetadata: {name: ${name}}\nspec:\n  enforcement: Enforce\n  match: {namespaceSelector: {}}\n  drain: {${drain}}\n${more}`;
}

export const CLASSIC = ['--native-sidecars', 'false'] as const;
