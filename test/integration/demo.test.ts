// `make demo` is the first thing that a reader of the README runs.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, it } from '@jest/globals';
import { projectRoot } from '../support/control-plane/index.ts';

it('shows a mesh that converges and comes back, and says that all came out as expected', async () => {
  const child = spawn(process.execPath, ['scripts/run-ts.mjs', 'demo/main.ts'], {
    cwd: projectRoot(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);

  expect(`${out}${err}`).toMatch(/everything came out as expected\n$/);
  expect(code).toBe(0);
}, 180_000);
