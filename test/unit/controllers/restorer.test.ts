import { describe, expect, it } from '@jest/globals';
import { Restorer, type RestorerOptions } from '../../../src/controllers/workload/restorer.ts';
import { WorkloadMemories } from '../../../src/controllers/workload/workload-memory.ts';
import type { Workload } from '../../../src/drain/model/workload.ts';
import type { Assessment } from '../../../src/drain/plan/assess.ts';
import type { WorkloadState } from '../../../src/drain/template/note/state.ts';

const KEY = 'Deployment/shop/web';
const workload = { kind: 'Deployment', namespace: 'shop', name: 'web', annotations: {} } as unknown as Workload;
const state = {
  policy: { name: 'p', uid: 'u' },
  fields: { proxyContainer: { before: null, wrote: 'x' } },
} as unknown as WorkloadState;
const NOBODY: Assessment = { audits: [], overridden: [], refused: [], matched: [] };
const notInjected = {
  ...NOBODY,
  governing: { policy: { name: 'p', spec: { delivery: 'PodTemplate' } }, decision: { reason: 'NotInjected' } },
} as unknown as Assessment;

describe('evidence that nothing is injected any more', () => {
  it('is looked at again when it has lasted, and no longer once nobody governs: each second, for ever', () => {
    let now = 1_000_000;
    // The policy only audits now: it keeps what it has written.
    const holder = { record: { name: 'p', uid: 'u', deleting: false, spec: { enforcement: 'Audit', match: {} } } };
    const caches = {
      policies: { state: 'Synced', store: { get: () => holder } },
      namespace: () => ({ labels: {} }),
      meshFacts: () => ({ istio: 'Present', stated: {} }),
    };
    const restorer = new Restorer({
      caches,
      memories: new WorkloadMemories(),
      now: () => now,
      admissionServes: () => false,
    } as unknown as RestorerOptions);

    expect(restorer.isDue(KEY, workload, state, notInjected)).toBe(false);
    expect(restorer.dueInMs(KEY)).toBe(10 * 60_000);
    now += 11 * 60_000;
    expect(restorer.isDue(KEY, workload, state, NOBODY)).toBe(false);
    expect(restorer.dueInMs(KEY)).toBeUndefined();
  });
});
