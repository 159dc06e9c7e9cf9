import { NO_NEWS, type HookFailure, type PodNews } from './outcome.ts';

/** The parts of a core/v1 Event that count here. */
export interface RawEvent {
  readonly metadata?: { readonly namespace?: string; readonly creationTimestamp?: string };
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly fieldPath?: string;
  };
  readonly firstTimestamp?: string | null;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
}

/** The reasons that are asked for; the API server selects by them. */
export const POD_EVENT_REASONS = ['FailedPreStopHook', 'Killing', 'ExceededGracePeriod', 'SuccessfulDelete'] as const;

/** What Events tell of a pod that left nothing else. */
export interface GonePod {
  readonly pod: string;
  /** Milliseconds since 1970: when it was deleted or told to stop, to the second. */
  readonly deletedAt: number;
}

/** `spec.containers{istio-proxy}`, `spec.initContainers{istio-proxy}` */
const FIELD_PATH = /\{([^}]+)\}$/;
/** `Deleted pod: checkout-5d9f-abcde` (ReplicaSet, DaemonSet), `delete Pod web-0 in StatefulSet web successful`. */
const DELETED_POD = [/^Deleted pod: (\S+)/, /^delete Pod (\S+) in /];

interface Told {
  readonly hookFailures: HookFailure[];
  exceeded: boolean;
  stoppedAt?: number;
}

/** Collects Events by the pod that they are about. */
export class PodEvents {
  private readonly byPod = new Map<string, Told>();

  add(event: RawEvent): void {
    const { reason = '', message = '', involvedObject = {} } = event;
    const at = timeOf(event);
    if (reason === 'SuccessfulDelete') {
      const pod = DELETED_POD.map((pattern) => pattern.exec(message)?.[1]).find((name) => name !== undefined);
      if (pod !== undefined) {
        this.stopped(pod, at);
      }
      return;
    }
    if (involvedObject.kind !== 'Pod' || involvedObject.name === undefined) {
      return;
    }
    const told = this.of(involvedObject.name);
    switch (reason) {
      case 'FailedPreStopHook': {
        const container = FIELD_PATH.exec(involvedObject.fieldPath ?? '')?.[1] ?? 'a container';
        if (!told.hookFailures.some((failure) => failure.container === container)) {
          told.hookFailures.push({ container, message });
        }
        // A preStop runs only when the pod ends, and at once.
        this.stopped(involvedObject.name, at);
        break;
      }
      case 'ExceededGracePeriod':
        told.exceeded = true;
        break;
      case 'Killing':
        // A container that its liveness probe restarts is "Killing" too, in other words.
        if (message.startsWith('Stopping container')) {
          this.stopped(involvedObject.name, at);
        }
        break;
    }
  }

  newsOf(pod: string): PodNews {
    return this.byPod.get(pod) ?? NO_NEWS;
  }

  /** Pods that were told to stop, as far as Events say so. */
  stoppedPods(): GonePod[] {
    return [...this.byPod].flatMap(([pod, { stoppedAt }]) =>
      stoppedAt === undefined ? [] : [{ pod, deletedAt: stoppedAt }],
    );
  }

  private of(pod: string): Told {
    const known = this.byPod.get(pod) ?? { hookFailures: [], exceeded: false };
    this.byPod.set(pod, known);
    return known;
  }

  private stopped(pod: string, at: number): void {
    const told = this.of(pod);
    if (!Number.isNaN(at)) {
      told.stoppedAt = Math.min(told.stoppedAt ?? Infinity, at);
    }
  }
}

function timeOf({ firstTimestamp, eventTime, lastTimestamp, metadata }: RawEvent): number {
  return Date.parse(firstTimestamp ?? eventTime ?? lastTimestamp ?? metadata?.creationTimestamp ?? '');
}
