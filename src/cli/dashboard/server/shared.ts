import type { Resource } from '../../../kube/index.ts';
import type { WorkloadDetail } from '../wire.ts';
import type { DashboardSource, Send } from './source.ts';

/** What is watched for the page. */
export interface Watched extends DashboardSource {
  start(): void;
  stop(): Promise<void>;
  /** Kinds of which objects are there now; waits until that is known. */
  kindsSeen(): Promise<readonly Resource[]>;
}

/** Who has looked may look again soon; after this nothing is watched any more. */
const IDLE_MS = 5 * 60_000;

/** Watches while somebody looks, and for a while after: a page that nobody looks at costs nothing. */
export class SharedSource implements DashboardSource {
  private readonly make: () => Watched;
  private watched: Watched | undefined;
  private viewers = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(make: () => Watched) {
    this.make = make;
  }

  subscribe(send: Send): () => void {
    const leave = this.current().subscribe(send);
    this.viewers++;
    return () => {
      leave();
      this.viewers--;
      this.rest();
    };
  }

  async workload(key: string): Promise<WorkloadDetail | undefined> {
    return await this.current().workload(key);
  }

  async kindsSeen(): Promise<readonly Resource[]> {
    return await this.current().kindsSeen();
  }

  async stop(): Promise<void> {
    clearTimeout(this.idle);
    const watched = this.watched;
    this.watched = undefined;
    await watched?.stop();
  }

  private current(): Watched {
    if (this.watched === undefined) {
      this.watched = this.make();
      this.watched.start();
    }
    this.rest();
    return this.watched;
  }

  private rest(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => {
      if (this.viewers === 0) {
        void this.stop();
      }
    }, IDLE_MS);
    this.idle.unref();
  }
}
