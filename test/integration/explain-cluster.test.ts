import { describe, expect, it } from '@jest/globals';
import { useCluster } from '../support/cluster.ts';
import { runExplain } from '../unit/cli/explain/run.ts';

const cluster = useCluster();
const FACTS = ['--assume', 'injected=true', '--istio-version', '1.30.3', '--native-sidecars', 'false', '-o', 'json'];

interface Output {
  readonly workload: { readonly namespace: string };
  readonly timelines: readonly { readonly verdict: object; readonly lanes: object }[];
}

function deployment(namespace: string): Record<string, unknown> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'checkout', namespace },
    spec: {
      selector: { matchLabels: { app: 'checkout' } },
      template: {
        metadata: {
          labels: { app: 'checkout' },
          annotations: { 'proxy.istio.io/config': 'terminationDrainDuration: 12s' },
        },
        spec: {
          terminationGracePeriodSeconds: 20,
          containers: [{ name: 'checkout', image: 'registry.example.com/checkout:1' }],
        },
      },
    },
  };
}

describe('explain --cluster', () => {
  it('says of an object in the cluster what it says of its manifest, and writes nothing', async () => {
    const namespace = await cluster.namespace('explain');
    await cluster.create(deployment(namespace));
    const mark = cluster.audit.mark();
    const live = await runExplain([
      'deployment/checkout',
      '-n',
      namespace,
      '--cluster',
      '--kubeconfig',
      cluster.kubeconfigPath,
      ...FACTS,
    ]);
    const file = await runExplain(['deployment/checkout', '-f', '-', ...FACTS], {
      stdin: JSON.stringify(deployment(namespace)),
    });

    expect(live).toMatchObject({ code: 0, err: '' });
    const [seen, written] = [JSON.parse(live.out), JSON.parse(file.out)] as [Output, Output];
    expect(seen.workload.namespace).toBe(namespace);
    expect(seen.timelines).toEqual(written.timelines);
    expect(seen.timelines[0]?.verdict).toMatchObject({ survives: false, longestInFlight: 12 });
    expect(cluster.audit.writes({ user: 'admin', namespace })).not.toEqual([]);
    expect(cluster.audit.writes({ since: mark, user: 'admin', namespace })).toEqual([]);
  });

  it('says so in one line when the workload is not there', async () => {
    const namespace = await cluster.namespace('explain');
    const { code, err } = await runExplain([
      'deployment/absent',
      '-n',
      namespace,
      '--cluster',
      '--kubeconfig',
      cluster.kubeconfigPath,
      ...FACTS,
    ]);

    expect(code).toBe(2);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});
