import { PodEvents, type RawEvent } from '../../drain/observe/index.ts';
import type { ReflectorTimings } from '../../kube/index.ts';
import { keepAtMost } from './keep-at-most.ts';

export interface FailedHook {
  readonly container: string;
  readonly message: string;
}

/** The API server sends no bookmarks for Events: a quiet watch has to end in agreement before it counts as dead. */
export const EVENT_WATCH: Pick<ReflectorTimings, 'watchMinSeconds' | 'watchMaxSeconds'> = {
  watchMinSeconds: 60,
  watchMaxSeconds: 80,
};

/** Far more than ever end at once in a namespace. */
const KEPT_PER_NAMESPACE = 500;
const LONGEST_NAME = 63;
/** What a kubelet says is shorter; nothing else bounds it. */
const LONGEST_MESSAGE = 1_024;

/**
 * Pods whose hooks failed, until they have ended. Whoever may write Events in a namespace can make up as many as he likes,
 * about any uid: they count in that namespace only, and push out none of another one.
 */
export class FailedHooks {
  private readonly byNamespace = new Map<string, Map<string, FailedHook>>();

  note(event: RawEvent): void {
    const { involvedObject: { uid, name = '' } = {}, metadata: { namespace = '' } = {} } = event;
    const known = this.byNamespace.get(namespace) ?? new Map<string, FailedHook>();
    if (uid === undefined || known.has(uid)) {
      return;
    }
    const told = new PodEvents();
    told.add(event);
    const [failure] = told.newsOf(name).hookFailures;
    if (failure === undefined) {
      return;
    }
    keepAtMost(known, KEPT_PER_NAMESPACE);
    known.set(uid, {
      container: failure.container.slice(0, LONGEST_NAME),
      message: failure.message.slice(0, LONGEST_MESSAGE),
    });
    this.byNamespace.set(namespace, known);
  }

  /** Of a pod that has ended; asked once. */
  take(namespace: string, uid: string): FailedHook | undefined {
    const known = this.byNamespace.get(namespace);
    const failure = known?.get(uid);
    known?.delete(uid);
    if (known?.size === 0) {
      this.byNamespace.delete(namespace);
    }
    return failure;
  }
}
