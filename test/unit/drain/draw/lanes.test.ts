import { describe, expect, it } from '@jest/globals';
import type { LaneId, SegmentState } from '../../../../src/drain/timeline/lanes.ts';
import { laneOf, PODS, timelineFor, type Pod } from './timelines.ts';

function bars(pod: Pod, lane: LaneId): [SegmentState, number, number][] {
  return laneOf(timelineFor(pod), lane).segments.map((segment) => [segment.state, segment.from, segment.to]);
}

function marks(pod: Pod, lane: LaneId): [string, number][] {
  return laneOf(timelineFor(pod), lane).marks.map((mark) => [mark.kind, mark.at]);
}

describe('lanes', () => {
  it.each(Object.entries(PODS))('%s: has every lane, once, in the order of the drawing', (_, pod) => {
    expect(timelineFor(pod).lanes.map((lane) => lane.id)).toEqual([
      'kubelet',
      'endpoints',
      'application',
      'proxy',
      'inbound',
      'outbound',
    ]);
  });

  it.each(Object.entries(PODS))('%s: segments of a lane follow each other and last', (_, pod) => {
    for (const lane of timelineFor(pod).lanes) {
      let last = 0;
      for (const segment of lane.segments) {
        expect(segment.from).toBeGreaterThanOrEqual(last);
        expect(segment.to).toBeGreaterThan(segment.from);
        last = segment.to;
      }
    }
  });

  it.each(Object.entries(PODS))('%s: events stand in order of time, and each on a lane that is drawn', (_, pod) => {
    const timeline = timelineFor(pod);
    const times = timeline.events.map((event) => event.at);

    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.length).toBeGreaterThanOrEqual(6);
    expect(timeline.lanes.map((lane) => lane.id)).toEqual(
      expect.arrayContaining([...new Set(timeline.events.map((event) => event.lane))]),
    );
  });

  it('draws one lane per application container', () => {
    const timeline = timelineFor({ moreApps: ['cache'] });
    expect(timeline.lanes.filter((lane) => lane.id === 'application').map((lane) => lane.title)).toEqual([
      'checkout',
      'cache',
    ]);
  });

  it('has no proxy lane without a sidecar', () => {
    expect(timelineFor({ proxy: 'none' }).lanes.map((lane) => lane.id)).not.toContain('proxy');
  });

  it('draws nothing where no pod of the template is created, and says so', () => {
    const timeline = timelineFor({ config: '{' });

    expect(timeline.lanes).toEqual([]);
    expect(timeline.verdict.survives).toBe(false);
    expect(timeline.verdict.sentence).toContain('No pod of this template is created');
  });
});

describe('the classic default', () => {
  it('cuts what is in flight when the drain of 5 s is over', () => {
    expect(bars(PODS.classicDefault, 'proxy')).toEqual([['Draining', 0, 5]]);
    expect(marks(PODS.classicDefault, 'proxy')).toEqual([
      ['Sigterm', 0],
      ['Exit', 5],
    ]);
    expect(bars(PODS.classicDefault, 'inbound')).toEqual([
      ['Serving', 0, 5],
      ['Failing', 5, 15],
    ]);
    expect(marks(PODS.classicDefault, 'inbound')).toEqual([['Lost', 5]]);
    expect(bars(PODS.classicDefault, 'outbound')).toEqual([
      ['Serving', 0, 5],
      ['Failing', 5, 15],
    ]);
    expect(timelineFor(PODS.classicDefault).cuts).toEqual([
      { at: 5, lane: 'inbound', kind: 'ConnectionLost', label: 'requests in flight are lost' },
    ]);
  });

  it('says until when requests survive, why, and what is left of the grace period', () => {
    const { verdict } = timelineFor(PODS.classicDefault);

    expect(verdict).toMatchObject({ survives: false, longestInFlight: 5, slack: 15 });
    expect(verdict.sentence).toContain(
      'the proxy is gone 5 s after deletion because terminationDrainDuration is 5 s (the default)',
    );
    expect(verdict.slackSentence).toBe('15 s of the grace period of 30 s are left before SIGKILL.');
  });

  it('shows that new requests fail from the moment at which the application closes its listener', () => {
    expect(bars(PODS.classicDefault, 'endpoints')).toEqual([['Failing', 0, 5]]);
    expect(bars({ application: { onSigterm: 'KeepListeningUntilIdle' } }, 'endpoints')).toEqual([['Serving', 0, 5]]);
  });

  it('draws an application preStop before its SIGTERM, and the proxy gone meanwhile', () => {
    expect(bars(PODS.appHook, 'application')).toEqual([
      ['PreStop', 0, 12],
      ['Finishing', 12, 15],
    ]);
    expect(marks(PODS.appHook, 'application')).toEqual([
      ['Sigterm', 12],
      ['Exit', 15],
    ]);
    expect(bars(PODS.appHook, 'endpoints')).toEqual([['Serving', 0, 5]]);
    expect(marks(PODS.appHook, 'proxy')).toEqual([
      ['Sigterm', 0],
      ['Exit', 5],
    ]);
  });
});

describe('native', () => {
  it('keeps the proxy until the application has exited', () => {
    const timeline = timelineFor(PODS.nativeDefault);

    expect(bars(PODS.nativeDefault, 'proxy')).toEqual([['Draining', 0, 15]]);
    expect(marks(PODS.nativeDefault, 'proxy')).toEqual([
      ['Sigterm', 15],
      ['Exit', 15],
    ]);
    expect(bars(PODS.nativeDefault, 'inbound')).toEqual([
      ['Serving', 0, 15],
      ['Room', 15, 30],
    ]);
    expect(timeline.cuts).toEqual([]);
    expect(timeline.verdict).toMatchObject({ survives: true, longestInFlight: 30, slack: 15 });
    expect(timeline.verdict.sentence).toContain('the proxy lives as long as the application');
  });

  it('is cut at the end of the grace period when a request needs longer', () => {
    const timeline = timelineFor({ ...PODS.nativeDefault, longestRequest: 60 });

    expect(timeline.verdict.survives).toBe(false);
    expect(timeline.cuts.map((cut) => [cut.lane, cut.kind, cut.at])).toEqual(
      expect.arrayContaining([
        ['application', 'Sigkill', 30],
        ['inbound', 'ConnectionLost', 30],
      ]),
    );
  });
});

describe('EXIT_ON_ZERO_ACTIVE_CONNECTIONS', () => {
  it('lets the proxy go when the request is answered, and longer ones go on', () => {
    const timeline = timelineFor(PODS.exitOnZero);

    expect(marks(PODS.exitOnZero, 'proxy')).toEqual([
      ['Sigterm', 0],
      ['Exit', 15],
    ]);
    expect(bars(PODS.exitOnZero, 'inbound')).toEqual([
      ['Serving', 0, 15],
      ['Room', 15, 60],
    ]);
    expect(timeline.verdict.sentence).toContain('until then the proxy waits for open connections');
    expect(timeline.events.map((event) => event.sentence)).toContain('istio-proxy exits (0): no connection is left.');
  });

  it('is held by an idle client until it is killed', () => {
    const timeline = timelineFor({ ...PODS.exitOnZero, application: { idleKeepAliveClient: true } });

    expect(timeline.cuts).toEqual([{ at: 60, lane: 'proxy', kind: 'Sigkill', label: 'SIGKILL ends istio-proxy' }]);
    expect(timeline.verdict).toMatchObject({ survives: true, slack: 0 });
    expect(timeline.verdict.slackSentence).toContain('SIGKILL ends istio-proxy after 60 s');
  });
});

describe('the grace period', () => {
  it('cuts a drain that is longer', () => {
    const timeline = timelineFor(PODS.cutByGrace);

    expect(timeline.cuts.map((cut) => [cut.at, cut.lane, cut.kind])).toEqual(
      expect.arrayContaining([
        [30, 'proxy', 'Sigkill'],
        [30, 'inbound', 'ConnectionLost'],
      ]),
    );
    expect(marks(PODS.cutByGrace, 'kubelet')).toEqual([
      ['Deleted', 0],
      ['Killed', 30],
    ]);
    expect(bars(PODS.cutByGrace, 'kubelet')).toEqual([['Grace', 0, 30]]);
  });

  it('does not squeeze the picture when it is much longer than all that happens', () => {
    const timeline = timelineFor({ grace: 600 });

    expect(timeline.endsAt).toBeLessThan(60);
    expect(timeline.endsAt).toBeGreaterThan(timeline.termination.podGoneAt);
  });
});

describe('hooks of the proxy', () => {
  it('draws the literal netstat hook up to the end of the grace period, and SIGKILL 2 s later', () => {
    const timeline = timelineFor(PODS.neverEndingHook);

    expect(bars(PODS.neverEndingHook, 'proxy')).toEqual([
      ['PreStop', 0, 30],
      ['Draining', 30, 32],
    ]);
    expect(marks(PODS.neverEndingHook, 'proxy')).toEqual([
      ['Sigterm', 30],
      ['Killed', 32],
    ]);
    expect(timeline.verdict).toMatchObject({ survives: true, slack: -2 });
    expect(timeline.events.find((event) => event.at === 30)?.sentence).toContain(
      'its preStop still runs when the grace period ends',
    );
  });

  it('says that a hook fails where the image lacks its programs', () => {
    const timeline = timelineFor(PODS.distrolessHook);

    expect(marks(PODS.distrolessHook, 'proxy')).toEqual([
      ['Sigterm', 0],
      ['Exit', 5],
    ]);
    expect(timeline.verdict.sentence).toContain('its preStop fails and terminationDrainDuration is 5 s');
  });

  it('shows from when new connections are refused although the drain goes on', () => {
    expect(marks(PODS.longDrain, 'endpoints')).toEqual([['Refuses', 45]]);
    expect(timelineFor(PODS.longDrain).verdict).toMatchObject({ survives: true, longestInFlight: 120 });
  });

  it('shows the drain inside a hook that asks for it, and no drain after it', () => {
    const pod: Pod = {
      proxyHook: { exec: { command: ['sh', '-c', 'pilot-agent request --debug-port=15020 POST drain; sleep 20'] } },
    };

    expect(
      laneOf(timelineFor(pod), 'proxy').segments.map((segment) => [segment.label, Math.round(segment.to)]),
    ).toEqual([['preStop, draining', 20]]);
    expect(timelineFor(pod).verdict.sentence).toContain('SIGTERM ends it at once after the drain call');
  });
});

describe('the application', () => {
  it('that exits at once ends what is in flight, whatever the proxy does', () => {
    const timeline = timelineFor({ ...PODS.nativeDefault, application: { onSigterm: 'ExitAtOnce' } });

    expect(timeline.verdict).toMatchObject({ survives: false, longestInFlight: 0 });
    expect(timeline.verdict.sentence).toContain('the application exits at SIGTERM without finishing them');
  });
});

describe('a hook of unknown length', () => {
  const pod: Pod = { proxy: 'native', appHook: { httpGet: { path: '/leave', port: 8080 } } };

  it('is drawn as uncertain, and so is what depends on it', () => {
    expect(bars(pod, 'application')).toEqual([['Uncertain', 0, 30]]);
    expect(marks(pod, 'application')).toEqual([]);
    expect(bars(pod, 'endpoints')).toEqual([['Uncertain', 0, 5]]);
    expect(bars(pod, 'kubelet').map(([state]) => state)).toContain('Uncertain');
  });

  it('leaves nothing to spare that could be promised', () => {
    const { verdict, events } = timelineFor(pod);

    expect(verdict.slackSentence).toContain('is not known: the length of the preStop of checkout is not');
    expect(verdict.slack).toBeLessThanOrEqual(0);
    expect(events.map(({ sentence }) => sentence).join(' ')).toContain('how long its preStop goes on');
  });

  it('is no fact about the proxy that waits for it', () => {
    const sentences = timelineFor(pod).events.map(({ sentence }) => sentence);

    expect(sentences.filter((sentence) => sentence.startsWith('istio-proxy')).slice(-1)).toEqual([
      'istio-proxy ends between now and 30 s after the deletion: when depends on the preStop whose length is not known.',
    ]);
    expect(sentences.join(' ')).not.toContain('the application has exited');
  });
});
