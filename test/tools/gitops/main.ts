// The real tools beside the operator: `make test-tools`. Each deploys a manifest, the operator does its part, the tool deploys
// again with a new image, the policy is deleted; what was seen becomes the table in docs/how-to/gitops.md.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries } from '../../support/control-plane/index.ts';
import { deployment, fixed, startScene, type Scene } from '../../support/scene.ts';
import { writeInto } from '../document.ts';
import { kstatusStages } from './kstatus.ts';

const DOCUMENT = 'docs/how-to/gitops.md';

interface Outcome {
  readonly failed: string | undefined;
}

interface Tool {
  readonly name: string;
  readonly deploy: (scene: Scene, manifest: Manifest, ...flags: string[]) => Promise<Outcome>;
}

interface Manifest {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

interface Case {
  readonly states: string;
  readonly conflicts: 'Report' | 'Force';
  /** Seconds, as the manifest states them. */
  readonly grace?: number;
}

/** What both kubectl and Helm 4 offer against a conflict. */
const INSIST = '--force-conflicts';

const CASES: readonly Case[] = [
  { states: 'nothing of ours', conflicts: 'Report' },
  { states: 'grace period 5', conflicts: 'Report', grace: 5 },
  { states: 'grace period 5', conflicts: 'Force', grace: 5 },
];

async function main(): Promise<void> {
  const programs = await findBinaries(['helm', 'helm4', 'kstatus', 'kubectl']);
  const version = async (program: string, ...args: string[]): Promise<string> =>
    /v\d+(\.\d+)+/.exec((await promisify(execFile)(program, args)).stdout)?.[0] ?? '';
  const kubectlVersion = await version(programs.kubectl, 'version', '--client');
  const tools: readonly Tool[] = [
    { name: `kubectl apply (${kubectlVersion})`, deploy: kubectl('apply') },
    { name: 'kubectl apply --server-side', deploy: kubectl('apply', '--server-side') },
    { name: `Helm 3 (${await version(programs.helm, 'version', '--short')})`, deploy: helm(programs.helm) },
    { name: `Helm 4 (${await version(programs.helm4, 'version', '--short')})`, deploy: helm(programs.helm4) },
  ];
  const scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
  try {
    const stages = await kstatusStages(scene, programs.kstatus);
    const rows: string[] = [];
    for (const tool of tools) {
      for (const one of CASES) {
        rows.push(await play(scene, tool, one));
        console.log(rows.at(-1));
      }
    }
    await writeInto(DOCUMENT, 'test-tools', [
      '| tool | its manifest states | `conflicts` | with the policy | its next deploy, of a new image | after it | policy deleted |',
      '|---|---|---|---|---|---|---|',
      ...rows,
      '',
      'Numbers are grace periods in seconds; the policy asks for 40, and the API server has 30 by default.',
      '',
      '| a policy, to kstatus (sigs.k8s.io/cli-utils 0.37.2 and github.com/fluxcd/cli-utils 1.2.2) | |',
      '|---|---|',
      ...stages,
    ]);
  } finally {
    await scene.stop();
  }
}

async function play(scene: Scene, tool: Tool, { states, conflicts, grace }: Case): Promise<string> {
  const namespace = await scene.meshed('tool');
  const manifest = (image: string): Manifest =>
    deployment(namespace, 'web', {
      replicas: 1,
      containers: [{ name: 'app', image }],
      ...(grace === undefined ? {} : { grace }),
    }) as Manifest;
  const seen = async (): Promise<number> =>
    (await scene.workload(namespace, 'web')).spec.template.spec.terminationGracePeriodSeconds;
  const insisted = async (): Promise<string> => {
    const { failed } = await tool.deploy(scene, manifest('registry.example/app:2'), INSIST);
    return `fails: ${next.failed}; with \`${INSIST}\` it ${failed === undefined ? 'goes through' : `fails: ${failed}`}`;
  };
  const first = await tool.deploy(scene, manifest('registry.example/app:1'));
  if (first.failed !== undefined) {
    throw new Error(`${tool.name} could not deploy: ${first.failed}`);
  }
  await scene.createPolicy(namespace, fixed(namespace, { conflicts }));
  const { status } = await scene.settled(
    namespace,
    ({ workloads }) => workloads?.['compliant'] === 1 || workloads?.['conflicted'] === 1,
  );
  const conflict = status?.workloads?.['conflicted'] === 1 ? ', `FieldConflict`' : '';
  const held = `${await seen()}${conflict}`;
  const next = await tool.deploy(scene, manifest('registry.example/app:2'));
  const outcome = next.failed === undefined ? 'goes through' : await insisted();
  const after = await seen();
  await scene.deletePolicy(namespace);
  await scene.gone(namespace);
  return `| ${tool.name} | ${states} | ${conflicts} | ${held} | ${outcome} | ${after} | ${await seen()} |`;
}

function kubectl(...args: string[]): Tool['deploy'] {
  return async ({ cluster }, manifest, ...flags) =>
    await attempt(cluster.kubectlOk([...args, ...flags, '-f', '-'], { input: JSON.stringify(manifest) }));
}

function helm(program: string): Tool['deploy'] {
  return async ({ cluster }, manifest, ...flags) => {
    const { namespace, name } = manifest.metadata;
    const chart = join(cluster.folder, `chart-${namespace}`);
    await mkdir(join(chart, 'templates'), { recursive: true });
    await writeFile(join(chart, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`);
    await writeFile(join(chart, 'templates', 'deployment.yaml'), JSON.stringify(manifest));
    return await attempt(
      promisify(execFile)(program, ['upgrade', '--install', name, chart, '--namespace', namespace, ...flags], {
        env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath, HOME: cluster.folder },
      }),
    );
  };
}

const WORDS: readonly (readonly [RegExp, string])[] = [[/conflict/i, 'a conflict with `sidecar-drain-operator`']];

async function attempt(run: Promise<unknown>): Promise<Outcome> {
  try {
    await run;
    return { failed: undefined };
  } catch (error) {
    const text = (error as Error).message;
    const known = WORDS.find(([pattern]) => pattern.test(text) && text.includes('sidecar-drain-operator'));
    return { failed: known?.[1] ?? text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 160) };
  }
}

await main();
