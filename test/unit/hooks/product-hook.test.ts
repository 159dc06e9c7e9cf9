import { describe, expect, it } from '@jest/globals';
import { fc } from '../../support/fast-check.ts';
import { analyseHook, productHook, recogniseProductHook, runHook } from '../../../src/hooks/index.ts';
import type { ProductHookParameters } from '../../../src/hooks/index.ts';
import { pod } from './worlds.ts';

const ESTABLISHED: ProductHookParameters = { duration: 20, maxWait: 40, waitFor: 'EstablishedConnections' };
const REQUESTS: ProductHookParameters = { duration: 20, maxWait: 40, waitFor: 'ActiveRequests' };
const DRAIN = [{ at: 0, kind: 'AgentDrain' }];

function run(parameters: ProductHookParameters, shape: Parameters<typeof pod>[0]): ReturnType<typeof runHook> {
  return runHook(productHook(parameters), pod(shape), { container: 'Proxy', start: 0, until: 200 });
}

describe('productHook', () => {
  it.each([
    ['quiet from the start: ends at its duration', ESTABLISHED, {}, 20],
    ['in flight for less than its duration', ESTABLISHED, { inFlightUntil: 12 }, 20],
    ['in flight beyond its duration: ends when quiet', ESTABLISHED, { inFlightUntil: 29.5 }, 30],
    ['in flight for ever: ends at maxWait', ESTABLISHED, { inFlightUntil: Infinity }, 40],
    ['an idle client holds it up to maxWait', ESTABLISHED, { idleClientUntil: Infinity }, 40],
    ['ActiveRequests: quiet from the start', REQUESTS, { exportsStats: true }, 20],
    ['ActiveRequests: in flight beyond its duration', REQUESTS, { exportsStats: true, inFlightUntil: 29.5 }, 30],
    ['ActiveRequests: in flight for ever', REQUESTS, { exportsStats: true, inFlightUntil: Infinity }, 40],
    [
      'ActiveRequests: an idle client does not hold it',
      REQUESTS,
      { exportsStats: true, idleClientUntil: Infinity },
      20,
    ],
    [
      'ActiveRequests without the stats: nobody can know, so it waits up to maxWait',
      REQUESTS,
      { exportsStats: false },
      40,
    ],
    ['duration equal to maxWait', { ...ESTABLISHED, duration: 40 }, {}, 40],
    ['no duration (Adaptive)', { ...ESTABLISHED, duration: 0 }, {}, 0],
  ] as const)('%s', (_, parameters, shape, endsAt) => {
    const result = run(parameters, shape);

    expect(result).toEqual({ how: 'Completed', endsAt, effects: DRAIN, notUnderstood: [] });
  });

  it('cannot start on a distroless image, so that the drain is never asked for', () => {
    expect(run(ESTABLISHED, { image: 'distroless' })).toEqual({
      how: 'CannotStart',
      endsAt: 0,
      effects: [],
      notUnderstood: [],
    });
  });

  it('fails at once where the drain call fails: without a drain the net of terminationDrainDuration holds', () => {
    const result = run(ESTABLISHED, { http: () => 'refused' });

    expect(result).toEqual({ how: 'Failed', endsAt: 0, effects: [], notUnderstood: [] });
  });

  it('is recognised with its parameters', () => {
    expect(recogniseProductHook(productHook(ESTABLISHED))).toEqual(ESTABLISHED);
    expect(recogniseProductHook(productHook({ ...REQUESTS, duration: 0, maxWait: 300 }))).toEqual({
      ...REQUESTS,
      duration: 0,
      maxWait: 300,
    });
  });

  it('recognises a hook of another version by its first line', () => {
    const script = '# sidecardrain.io hook 7: ActiveRequests, at least 5s, at most 90s\nsleep 1';

    expect(recogniseProductHook({ exec: { command: ['/bin/sh', '-c', script] } })).toEqual({
      duration: 5,
      maxWait: 90,
      waitFor: 'ActiveRequests',
    });
  });

  it.each([
    [{ exec: { command: ['sh', '-c', 'sleep 5'] } }],
    [{ exec: { command: ['pilot-agent', 'wait'] } }],
    [{ sleep: { seconds: 3 } }],
    [{}],
  ])('does not take %j for its own', (handler) => {
    expect(recogniseProductHook(handler)).toBeUndefined();
  });

  it('keeps its promise for any parameters: at least duration, at most maxWait', () => {
    const parameters = fc.record({
      duration: fc.integer({ min: 0, max: 300 }),
      more: fc.integer({ min: 0, max: 300 }),
      quietAt: fc.integer({ min: 0, max: 700 }),
    });

    fc.assert(
      fc.property(parameters, ({ duration, more, quietAt }) => {
        const maxWait = Math.max(1, duration + more);
        const hook = productHook({ duration, maxWait, waitFor: 'EstablishedConnections' });

        const result = runHook(hook, pod({ inFlightUntil: quietAt }), { container: 'Proxy', start: 0, until: 10_000 });

        expect(result.endsAt).toBe(Math.min(maxWait, Math.max(duration, quietAt)));
      }),
      { numRuns: 200 },
    );
  });

  it('is analysed as what it promises', () => {
    const analysis = analyseHook(productHook(ESTABLISHED), { container: 'Proxy', image: 'with-shell' });

    expect(analysis).toMatchObject({
      atLeast: 20,
      atMost: 40,
      whenQuiet: 20,
      whenBusy: 40,
      needsShell: true,
      callsDrain: true,
      neverEnds: false,
      endsAtOnce: false,
      waitsFor: ['Sleep', 'InboundConnections'],
      statsNeeded: [],
      recognised: { kind: 'ProductHook' },
      notUnderstood: [],
    });
    expect(analysis.tools).toEqual(['awk', 'netstat', 'pilot-agent', 'sh', 'sleep']);
  });
});
