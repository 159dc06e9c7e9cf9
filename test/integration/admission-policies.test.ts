// What `render -o map` and `-o vap` print, on the real API server: the mutating policies write what the engine would have, the
// validating ones warn of what is left.
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { mutatingAdmissionPolicies } from '../../src/cli/render/mutating.ts';
import { validatingAdmissionPolicies } from '../../src/cli/render/rules.ts';
import { effectiveSettings } from '../../src/drain/mesh/settings.ts';
import { readPolicy } from '../../src/drain/plan/policies.ts';
import { projectTemplate } from '../../src/drain/template/project.ts';
import { meshOf } from '../fixtures/drain/objects.ts';
import { useCluster, type KubeObject } from '../support/cluster.ts';
import { eventually } from '../support/scene.ts';

jest.setTimeout(180_000);
const cluster = useCluster();
let namespace: string;

function policy(name: string, spec: object): ReturnType<typeof readPolicy> {
  const match = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
  return readPolicy({ metadata: { name }, spec: { enforcement: 'Enforce', match, ...spec } } as never);
}

async function apply(text: string): Promise<void> {
  for (const document of parseAllDocuments(text)) {
    await cluster.create(document.toJS() as KubeObject);
  }
}

beforeAll(async () => {
  namespace = await cluster.namespace('admission-policies');
  const drain = { mode: 'Fixed', duration: '30s', endpointDelay: '6s' };
  const policies = [
    policy('pods-of-it', { delivery: 'Admission', drain: { ...drain, application: 'Delay' } }),
    policy('workloads-of-it', { drain }),
  ];
  await apply(mutatingAdmissionPolicies(policies));
  await apply(validatingAdmissionPolicies([policy('warned', { drain: { ...drain, duration: '50s' } })]));
  // The API server takes a moment to enforce a policy.
  await eventually(async () => (await sleeps([{ name: 'a', image: 'a:1' }])).length === 1, 'a pod gets its sleep');
  await eventually(async () => {
    const { template, warnings } = await deployment({});
    return warnings !== '' && template.metadata.annotations?.['proxy.istio.io/config'] !== undefined;
  }, 'a Deployment is completed and warned of');
});

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly name: string;
    readonly lifecycle?: { preStop?: { sleep?: { seconds: number } } };
  }[];
}

async function pod(containers: readonly object[]): Promise<PodSpec> {
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'p-' }, spec: { containers } };
  const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
  return (await cluster.client.call<{ spec: PodSpec }>('POST', path, { body })).spec;
}

/** Containers that have got a sleep of the policy's length. */
async function sleeps(containers: readonly object[]): Promise<string[]> {
  return (await pod(containers)).containers
    .filter(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds === 6)
    .map(({ name }) => name);
}

/** Those that serve and have no preStop, by the engine. */
function late(containers: readonly object[]): string[] {
  const template = projectTemplate({ spec: { containers } });
  return effectiveSettings({ template, namespace: { name: namespace }, mesh: meshOf('native') })
    .apps.filter(({ serves, preStop }) => serves && preStop === undefined)
    .map(({ name }) => name);
}

const PORT = { ports: [{ containerPort: 8080 }] };
const probe = (name: string, how: object): object => ({ [name]: how });
const OWN = { lifecycle: { preStop: { exec: { command: ['true'] } } } };

describe('a MutatingAdmissionPolicy', () => {
  it.each<[string, readonly object[], number]>([
    ['ports', [PORT, {}], 1],
    ['no container that declares anything', [{}, {}], 2],
    ['a readiness probe over HTTP', [probe('readinessProbe', { httpGet: { port: 80 } }), {}], 1],
    ['a liveness probe over TCP', [{}, probe('livenessProbe', { tcpSocket: { port: 80 } })], 1],
    ['a startup probe by gRPC', [probe('startupProbe', { grpc: { port: 80 } }), {}], 1],
    ['a probe by exec, which serves nobody', [probe('readinessProbe', { exec: { command: ['true'] } }), PORT], 1],
    ['a hook of its own', [{ ...PORT, ...OWN }, {}], 0],
  ])('gives the sleep to the containers that serve by the engine: %s', async (_, parts, count) => {
    const containers = parts.map((part, index) => ({ name: `c${index}`, image: 'c:1', ...part }));
    const wanted = late(containers);
    expect(wanted).toHaveLength(count);
    expect(await sleeps(containers)).toEqual(wanted);
  });

  it('raises the grace period of a pod, and counts a sleep that is there', async () => {
    const sleeping = { name: 'a', image: 'a:1', lifecycle: { preStop: { sleep: { seconds: 20 } } } };
    expect((await pod([sleeping])).terminationGracePeriodSeconds).toBe(55);
  });

  it.each<[string, object, string | undefined, number]>([
    ['no annotation', {}, 'terminationDrainDuration: 36s\n', 41],
    ['one of its own, and a longer grace period', { config: 'concurrency: 2\n', grace: 90 }, 'concurrency: 2\n', 90],
  ])('completes a workload with %s', async (_, parts, config, grace) => {
    const { template } = await deployment(parts);
    expect(template.metadata.annotations?.['proxy.istio.io/config']).toBe(config);
    expect(template.spec.terminationGracePeriodSeconds).toBe(grace);
  });
});

it('a ValidatingAdmissionPolicy beside it warns of what is still too short', async () => {
  expect((await deployment({})).warnings).toContain('needs at least');
  expect((await deployment({ grace: 90 })).warnings).toBe('');
});

interface Made {
  readonly template: {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly terminationGracePeriodSeconds: number };
  };
  /** What the API server said beside its answer. */
  readonly warnings: string;
}

async function deployment({ config, grace }: { readonly config?: string; readonly grace?: number }): Promise<Made> {
  const labels = { app: 'web' };
  const annotations = config === undefined ? {} : { 'proxy.istio.io/config': config };
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [{ name: 'web', image: 'web:1' }], terminationGracePeriodSeconds: grace },
      },
    },
  };
  const { code, stdout, stderr } = await cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
    input: JSON.stringify(object),
  });
  if (code !== 0) {
    throw new Error(stderr);
  }
  return { template: (JSON.parse(stdout) as { spec: Made }).spec.template, warnings: stderr };
}
