import { describe, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { drawSvg, drawText } from '../../../../src/drain/timeline/draw/index.ts';
import { LITERAL_HOOK, timelineFor, type Pod } from './timelines.ts';

const seconds = fc.oneof(
  fc.integer({ min: 0, max: 90 }),
  fc.integer({ min: 0, max: 3600 }),
  fc.double({ min: 0, max: 60, noNaN: true }).map((value) => Math.round(value * 1000) / 1000),
);
const hook = fc.constantFrom<Pod['proxyHook']>(
  undefined,
  LITERAL_HOOK,
  { sleep: { seconds: 7 } },
  { exec: { command: ['sh', '-c', 'pilot-agent request --debug-port=15020 POST drain; sleep 12'] } },
  { exec: { command: ['curl', '-X', 'POST', 'localhost:15020/quitquitquit'] } },
  { exec: { command: ['/app/never-seen'] } },
);
const pods: fc.Arbitrary<Pod> = fc.record(
  {
    proxy: fc.constantFrom('classic', 'native', 'none'),
    grace: fc.integer({ min: 0, max: 900 }),
    config: fc
      .tuple(seconds, fc.boolean(), fc.integer({ min: 1, max: 300 }))
      .map(
        ([drain, exitOnZero, drainDuration]) =>
          `{terminationDrainDuration: ${drain}s, drainDuration: ${drainDuration}s${exitOnZero ? ', proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}' : ''}}`,
      ),
    appHook: fc.constantFrom<Pod['appHook']>(
      undefined,
      { sleep: { seconds: 5 } },
      { exec: { command: ['sleep', '40'] } },
      { exec: { command: ['/app/never-seen'] } },
    ),
    proxyHook: hook,
    image: fc.constantFrom('with-shell', 'distroless'),
    moreApps: fc.constantFrom([], ['cache'], ['cache', 'a-sidecar-of-another-kind-with-a-long-name']),
    longestRequest: seconds,
    application: fc.record({
      onSigterm: fc.constantFrom('CloseListenerFinishInFlight', 'KeepListeningUntilIdle', 'ExitAtOnce'),
      runsOnAfterSigterm: fc.constantFrom(0, 0, 25),
      idleKeepAliveClient: fc.boolean(),
    }),
  },
  { requiredKeys: ['proxy', 'grace', 'config', 'image', 'longestRequest', 'application', 'moreApps'] },
);

const RUNS = Number(process.env.DRAW_PROPERTY_RUNS ?? 1500);

function check(condition: boolean, what: string): void {
  if (!condition) {
    throw new Error(what);
  }
}

describe('drawings of any pod', () => {
  it('have lanes whose segments follow each other, and say what the verdict says', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const { lanes, cuts, verdict, events, settings } = timelineFor(pod);
        if (settings.podsRefused !== undefined) {
          check(lanes.length === 0 && !verdict.survives, 'refused pods are not drawn');
          return;
        }
        for (const lane of lanes) {
          let last = 0;
          for (const segment of lane.segments) {
            check(
              segment.from >= last && segment.to > segment.from && Number.isFinite(segment.to),
              `${lane.title}: ${JSON.stringify(lane.segments)}`,
            );
            last = segment.to;
          }
          check(
            lane.marks.every((mark) => mark.at >= 0 && Number.isFinite(mark.at)),
            `${lane.title}: ${JSON.stringify(lane.marks)}`,
          );
        }
        check(
          verdict.survives === !cuts.some((cut) => cut.kind === 'ConnectionLost'),
          'a lost request is a cut, and the other way round',
        );
        check(
          verdict.survives ===
            lanes.some((lane) => lane.id === 'inbound' && lane.marks.some((mark) => mark.kind === 'Done')),
          'an answered request has its mark',
        );
        check(
          cuts.some((cut) => cut.kind === 'Sigkill') ===
            lanes.some((lane) => lane.id === 'kubelet' && lane.marks.some((mark) => mark.kind === 'Killed')),
          'SIGKILL stands in the lane of the kubelet',
        );
        check(
          cuts.every((cut) => cut.kind !== 'Sigkill') || verdict.slack <= 0,
          'nothing is left where something was killed',
        );
        check(
          events.every((event, index) => index === 0 || event.at >= (events[index - 1]?.at ?? 0)),
          'events are in order of time',
        );
        check(
          !/undefined|NaN|Infinity|null/.test(JSON.stringify([verdict, events, lanes, cuts])),
          'no value of the machine in what people read',
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('fit into the terminal, and into XML', () => {
    fc.assert(
      fc.property(pods, fc.integer({ min: 60, max: 200 }), fc.boolean(), (pod, width, unicode) => {
        const panel = { heading: 'now', timeline: timelineFor(pod) };
        const lines = drawText([panel], { width, unicode, color: false }).split('\n');
        check(
          lines.every((line) => line.length <= width),
          `wider than ${width}: ${lines.find((line) => line.length > width)}`,
        );
        check(!/NaN|undefined|Infinity/.test(drawSvg([panel], { title: 'any' })), 'numbers of the picture are numbers');
      }),
      { numRuns: RUNS / 3 },
    );
  });
});
