// Runs the built operator as a process of its own, under exactly the permissions of config/: the way it runs in a cluster,
// but for the container.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { projectRoot } from './control-plane/index.ts';
import { freePort } from './control-plane/processes.ts';

export const OPERATOR_NAMESPACE = 'sidecar-drain-system';
export const OPERATOR_ACCOUNT = { namespace: OPERATOR_NAMESPACE, name: 'sidecar-drain-operator' };

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface OperatorHandle {
  readonly pid: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  readonly lines: readonly LogLine[];
  /** Everything that it printed and that is not a log line. */
  output(): string;
  metrics(): Promise<string>;
  /** SIGTERM, and wait. Returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, and wait. */
  kill(): Promise<void>;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
}

/** Applies config/rbac and the bounds of what it writes as an administrator would; the manager itself is not deployed. */
export async function installPermissions(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['create', 'namespace', OPERATOR_NAMESPACE]);
  await cluster.kubectl(['create', 'namespace', 'istio-system']);
  for (const folder of ['config/rbac', 'config/istio-access', 'config/write-bounds']) {
    const rendered = await cluster.kubectlOk(['kustomize', join(projectRoot(), folder)]);
    await cluster.kubectlOk(['apply', '--server-side', '--force-conflicts', '--field-manager=admin', '-f', '-'], {
      input: rendered,
    });
  }
}

export interface StartOptions {
  readonly args?: readonly string[];
  readonly kubeconfig?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Do not wait until it is ready. */
  readonly wait?: boolean;
  readonly nodeFlags?: readonly string[];
  /** Another bundle than dist/main.js. */
  readonly program?: string;
  /** Another Node.js than the one of the caller. */
  readonly node?: string;
}

export async function startOperator(cluster: Cluster, options: StartOptions = {}): Promise<OperatorHandle> {
  const program = options.program ?? process.env.SIDECAR_DRAIN_TEST_PROGRAM ?? join(projectRoot(), 'dist/main.js');
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: run \`npm run build\` first`);
  }
  const kubeconfig = options.kubeconfig ?? (await cluster.kubeconfigFor(OPERATOR_ACCOUNT));
  const healthPort = await freePort();
  const metricsPort = await freePort();
  const defaults = [
    ['--kubeconfig', kubeconfig],
    ['--namespace', OPERATOR_NAMESPACE],
    ['--log-format', 'json'],
    ['--health-probe-bind-address', `127.0.0.1:${healthPort}`],
    ['--metrics-bind-address', `127.0.0.1:${metricsPort}`],
  ] as const;
  const given = options.args ?? [];
  const child = spawn(
    options.node ?? process.execPath,
    [
      ...(options.nodeFlags ?? []),
      program,
      'controller',
      ...defaults.filter(([flag]) => !given.includes(flag)).flat(),
      ...given,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  );
  const handle = watch(child, healthPort, metricsPort);
  if (options.wait !== false) {
    await ready(handle);
  }
  return handle;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});

function watch(child: ChildProcess, healthPort: number, metricsPort: number): OperatorHandle {
  running.add(child);
  const lines: LogLine[] = [];
  let other = '';
  let rest = '';
  const read = (chunk: Buffer): void => {
    rest += chunk.toString('utf8');
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      try {
        lines.push(JSON.parse(part) as LogLine);
      } catch {
        other += `${part}\n`;
      }
    }
  };
  child.stderr?.on('data', read);
  child.stdout?.on('data', read);
  const exited = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return {
    pid: child.pid ?? -1,
    healthPort,
    metricsPort,
    lines,
    exited,
    output: () => other + rest,
    metrics: async () => await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    stop: async () => {
      child.kill('SIGTERM');
      return await exited;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function ready(handle: OperatorHandle): Promise<void> {
  const deadline = Date.now() + 60_000;
  let gone = false;
  void handle.exited.then(() => {
    gone = true;
  });
  while (Date.now() < deadline && !gone) {
    try {
      const answer = await fetch(`http://127.0.0.1:${handle.healthPort}/readyz`);
      if (answer.ok) {
        return;
      }
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await handle.kill();
  throw new Error(
    `the operator did not become ready:\n${handle.lines.map((line) => JSON.stringify(line)).join('\n')}\n${handle.output()}`,
  );
}
