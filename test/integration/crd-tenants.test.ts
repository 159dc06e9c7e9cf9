// What the API server takes and refuses of the kinds for a namespace's owners, and that validateObject says the same of files.
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { validateObject } from '../../src/api/policy.ts';
import { useCluster } from '../support/cluster.ts';
import { installCrds } from '../support/crds.ts';

jest.setTimeout(180_000);

const cluster = useCluster();
beforeAll(async () => {
  await installCrds(cluster);
});

type Problems = readonly (readonly [path: string, message: string])[];

async function expectBoth(
  kind: 'NamespacedSidecarDrainPolicy' | 'DrainExemption',
  plural: string,
  spec: object,
  problems: Problems,
): Promise<void> {
  const object = {
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind,
    metadata: { namespace: 'default', name: 'case' },
    spec,
  };

  const { status, body } = await cluster.client.raw<{ message?: string }>(
    'POST',
    `/apis/sidecardrain.io/v1alpha1/namespaces/default/${plural}?dryRun=All&fieldValidation=Strict`,
    { body: object },
  );
  const ours = validateObject(object, kind);

  expect(status === 201).toBe(problems.length === 0);
  expect(ours.map(({ path }) => path).sort()).toEqual(problems.map(([path]) => path).sort());
  for (const [path, message] of problems) {
    expect(body.message).toContain(path);
    expect(body.message).toContain(message);
    expect(ours.filter((one) => one.path === path).map((one) => one.message)).toContainEqual(
      expect.stringContaining(message),
    );
  }
}

const fixed = { mode: 'Fixed', duration: '60s' };
const selector = { names: ['legacy'] };
const exemption = { selector, reason: 'it is replaced', owner: 'team-a', expires: '2027-01-01T00:00:00Z' };
const WRITE_A_TIME = 'write a date and a time with its time zone (RFC 3339)';

describe('NamespacedSidecarDrainPolicy', () => {
  it.each<[string, object, Problems]>([
    ['a drain alone, for every workload of the namespace', { drain: fixed }, []],
    [
      'a selection of workloads',
      {
        drain: fixed,
        match: { workloadSelector: { matchLabels: { a: 'b' } }, names: ['x-*'], kinds: ['DaemonSet'] },
        priority: 7,
      },
      [],
    ],
    [
      'a namespaceSelector',
      { drain: fixed, match: { namespaceSelector: {} } },
      [['spec.match.namespaceSelector', 'unknown field "spec.match.namespaceSelector"']],
    ],
    ['tenants', { drain: fixed, tenants: 'Allow' }, [['spec.tenants', 'unknown field "spec.tenants"']]],
    ['bounds', { drain: fixed, bounds: {} }, [['spec.bounds', 'unknown field "spec.bounds"']]],
    ['no drain', {}, [['spec.drain', 'Required value']]],
    [
      "a rule of the cluster's kind",
      { drain: { ...fixed, maxWait: '5m' } },
      [['spec.drain.maxWait', 'mode Fixed always drains for duration']],
    ],
    [
      'a rule over several fields',
      { drain: { mode: 'Fixed', duration: '10m' } },
      [['spec.gracePeriod.maximum', 'is above gracePeriod.maximum 10m']],
    ],
    [
      'names beside a ProxyConfig',
      { drain: { mode: 'Adaptive', maxWait: '1m', environment: 'ProxyConfig' }, match: { names: ['x'] } },
      [['spec.drain.environment', 'cannot follow match.names']],
    ],
  ])('%s', async (_, spec, problems) => {
    await expectBoth('NamespacedSidecarDrainPolicy', 'namespacedsidecardrainpolicies', spec, problems);
  });
});

describe('DrainExemption', () => {
  it.each<[string, object, Problems]>([
    ['names', exemption, []],
    ['every workload of the namespace', { ...exemption, selector: { workloadSelector: {} } }, []],
    [
      'a kind and labels',
      { ...exemption, selector: { kinds: ['Deployment'], workloadSelector: { matchLabels: { a: 'b' } } } },
      [],
    ],
    ['another time zone and fractions', { ...exemption, expires: '2027-01-01T00:00:00.5+02:00' }, []],
    [
      'a selector of nothing',
      { ...exemption, selector: {} },
      [['spec.selector', 'selector needs names or workloadSelector']],
    ],
    [
      'kinds alone',
      { ...exemption, selector: { kinds: ['Deployment'] } },
      [['spec.selector', 'selector needs names or workloadSelector']],
    ],
    ['no reason', { ...exemption, reason: undefined }, [['spec.reason', 'Required value']]],
    ['an empty reason', { ...exemption, reason: ' ' }, [['spec.reason', 'reason is empty: write in a sentence']]],
    ['an empty owner', { ...exemption, owner: '' }, [['spec.owner', 'owner is empty: write who answers for it']]],
    ['no end', { ...exemption, expires: undefined }, [['spec.expires', 'Required value']]],
    ['a date without a time', { ...exemption, expires: '2027-01-01' }, [['spec.expires', WRITE_A_TIME]]],
    ['a time without a zone', { ...exemption, expires: '2027-01-01T00:00:00' }, [['spec.expires', WRITE_A_TIME]]],
    [
      'a month that does not exist',
      { ...exemption, expires: '2027-13-01T00:00:00Z' },
      [['spec.expires', WRITE_A_TIME]],
    ],
    ['a duration', { ...exemption, expires: '30d' }, [['spec.expires', WRITE_A_TIME]]],
  ])('%s', async (_, spec, problems) => {
    await expectBoth('DrainExemption', 'drainexemptions', spec, problems);
  });

  it('is explained where people look', async () => {
    expect(await cluster.kubectlOk(['explain', 'drainexemptions.spec.expires'])).toContain('exemption without an end');
    expect(await cluster.kubectlOk(['explain', 'nsdp.spec.match'])).toContain(
      'Which workloads of this namespace the policy is for',
    );
  });
});
