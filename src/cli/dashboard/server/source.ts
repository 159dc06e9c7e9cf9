import type { DashboardEvents, WorkloadDetail } from '../wire.ts';

export type Send = <Name extends keyof DashboardEvents>(event: Name, data: DashboardEvents[Name]) => void;

/** What the server shows; the server itself knows nothing of clusters. */
export interface DashboardSource {
  /** Calls `send` with all that is there, then with every change. The answer ends it. */
  subscribe(send: Send): () => void;
  /** Undefined where there is no such workload. */
  workload(key: string): Promise<WorkloadDetail | undefined>;
}
