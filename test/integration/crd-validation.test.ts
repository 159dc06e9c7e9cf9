import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { validatePolicy, withDefaults } from '../../src/api/policy.ts';
import type { SidecarDrainPolicySpec } from '../../src/api/policy.ts';
import { useCluster } from '../support/cluster.ts';
import { installCrds } from '../support/crds.ts';
import { policyCases, policyOf } from '../unit/api/policies.ts';

jest.setTimeout(180_000);

const cluster = useCluster();
const path = '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies?dryRun=All&fieldValidation=Strict';

interface Answer {
  message?: string;
  details?: { causes?: { field?: string; message?: string }[] };
  spec?: SidecarDrainPolicySpec;
}

interface Verdict {
  readonly accepted: boolean;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly spec?: SidecarDrainPolicySpec;
}

async function askServer(body: unknown): Promise<Verdict> {
  const { status, body: answer } = await cluster.client.raw<Answer>('POST', path, { body });
  if (status === 201) {
    return { accepted: true, problems: [], spec: answer.spec };
  }
  // Unknown fields end strict decoding before anything else is looked at; they come as one message without causes.
  const unknown = [...(answer.message ?? '').matchAll(/unknown field "([^"]+)"/g)].map(([message, field = '']) => ({
    path: field,
    message,
  }));
  // The server's remark that it stopped there has no field.
  const causes = (answer.details?.causes ?? [])
    .filter(({ field }) => field !== '<nil>')
    .map(({ field = '', message = '' }) => ({ path: field, message: asOfToday(message) }));
  return { accepted: false, problems: [...unknown, ...causes] };
}

/** Before 1.36 the API server words one refusal differently. */
function asOfToday(message: string): string {
  return message.replace('must be of type integer: "number"', 'must be of type int32: "float64"');
}

function sorted(paths: readonly { readonly path: string }[]): string[] {
  return paths.map((one) => one.path).sort();
}

beforeAll(async () => {
  await installCrds(cluster);
});

describe('the API server and validatePolicy', () => {
  it.each(policyCases.map((one) => [one.title, one] as const))(
    'say the same of %s',
    async (_, { spec, problems = [] }) => {
      const policy = policyOf(spec);

      const server = await askServer(policy);
      const ours = validatePolicy(policy);

      expect(server.accepted).toBe(problems.length === 0);
      expect(ours).toHaveLength(problems.length);
      expect(sorted(server.problems)).toEqual(sorted(problems.map(([where]) => ({ path: where }))));
      expect(sorted(ours)).toEqual(sorted(server.problems));
      for (const [where, message] of problems) {
        const said = server.problems.filter((one) => one.path === where).map((one) => one.message);
        const saidHere = ours.filter((one) => one.path === where).map((one) => one.message);
        expect(said).toContainEqual(expect.stringContaining(message));
        expect(saidHere).toContainEqual(expect.stringContaining(message));
      }
      // What we say in full is part of what the server says, which puts the value in front.
      for (const { path: where, message } of ours) {
        const core = message.replace(/, did you mean .*/, '');
        expect(server.problems.filter((one) => one.path === where).map((one) => one.message)).toContainEqual(
          expect.stringContaining(core),
        );
      }
    },
  );

  it.each(policyCases.filter((one) => one.problems === undefined).map((one) => [one.title, one.spec] as const))(
    'fill in the same defaults for %s',
    async (_, spec) => {
      const policy = policyOf(spec);

      const { spec: stored } = await askServer(policy);

      // The server leaves out what holds in some modes only; withDefaults of both is therefore what has to agree.
      expect(withDefaults(policy.spec as SidecarDrainPolicySpec)).toEqual(withDefaults(stored!));
      expect(withDefaults(policy.spec as SidecarDrainPolicySpec)).toMatchObject(stored as object);
    },
  );

  it.each([
    ['no name', { metadata: {} }, 'name or generateName is required'],
    ['a name with capitals', { metadata: { name: 'Long' } }, 'a lowercase RFC 1123 subdomain must consist of'],
    ['no spec', { spec: undefined }, 'Required value'],
  ])('refuse %s', async (_, change, message) => {
    const policy = { ...policyOf({}), ...change };

    const { status, body } = await cluster.client.raw<Answer>('POST', path, { body: policy });
    const ours = validatePolicy(policy);

    expect(status).toBe(422);
    expect(body.message).toContain(message);
    expect(ours.map((one) => one.message)).toEqual([expect.stringContaining(message)]);
  });

  it('agree that an empty metadata.name with generateName is fine', async () => {
    const policy = { ...policyOf({}), metadata: { generateName: 'case-' } };

    const { status } = await cluster.client.raw('POST', path, { body: policy });

    expect(status).toBe(201);
    expect(validatePolicy(policy)).toEqual([]);
  });
});

it('a new policy counts as not yet looked at: kstatus compares the generation that its status is about', async () => {
  const one = path.replace(/\?.*/u, '/not-looked-at');
  await cluster.create(policyOf({}, 'not-looked-at'));
  const made = await cluster.client.call<{ status?: object }>('GET', one);
  await cluster.client.call('DELETE', one);

  expect(made.status).toEqual({ observedGeneration: -1 });
});
