// The real tools beside the operator: `make test-tools`. Each deploys a manifest, the operator does its part, the tool deploys
// again with a new image, the policy is deleted; what was seen becomes the table in docs/how-to/gitops.md. TOOLS=PATTERN plays
// those whose name has it, and writes nothing.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findBinaries, type BinaryName } from '../../support/control-plane/index.ts';
import { deployment, fixed, startScene, type Scene } from '../../support/scene.ts';
import { writeInto } from '../document.ts';
import { olmVerdict } from '../olm/verdict.ts';
import { installAnsible } from './ansible.ts';
import { containersIgnored } from './flux-ignore.ts';
import { kstatusStages } from './kstatus.ts';
import { ansible, argo, flux, helm, kubectl, kustomize, type Manifest, type Tool } from './tools.ts';

const DOCUMENT = 'docs/how-to/gitops.md';
const ARGO = 'Argo CD (3.6.1)';
const FLUX = 'Flux Kustomization (ssa 0.83.0)';

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

interface Found {
  readonly tools: readonly Tool[];
  /** Path of the program that applies as Flux does, where it could be built. */
  readonly flux?: string;
  /** What could not be built or installed, and why. */
  readonly missing: readonly string[];
}

async function main(): Promise<void> {
  const wanted = process.env['TOOLS'] ?? '';
  const found = await findTools();
  const { kstatus, olm } = await findBinaries(['kstatus', 'olm']);
  const verdict = await olmVerdict(olm);
  console.log(verdict.join('\n'));
  const scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
  try {
    const stages = await kstatusStages(scene, kstatus);
    const rows: string[] = [];
    for (const tool of found.tools.filter(({ name }) => name.includes(wanted))) {
      const cases = tool.adds === undefined ? CASES : [{ ...CASES[0]!, states: tool.adds }];
      for (const one of cases) {
        rows.push(await play(scene, tool, one));
        console.log(rows.at(-1));
      }
    }
    const ignored = found.flux === undefined ? [] : await containersIgnored(scene, found.flux);
    console.log(ignored.join('\n'));
    if (wanted === '') {
      await writeInto(DOCUMENT, 'test-tools', document(rows, stages, ignored, found.missing));
      await writeInto('docs/reference/compatibility.md', 'test-tools', verdict);
    }
  } finally {
    await scene.stop();
  }
}

function document(
  rows: readonly string[],
  stages: readonly string[],
  ignored: readonly string[],
  missing: readonly string[],
): string[] {
  return [
    '| tool | its manifest states | `conflicts` | with the policy | the tool sees a difference | its next deploy, of a new image | after it | policy deleted |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    'Numbers are grace periods in seconds; the policy asks for 40, and the API server has 30 by default.',
    ...missing.map((line) => `\n${line}`),
    '',
    ...ignored,
    '',
    '| a policy, to kstatus (sigs.k8s.io/cli-utils 0.37.2 and github.com/fluxcd/cli-utils 1.2.2) | |',
    '|---|---|',
    ...stages,
  ];
}

async function findTools(): Promise<Found> {
  const programs = await findBinaries(['helm', 'helm4', 'kubectl', 'kustomize']);
  const version = async (program: string, ...args: string[]): Promise<string> =>
    /v\d+(\.\d+)+/.exec((await promisify(execFile)(program, args)).stdout)?.[0] ?? '';
  const missing: string[] = [];
  const built = async <N extends BinaryName>(name: N): Promise<string | undefined> =>
    await orMissing(missing, name, async () => (await findBinaries([name]))[name]);
  const tools: Tool[] = [
    kubectl(`kubectl apply (${await version(programs.kubectl, 'version', '--client')})`, 'apply'),
    kubectl('kubectl apply --server-side', 'apply', '--server-side'),
    kustomize(`kustomize (${await version(programs.kustomize, 'version')}), kubectl apply`, programs.kustomize),
    helm(`Helm 3 (${await version(programs.helm, 'version', '--short')})`, programs.helm),
    helm(`Helm 4 (${await version(programs.helm4, 'version', '--short')})`, programs.helm4),
  ];
  const [fluxProgram, argoProgram] = [await built('flux'), await built('argocd')];
  if (fluxProgram !== undefined) {
    tools.push(flux(FLUX, fluxProgram));
  }
  if (argoProgram !== undefined) {
    const rule = ['-trusted', 'sidecar-drain-operator'];
    tools.push(
      argo(ARGO, argoProgram),
      argo(`${ARGO}, our rule`, argoProgram, ...rule),
      argo(`${ARGO}, ServerSideApply`, argoProgram, '-server-side'),
      argo(`${ARGO}, ServerSideApply, our rule`, argoProgram, '-server-side', ...rule),
    );
  }
  const ansibleProgram = await orMissing(missing, 'Ansible', installAnsible);
  if (ansibleProgram !== undefined) {
    tools.push(ansible('Ansible (12.3.0, kubernetes.core.k8s)', ansibleProgram));
  }
  return { tools, missing, ...(fluxProgram === undefined ? {} : { flux: fluxProgram }) };
}

async function orMissing(missing: string[], name: string, find: () => Promise<string>): Promise<string | undefined> {
  try {
    return await find();
  } catch (error) {
    missing.push(`Not played: ${name}. ${(error as Error).message.split('\n').slice(-1)[0]}`);
    console.error(missing.at(-1));
    return undefined;
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
  const differs = await difference(scene, tool, manifest('registry.example/app:1'));
  const next = await tool.deploy(scene, manifest('registry.example/app:2'));
  const outcome = next.failed === undefined ? 'goes through' : await insisted();
  const after = await seen();
  await scene.deletePolicy(namespace);
  await scene.gone(namespace);
  return `| ${tool.name} | ${states} | ${conflicts} | ${held} | ${differs} | ${outcome} | ${after} | ${await seen()} |`;
}

async function difference(scene: Scene, tool: Tool, manifest: Manifest): Promise<string> {
  if (tool.differs === undefined) {
    return 'does not look';
  }
  return (await tool.differs(scene, manifest)) ? 'yes' : 'no';
}

await main();
