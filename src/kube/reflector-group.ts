// One picture of a collection, read from the whole cluster or, where one may look into some namespaces only, from each of
// those by a reflector of its own.

import type { KubernetesObject } from '../api/kubernetes.ts';
import type { ReflectorOptions, ReflectorState } from './reflector-options.ts';
import { Reflector } from './reflector.ts';
import { splitKey } from './resources.ts';
import type { Resource } from './resources.ts';
import type { RecordStore } from './store.ts';

export type RecordView<T> = Pick<RecordStore<T>, 'get' | 'has' | 'keys' | 'values' | 'entries' | 'size' | 'clear'>;

/** What is read of a reflector, or of several that together are one picture. */
export interface Picture<T> {
  readonly resource: Resource;
  readonly store: RecordView<T>;
  readonly state: ReflectorState;
  readonly stateDetail: string | undefined;
  readonly hasSynced: boolean;
  start(): void;
  stop(): Promise<void>;
  waitForSync(signal?: AbortSignal, forbiddenWillDo?: boolean): Promise<void>;
}

/** @param namespaces undefined for the whole cluster */
export function pictureOf<Raw extends KubernetesObject, T>(
  options: ReflectorOptions<Raw, T>,
  namespaces: readonly string[] | undefined,
): Picture<T> {
  return namespaces === undefined ? new Reflector(options) : new ReflectorGroup(options, namespaces);
}

/** The state of the whole is the worst of its parts: what is said of the collection has to be true of every namespace. */
const WORST_FIRST: readonly ReflectorState[] = ['Forbidden', 'Starting', 'Disconnected', 'Absent', 'Synced'];

class ReflectorGroup<Raw extends KubernetesObject, T> implements Picture<T> {
  readonly resource: Resource;
  readonly store: RecordView<T>;
  private readonly members: ReadonlyMap<string, Reflector<Raw, T>>;

  constructor(options: ReflectorOptions<Raw, T>, namespaces: readonly string[]) {
    this.resource = options.resource;
    this.members = new Map(namespaces.map((namespace) => [namespace, new Reflector({ ...options, namespace })]));
    this.store = new GroupStore([...this.members].map(([namespace, { store }]) => [namespace, store]));
  }

  get state(): ReflectorState {
    return this.worst?.state ?? 'Synced';
  }

  get stateDetail(): string | undefined {
    return this.worst?.stateDetail;
  }

  get hasSynced(): boolean {
    return this.all.every(({ hasSynced }) => hasSynced);
  }

  start(): void {
    for (const member of this.all) {
      member.start();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((member) => member.stop()));
  }

  async waitForSync(signal?: AbortSignal, forbiddenWillDo = false): Promise<void> {
    await Promise.all(this.all.map((member) => member.waitForSync(signal, forbiddenWillDo)));
  }

  private get all(): Reflector<Raw, T>[] {
    return [...this.members.values()];
  }

  private get worst(): Reflector<Raw, T> | undefined {
    for (const state of WORST_FIRST) {
      const found = this.all.find((member) => member.state === state);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }
}

class GroupStore<T> implements RecordView<T> {
  private readonly parts: ReadonlyMap<string, RecordStore<T>>;

  constructor(parts: readonly (readonly [string, RecordStore<T>])[]) {
    this.parts = new Map(parts);
  }

  get size(): number {
    return [...this.parts.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get(key: string): T | undefined {
    return this.parts.get(splitKey(key).namespace ?? '')?.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *keys(): IterableIterator<string> {
    for (const part of this.parts.values()) {
      yield* part.keys();
    }
  }

  *values(): IterableIterator<T> {
    for (const part of this.parts.values()) {
      yield* part.values();
    }
  }

  *entries(): IterableIterator<[string, T]> {
    for (const part of this.parts.values()) {
      yield* part.entries();
    }
  }

  clear(): void {
    for (const part of this.parts.values()) {
      part.clear();
    }
  }
}
