// The operator of an earlier commit and the one of today, as programs, in each other's place on live objects: `make
// test-upgrade`. On the definitions of today; test/integration/crd-skew.test.ts has the other way round. Nothing may be written
// to a workload because the version changed: it would restart the pods of a fleet.
import { join } from 'node:path';
import { projectRoot } from '../../support/control-plane/index.ts';
import { programOf } from '../../support/earlier-build.ts';
import {
  deployment,
  fixed,
  startScene,
  staysSo,
  workloadPath,
  type Scene,
  type WorkloadObject,
} from '../../support/scene.ts';
import { writeInto } from '../document.ts';

const QUIET_MS = 5_000;

interface Sample {
  readonly name: string;
  readonly plural: string;
  readonly drain: object;
  readonly conflicts?: 'Force';
  readonly manifest: (namespace: string) => object;
}

interface Version {
  readonly name: string;
  readonly program: string;
}

interface Live {
  readonly sample: Sample;
  readonly namespace: string;
  readonly before: WorkloadObject;
}

const web = (options: object) => (namespace: string) => deployment(namespace, 'web', { replicas: 1, ...options });

const SAMPLES: readonly Sample[] = [
  {
    name: 'Fixed, on a Deployment that states nothing',
    plural: 'deployments',
    drain: { mode: 'Fixed', duration: '60s' },
    manifest: web({}),
  },
  {
    name: 'Adaptive, beside keys of the user (`conflicts: Force`)',
    conflicts: 'Force',
    plural: 'deployments',
    drain: { mode: 'Adaptive', maxWait: '90s' },
    manifest: web({ annotations: { 'proxy.istio.io/config': 'concurrency: 2\n' } }),
  },
  {
    name: 'Adaptive, by a ProxyConfig',
    plural: 'deployments',
    drain: { mode: 'Adaptive', maxWait: '90s', environment: 'ProxyConfig' },
    manifest: web({}),
  },
  {
    name: 'Combined, by a hook',
    plural: 'deployments',
    drain: { mode: 'Combined', duration: '20s', maxWait: '60s', strategy: 'PreStopHook', hook: 'ActiveRequests' },
    manifest: web({}),
  },
  {
    name: 'Fixed, on a StatefulSet',
    plural: 'statefulsets',
    drain: { mode: 'Fixed', duration: '45s' },
    manifest: (namespace) => {
      const { spec, ...rest } = deployment(namespace, 'web', { replicas: 2 }) as { spec: object };
      return { ...rest, kind: 'StatefulSet', spec: { ...spec, serviceName: 'web' } };
    },
  },
];

async function main(): Promise<void> {
  const commit = process.env['FROM'] ?? '3c77cc4';
  const old: Version = { name: commit, program: await programOf(commit) };
  const now: Version = { name: 'today', program: join(projectRoot(), 'dist/main.js') };
  const scene = await startScene({ mesh: { nativeSidecars: 'false' }, operator: false });
  const rows: string[] = [];
  try {
    for (const [first, second] of [
      [old, now],
      [now, old],
    ] as const) {
      rows.push(...(await inTurns(scene, first, second)));
    }
  } finally {
    await scene.stop();
  }
  const lines = [
    '| written by | drain | in its place | writes | back again | writes | given back by | |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ];
  console.log(lines.join('\n'));
  await writeInto('docs/reference/compatibility.md', 'test-upgrade', lines);
}

/** One row for each sample: `first` writes, `second` takes its place, then `first` again, and `second` gives everything back. */
async function inTurns(scene: Scene, first: Version, second: Version): Promise<string[]> {
  const live: Live[] = [];
  for (const sample of SAMPLES) {
    live.push(await made(scene, sample));
  }
  await scene.start({ program: first.program });
  const held = new Map<string, string>();
  for (const one of live) {
    await scene.compliant(one.namespace, 1);
    held.set(one.namespace, templateAndNotes(await workload(scene, one)));
  }
  const written: Record<string, number>[] = [];
  for (const [turn, version] of [second, first].entries()) {
    await scene.operator.kill();
    const since = scene.mark();
    await scene.start({ program: version.program });
    for (const { namespace } of live) {
      // An edit that changes no value: it has to evaluate everything.
      await scene.patchPolicy(namespace, { priority: turn + 1 });
      await scene.compliant(namespace, 1);
    }
    await staysSo(() => scene.writes({ since }).length, QUIET_MS);
    written.push(
      Object.fromEntries(live.map(({ namespace }) => [namespace, scene.writes({ since, namespace }).length])),
    );
    for (const one of live) {
      if (templateAndNotes(await workload(scene, one)) !== held.get(one.namespace)) {
        throw new Error(`${one.sample.name}: ${version.name} has changed what ${first.name} wrote`);
      }
    }
  }
  await scene.operator.kill();
  await scene.start({ program: second.program });
  const rows: string[] = [];
  for (const one of live) {
    await scene.deletePolicy(one.namespace);
    await scene.gone(one.namespace);
    const after = await workload(scene, one);
    const same = templateAndNotes(after) === templateAndNotes(one.before) ? 'to the byte' : 'NOT as before';
    const [there, back] = written.map((turn) => turn[one.namespace]);
    rows.push(
      `| ${first.name} | ${one.sample.name} | ${second.name} | ${there} | ${first.name} | ${back} | ${second.name} | ${same} |`,
    );
  }
  await scene.operator.kill();
  return rows;
}

async function made(scene: Scene, sample: Sample): Promise<Live> {
  const namespace = await scene.meshed('upgrade');
  await scene.cluster.create(sample.manifest(namespace));
  const live = { sample, namespace };
  const before = await workload(scene, live);
  await scene.createPolicy(namespace, fixed(namespace, { drain: sample.drain, conflicts: sample.conflicts }));
  return { ...live, before };
}

async function workload(scene: Scene, { namespace, sample }: Omit<Live, 'before'>): Promise<WorkloadObject> {
  return await scene.cluster.client.call<WorkloadObject>('GET', workloadPath(namespace, 'web', sample.plural));
}

function templateAndNotes({ metadata, spec }: WorkloadObject): string {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([key]) => key !== 'deployment.kubernetes.io/revision',
  );
  return JSON.stringify({ annotations, spec });
}

await main();
