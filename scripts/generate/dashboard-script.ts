// src/cli/dashboard/browser.gen.ts: what the dashboard's page runs in the browser, bundled into one text.
import { build } from 'esbuild';
import { join } from 'node:path';
import { root } from './root.ts';
import type { Generator } from './types.ts';

const HEAD =
  '// Generated from src/cli/dashboard/browser by scripts/generate. Do not edit.\n/** What the page runs. */\n';

export const dashboardScript: Generator = {
  name: 'dashboard-script',
  async outputs() {
    const { outputFiles } = await build({
      entryPoints: [join(root, 'src/cli/dashboard/browser/main.ts')],
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      minify: true,
      logLevel: 'warning',
    });
    const text = JSON.stringify(outputFiles[0]?.text.trim());
    return new Map([['src/cli/dashboard/browser.gen.ts', `${HEAD}export const BROWSER_SCRIPT: string = ${text};\n`]]);
  },
};
