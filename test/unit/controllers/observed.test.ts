import { beforeEach, describe, expect, it } from '@jest/globals';
import type { SidecarDrainPolicy } from '../../../src/api/policy.ts';
import { policyView } from '../../../src/cli/dashboard/engine/policies.ts';
import { Ledger } from '../../../src/controllers/reports/ledger.ts';
import {
  FORGET_AFTER_MS,
  MOST_WORKLOADS,
  ObservedTerminations,
  type ObservedWorkload,
} from '../../../src/controllers/reports/observed.ts';
import type { TerminationRecord } from '../../../src/drain/observe/index.ts';
import { readPolicy } from '../../../src/drain/plan/policies.ts';
import { resultsOf } from '../../../src/drain/report/index.ts';
import { VirtualClock } from '../../../src/runtime/index.ts';

const KEY = 'Deployment/shop/checkout';
/** Of the settings only the grace period is looked at for what is tried here. */
const ABOUT = { settings: { gracePeriod: { value: 30 }, apps: [] }, neededGrace: 70 } as unknown as ObservedWorkload;

function record(more: Partial<TerminationRecord> = {}): TerminationRecord {
  return {
    pod: 'checkout-1',
    deletedAt: 0,
    gracePeriod: 30,
    containers: [],
    hookFailures: [],
    outcome: 'Killed',
    why: 'container server still ran',
    ...more,
  };
}

describe('terminations that went wrong', () => {
  let clock: VirtualClock;
  let ledger: Ledger;
  let observed: ObservedTerminations;
  let changes: number;

  beforeEach(() => {
    clock = new VirtualClock();
    changes = 0;
    ledger = new Ledger(() => {
      changes += 1;
    });
    observed = new ObservedTerminations({
      clock,
      onChange: (policy, workload, problem) => {
        ledger.observe(policy, workload, problem);
      },
    });
    ledger.record(KEY, new Map([['slow', { outcome: 'Compliant', reason: '', message: 'the promise holds' }]]));
  });

  it('stand in attention and in the report, with what follows, while the workload counts as compliant', () => {
    observed.note(KEY, 'slow', record(), ABOUT);
    observed.note(KEY, 'slow', record({ pod: 'checkout-2' }), ABOUT);

    const [attention, ...others] = ledger.attentionOf('slow');
    expect(others).toEqual([]);
    expect(attention).toMatchObject({ namespace: 'shop', kind: 'Deployment', name: 'checkout', reason: 'PodsKilled' });
    expect(attention?.message).toMatch(/^2 pods still ran when the grace period was over and got SIGKILL\. .*70/);
    expect(ledger.countsOf('slow')).toMatchObject({ matched: 1, compliant: 1, failed: 0 });
    const { results } = resultsOf({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'shop',
      name: 'checkout',
      entries: ledger.entriesOf(KEY),
    });
    expect(results).toEqual([
      expect.objectContaining({ rule: 'PodsKilled', result: 'fail', severity: 'high', message: attention?.message }),
    ]);
  });

  it('are forgotten a day after the last of them, and told to nobody any more', async () => {
    observed.note(KEY, 'slow', record(), ABOUT);
    await clock.advance(FORGET_AFTER_MS - 1);
    observed.note(KEY, 'slow', record(), ABOUT);
    await clock.advance(FORGET_AFTER_MS - 1);
    expect(ledger.attentionOf('slow')).toHaveLength(1);
    changes = 0;

    await clock.advance(1);

    expect(ledger.attentionOf('slow')).toEqual([]);
    expect([...ledger.entriesOf(KEY)].map(([, { outcome }]) => outcome)).toEqual(['Compliant']);
    expect([changes, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('stand on the page as long as the status of their policy has them', async () => {
    const onPage = (): readonly { reason: string }[] => {
      const raw = {
        metadata: { name: 'slow' },
        spec: { match: { namespaceSelector: {} }, drain: { mode: 'Fixed', duration: '30s' } },
        status: { attention: ledger.attentionOf('slow') },
      } as unknown as SidecarDrainPolicy;
      return policyView(raw, readPolicy(raw), { turns: [], paused: false, now: clock.now() }).attention;
    };
    observed.note(KEY, 'slow', record(), ABOUT);
    expect(onPage()).toMatchObject([{ name: 'checkout', reason: 'PodsKilled' }]);
    await clock.advance(FORGET_AFTER_MS);
    expect(onPage()).toEqual([]);
  });

  it.each([
    [{ outcome: 'HookFailed', hookFailures: [{ container: 'server', message: '' }] }, 'PreStopFailed'],
    [
      { outcome: 'Finished', forecast: { proxy: [], differences: ['the proxy ended late'], compared: 2 } },
      'ForecastMissed',
    ],
  ] as const)('are of three kinds: %j', (more, reason) => {
    observed.note(KEY, 'slow', record(more), ABOUT);

    expect(ledger.attentionOf('slow').map((one) => one.reason)).toEqual([reason]);
  });

  it.each([
    { outcome: 'Finished' },
    { outcome: 'Finished', forecast: { proxy: [], differences: [], compared: 2 } },
    { outcome: 'Unknown' },
    { outcome: 'Forced' },
  ] as const)('are not those that went as they should, or that nobody can judge: %j', (more) => {
    observed.note(KEY, 'slow', record(more), ABOUT);

    expect([ledger.attentionOf('slow'), clock.pendingTimers]).toEqual([[], 0]);
  });

  it('say nothing of a workload that is gone, that its policy does not select any more, or whose policy is gone', () => {
    observed.note(KEY, 'slow', record(), ABOUT);
    ledger.forget(KEY);
    expect(ledger.attentionOf('slow')).toEqual([]);

    observed.forgetPolicy('slow');
    expect(clock.pendingTimers).toBe(0);
    observed.note(KEY, 'slow', record(), ABOUT);
    observed.forgetWorkload(KEY);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are bounded: the oldest is forgotten for a new one', () => {
    for (let index = 0; index <= MOST_WORKLOADS; index += 1) {
      observed.note(`Deployment/shop/web-${index}`, 'slow', record(), ABOUT);
    }

    expect(clock.pendingTimers).toBe(MOST_WORKLOADS);
  });
});
