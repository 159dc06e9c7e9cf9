// Draws docs/images/rollout/waves.svg: a real rollout of 40 workloads on a control plane of its own, recorded from watches.
// One of them cannot become healthy (its namespace has no room for one more pod), until it is given room.
import { mkdirSync, writeFileSync } from 'node:fs';
import { makeFleet, recordRollouts, type Rolled } from '../test/support/rollout-record.ts';
import {
  deployment,
  eventually,
  fixed,
  policyPath,
  startScene,
  waves,
  type PolicyObject,
} from '../test/support/scene.ts';

const COUNT = 40;
const FILE = 'docs/images/rollout/waves.svg';

const LIGHT =
  '--bg:#ffffff;--text:#1f2328;--muted:#59636e;--grid:#d1d9e0;--bar:#0969da;--canary:#8250df;--sick:#cf222e;--calm:#f6f8fa;--soak:#f0e4ff;--halt:#ffe1df';
const DARK =
  '--bg:#0d1117;--text:#e6edf3;--muted:#9da7b3;--grid:#30363d;--bar:#4493f8;--canary:#a371f7;--sick:#f85149;--calm:#151b23;--soak:#311f55;--halt:#4a161a';
const STYLE =
  `.waves{${LIGHT};font:11px system-ui,sans-serif}@media (prefers-color-scheme:dark){.waves{${DARK}}}` +
  '.background{fill:var(--bg)}.title{fill:var(--text);font-size:13px;font-weight:600}.label{fill:var(--text);font-weight:600}.axis{fill:var(--muted);font-size:10px}' +
  '.grid{stroke:var(--grid)}.phase{fill:var(--calm);stroke:var(--bg);stroke-width:2}.Soaking{fill:var(--soak)}.Halted{fill:var(--halt)}' +
  '.mark{stroke:var(--text)}.bar{fill:var(--bar)}.canary{fill:var(--canary)}.sick{fill:var(--sick)}';

interface Phase {
  readonly name: string;
  readonly from: number;
}

const scene = await startScene({
  mesh: { nativeSidecars: 'false' },
  operator: { args: ['--max-rolling-per-namespace', '100', '--max-rolling-workloads', '100'] },
});
try {
  console.log(`creating ${COUNT} workloads`);
  const fleet = await makeFleet(scene, 'fleet', COUNT, 8, (namespace, name) => deployment(namespace, name));
  const record = await recordRollouts(scene.cluster, fleet.namespaces);
  const phases: Phase[] = [];
  await scene.createPolicy('fleet', {
    ...fixed('', waves(5, { canary: 1, soak: '5s', progressDeadline: '5s' })),
    match: { namespaceSelector: { matchLabels: { fleet: 'fleet' } } },
  });
  let curedAt: number | undefined;
  await eventually(
    async () => {
      const { status } = await scene.cluster.client.call<PolicyObject>('GET', policyPath('fleet'));
      const name = status?.rollout?.phase;
      if (name !== undefined && name !== phases.at(-1)?.name) {
        phases.push({ name, from: Date.now() });
        console.log(name);
      }
      if (name === 'Halted' && curedAt === undefined && Date.now() - (phases.at(-1)?.from ?? 0) > 6_000) {
        curedAt = Date.now();
        await fleet.cure();
      }
      return name === 'Done';
    },
    'the rollout is done',
    180_000,
  );
  await record.stop();
  mkdirSync('docs/images/rollout', { recursive: true });
  writeFileSync(FILE, draw(record.rolled, phases, fleet.sick.replace('Deployment/', ''), curedAt ?? 0));
  console.log(`${FILE}: ${record.rolled.length} rollouts, at most ${record.most()} at once`);
} finally {
  await scene.stop();
}

function draw(rolled: readonly Rolled[], phases: readonly Phase[], sick: string, curedAt: number): string {
  const start = Math.min(...rolled.map(({ from }) => from)) - 500;
  const end = Math.max(...rolled.map(({ to }) => to ?? 0)) + 700;
  const left = 56;
  const width = 900;
  const top = 64;
  const row = 9;
  const bottom = top + rolled.length * row;
  const x = (time: number): string => (left + ((time - start) / (end - start)) * (width - left - 16)).toFixed(1);
  const parts: string[] = [];
  const text = (at: string | number, y: number, kind: string, words: string, anchor = 'start'): void => {
    parts.push(`<text x="${at}" y="${y}" class="${kind}" text-anchor="${anchor}">${words}</text>`);
  };
  text(left, 18, 'title', `${rolled.length} workloads, maxConcurrent 5, canary 1, soak 5s, progressDeadline 5s`);
  for (const [index, { name, from }] of phases.entries()) {
    const to = Math.min(end, phases[index + 1]?.from ?? end);
    const begins = Math.max(start, from);
    if (name === 'Done' || to <= begins) {
      continue;
    }
    const [a, b] = [x(begins), x(to)];
    parts.push(
      `<rect x="${a}" y="30" width="${(Number(b) - Number(a)).toFixed(1)}" height="${bottom - 24}" class="phase ${name}"/>`,
    );
    if (Number(b) - Number(a) > name.length * 7) {
      text(((Number(a) + Number(b)) / 2).toFixed(1), 45, 'label', name, 'middle');
    }
  }
  const seconds = Math.floor((end - start) / 1000);
  for (let second = 0; second <= seconds; second += 5) {
    const at = x(start + second * 1000);
    parts.push(`<line x1="${at}" x2="${at}" y1="54" y2="${bottom + 2}" class="grid"/>`);
    text(at, bottom + 16, 'axis', `${second} s`, 'middle');
  }
  for (const [index, { workload, from, to }] of rolled.entries()) {
    const y = top + index * row;
    const kind = workload === sick ? 'sick' : index === 0 ? 'canary' : 'bar';
    parts.push(
      `<rect x="${x(from)}" y="${y}" width="${Math.max(2, Number(x(to ?? end)) - Number(x(from))).toFixed(1)}" height="${row - 2}" rx="1.5" class="${kind}"><title>${kind === 'sick' ? 'the one that does not become healthy' : `workload ${index + 1}`}: ${(((to ?? end) - from) / 1000).toFixed(1)} s</title></rect>`,
    );
    if (kind === 'canary') {
      text(Number(x(to ?? end)) + 5, y + row - 2, 'axis', 'canary');
    }
    if (kind === 'sick') {
      const given = Number(x(curedAt));
      parts.push(`<line x1="${given}" x2="${given}" y1="${y - 3}" y2="${y + row + 4}" class="mark"/>`);
      text(given, y + row + 16, 'label', 'does not become healthy, until it is given room', 'middle');
    }
  }
  parts.push(
    `<text transform="translate(18 ${((top + bottom) / 2).toFixed(0)}) rotate(-90)" class="axis" text-anchor="middle">workloads, in the order of their restart</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 28}" class="waves" role="img" aria-label="A rollout in waves: one canary, a soak, then at most five workloads at once; a halt while one of them does not become healthy; then the rest.">
<style>${STYLE}</style>
<rect width="${width}" height="${bottom + 28}" class="background"/>
${parts.join('\n')}
</svg>
`;
}
