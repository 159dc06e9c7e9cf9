import { spawnSync } from 'node:child_process';
import { deployment, fixed, type Scene } from '../../support/scene.ts';

/** What kstatus, the real one, calls a policy at each stage, as rows of a table. Starts the scene's operator. */
export async function kstatusStages(scene: Scene, program: string): Promise<readonly string[]> {
  const namespace = await scene.meshed('kstatus');
  const rows: string[] = [];
  const look = async (stage: string): Promise<void> => {
    rows.push(`| ${stage} | ${verdictOf(program, await scene.policy('kstatus'))} |`);
  };
  await scene.cluster.create(deployment(namespace, 'web', { replicas: 1 }));
  await scene.createPolicy('kstatus', fixed(namespace));
  await look('created, no operator has looked at it');
  const operator = await scene.start();
  await scene.compliant('kstatus', 1);
  await look('evaluated, its workload compliant');
  await operator.kill();
  await scene.patchPolicy('kstatus', { match: { names: ['none'] } });
  await look('edited while the operator is away');
  await scene.start();
  await scene.settled('kstatus', ({ workloads }) => workloads?.['matched'] === 0);
  await look('evaluated, it matches nothing');
  await scene.deletePolicy('kstatus');
  await scene.gone('kstatus');
  return rows;
}

function verdictOf(program: string, object: object): string {
  const { stdout, stderr, status } = spawnSync(program, { input: JSON.stringify(object), encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`kstatus failed: ${stderr}`);
  }
  const { kstatus, flux } = JSON.parse(stdout) as { kstatus: string; flux: string };
  return kstatus === flux ? `\`${kstatus}\`` : `\`${kstatus}\`; Flux's: \`${flux}\``;
}
