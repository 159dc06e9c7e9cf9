import { describe, expect, it } from '@jest/globals';
import { fc } from '../support/fast-check.ts';
import type { Decision } from '../../src/drain/model/decision.ts';
import type { ProxyImage } from '../../src/drain/model/mesh.ts';
import type { Workload } from '../../src/drain/model/workload.ts';
import { appDelayOf, proxyClocks } from '../../src/drain/promise/clocks.ts';
import type { Intent } from '../../src/drain/promise/intent.ts';
import { longestPromised } from '../../src/drain/promise/promise.ts';
import { DEFAULT_APPLICATION } from '../../src/drain/timeline/application.ts';
import { simulateTermination } from '../../src/drain/timeline/simulate.ts';
import type { Termination, UnknownHooks } from '../../src/drain/timeline/termination.ts';
import { applyToTemplate } from '../../src/drain/template/apply.ts';
import { parseProxyConfigAnnotation } from '../../src/drain/template/annotation.ts';
import {
  anyIntent,
  anyStyle,
  meshOfPod,
  MYSTERIES,
  podOf,
  workloadOfPod,
  type Form,
  type Pod,
} from '../fixtures/drain/arbitraries.ts';
import { decideFor, NAMESPACE, policyOf, settingsOf, written } from '../fixtures/drain/objects.ts';
import { runs, TIMEOUT_MILLIS } from './runs.ts';

/** What a pod may turn out to be where facts are missing. */
function possibilities(pod: Pod): { form: Form; image: ProxyImage }[] {
  const forms: Form[] = pod.form === 'unknown' ? ['classic', 'native'] : [pod.form];
  const images: ProxyImage[] = pod.image === undefined ? ['with-shell', 'distroless'] : [pod.image];
  return forms.flatMap((form) => images.map((image) => ({ form, image })));
}

function after(workload: Workload, decision: Decision): Workload['template'] {
  return decision.write === undefined ? workload.template : applyToTemplate(workload.template, decision.write);
}

/** Plays the pod with one request that is in flight when the app gets SIGTERM, and then goes on for as long as was promised. */
function playPromise(
  template: Workload['template'],
  pod: Pod,
  intent: Intent,
  where: number,
  unknownHooks: UnknownHooks = 'NeverEnd',
): Termination[] {
  return possibilities(pod).map(({ form, image }) => {
    const settings = settingsOf(template, meshOfPod(pod, form, image));
    const quiet = simulateTermination({ settings, application: DEFAULT_APPLICATION, requests: [], unknownHooks });
    const servers = quiet.apps.filter(({ serves }) => serves);
    const sigterm = servers.length > 0 ? Math.min(...servers.map((app) => app.sigtermAt)) : intent.endpointDelay;
    // From a hundred seconds before the deletion until just before the app's SIGTERM, as long as new connections are accepted.
    const last = Math.min(sigterm, settings.drainDuration.value) - 0.5;
    const startsAt = Math.max(-100, Math.min(last, Math.floor(-100 + where * (sigterm + 100))));
    const lasts = sigterm + longestPromised(intent) - startsAt;
    return simulateTermination({
      settings,
      application: DEFAULT_APPLICATION,
      requests: [{ id: 'promised', startsAt, lasts }],
      unknownHooks,
    });
  });
}

/** Lengths that a hook may turn out to have: what is certain of it, some more, and all that the grace period gives. */
const COMPLETIONS: readonly UnknownHooks[] = ['EndAtOnce', 3, 11, 28, 70, 'NeverEnd'];

const share = fc.double({ min: 0, max: 1, noNaN: true });

describe('a plan', () => {
  it(
    'keeps the promise that it was made for, wherever in its time a request starts',
    () => {
      fc.assert(
        fc.property(podOf(), anyIntent, share, (pod, intent, where) => {
          const workload = workloadOfPod(pod);
          const decision = decideFor(workload, policyOf(intent), meshOfPod(pod));
          fc.pre(decision.write !== undefined || decision.outcome === 'Compliant');

          for (const termination of playPromise(after(workload, decision), pod, intent, where)) {
            expect(termination.requests).toEqual([expect.objectContaining({ survived: true })]);
          }
        }),
        { numRuns: runs(0.2) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'keeps it under every length of what is not known, where it calls a workload compliant or writes',
    () => {
      fc.assert(
        fc.property(podOf({ mysteries: true }), anyIntent, share, (pod, intent, where) => {
          const workload = workloadOfPod(pod);
          const decision = decideFor(workload, policyOf(intent), meshOfPod(pod));
          fc.pre(decision.write !== undefined || decision.outcome === 'Compliant');

          for (const unknownHooks of COMPLETIONS) {
            for (const termination of playPromise(after(workload, decision), pod, intent, where, unknownHooks)) {
              expect(termination.requests).toEqual([expect.objectContaining({ survived: true })]);
            }
          }
        }),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'is never compliant with a hook of unknown length where requests are served, and says why',
    () => {
      fc.assert(
        fc.property(podOf({ mysteries: true, forms: ['classic', 'native', 'unknown'] }), anyIntent, (pod, intent) => {
          const hasMystery = pod.appHooks.some(
            (hook, index) => hook !== undefined && MYSTERIES.includes(hook) && (index === 0 || pod.helperServes),
          );
          fc.pre(hasMystery && pod.statedPreStop === undefined);
          const decision = decideFor(workloadOfPod(pod), policyOf(intent), meshOfPod(pod));

          expect(['Unknown', 'Failed']).toContain(decision.outcome);
          expect(decision.reason).toBeDefined();
          expect(decision.write).toBeUndefined();
        }),
        { numRuns: runs(0.05) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'lets a quiet proxy end by itself, before SIGKILL',
    () => {
      fc.assert(
        fc.property(podOf(), anyIntent, (pod, intent) => {
          const workload = workloadOfPod(pod);
          const decision = decideFor(workload, policyOf(intent), meshOfPod(pod));
          fc.pre(decision.write !== undefined || decision.outcome === 'Compliant');

          for (const { form, image } of possibilities(pod)) {
            const settings = settingsOf(after(workload, decision), meshOfPod(pod, form, image));
            const { proxy } = simulateTermination({ settings, application: DEFAULT_APPLICATION, requests: [] });
            expect(proxy).toMatchObject({ exitCode: 0 });
          }
        }),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'changes nothing more once it is written',
    () => {
      fc.assert(
        fc.property(podOf({ mysteries: true }), anyIntent, (pod, intent) => {
          const workload = workloadOfPod(pod);
          const mesh = meshOfPod(pod);
          const policy = policyOf(intent);
          const first = decideFor(workload, policy, mesh);
          fc.pre(first.write !== undefined);
          const second = decideFor(written(workload, policy, first), policy, mesh);

          expect({ outcome: second.outcome, write: second.write, changes: second.changes }).toEqual({
            outcome: 'Compliant',
            write: undefined,
            changes: [],
          });
        }),
        { numRuns: runs(0.1) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'is the same every time, and in Audit but for the write',
    () => {
      fc.assert(
        fc.property(podOf({ mysteries: true }), anyIntent, (pod, intent) => {
          const workload = workloadOfPod(pod);
          const first = decideFor(workload, policyOf(intent), meshOfPod(pod));
          const again = decideFor(workloadOfPod(pod), policyOf(intent), meshOfPod(pod));
          const audit = decideFor(workload, policyOf(intent, { mayWrite: false }), meshOfPod(pod));

          expect(again).toEqual(first);
          expect(audit.write).toBeUndefined();
          expect(audit.changes).toEqual(first.changes);
          expect(audit.findings).toEqual(first.findings);
          expect(audit.outcome).toBe(first.outcome === 'Pending' ? 'NonCompliant' : first.outcome);
        }),
        { numRuns: runs(0.05) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'never lowers a grace period, never goes above the maximum, never writes a hook on a proxy that may be native',
    () => {
      fc.assert(
        fc.property(podOf({ mysteries: true }), anyIntent, (pod, intent) => {
          const workload = workloadOfPod(pod);
          const { write } = decideFor(workload, policyOf(intent), meshOfPod(pod));

          if (write?.gracePeriodSeconds !== undefined) {
            expect(write.gracePeriodSeconds).toBeGreaterThan(
              workload.template.spec.terminationGracePeriodSeconds ?? 30,
            );
            expect(write.gracePeriodSeconds).toBeLessThanOrEqual(intent.graceMaximum);
            expect(intent.graceChange).toBe('RaiseOnly');
          }
          if (write?.proxyPreStop !== undefined) {
            expect([pod.form, intent.strategy]).toEqual(['classic', 'PreStopHook']);
            expect(write.nativeSidecar).toBeUndefined();
          }
          if (write?.proxyConfig !== undefined) {
            expect(parseProxyConfigAnnotation(write.proxyConfig)).toMatchObject({ ok: true });
          }
        }),
        { numRuns: runs(0.05) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'does not depend on the order of keys and containers, nor on how the annotation is written',
    () => {
      fc.assert(
        fc.property(podOf({ mysteries: true }), anyIntent, anyStyle, (pod, intent, style) => {
          const mesh = meshOfPod(pod);
          const plain = decideFor(workloadOfPod(pod), policyOf(intent), mesh);
          const other = decideFor(workloadOfPod(pod, style), policyOf(intent), mesh);
          const view = (decision: Decision, workload: Workload): unknown => {
            const settings = settingsOf(after(workload, decision), mesh, NAMESPACE);
            return {
              outcome: decision.outcome,
              reason: decision.reason,
              needed: decision.neededGrace,
              fields: decision.changes.map((change) => change.field),
              codes: decision.findings.map((found) => found.code).sort(),
              grace: decision.write?.gracePeriodSeconds,
              settings: {
                ...settings,
                template: undefined,
                apps: settings.apps.length,
                problems: settings.problems.map((problem) => problem.kind),
              },
            };
          };

          expect(view(other, workloadOfPod(pod, style))).toEqual(view(plain, workloadOfPod(pod)));
        }),
        { numRuns: runs(0.05) },
      );
    },
    TIMEOUT_MILLIS,
  );

  it(
    'says that a request is cut only where the timeline cuts it',
    () => {
      fc.assert(
        fc.property(
          podOf({ forms: ['classic', 'gateway'], images: ['with-shell', 'distroless'] }),
          anyIntent,
          (pod, intent) => {
            // A hook that waits for the app's listener is bounded from below only: without an app preStop it is exact.
            const bare = { ...pod, appHooks: [undefined], sidecarHooks: [], statedPreStop: undefined };
            const settings = settingsOf(workloadOfPod(bare).template, meshOfPod(bare));
            const patient = { ...settings, gracePeriod: { ...settings.gracePeriod, value: 700 } };
            const { busy } = proxyClocks(settings);
            const longest = appDelayOf(settings, intent.endpointDelay).seconds + longestPromised(intent);
            fc.pre(busy < longest);
            const { requests } = simulateTermination({
              settings: patient,
              application: DEFAULT_APPLICATION,
              requests: [{ id: 'promised', startsAt: -1, lasts: longest + 1 }],
            });

            expect(requests).toEqual([
              expect.objectContaining({ survived: false, at: busy, lostBecause: 'ProxyGone' }),
            ]);
          },
        ),
        { numRuns: runs(0.05) },
      );
    },
    TIMEOUT_MILLIS,
  );
});
