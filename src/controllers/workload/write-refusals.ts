import type { Workload } from '../../drain/model/workload.ts';
import type { EpochMs } from '../time.ts';
import type { RefusedWrite, WorkloadMemories } from './workload-memory.ts';

const FIRST_MS = 5_000;
const LONGEST_MS = 5 * 60_000;

/**
 * Writes that the API server has refused (an admission policy, a permission that is missing, a schema). Whoever refuses may
 * stop doing so without any event for us, so each is tried again, ever later; a change of what is written is tried at once.
 */
export class WriteRefusals {
  private readonly memories: WorkloadMemories;
  private readonly now: () => EpochMs;

  constructor(memories: WorkloadMemories, now: () => EpochMs) {
    this.memories = memories;
    this.now = now;
  }

  /** @returns when it is tried again */
  refused(key: string, workload: Workload, intent: string, message: string): EpochMs {
    const memory = this.memories.of(key);
    const what = mark(workload, intent);
    const times = (memory.refused?.what === what ? memory.refused.times : 0) + 1;
    const until = this.now() + Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(times - 1, 10));
    memory.refused = { what, times, until, message };
    return until;
  }

  taken(key: string): void {
    this.memories.clear(key, 'refused');
  }

  /** The last refusal of just this write. */
  of(key: string, workload: Workload, intent: string): RefusedWrite | undefined {
    const { refused } = this.memories.peek(key);
    return refused?.what === mark(workload, intent) ? refused : undefined;
  }
}

function mark({ uid, generation }: Workload, intent: string): string {
  return `${uid ?? ''} ${generation ?? 0} ${intent}`;
}
