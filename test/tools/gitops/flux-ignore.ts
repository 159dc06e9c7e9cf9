import { deployment, fixed, type Scene, type WorkloadObject } from '../../support/scene.ts';
import { flux, type Manifest } from './tools.ts';

const CONTAINERS = '/spec/template/spec/containers';
/** Puts a container of its own beside the application's, so that a template without the latter is still a valid one. */
const HOOK = { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook', hook: 'ActiveRequests' };
const GRACE = '/spec/template/spec/terminationGracePeriodSeconds';

/** What `spec.ignore` of a Kustomization does to a deploy, as a table: why `render -o flux` prints no path of containers for it. */
export async function containersIgnored(scene: Scene, program: string): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const path of [GRACE, CONTAINERS]) {
    const namespace = await scene.meshed('ignore');
    const manifest = (image: string, labels: Record<string, string> = {}): Manifest =>
      deployment(namespace, 'web', { replicas: 1, labels, containers: [{ name: 'app', image }] }) as Manifest;
    const tool = flux('Flux', program, '-ignore', path);
    const deployed = async (next: Manifest): Promise<string> => {
      const { failed } = await tool.deploy(scene, next);
      return failed === undefined ? shown(await scene.workload(namespace, 'web')) : `fails: ${failed}`;
    };
    await tool.deploy(scene, manifest('registry.example/app:1'));
    await scene.createPolicy(namespace, fixed(namespace, { drain: HOOK }));
    await scene.compliant(namespace, 1);
    const image = await deployed(manifest('registry.example/app:2'));
    const both = await deployed(manifest('registry.example/app:3', { team: 'shop' }));
    rows.push(`| \`${path}\` | ${image} | ${both} |`);
  }
  return [
    '| with a policy of strategy `PreStopHook`, `spec.ignore` of a Flux Kustomization has | containers after a commit that changes the image to `app:2` | containers after a commit that changes it to `app:3`, and a label of the pods |',
    '|---|---|---|',
    ...rows,
  ];
}

function shown({ spec }: WorkloadObject): string {
  const images = spec.template.spec.containers.map(
    ({ name, image }) => `${name}: ${(image ?? 'no image').split('/').pop()}`,
  );
  return `\`${images.join(', ')}\``;
}
