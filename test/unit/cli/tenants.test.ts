import { afterAll, describe, expect, it } from '@jest/globals';
import { CLASSIC, cli, deployment, folderWith, policy, removeFolders } from './support.ts';

afterAll(removeFolders);

const PLATFORM = policy('platform', 'mode: Fixed, duration: 30s', '  tenants: Allow\n  bounds: {longestDrain: 2m}\n');

function own(drain: string, namespace = 'shop'): string {
  return `apiVersion: sidecardrain.io/v1alpha1\nkind: NamespacedSidecarDrainPolicy\nmetadata: {namespace: ${namespace}, name: own}\nspec:\n  enforcement: Enforce\n  drain: {${drain}}\n`;
}

function exemption(expires: string): string {
  return (
    `apiVersion: sidecardrain.io/v1alpha1\nkind: DrainExemption\nmetadata: {namespace: shop, name: spring}\n` +
    `spec: {selector: {names: [web]}, reason: replaced soon, owner: team-a, expires: "${expires}"}\n`
  );
}

const WORKLOADS = ['shop', 'other'].map((namespace) => deployment({ name: 'web', namespace })).join('---\n');

interface Plan {
  readonly workloads: readonly { policy: string; outcome: string; message: string; workload: { namespace: string } }[];
  readonly policies: readonly { name: string; refused: readonly { reason: string; message: string }[] }[];
}

async function plan(
  documents: readonly string[],
  ...args: string[]
): Promise<{ governs: Record<string, string>; plan: Plan; text: string }> {
  const folder = folderWith({ 'all.yaml': [...documents, WORKLOADS].join('---\n') });
  const json = await cli(['plan', '-f', folder, ...CLASSIC, '-o', 'json', ...args]);
  const text = await cli(['plan', '-f', folder, ...CLASSIC, ...args]);
  const made = JSON.parse(json.out) as Plan;
  return {
    governs: Object.fromEntries(made.workloads.map((one) => [one.workload.namespace, `${one.policy} ${one.outcome}`])),
    plan: made,
    text: text.out,
  };
}

describe('a namespaced policy in files', () => {
  it('governs its own namespace, although no manifest of it says its labels', async () => {
    const { governs } = await plan([PLATFORM, own('mode: Fixed, duration: 60s')]);

    expect(governs).toEqual({ shop: 'shop/own Pending', other: 'platform Pending' });
  });

  it('outside the bounds governs nothing, and plan says why', async () => {
    const { governs, plan: made, text } = await plan([PLATFORM, own('mode: Fixed, duration: 5m')]);
    const message =
      'drain.duration 5m is above bounds.longestDrain 2m of SidecarDrainPolicy platform: write 2m or less';

    expect(governs).toEqual({ shop: 'platform Pending', other: 'platform Pending' });
    expect(made.policies.find(({ name }) => name === 'shop/own')?.refused).toMatchObject([
      { reason: 'OutsideBounds', message },
    ]);
    expect(text).toContain(message);
  });

  it('alone governs only where that is stated', async () => {
    const files = [own('mode: Fixed, duration: 60s')];

    expect((await plan(files)).governs).toEqual({});
    expect((await plan(files, '--unbounded-tenants')).governs).toEqual({ shop: 'shop/own Pending' });
  });

  it('is refused as the API server refuses it', async () => {
    const folder = folderWith({
      'all.yaml': [own('mode: Fixed, duration: 60s, maxWait: 5m'), WORKLOADS].join('---\n'),
    });

    const { err } = await cli(['plan', '-f', folder, ...CLASSIC]);

    expect(err).toContain(
      'NamespacedSidecarDrainPolicy own is refused: spec.drain.maxWait: mode Fixed always drains for duration',
    );
  });
});

describe('an exemption in files', () => {
  it('holds for its workloads as long as it lasts', async () => {
    const lasting = await plan([PLATFORM, exemption('2999-01-01T00:00:00Z')]);
    const over = await plan([PLATFORM, exemption('2020-01-01T00:00:00Z')]);

    expect(lasting.governs).toEqual({ shop: 'platform Exempt', other: 'platform Pending' });
    expect(lasting.text).toContain(
      'exempt: replaced soon (DrainExemption shop/spring, owner team-a, until 2999-01-01T00:00:00Z)',
    );
    expect(over.governs).toEqual({ shop: 'platform Pending', other: 'platform Pending' });
  });

  it('takes the findings of its workloads out of the verdict of lint', async () => {
    const found = async (expires: string): Promise<number> => {
      const folder = folderWith({
        'all.yaml': [
          exemption(expires),
          deployment({ name: 'web', namespace: 'shop', config: 'terminationDrainDuration: 60s' }),
        ].join('---\n'),
      });
      return (await cli(['lint', '-f', folder, ...CLASSIC])).code;
    };

    expect(await found('2999-01-01T00:00:00Z')).toBe(0);
    expect(await found('2020-01-01T00:00:00Z')).toBe(1);
  });
});
