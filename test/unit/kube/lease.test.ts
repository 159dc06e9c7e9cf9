// What a real API server cannot be made to do: hang. The rest of leader election is in test/integration.
import { afterEach, describe, expect, it } from '@jest/globals';
import { defaultLeaseTimings, KubeClient, LeaderElector, microTime, Transport } from '../../../src/kube/index.ts';
import type { LeaderElectorOptions } from '../../../src/kube/index.ts';
import { answer, eventually, FakeServer } from './fake-server.ts';

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

function elector(client: KubeClient, options: Partial<LeaderElectorOptions> = {}): LeaderElector {
  return new LeaderElector({
    client,
    namespace: 'ns',
    name: 'operator',
    identity: 'a',
    onStartedLeading: () => undefined,
    onStoppedLeading: () => undefined,
    ...options,
  });
}

describe('a leader whose API server hangs', () => {
  it('stops leading at the renew deadline, counted from the last renewal that was answered', async () => {
    let hangs = false;
    let answeredAt = 0;
    const server = await FakeServer.start((request, response) => {
      if (hangs) {
        return;
      }
      answeredAt = request.at;
      if (request.method === 'GET') {
        answer(response, 404, { kind: 'Status', code: 404, reason: 'NotFound' });
      } else {
        answer(response, 200, {
          ...(JSON.parse(request.body) as object),
          metadata: { name: 'operator', uid: 'u', resourceVersion: String(server.requests.length) },
        });
      }
    });
    const transport = new Transport({ config: server.config, userAgent: 'x' });
    let lostAt = 0;
    const sut = elector(new KubeClient(transport), {
      // A whole further retry period after the deadline would be too late.
      timings: { leaseDurationMs: 4_500, renewDeadlineMs: 2_700, retryPeriodMs: 2_100 },
      onStartedLeading: (lost) => {
        lost.addEventListener('abort', () => {
          lostAt = performance.now();
        });
      },
    });
    cleanups.push(
      () => sut.stop(),
      () => transport.close(),
      () => server.stop(),
    );
    sut.start();
    await eventually(() => server.requests.filter((request) => request.method === 'PUT').length >= 2, 'it was renewed');
    hangs = true;
    await eventually(() => lostAt > 0, 'it is lost');

    expect(lostAt - answeredAt).toBeGreaterThan(2_100);
    // Before anybody else may take the lease.
    expect(lostAt - answeredAt).toBeLessThan(4_500);
    expect(sut.isLeader).toBe(false);
  });
});

describe('timings that cannot be safe', () => {
  it.each([
    [
      'a renew deadline as long as the lease',
      { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 },
      'must be longer than the renew deadline',
    ],
    [
      'no room for a second attempt',
      { renewDeadlineMs: 2_000, retryPeriodMs: 2_000 },
      'must be longer than 1.2 retry periods',
    ],
    [
      'less than the Lease can say',
      { leaseDurationMs: 900, renewDeadlineMs: 500, retryPeriodMs: 100 },
      'at least 1000 ms',
    ],
  ])('%s', (_name, timings, message) => {
    expect(() => elector(undefined as unknown as KubeClient, { timings })).toThrow(message);
  });
});

describe('microTime', () => {
  it.each([
    ['2026-03-01T12:00:00.000Z', '2026-03-01T12:00:00.000000Z'],
    ['2026-03-01T12:00:00.789Z', '2026-03-01T12:00:00.789000Z'],
  ])('%s has six digits', (iso, expected) => {
    expect(microTime(Date.parse(iso))).toBe(expected);
  });
});

describe('the times of the lease', () => {
  it('let another replica lead within 15 seconds of a death, with three seconds to spare', () => {
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = defaultLeaseTimings;
    // It died right after it had renewed, and the other had just looked: one duration, then one look at its slowest.
    const latest = leaseDurationMs + 1.2 * retryPeriodMs;

    expect(latest).toBeLessThanOrEqual(12_000);
    expect(renewDeadlineMs).toBeLessThan(leaseDurationMs);
  });
});
