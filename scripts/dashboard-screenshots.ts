// Takes docs/images/dashboard/*.png: a rollout that is halted on a control plane of its own, and the page in a headless browser.
// The picture of ten thousand workloads is taken by `make bench-dashboard`.
import { mkdirSync } from 'node:fs';
import { launchBrowser } from '../test/support/browser.ts';
import { startDashboard } from '../test/support/dashboard.ts';
import { makeFleet } from '../test/support/rollout-record.ts';
import { deployment, fixed, startScene, waves } from '../test/support/scene.ts';

const FOLDER = 'docs/images/dashboard';
const COUNT = 24;

const SHOTS = [
  { name: 'light', width: 1240, height: 1180, colorScheme: 'light', open: false },
  { name: 'dark', width: 1240, height: 1180, colorScheme: 'dark', open: true },
  { name: 'narrow', width: 390, height: 1100, colorScheme: 'light', open: false },
] as const;

const scene = await startScene({
  mesh: { nativeSidecars: 'false' },
  operator: { args: ['--max-rolling-per-namespace', '100', '--max-rolling-workloads', '100'] },
});
const browser = await launchBrowser();
try {
  const fleet = await makeFleet(scene, 'shop', COUNT, 6, (namespace, name) => deployment(namespace, name));
  const dashboard = await startDashboard(['--kubeconfig', scene.cluster.kubeconfigPath]);
  await scene.createPolicy('long-requests', {
    ...fixed('', waves(3, { canary: 2, soak: '3s', progressDeadline: '5s' })),
    match: { namespaceSelector: { matchLabels: { fleet: 'shop' } } },
  });
  await scene.createPolicy('payments', {
    enforcement: 'Audit',
    match: { namespaceSelector: { matchLabels: { fleet: 'shop' } }, names: ['web-1*'] },
    drain: { mode: 'Adaptive', maxWait: '5m' },
  });
  await scene.settled('long-requests', ({ rollout }) => rollout?.phase === 'Halted', 60_000);
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, width, height, colorScheme, open } of SHOTS) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    await page.goto(open ? `${dashboard.url}#workload=${encodeURIComponent(fleet.sick)}` : dashboard.url);
    await page.locator('.halt').waitFor();
    await page.locator('#list [role=option]').first().waitFor();
    if (open) {
      await page.locator('#detail svg').waitFor();
      await page.locator('#detail').scrollIntoViewIfNeeded();
    }
    await page.screenshot({ path: `${FOLDER}/${name}.png` });
    await page.close();
  }
  await dashboard.stop();
} finally {
  await browser.close();
  await scene.stop();
}
