import { describe, expect, it } from '@jest/globals';
import { fc } from '../support/fast-check.ts';
import type { EffectiveSettings } from '../../src/drain/model/settings.ts';
import { proxyClocks } from '../../src/drain/promise/clocks.ts';
import { DEFAULT_APPLICATION, type Application, type InboundRequest } from '../../src/drain/timeline/application.ts';
import { simulateTermination } from '../../src/drain/timeline/simulate.ts';
import type { Termination } from '../../src/drain/timeline/termination.ts';
import { survivalOf } from '../../src/drain/timeline/verdict.ts';
import { anyApplication, meshOfPod, podOf, workloadOfPod, type Pod } from '../fixtures/drain/arbitraries.ts';
import { settingsOf } from '../fixtures/drain/objects.ts';
import { runs, TIMEOUT_MILLIS } from './runs.ts';

const forms = ['classic', 'classic', 'native', 'gateway'] as const;
const images = ['with-shell', 'with-shell', 'distroless'] as const;
const pod = podOf({ forms, images });

function settingsOfPod(given: Pod): EffectiveSettings {
  return settingsOf(workloadOfPod(given).template, meshOfPod(given));
}

function withGrace(settings: EffectiveSettings, value: number): EffectiveSettings {
  return { ...settings, gracePeriod: { ...settings.gracePeriod, value } };
}

const request: fc.Arbitrary<InboundRequest> = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    startsAt: fc.integer({ min: -20, max: 40 }),
    lasts: fc.integer({ min: 1, max: 160 }),
    calls: fc.option(fc.nat(100), { nil: undefined }),
  })
  .map(({ calls, ...rest }) => ({
    ...rest,
    ...(calls === undefined ? {} : { callsOutAt: rest.startsAt + (calls % rest.lasts) }),
  }));
const requests = fc.uniqueArray(request, { selector: (one) => one.id, maxLength: 4 });

function survivors(termination: Termination): string[] {
  return termination.requests.filter((one) => one.survived).map((one) => one.id);
}

describe('a termination', () => {
  it(
    'loses no request by a longer grace period alone',
    () => {
      fc.assert(
        fc.property(
          pod,
          anyApplication,
          requests,
          fc.integer({ min: 1, max: 300 }),
          (given, application, load, more) => {
            const settings = settingsOfPod(given);
            const short = simulateTermination({ settings, application, requests: load });
            const long = simulateTermination({
              settings: withGrace(settings, settings.gracePeriod.value + more),
              application,
              requests: load,
            });

            expect(survivors(long)).toEqual(expect.arrayContaining(survivors(short)));
          },
        ),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'never loses a request because it is shorter',
    () => {
      fc.assert(
        fc.property(pod, anyApplication, requests, fc.nat(), (given, application, load, cut) => {
          const settings = settingsOfPod(given);
          const before = simulateTermination({ settings, application, requests: load });
          for (const one of load) {
            const lasts = Math.max(1, one.lasts - (cut % one.lasts));
            const { callsOutAt, ...rest } = one;
            const shorter: InboundRequest = {
              ...rest,
              lasts,
              ...(callsOutAt !== undefined && callsOutAt < one.startsAt + lasts ? { callsOutAt } : {}),
            };
            const after = simulateTermination({
              settings,
              application,
              requests: load.map((other) => (other === one ? shorter : other)),
            });

            if (survivors(before).includes(one.id)) {
              expect(survivors(after)).toContain(one.id);
            }
          }
        }),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'lets exactly those requests survive that are no longer than the verdict says',
    () => {
      fc.assert(
        fc.property(pod, anyApplication, fc.integer({ min: 1, max: 400 }), (given, application, end) => {
          const settings = settingsOfPod(given);
          const { longestInFlight } = survivalOf(settings, application);
          const played = simulateTermination({
            settings,
            application,
            requests: [{ id: 'r', startsAt: -1, lasts: end + 1 }],
            unknownHooks: 'EndAtOnce',
          });

          expect(played.requests[0]?.survived).toBe(end <= longestInFlight);
        }),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'lives as long as the closed form of its clocks says',
    () => {
      fc.assert(
        fc.property(podOf({ forms: ['classic', 'gateway'], images }), requests, (given, load) => {
          const settings = withGrace(settingsOfPod(given), 700);
          const clocks = proxyClocks(settings);
          const play = (application: Application, inbound: readonly InboundRequest[]): number =>
            simulateTermination({ settings, application, requests: inbound }).proxy?.exitAt ?? -1;
          const quiet = play(DEFAULT_APPLICATION, []);
          const some = play(DEFAULT_APPLICATION, load);
          const busy = play(DEFAULT_APPLICATION, [{ id: 'endless', startsAt: -1, lasts: Infinity }]);

          expect(Math.min(quiet, some, busy)).toBeGreaterThanOrEqual(Math.min(clocks.floor, 700));
          expect(Math.max(quiet, some, busy)).toBeLessThanOrEqual(Math.max(702, clocks.ceiling));
          expect(Math.max(quiet, some)).toBeLessThanOrEqual(Number.isFinite(clocks.ceiling) ? clocks.ceiling : 702);
          expect(busy).toBeGreaterThanOrEqual(Math.min(clocks.busy, 700));
        }),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );
});
