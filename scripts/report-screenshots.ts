// Takes docs/images/report/*.png: lint's report on the manifests of docs/examples/termination, in a headless browser.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { cliCommands } from '../src/cli/commands.ts';
import { runCli } from '../src/cli/run.ts';
import { launchBrowser } from '../test/support/browser.ts';

const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-report-'));
const file = join(folder, 'report.html');
await runCli(
  [
    'lint',
    'docs/examples/termination',
    '--istio-version',
    '1.30.3',
    '--native-sidecars',
    'false',
    '--proxy-image',
    'with-shell',
    '-o',
    'html',
    '--output-file',
    file,
  ],
  {
    program: 'sidecar-drain',
    commands: cliCommands(),
    io: { stdin: Readable.from([]), stdout: process.stdout, stderr: process.stderr, env: {} },
  },
);
mkdirSync('docs/images/report', { recursive: true });
const browser = await launchBrowser();
const shots = [
  { name: 'light', width: 1240, height: 860, colorScheme: 'light', workload: false },
  { name: 'dark', width: 1240, height: 900, colorScheme: 'dark', workload: true },
  { name: 'narrow', width: 390, height: 860, colorScheme: 'light', workload: false },
] as const;
for (const { name, width, height, colorScheme, workload } of shots) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(pathToFileURL(file).href);
  if (workload) {
    await page.locator('#table tbody th a').first().click();
    await page.locator('details:target').scrollIntoViewIfNeeded();
  }
  await page.screenshot({ path: `docs/images/report/${name}.png` });
  await page.close();
}
await browser.close();
rmSync(folder, { recursive: true });
