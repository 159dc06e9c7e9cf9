import { errorText } from '../../src/kube/index.ts';
import { watch } from '../../src/kube/watch.ts';
import { PodRecorder, type PodStory, type RawPod } from '../observe/pods.ts';
import { PODS, pause, type Cluster } from './api.ts';

/** Follows the pods of one namespace until it is stopped; what was missed while a watch was broken is looked up again. */
export class PodWatch {
  private readonly recorder = new PodRecorder();
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  /** Watches that broke: times of what happened meanwhile are less exact. */
  readonly breaks: string[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly namespace: string,
  ) {
    this.running = this.run();
  }

  pods(app?: string): PodStory[] {
    return this.recorder.all().filter(({ last }) => app === undefined || last.metadata.labels?.app === app);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const { items, resourceVersion } = await this.cluster.client.list<RawPod>(PODS, {
          namespace: this.namespace,
          signal,
        });
        const now = Date.now();
        this.recorder.missed(new Set(items.map(({ metadata }) => metadata.uid ?? metadata.name)));
        for (const pod of items) {
          this.recorder.event('ADDED', pod, now);
        }
        await watch(
          this.cluster.transport,
          {
            resource: PODS,
            namespace: this.namespace,
            metadataOnly: false,
            resourceVersion,
            sendInitialEvents: false,
            timeoutSeconds: 1800,
            idleTimeoutMs: 150_000,
            headersTimeoutMs: 15_000,
            maxLineBytes: 4_000_000,
          },
          {
            onOpen: () => undefined,
            onBytes: () => undefined,
            onBookmark: () => undefined,
            onObject: (type, object) => {
              this.recorder.event(type, object as RawPod, Date.now());
            },
          },
          signal,
        );
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        this.breaks.push(errorText(error));
        await pause(500, signal).catch(() => undefined);
      }
    }
  }
}
