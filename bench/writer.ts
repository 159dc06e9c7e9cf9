// The bare writer: a process of its own that sends patches which were made beforehand, over a pool of connections, and
// does nothing else. It reads no list and watches nothing, so nobody can enforce a policy with fewer requests or less work.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';

export interface WriterJob {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly contentType: string;
  readonly accept: string;
  readonly patches: readonly { readonly path: string; readonly body: string }[];
}

export interface WriterResult {
  readonly seconds: number;
  readonly firstSeconds: number;
  readonly processorSeconds: number;
  /** Answers by HTTP status. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** The first argument that makes a process of this program the writer; the second is the file with its job. */
export const WRITER_ARGUMENT = 'writer';

export async function runWriterProcess(jobFile: string): Promise<WriterResult> {
  const program = process.argv[1];
  if (program === undefined) {
    throw new Error('the path of this program is not known');
  }
  const child = spawn(process.execPath, [program, WRITER_ARGUMENT, jobFile], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    throw new Error(`the bare writer ended with exit code ${code}`);
  }
  return JSON.parse(output) as WriterResult;
}

export async function write(jobFile: string): Promise<void> {
  const job = JSON.parse(await readFile(jobFile, 'utf8')) as WriterJob;
  const pool = new Pool(job.url, { connections: job.connections, pipelining: 1, connect: { ca: job.ca } });
  const headers = { authorization: `Bearer ${job.token}`, accept: job.accept, 'content-type': job.contentType };
  const statuses: Record<string, number> = {};
  let next = 0;
  let firstAt: number | undefined;
  const processor = process.cpuUsage();
  const started = performance.now();
  const sender = async (): Promise<void> => {
    for (let patch = job.patches[next++]; patch !== undefined; patch = job.patches[next++]) {
      const { statusCode, body } = await pool.request({ method: 'PATCH', path: patch.path, headers, body: patch.body });
      await body.text();
      firstAt ??= performance.now();
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: job.inFlight }, sender));
  const ended = performance.now();
  const { user, system } = process.cpuUsage(processor);
  await pool.close();
  const result: WriterResult = {
    seconds: (ended - started) / 1000,
    firstSeconds: ((firstAt ?? ended) - started) / 1000,
    processorSeconds: (user + system) / 1e6,
    statuses,
  };
  process.stdout.write(JSON.stringify(result));
}
