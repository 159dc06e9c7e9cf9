import { afterEach, describe, expect, it } from '@jest/globals';
import { KindWatches, type WatchedKind } from '../../../src/controllers/watches/kind-watches.ts';
import type { Workload } from '../../../src/drain/model/workload.ts';
import { WORKLOAD_KINDS } from '../../../src/drain/template/index.ts';
import { silentLogger } from '../../../src/kube/ports.ts';

/** As much of a watch as is looked at here: what it holds, in which state it is, whether it runs. */
class Watch {
  readonly records = new Map<string, Partial<Workload>>();
  state = 'Synced';
  hasSynced = true;
  runs = false;
  cleared = false;
  readonly store = {
    values: () => this.records.values(),
    clear: () => {
      this.cleared = true;
      this.records.clear();
    },
  };
  start(): void {
    this.runs = true;
  }
  stop(): Promise<void> {
    this.runs = false;
    return Promise.resolve();
  }
}

let made: KindWatches | undefined;
afterEach(async () => {
  await made?.stop();
});

function given(named: Set<string>): { watches: KindWatches; ofKind: (kind: string) => Watch | undefined } {
  const watches = new KindWatches({
    kinds: WORKLOAD_KINDS,
    logger: silentLogger,
    named: () => named,
    lingerMs: 0,
    watch: (adapter) => ({ adapter, resource: {}, reflector: new Watch() }) as unknown as WatchedKind,
  });
  made = watches;
  return { watches, ofKind: (kind) => watches.get(kind)?.reflector as unknown as Watch | undefined };
}

const kinds = (watches: KindWatches): string[] => [...watches.all()].map(({ adapter }) => adapter.kind).sort();
const ALWAYS = ['DaemonSet', 'Deployment', 'StatefulSet'];

describe('kinds that are watched', () => {
  it('are at first those that may hold values of ours, and those that are named', () => {
    const { watches } = given(new Set(['Job']));

    watches.startOnDemand();

    expect(kinds(watches)).toEqual([
      'CloneSet',
      'CronJob',
      'DaemonSet',
      'DaemonSet.apps.kruise.io',
      'Deployment',
      'DeploymentConfig',
      'Job',
      'Rollout',
      'StatefulSet',
      'StatefulSet.apps.kruise.io',
    ]);
  });

  it('are soon only those that are needed', () => {
    const { watches } = given(new Set());
    watches.startOnDemand();

    watches.review();

    expect(kinds(watches)).toEqual(ALWAYS);
  });

  it('start and end with what policies name', () => {
    const named = new Set<string>();
    const { watches, ofKind } = given(named);
    named.add('ReplicaSet');
    watches.review();
    const watch = ofKind('ReplicaSet');
    expect(watch?.runs).toBe(true);

    named.delete('ReplicaSet');
    watches.review();

    expect(kinds(watches)).toEqual(ALWAYS);
    expect([watch?.runs, watch?.cleared]).toEqual([false, true]);
  });

  it.each<[string, (watch: Watch) => void, boolean]>([
    [
      'something of it holds our state',
      (watch) => watch.records.set('n/a', { annotations: { 'sidecardrain.io/state': '{}' } }),
      true,
    ],
    ['nothing of it does', (watch) => watch.records.set('n/a', { annotations: {} }), false],
    [
      'it has not been read yet',
      (watch) => {
        watch.hasSynced = false;
        watch.state = 'Starting';
      },
      true,
    ],
    [
      'it may not be read at all',
      (watch) => {
        watch.hasSynced = false;
        watch.state = 'Forbidden';
      },
      false,
    ],
    [
      'it may not be read any more and held our state',
      (watch) => {
        watch.state = 'Forbidden';
        watch.records.set('n/a', { annotations: { 'sidecardrain.io/state': '{}' } });
      },
      true,
    ],
    [
      'it is not installed',
      (watch) => {
        watch.state = 'Absent';
      },
      false,
    ],
  ])('that nobody names, while %s', (_, set, stays) => {
    const { watches, ofKind } = given(new Set());
    watches.startOnDemand();
    set(ofKind('CronJob')!);

    watches.review();

    expect(kinds(watches).includes('CronJob')).toBe(stays);
  });
});
