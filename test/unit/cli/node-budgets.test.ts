import { afterAll, describe, expect, it } from '@jest/globals';
import { cli, deployment, folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

const WORKLOAD = deployment({ name: 'till', namespace: 'market', grace: 90 });
const POOL = `apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: mixed}
spec: {template: {spec: {terminationGracePeriod: 80s}}}
`;
const NODE = `apiVersion: v1
kind: Node
metadata: {name: n-1, labels: {cloud.google.com/gke-spot: "true"}}
`;
const KUBELET = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
shutdownGracePeriod: 70s
shutdownGracePeriodCriticalPods: 10s
`;
const KUBEADM = `apiVersion: v1
kind: ConfigMap
metadata: {name: kubelet-config, namespace: kube-system}
data:
  kubelet: |
    shutdownGracePeriod: 55s
    shutdownGracePeriodCriticalPods: 15s
`;
const AUTOSCALER = `apiVersion: apps/v1
kind: Deployment
metadata: {name: scaler, namespace: kube-system}
spec:
  selector: {matchLabels: {app: scaler}}
  template:
    metadata: {labels: {app: scaler}}
    spec:
      containers:
      - {name: main, image: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0", command: [./cluster-autoscaler, --max-graceful-termination-sec=75]}
`;
const POLICY = `apiVersion: sidecardrain.io/v1alpha1
kind: SidecarDrainPolicy
metadata: {name: patient}
spec: {match: {namespaceSelector: {}}, drain: {mode: Fixed, duration: 100s}}
`;

async function said(files: Readonly<Record<string, string>>, ...flags: string[]): Promise<string | undefined> {
  const { out } = await cli(['lint', folderWith(files), '--assume', 'injected=true', '-o', 'json', ...flags]);
  const { findings } = JSON.parse(out) as { findings: { code: string; message: string; workload: { name: string } }[] };
  return findings.find(({ code, workload }) => code === 'GraceExceedsNodeBudget' && workload.name === 'till')?.message;
}

describe('lint knows how long nodes give pods', () => {
  it.each<[string, string, string]>([
    ['a NodePool', POOL, '80 s by terminationGracePeriod of NodePool mixed'],
    ['a Node', NODE, '15 s by GKE Spot nodes (cloud.google.com/gke-spot: true), of which there is 1'],
    ['a KubeletConfiguration', KUBELET, '60 s by shutdownGracePeriod of a KubeletConfiguration'],
    ["kubeadm's ConfigMap", KUBEADM, '40 s by shutdownGracePeriod of ConfigMap kubelet-config'],
    ['a cluster autoscaler', AUTOSCALER, '75 s by --max-graceful-termination-sec of Deployment scaler'],
  ])('from %s among the files', async (_, text, words) => {
    expect(await said({ 'w.yaml': WORKLOAD, 'n.yaml': text })).toBe(
      `terminationGracePeriodSeconds is 90, and its pods may be given no more than ${words}`,
    );
  });

  it('from flags, and says nothing of a grace period that nodes give', async () => {
    expect(await said({ 'w.yaml': WORKLOAD }, '--node-shutdown', '20s')).toContain('20 s by --node-shutdown');
    expect(await said({ 'w.yaml': WORKLOAD }, '--node-drain', '85s')).toContain('85 s by --node-drain');
    expect(await said({ 'w.yaml': WORKLOAD })).toBeUndefined();
    const { code, err } = await cli(['lint', folderWith({ 'w.yaml': WORKLOAD }), '--node-drain', 'long']);
    expect([code, err]).toEqual([2, expect.stringContaining('--node-drain long: write a duration with a unit')]);
  });

  it('says it of the grace period that a policy would write, not of the one before', async () => {
    const files = { 'w.yaml': deployment({ name: 'till', namespace: 'market', grace: 30 }), 'p.yaml': POLICY };
    expect(await said(files, '--node-drain', '60s')).toMatch(/^terminationGracePeriodSeconds is 1\d\d,/);
  });
});
