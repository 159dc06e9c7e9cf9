import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from './paths.ts';

// Below the ports that systems give to connections and to whoever asks for any port; each worker of jest has its own part.
const FIRST_PORT = 10_000;
const PORTS_PER_WORKER = 2000;
const WORKERS = 10;
let nextPort = Math.floor(Math.random() * PORTS_PER_WORKER);

/**
 * A port that nothing listens on, for a program that is started later. The next call, also in a test that runs beside this
 * one, gives another one although nobody has bound this one yet.
 */
export async function freePort(): Promise<number> {
  const first = FIRST_PORT + (Number(process.env.JEST_WORKER_ID ?? 0) % WORKERS) * PORTS_PER_WORKER;
  for (let tries = 0; tries < PORTS_PER_WORKER; tries += 1) {
    const port = first + (nextPort++ % PORTS_PER_WORKER);
    if (await canListen(port)) {
      return port;
    }
  }
  throw new Error(`no port is free from ${first} on`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** One program of the control plane, its output in `<folder>/logs/<name>.log`. */
export class Service {
  private child: ChildProcess | undefined;
  private exit: string | undefined;

  constructor(
    readonly name: string,
    private readonly command: string,
    private readonly args: string[],
    private readonly folder: string,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get logFile(): string {
    return join(this.folder, 'logs', `${this.name}.log`);
  }

  start(): void {
    const log = openSync(this.logFile, 'a');
    this.exit = undefined;
    // Detached: Ctrl-C in a terminal goes to the whole foreground group, and the API server must not go down before
    // its users do. The watchdog ends what is left.
    const child = spawn(this.command, this.args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.unref();
    child.once('error', (error) => {
      this.exit = error.message;
    });
    child.once('exit', (code, signal) => {
      this.exit = signal === null ? `exit code ${code}` : `signal ${signal}`;
    });
    this.child = child;
  }

  /** Polls `ready` until it says yes. Fails at once, with the last log lines, when the program ends before that. */
  async waitUntil(ready: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.exit !== undefined) {
        throw new Error(`${this.name} ended with ${this.exit}. Its last lines:\n${this.tail()}`);
      }
      if (await ready().catch(() => false)) {
        return;
      }
      if (Date.now() > deadline) {
        throw new Error(`${this.name} was not ready after ${timeoutMs / 1000} s. Its last lines:\n${this.tail()}`);
      }
      await sleep(50);
    }
  }

  async stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.child;
    if (child === undefined || this.exit !== undefined) {
      return;
    }
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.ref();
    child.kill(signal);
    await ended;
  }

  tail(lines = 15): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}

/** Ends everything of `folder` and removes it when this process is gone, or when the returned function is called. */
export function startWatchdog(folder: string): () => Promise<void> {
  const script = join(projectRoot(), 'test/support/control-plane/watchdog.mjs');
  const child = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    child.ref();
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.stdin.end();
    await ended;
  };
}
