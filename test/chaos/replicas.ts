// Two replicas of the operator with leader election, each behind a network of its own; whatever ends is started again, as a
// kubelet would.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../support/cluster.ts';
import { startOperator, type LogLine, type OperatorHandle } from '../support/operator.ts';
import { Network } from './network.ts';
import type { NetworkFault } from './operations.ts';

const RESTART_MS = 300;

export class Replica {
  private handle: OperatorHandle | undefined;
  private wanted = true;
  private loop: Promise<void> = Promise.resolve();
  private readonly logs: (readonly LogLine[])[] = [];
  starts = 0;

  private constructor(
    readonly name: string,
    private readonly cluster: Cluster,
    private readonly network: Network,
    private readonly args: readonly string[],
  ) {}

  static async start(cluster: Cluster, index: number, args: readonly string[]): Promise<Replica> {
    const name = `replica-${index}`;
    const replica = new Replica(name, cluster, await Network.start(cluster, name), args);
    replica.loop = replica.supervise();
    return replica;
  }

  get leaseWrittenAt(): number {
    return this.network.leaseWrittenAt;
  }

  fail(fault: NetworkFault): void {
    this.network.fail(fault);
  }

  heal(): void {
    this.network.heal();
  }

  signal(signal: NodeJS.Signals): void {
    const pid = this.handle?.pid ?? -1;
    if (pid > 0) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended by itself.
      }
    }
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.wanted = false;
    this.signal('SIGCONT');
    await this.handle?.kill();
    await this.loop;
    await this.network.stop();
  }

  /** The last errors that each of its lives has logged. */
  troubles(): LogLine[] {
    return this.logs.flatMap((lines) => lines.filter(({ level }) => level === 'error').slice(-20));
  }

  private async supervise(): Promise<void> {
    while (this.wanted) {
      this.starts += 1;
      this.handle = await startOperator(this.cluster, {
        kubeconfig: this.network.kubeconfig,
        args: [...this.args, '--leader-elect'],
        wait: false,
      });
      this.logs.push(this.handle.lines);
      await this.handle.exited;
      await sleep(RESTART_MS);
    }
  }
}

/** Which replica has written the Lease last. */
export function leaderOf(replicas: readonly Replica[]): Replica | undefined {
  return [...replicas].sort((a, b) => b.leaseWrittenAt - a.leaseWrittenAt)[0];
}
