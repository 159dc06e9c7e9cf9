// Living beside tools that heal themselves (test/support/gitops.ts): where the manifest does not state a field there is nothing
// to fight about; where it does and the policy forces its value, the fight is short, told, and taken up again ever more rarely;
// with the rules that `render` prints it does not begin.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { runProgram } from '../support/cli.ts';
import { GitOpsTool, type ToolOptions } from '../support/gitops.ts';
import {
  deployment,
  eventually,
  fixed,
  policy,
  policyPath,
  startScene,
  type PolicyObject,
  type Scene,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const WAIT_S = 1;
const DISTANCE_S = 3;
const CONFIG = 'proxy.istio.io/config';

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({
    mesh: { nativeSidecars: 'false' },
    operator: { args: ['--foreign-change-wait', `${WAIT_S}s`, '--fight-distance', `${DISTANCE_S}s`] },
  });
});
afterAll(async () => {
  await scene.stop();
});

interface NamedTool extends ToolOptions {
  readonly tool: string;
  readonly id: string;
}
const tools: readonly NamedTool[] = [
  { tool: 'Argo CD, client-side', id: 'argo-client', manager: 'argocd-controller', how: 'ClientSideApply' },
  { tool: 'Argo CD, server-side', id: 'argo-server', manager: 'argocd-controller', how: 'ServerSideApply' },
  { tool: 'Flux', id: 'flux', manager: 'kustomize-controller', how: 'ServerSideApply' },
];

/** A PUT of the whole manifest wipes out our note as well: Argo CD with Replace=true, `kubectl replace`, `helm upgrade --force`. */
const replacing: NamedTool = {
  tool: 'Argo CD with Replace=true',
  id: 'replace',
  manager: 'argocd-controller',
  how: 'Replace',
};

/** What the tool has really written to one Deployment; dry runs are no writes. */
function healed(namespace: string, manager: string, since: number): number {
  return scene.cluster.audit
    .writes({ since, namespace, resource: 'deployments', subresource: '', succeeded: true })
    .filter(({ uri }) => uri.includes(`fieldManager=${manager}`)).length;
}

async function during(tool: GitOpsTool, what: () => Promise<void>): Promise<void> {
  tool.start();
  try {
    await what();
  } finally {
    await tool.stop();
  }
}

describe('a manifest that does not state what the policy sets', () => {
  it.each(tools)('is never out of sync, and never healed: $tool', async ({ id, ...options }) => {
    const namespace = await scene.meshed('undeclared');
    const tool = new GitOpsTool(
      scene.cluster,
      options,
      deployment(namespace, 'web', { annotations: { team: 'shop' } }),
    );
    await tool.sync();
    await scene.rolledOut(namespace, 'web');
    const mark = scene.mark();

    await during(tool, async () => {
      await scene.createPolicy(
        `un-${id}`,
        fixed(namespace, { drain: { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook' } }),
      );
      await scene.compliant(`un-${id}`, 1);
      const looks = tool.looks;
      await eventually(() => tool.looks >= looks + 5, 'the tool looks five times');
    });

    expect([tool.outOfSync, healed(namespace, options.manager, mark)]).toEqual([0, 0]);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
    // Nor do we come back to it: a commit to Git goes through, and what we hold stays.
    await scene.rolledOut(namespace, 'web');
    await tool.sync(deployment(namespace, 'web', { annotations: { team: 'billing' } }));
    await scene.compliant(`un-${id}`, 1);
    const { template } = (await scene.workload(namespace, 'web')).spec;
    expect([template.metadata?.annotations?.['team'], template.spec.terminationGracePeriodSeconds]).toEqual([
      'billing',
      expect.any(Number),
    ]);
    expect(template.metadata?.annotations).toHaveProperty([CONFIG]);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
    await scene.deletePolicy(`un-${id}`);
    await scene.gone(`un-${id}`);
  });
});

describe('a manifest that states another value, under conflicts: Force', () => {
  /** Side by side, because they consist of waiting. */
  const fights = new Map<string, Promise<void>>();
  const fighters = [...tools, replacing];

  async function fight({ id, ...options }: NamedTool): Promise<void> {
    const namespace = await scene.meshed('declared');
    const tool = new GitOpsTool(
      scene.cluster,
      options,
      deployment(namespace, 'web', { grace: 5, annotations: { [CONFIG]: 'terminationDrainDuration: 5s\n' } }),
    );
    await tool.sync();
    await scene.rolledOut(namespace, 'web');
    const mark = scene.mark();

    await during(tool, async () => {
      // What was reported first, however late it is looked at: three seconds later it is tried again.
      let status: PolicyObject['status'];
      const collection = policyPath(`fo-${id}`).replace(/\/[^/]*$/, '');
      const following = await scene.cluster.follow(`${collection}?fieldSelector=metadata.name=fo-${id}`, (object) => {
        const { status: seen } = object as PolicyObject;
        status ??= seen?.attention?.[0]?.reason === 'ChangedBack' ? seen : undefined;
      });
      await scene.createPolicy(`fo-${id}`, fixed(namespace, { conflicts: 'Force' }));
      await eventually(() => status !== undefined, 'it is reported');
      await following.stop();
      const reported = status?.conditions?.find(({ type }) => type === 'Conflicted')?.lastTransitionTime ?? '';
      const before = scene
        .writes({ since: mark, namespace })
        .filter(({ time }) => Date.parse(time) < Date.parse(reported));
      expect(before.length).toBeLessThanOrEqual(2);
      expect(status?.attention?.[0]).toMatchObject({
        name: 'web',
        message: expect.stringContaining(
          `${id === 'replace' ? 'somebody' : options.manager} has changed our values back 2 times in a row`,
        ),
      });
      expect(status?.conditions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ type: 'Ready', status: 'True' }),
          expect.objectContaining({ type: 'Conflicted', status: 'True', reason: 'ChangedBack' }),
        ]),
      );
      await eventually(() => scene.writes({ since: mark, namespace }).length >= 4, 'it is tried a fourth time');
    });

    const times = scene
      .writes({ since: mark, namespace })
      .slice(0, 4)
      .map(({ time }) => Date.parse(time) / 1000);
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    // managedFields tell whole seconds, so each wait may be one shorter than it is called.
    expect(gaps[1]).toBeGreaterThan(DISTANCE_S - 1);
    expect(gaps[2]).toBeGreaterThan(2 * DISTANCE_S - 1);
    await scene.deletePolicy(`fo-${id}`);
    await scene.gone(`fo-${id}`);
    // What Git states is what stands in the end.
    await tool.sync();
    expect((await scene.workload(namespace, 'web')).spec.template.spec.terminationGracePeriodSeconds).toBe(5);
  }

  it.each(fighters)(
    'is fought over twice, then that is reported, and it is taken up again ever more rarely: $tool',
    async ({ id }) => {
      if (fights.size === 0) {
        for (const fighter of fighters) {
          const running = fight(fighter);
          // Its own test awaits it; until then nobody does.
          running.catch(() => undefined);
          fights.set(fighter.id, running);
        }
      }
      await fights.get(id);
    },
  );

  it.each(tools)(
    'is not touched where the policy only reports, which is the default: $tool',
    async ({ id, ...options }) => {
      const namespace = await scene.meshed('reported');
      const tool = new GitOpsTool(scene.cluster, options, deployment(namespace, 'web', { grace: 5 }));
      await tool.sync();
      const mark = scene.mark();

      await during(tool, async () => {
        await scene.createPolicy(`re-${id}`, fixed(namespace));
        await scene.settled(`re-${id}`, ({ attention }) => attention?.[0]?.reason === 'FieldConflict');
        await eventually(() => tool.looks >= 3, 'the tool looks three times');
      });

      expect([
        tool.outOfSync,
        healed(namespace, options.manager, mark),
        scene.writes({ since: mark, namespace }).length,
      ]).toEqual([0, 0, 0]);
    },
  );
});

describe('the rules that render prints', () => {
  async function rules(output: 'argocd' | 'flux', spec: object): Promise<unknown> {
    const file = join(scene.cluster.folder, `policy-${output}.json`);
    await writeFile(file, JSON.stringify(policy('rules', spec)));
    const { code, stdout, stderr } = await runProgram(['render', '-p', file, '-o', output]);
    expect([code, stderr]).toEqual([0, '']);
    return parse(stdout);
  }

  interface Argo {
    readonly spec: {
      readonly ignoreDifferences: readonly { kind: string; managedFieldsManagers: string[] }[];
      readonly syncPolicy: { syncOptions: string[] };
    };
  }
  interface Flux {
    readonly spec: { readonly driftDetection: { ignore: readonly { paths: string[]; target: { kind: string } }[] } };
  }

  async function peace(id: string, options: ToolOptions): Promise<void> {
    const namespace = await scene.meshed('rules');
    const tool = new GitOpsTool(
      scene.cluster,
      options,
      deployment(namespace, 'web', {
        grace: 5,
        annotations: { team: 'shop', [CONFIG]: 'terminationDrainDuration: 5s\n' },
      }),
    );
    await tool.sync();
    await scene.rolledOut(namespace, 'web');
    const mark = scene.mark();
    await during(tool, async () => {
      await scene.createPolicy(`ru-${id}`, fixed(namespace, { conflicts: 'Force' }));
      await scene.compliant(`ru-${id}`, 1);
      const looks = tool.looks;
      await eventually(() => tool.looks >= looks + 5, 'the tool looks five times');
      expect([tool.outOfSync, healed(namespace, options.manager, mark)]).toEqual([0, 0]);
      // A commit that means something else comes through beside it, and nobody undoes anybody.
      await scene.rolledOut(namespace, 'web');
      await tool.sync(
        deployment(namespace, 'web', {
          grace: 5,
          annotations: { team: 'billing', [CONFIG]: 'terminationDrainDuration: 5s\n' },
        }),
      );
      await scene.rolledOut(namespace, 'web');
      const later = tool.looks;
      await eventually(() => tool.looks >= later + 3, 'the tool looks three times more');
    });
    const { template } = (await scene.workload(namespace, 'web')).spec;
    expect([
      template.metadata?.annotations?.['team'],
      template.spec.terminationGracePeriodSeconds,
      tool.outOfSync,
    ]).toEqual(['billing', 40, 0]);
    expect(scene.writes({ since: mark, namespace })).toHaveLength(1);
    await scene.compliant(`ru-${id}`, 1);
  }

  it.each(tools.filter(({ manager }) => manager === 'argocd-controller'))(
    'keep $tool away from what we hold, though Git states it',
    async ({ id, ...options }) => {
      const { spec } = (await rules('argocd', fixed('any'))) as Argo;
      expect(spec.syncPolicy.syncOptions).toContain('RespectIgnoreDifferences=true');
      const rule = spec.ignoreDifferences.find(({ kind }) => kind === 'Deployment');

      await peace(id, { ...options, ignoredManagers: rule?.managedFieldsManagers ?? [] });
    },
  );

  it('keep the drift detection of a Flux HelmRelease away from it', async () => {
    const { spec } = (await rules('flux', fixed('any'))) as Flux;
    const rule = spec.driftDetection.ignore.find(({ target }) => target.kind === 'Deployment');

    await peace('flux', { manager: 'helm-controller', how: 'Update', ignoredPaths: rule?.paths ?? [] });
  });
});
