import { describe, expect, it } from '@jest/globals';
import { parseMeshDefaults } from '../../../../src/drain/mesh/stated-defaults.ts';
import type { MeshFacts } from '../../../../src/drain/model/mesh.ts';
import { decideFor, meshOf, policyOf, settingsOf, templateOf, workloadOf } from '../../../fixtures/drain/objects.ts';

const STATED =
  'terminationDrainDuration=40s, EXIT_ON_ZERO_ACTIVE_CONNECTIONS=true,holdApplicationUntilProxyStarts=true';

/** A mesh of which the control plane shows nothing. */
function managed(more: Partial<MeshFacts> = {}): MeshFacts {
  const mesh = meshOf('classic', more);
  const unseen = { settingsUnknown: 'not seen' };
  return { ...mesh, revisions: mesh.revisions.map((revision) => ({ ...revision, ...unseen })) };
}

function defaultsOf(text: string): MeshFacts['stated'] {
  const read = parseMeshDefaults(text);
  return read.ok ? { meshDefaults: read.values } : {};
}

describe('--mesh-defaults', () => {
  it('takes fields of ProxyConfig and variables of the proxy', () => {
    expect(parseMeshDefaults(STATED)).toMatchObject({
      ok: true,
      values: {
        terminationDrainDuration: 40,
        holdApplicationUntilProxyStarts: true,
        proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' },
      },
    });
  });

  it.each(['terminationDrainDuration', 'terminationDrainDuration=40', 'terminationDrain=40s', '=5s', ''])(
    'refuses %j, and says what is expected',
    (text) => {
      const read = parseMeshDefaults(text);
      expect(read.ok).toBe(false);
      expect(read.ok ? '' : read.why).not.toBe('');
    },
  );

  it('counts where nobody has read the settings of the mesh, below everything that was seen', () => {
    const mesh = managed({ stated: defaultsOf(STATED) });
    const { terminationDrainDuration, exitOnZeroActiveConnections } = settingsOf(templateOf(), mesh);
    expect(terminationDrainDuration).toEqual({ value: 40, origin: { level: 'MeshConfig', object: '--mesh-defaults' } });
    expect(exitOnZeroActiveConnections.value).toBe(true);
    const own = templateOf({ config: '{"terminationDrainDuration": "7s"}' });
    expect(settingsOf(own, mesh).terminationDrainDuration.value).toBe(7);
    const seen = meshOf('classic', { stated: defaultsOf(STATED) });
    expect(settingsOf(templateOf(), seen).terminationDrainDuration.value).toBe(5);
  });

  it('an unknown drain is an assumption', () => {
    const drain = settingsOf(templateOf(), managed()).terminationDrainDuration;
    expect(drain).toMatchObject({ value: 5, assumed: true, note: "assumed, Istio's default: not seen" });
  });
});

describe('a drain that nobody could read', () => {
  const workload = workloadOf({ grace: 90 });

  it('is not lowered in a cluster', () => {
    const decision = decideFor(workload, policyOf({ duration: 20 }), managed({ cluster: true }));
    expect(decision).toMatchObject({ outcome: 'Unknown', reason: 'FactsMissing' });
    expect(decision.write).toBeUndefined();
  });

  it('is replaced by one that lasts as long as the pod lives, or that waits for connections', () => {
    const long = decideFor(workload, policyOf({ duration: 100 }), managed({ cluster: true }));
    expect(long.outcome).toBe('Pending');
    const adaptive = decideFor(workload, policyOf({ mode: 'Adaptive', maxWait: 80 }), managed({ cluster: true }));
    expect(adaptive.outcome).toBe('Pending');
  });

  it('is a fact once it is stated', () => {
    const stated = managed({ cluster: true, stated: defaultsOf('terminationDrainDuration=10s') });
    expect(decideFor(workload, policyOf({ duration: 20 }), stated).outcome).toBe('Pending');
  });

  it('is assumed among files, where nothing is written', () => {
    expect(decideFor(workload, policyOf({ duration: 20 }), managed()).outcome).toBe('Pending');
  });
});
