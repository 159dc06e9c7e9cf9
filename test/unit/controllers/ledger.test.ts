import { describe, expect, it } from '@jest/globals';
import { Ledger, type LedgerEntry } from '../../../src/controllers/reports/ledger.ts';

const COMPLIANT: LedgerEntry = { outcome: 'Compliant', reason: '', message: '' };

describe('a ledger of 10,000 workloads, 1,000 of them in violation', () => {
  const told: string[] = [];
  const ledger = new Ledger((policy, workload) => {
    told.push(`${policy} ${workload}`);
  });
  // Names as long as Kubernetes lets them be, and messages longer than anybody reads.
  const key = (index: number): string =>
    `Deployment/${'n'.repeat(58)}${String(index % 100).padStart(5, '0')}/${'w'.repeat(248)}${String(index).padStart(5, '0')}`;
  for (let index = 0; index < 10_000; index += 1) {
    const entry: LedgerEntry =
      index % 10 === 0 ? { outcome: 'Failed', reason: 'GraceAboveMaximum', message: 'm'.repeat(5_000) } : COMPLIANT;
    ledger.record(key(index), new Map([['long-requests', entry]]));
  }

  it('gives a status that stays small', () => {
    const status = { workloads: ledger.countsOf('long-requests'), attention: ledger.attentionOf('long-requests') };

    expect(status.workloads).toMatchObject({ matched: 10_000, compliant: 9_000, failed: 1_000 });
    expect(status.attention).toHaveLength(20);
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(32 * 1024);
  });

  it('tells which workload something else is said of, and nothing where it is the same', () => {
    told.length = 0;
    ledger.record(key(7), new Map([['long-requests', COMPLIANT]]));
    expect(told).toEqual([]);

    ledger.record(
      key(7),
      new Map([
        ['long-requests', { ...COMPLIANT, outcome: 'NonCompliant' }],
        ['audit', COMPLIANT],
      ]),
    );
    expect(told).toEqual([`long-requests ${key(7)}`, `audit ${key(7)}`]);
    expect([...ledger.entriesOf(key(7))].map(([policy, { outcome }]) => [policy, outcome])).toEqual([
      ['long-requests', 'NonCompliant'],
      ['audit', 'Compliant'],
    ]);

    told.length = 0;
    ledger.forget(key(7));
    expect(told).toEqual([`long-requests ${key(7)}`, `audit ${key(7)}`]);
    expect([...ledger.entriesOf(key(7))]).toEqual([]);
    expect(ledger.countsOf('long-requests').matched).toBe(9_999);
  });
});

describe('a warning beside the state of a workload', () => {
  const late = { reason: 'NewRequestsRefused', message: 'requests that arrive late are refused' };
  const web = 'Deployment/shop/web';
  const made = (entry: LedgerEntry): Ledger => {
    const ledger = new Ledger(() => undefined);
    ledger.record(web, new Map([['long', entry]]));
    return ledger;
  };

  it('stands last in the attention, in the counts of reasons and in reports, and changes no state', () => {
    const ledger = made({ ...COMPLIANT, warning: late });
    ledger.record(
      'Deployment/shop/zz',
      new Map([['long', { outcome: 'NonCompliant', reason: 'GraceTooShort', message: '' }]]),
    );

    expect(ledger.attentionOf('long').map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      'zz GraceTooShort',
      'web NewRequestsRefused',
    ]);
    expect(ledger.countsOf('long')).toMatchObject({ matched: 2, compliant: 1, nonCompliant: 1 });
    expect(ledger.warnedOf('long', 'NewRequestsRefused')).toBe(1);
    expect([...ledger.reasons()]).toContainEqual(['long', 'NewRequestsRefused', 1]);
    expect([...ledger.entriesOf(web)].map(([, { outcome, reason }]) => [outcome, reason])).toEqual([
      ['Compliant', ''],
      ['Warned', 'NewRequestsRefused'],
    ]);
  });

  it('gives way in the attention to what is the matter with the workload itself', () => {
    const ledger = made({ outcome: 'Unknown', reason: 'HookUnbounded', message: 'no bound', warning: late });

    expect(ledger.attentionOf('long')).toEqual([expect.objectContaining({ reason: 'HookUnbounded' })]);
  });

  it('is news when it comes and when it goes', () => {
    let told = 0;
    const ledger = new Ledger(() => {
      told += 1;
    });
    ledger.record(web, new Map([['long', COMPLIANT]]));
    ledger.record(web, new Map([['long', { ...COMPLIANT, warning: late }]]));
    ledger.record(web, new Map([['long', { ...COMPLIANT, warning: late }]]));
    ledger.record(web, new Map([['long', COMPLIANT]]));

    expect(told).toBe(3);
  });
});

describe('the pods that nodes may cut', () => {
  const beyond = (seconds: number, pods: number): LedgerEntry => ({
    ...COMPLIANT,
    beyond: { seconds, from: `nodes of ${seconds} s`, pods },
  });

  it('are counted by policy, with the smallest of what nodes give', () => {
    const told: string[] = [];
    const ledger = new Ledger((_, workload) => told.push(workload));
    ledger.record('Deployment/a/one', new Map([['p', beyond(120, 4)]]));
    ledger.record('Deployment/a/two', new Map([['p', beyond(15, 2)]]));
    ledger.record('Deployment/a/three', new Map([['p', COMPLIANT]]));
    ledger.record('Deployment/a/four', new Map([['p', { ...beyond(5, 9), outcome: 'Overridden' }]]));
    expect(ledger.nodeBudgetOf('p')).toEqual({ workloads: 2, pods: 6, seconds: 15, from: 'nodes of 15 s' });
    expect(ledger.nodeBudgetOf('other')).toBeUndefined();

    told.length = 0;
    ledger.record('Deployment/a/two', new Map([['p', beyond(15, 2)]]));
    expect(told).toEqual([]);
    ledger.record('Deployment/a/two', new Map([['p', beyond(15, 3)]]));
    expect(told).toEqual(['Deployment/a/two']);
    ledger.record('Deployment/a/two', new Map([['p', COMPLIANT]]));
    expect(ledger.nodeBudgetOf('p')).toMatchObject({ workloads: 1, seconds: 120 });
  });
});
