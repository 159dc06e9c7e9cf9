import { errorText } from '../../src/kube/index.ts';
import { LineSplitter } from '../../src/kube/lines.ts';
import { itemPath, withQuery } from '../../src/kube/resources.ts';
import { parseLines, type ProgramLine } from '../observe/lines.ts';
import { PODS, pause, type Cluster } from './api.ts';

const MAX_LINE_BYTES = 100_000;

/**
 * Follows the log of one container. A terminated pod's log is gone with the pod, so it has to be read while it is written;
 * a broken stream is opened again, and lines that are known by their number are left out.
 */
export class LogFollower {
  private readonly known = new Map<number, ProgramLine>();
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  trouble: string | undefined;

  constructor(
    private readonly cluster: Cluster,
    readonly namespace: string,
    readonly pod: string,
    private readonly container: string,
  ) {
    this.running = this.run();
  }

  lines(): ProgramLine[] {
    return [...this.known.values()].sort((a, b) => a.n - b.n);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const path = withQuery(itemPath(PODS, this.pod, this.namespace, 'log'), {
      container: this.container,
      follow: true,
    });
    while (!signal.aborted) {
      const splitter = new LineSplitter((line) => {
        for (const each of parseLines(line)) {
          this.known.set(each.n, each);
        }
      }, MAX_LINE_BYTES);
      try {
        await this.cluster.transport.stream(
          {
            path,
            accept: '*/*',
            verb: 'get',
            resource: 'pods/log',
            namespace: this.namespace,
            name: this.pod,
            headersTimeoutMs: 15_000,
            idleTimeoutMs: 600_000,
            signal,
          },
          {
            onOpen: () => undefined,
            onChunk: (chunk) => {
              splitter.write(chunk);
            },
          },
        );
        this.trouble = undefined;
      } catch (error) {
        if (!signal.aborted) {
          this.trouble = errorText(error);
        }
      }
      await pause(1000, signal).catch(() => undefined);
    }
  }
}
