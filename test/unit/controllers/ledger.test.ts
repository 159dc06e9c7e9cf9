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
