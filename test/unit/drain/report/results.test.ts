import { describe, expect, it } from '@jest/globals';
import { isViolation, resultsOf, type ReportedEntry } from '../../../../src/drain/report/index.ts';

const WEB = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web', uid: 'u-1' };

function entry(outcome: ReportedEntry['outcome'], reason = '', message = 'why'): ReportedEntry {
  return { outcome, reason, message };
}

describe('results of a workload', () => {
  it('say which workload, which policy, what is the matter and what to do', () => {
    const { workload, results } = resultsOf({
      ...WEB,
      entries: [['long-requests', entry('Failed', 'GraceAboveMaximum', 'needs 700 s, and the maximum is 600 s')]],
    });

    expect(workload).toBe('Deployment/shop/web');
    expect(results).toEqual([
      {
        source: 'sidecar-drain-operator',
        policy: 'long-requests',
        rule: 'GraceAboveMaximum',
        category: 'Graceful termination',
        severity: 'high',
        result: 'fail',
        scored: true,
        resources: [{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web', uid: 'u-1' }],
        message: 'needs 700 s, and the maximum is 600 s',
        properties: {
          outcome: 'Failed',
          action: "Shorten the drain or the application's preStop, or raise gracePeriod.maximum.",
        },
      },
    ]);
  });

  it.each<[ReportedEntry['outcome'], string, string, string]>([
    ['NonCompliant', '', 'fail', 'medium'],
    ['NonCompliant', 'GraceTooShort', 'fail', 'high'],
    ['NonCompliant', 'ChangedByOthers', 'warn', 'low'],
    ['Conflicted', 'FieldConflict', 'fail', 'medium'],
    ['Failed', '', 'fail', 'high'],
    ['Failed', 'PromiseUnreachable', 'fail', 'high'],
    ['Unknown', 'FactsMissing', 'error', 'medium'],
    ['Unknown', 'HookUnbounded', 'error', 'medium'],
    ['Warned', 'NewRequestsRefused', 'warn', 'medium'],
  ])('count %s %s as %s of severity %s', (outcome, reason, result, severity) => {
    expect(resultsOf({ ...WEB, entries: [['p', entry(outcome, reason)]] }).results).toMatchObject([
      { result, severity, scored: result !== 'warn' },
    ]);
  });

  it.each<ReportedEntry['outcome']>(['Compliant', 'Updating', 'Pending', 'Exempt', 'Overridden'])(
    'are none for %s',
    (outcome) => {
      expect(isViolation({ outcome })).toBe(false);
      expect(resultsOf({ ...WEB, entries: [['p', entry(outcome)]] }).results).toEqual([]);
    },
  );

  it('stand in the order of their policies, and are at most twenty, the most pressing ones', () => {
    const names = Array.from({ length: 40 }, (_, index) => `audit-${String(index).padStart(2, '0')}`);
    const { results } = resultsOf({
      ...WEB,
      entries: [
        ...names.map((name) => [name, entry('NonCompliant')] as const),
        ['zz', entry('Failed')] as const,
      ].reverse(),
    });

    expect(results.map(({ policy }) => policy)).toEqual([...names.slice(0, 19), 'zz']);
  });

  it('cut a long message, and never through a character', () => {
    const { results } = resultsOf({ ...WEB, entries: [['p', entry('NonCompliant', '', `${'a'.repeat(511)}🚰 tail`)]] });

    expect(results[0]?.message).toBe('a'.repeat(511));
  });
});
