import { describe, expect, it } from '@jest/globals';
import type { RawObject } from '../../../../src/drain/template/raw.ts';
import { assembleMesh, type MeshRecords } from '../../../../src/drain/mesh/facts.ts';
import type { NodeFacts } from '../../../../src/drain/model/mesh.ts';
import type { NodeGroup } from '../../../../src/drain/model/nodes.ts';
import { budgetWords, exceededBudget, smallestBudget } from '../../../../src/drain/nodes/budget.ts';
import {
  isClusterAutoscaler,
  readAutoscalerLimit,
  readKubeletShutdown,
  readNodePool,
  readShortNode,
  shutdownGroup,
} from '../../../../src/drain/nodes/read.ts';
import { projectTemplate } from '../../../../src/drain/template/project.ts';
import { workloadOf } from '../../../fixtures/drain/objects.ts';

interface NodeOptions {
  readonly provider?: string;
  readonly taints?: readonly object[];
}

function node(labels: Record<string, string>, { provider, taints }: NodeOptions = {}): RawObject {
  return { metadata: { name: 'worker', labels }, spec: { providerID: provider, taints } };
}

function factsOf(nodes: readonly RawObject[], more: Partial<MeshRecords> = {}): NodeFacts {
  return assembleMesh({
    configMaps: [],
    istiods: [],
    webhooks: [],
    proxyConfigs: [],
    kubeletMinorByNode: undefined,
    shortNodes: nodes.flatMap((raw) => readShortNode(raw) ?? []),
    stated: {},
    defaultRootNamespace: 'istio-system',
    ...more,
  }).nodes;
}

const podOf = (spec: object): ReturnType<typeof projectTemplate> => projectTemplate({ spec });
const GKE_SPOT = node({ 'cloud.google.com/gke-spot': 'true', pool: 'cheap' });
const AKS_SPOT = node(
  { 'kubernetes.azure.com/scalesetpriority': 'spot' },
  { taints: [{ key: 'kubernetes.azure.com/scalesetpriority', value: 'spot', effect: 'NoSchedule' }] },
);
const EKS_SPOT = node({ 'eks.amazonaws.com/capacityType': 'SPOT' }, { provider: 'aws:///eu-north-1b/i-42' });
const SPOT = { 'karpenter.sh/capacity-type': 'spot' };

describe('what a node gives its pods', () => {
  it.each<[string, RawObject, number]>([
    ['GKE Spot', GKE_SPOT, 15],
    ['GKE preemptible', node({ 'cloud.google.com/gke-preemptible': 'true' }), 15],
    ['EKS Spot', EKS_SPOT, 120],
    ['Karpenter on EC2', node(SPOT, { provider: 'aws:///eu-north-1b/i-43' }), 120],
    ['Karpenter on Azure', node(SPOT, { provider: 'azure:///subscriptions/x' }), 30],
    ['Karpenter elsewhere', node(SPOT, { provider: 'other://x' }), 600],
    ['on demand', node({ 'eks.amazonaws.com/capacityType': 'ON_DEMAND' }, { provider: 'aws:///x' }), 600],
  ])('%s', (_, raw, seconds) => {
    expect(smallestBudget(podOf({}), factsOf([raw])).seconds).toBe(seconds);
  });

  it('is the smallest of all that may take the pod, with its source and how many nodes there are', () => {
    const nodes = factsOf([EKS_SPOT, GKE_SPOT, GKE_SPOT]);
    expect(budgetWords(smallestBudget(podOf({}), nodes))).toBe(
      '15 s by GKE Spot nodes (cloud.google.com/gke-spot: true), of which there are 2',
    );
    expect(exceededBudget(workloadOf({ grace: 15 }), 15, nodes)).toBeUndefined();
    expect(exceededBudget(workloadOf({ rollout: { replicas: 7 } }), 16, nodes)).toMatchObject({ seconds: 15, pods: 7 });
  });

  it('counts nodes alike as one, whatever their names', () => {
    const named = (name: string): RawObject => node({ 'cloud.google.com/gke-spot': 'true', 'kubernetes.io/hostname': name }); // prettier-ignore
    expect(factsOf([named('a'), named('b')]).groups).toMatchObject([{ nodes: 2 }]);
  });

  it('is what the kubelets are said to give, on GKE Spot nodes in place of their default', () => {
    expect(smallestBudget(podOf({}), factsOf([GKE_SPOT], { stated: { nodeShutdown: 100 } }))).toMatchObject({
      seconds: 100,
    });
    expect(smallestBudget(podOf({}), factsOf([], { stated: { nodeDrain: 900 } })).seconds).toBe(900);
    const autoscalerLimit = { seconds: 90, from: 'the autoscaler' };
    expect(smallestBudget(podOf({}), factsOf([], { autoscalerLimit })).seconds).toBe(90);
  });
});

describe('a pod comes to run on nodes', () => {
  const nodes = factsOf([GKE_SPOT, AKS_SPOT]);
  const affinity = (...terms: object[]): object => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
  });
  const expression = (key: string, operator: string, ...values: string[]): object => ({
    matchExpressions: [{ key, operator, values }],
  });
  const aks = { key: 'kubernetes.azure.com/scalesetpriority' };
  const off = affinity(expression('cloud.google.com/gke-spot', 'DoesNotExist'));

  it.each<[string, object, number]>([
    ['without taints', {}, 15],
    ['that its selector names', { nodeSelector: { pool: 'cheap' } }, 15],
    ['but not where its selector names others', { nodeSelector: { pool: 'steady' } }, 600],
    ['but not where it keeps off them', off, 600],
    ['by one term of several', affinity(expression('pool', 'In', 'steady'), expression('pool', 'NotIn', 'steady')), 15],
    ['but by no term that is empty', affinity({}), 600],
    ['with a number in a label', affinity(expression('pool', 'Gt', '4')), 600],
    ['with a taint that it tolerates', { ...off, tolerations: [{ ...aks, value: 'spot', effect: 'NoSchedule' }] }, 30],
    ['with a taint of which it tolerates every value', { ...off, tolerations: [{ ...aks, operator: 'Exists' }] }, 30],
    ['with every taint', { ...off, tolerations: [{ operator: 'Exists' }] }, 30],
    ['but not with another value of the taint', { ...off, tolerations: [{ ...aks, value: 'x' }] }, 600],
    ['but not with another effect of it', { ...off, tolerations: [{ operator: 'Exists', effect: 'NoExecute' }] }, 600],
  ])('%s', (_, spec, seconds) => {
    expect(smallestBudget(podOf(spec), nodes).seconds).toBe(seconds);
  });

  it('that are cordoned now and will not be later', () => {
    const taints = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }];
    const cordoned = node({ 'cloud.google.com/gke-spot': 'true' }, { taints });
    expect(smallestBudget(podOf({}), factsOf([cordoned])).seconds).toBe(15);
  });
});

describe('what makes nodes', () => {
  const pool = (spec: object, template: object = {}): RawObject => ({
    metadata: { name: 'batch' },
    spec: { template: { ...template, spec } },
  });
  const smallest = (nodeGroups: readonly NodeGroup[], spec: object = {}): ReturnType<typeof smallestBudget> =>
    smallestBudget(podOf(spec), factsOf([], { nodeGroups }));
  const requires = (...values: string[]): object => ({
    nodeClassRef: { group: 'karpenter.k8s.aws', kind: 'EC2NodeClass', name: 'a' },
    requirements: [{ key: 'karpenter.sh/capacity-type', operator: 'In', values }],
  });

  it('is a NodePool with a limit, for the pods that it makes nodes for', () => {
    const limited = readNodePool(pool({ terminationGracePeriod: '4m30s' }, { metadata: { labels: { team: 'a' } } }));
    expect(smallest(limited)).toMatchObject({ seconds: 270, from: 'terminationGracePeriod of NodePool batch' });
    expect(smallest(limited, { nodeSelector: { team: 'b' } }).seconds).toBe(600);
    expect(smallest(limited, { nodeSelector: { disk: 'fast' } }).seconds).toBe(600);
    expect(smallest(limited, { nodeSelector: { 'kubernetes.io/arch': 'arm64' } }).seconds).toBe(270);
    expect(readNodePool(pool({ terminationGracePeriod: 'soon' }))).toEqual([]);
  });

  it('is a NodePool that may take Spot machines', () => {
    expect(smallest(readNodePool(pool(requires('spot', 'on-demand'))))).toMatchObject({
      seconds: 120,
      from: 'NodePool batch: EC2 Spot nodes (karpenter.sh/capacity-type: spot)',
    });
    expect(readNodePool(pool(requires('on-demand')))).toEqual([]);
    const onDemand = { nodeSelector: { 'karpenter.sh/capacity-type': 'on-demand' } };
    expect(smallest(readNodePool(pool(requires('spot', 'on-demand'))), onDemand).seconds).toBe(600);
  });

  it.each<[string, object, number | undefined]>([
    ['the part that is not for critical pods', { shutdownGracePeriod: '50s', shutdownGracePeriodCriticalPods: '20s' }, 30], // prettier-ignore
    ['nothing where it does not wait', { shutdownGracePeriod: '0s', shutdownGracePeriodCriticalPods: '0s' }, undefined],
    [
      'the least of the priorities below the system ones',
      {
        shutdownGracePeriodByPodPriority: [
          { priority: 2_000_000_000, shutdownGracePeriodSeconds: 5 },
          { priority: 100, shutdownGracePeriodSeconds: 40 },
          { priority: 0, shutdownGracePeriodSeconds: 60 },
        ],
      },
      40,
    ],
  ])('is a kubelet that gives %s', (_, config, seconds) => {
    expect(readKubeletShutdown(config)).toBe(seconds);
  });

  it('is a kubelet of no node in particular, so of any', () => {
    const group = shutdownGroup({ seconds: 20, from: 'shutdownGracePeriod' });
    expect(smallest([group], { nodeSelector: { disk: 'fast' } }).seconds).toBe(20);
  });

  it('is a cluster autoscaler with a limit of its own', () => {
    const runs = (container: object): RawObject => ({ spec: { template: { spec: { containers: [container] } } } });
    const image = 'registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0';
    expect(isClusterAutoscaler(runs({ image }))).toBe(true);
    expect(isClusterAutoscaler(runs({ image: 'shop/cluster-autoscaler-exporter-ui:1' }))).toBe(false);
    expect(readAutoscalerLimit(runs({ image, command: ['./cluster-autoscaler', '--max-graceful-termination-sec=45'] }))).toBe(45); // prettier-ignore
    expect(readAutoscalerLimit(runs({ image, args: ['--max-graceful-termination-sec', '1200'] }))).toBe(1200);
    expect(readAutoscalerLimit(runs({ image }))).toBeUndefined();
  });
});
