// Runs one test file, and of it the tests whose name has the given words. Jest ends with 0 where no name has them; here that is
// a mistake of the caller. Usage: test-one.mjs FILE [NAME]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jestArguments } from './jest.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [file = '', name = ''] = process.argv.slice(2);
const project = file.includes('test/integration/') ? 'integration' : 'unit';
const folder = mkdtempSync(join(tmpdir(), 'test-one-'));
const report = join(folder, 'report.json');
try {
  const { status } = spawnSync(
    process.execPath,
    [...jestArguments(root, project, report), file, ...(name === '' ? [] : ['-t', name])],
    { cwd: root, stdio: ['inherit', 'ignore', 'inherit'] },
  );
  process.exitCode = status ?? 1;
  if (status === 0) {
    const { numPassedTests } = /** @type {{numPassedTests: number}} */ (JSON.parse(readFileSync(report, 'utf8')));
    if (numPassedTests === 0) {
      console.error(`no test of ${file} has "${name}" in its name`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
