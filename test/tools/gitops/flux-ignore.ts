import { deployment, type Scene, type WorkloadObject } from '../../support/scene.ts';
import { flux, type Manifest } from './tools.ts';

const CONTAINERS = '/spec/template/spec/containers';
const GRACE = '/spec/template/spec/terminationGracePeriodSeconds';

/** What `spec.ignore` of a Kustomization does to a deploy, as a table: why `render -o flux` prints no path of containers for it. */
export async function containersIgnored(scene: Scene, program: string): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const path of [GRACE, CONTAINERS]) {
    const namespace = await scene.meshed('ignore');
    const manifest = (image: string, labels: Record<string, string> = {}): Manifest =>
      deployment(namespace, 'web', { replicas: 0, grace: 5, labels, containers: [{ name: 'app', image }] }) as Manifest;
    const tool = flux('Flux', program, '-ignore', path);
    const deployed = async (next: Manifest): Promise<string> => {
      const { failed } = await tool.deploy(scene, next);
      return failed === undefined ? shown(await scene.workload(namespace, 'web')) : `fails: ${failed}`;
    };
    await tool.deploy(scene, manifest('registry.example/app:1'));
    const image = await deployed(manifest('registry.example/app:2'));
    const both = await deployed(manifest('registry.example/app:3', { team: 'shop' }));
    rows.push(`| \`${path}\` | ${image} | ${both} |`);
  }
  return [
    '| `spec.ignore` of a Flux Kustomization has | a commit that changes the image to `app:2` | a commit that changes it to `app:3`, and a label of the pods |',
    '|---|---|---|',
    ...rows,
  ];
}

function shown({ spec }: WorkloadObject): string {
  const { containers, terminationGracePeriodSeconds } = spec.template.spec;
  const images = (containers ?? []).map(({ name, image }) => `${name}: ${(image ?? 'no image').split('/').pop()}`);
  return `grace period ${terminationGracePeriodSeconds}, containers ${images.length === 0 ? 'none' : `\`${images.join(', ')}\``}`;
}
