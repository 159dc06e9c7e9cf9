// Everything that `make test` runs, step by step, with one count at the end. A step without tests of its own (types,
// lint, generated files) counts as one test. Uses nothing but Node.js, because its first step installs the rest.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache');
mkdirSync(cache, { recursive: true });

/** Integration tests wait more than they work, but each has an API server of its own, which takes memory. */
const workers = { unit: availableParallelism(), integration: Math.min(3, Math.max(2, availableParallelism())) };

/** @typedef {{name: string, command: string, args: string[], needed?: boolean, report?: string}} Step */

/**
 * @param {'unit' | 'integration'} project
 * @returns {Step}
 */
const jest = (project) => {
  const report = join(cache, `jest-${project}.json`);
  return {
    name: `${project} tests`,
    report,
    command: process.execPath,
    args: [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      join(root, 'node_modules/jest/bin/jest.js'),
      '--selectProjects',
      project,
      `--maxWorkers=${workers[project]}`,
      '--testTimeout=30000',
      '--json',
      `--outputFile=${report}`,
    ],
  };
};
/**
 * @param {string} name
 * @param {string} script
 * @returns {Step}
 */
const npm = (name, script) => ({ name, command: 'npm', args: ['run', '--silent', script] });

/** @type {Step[]} */
const steps = [
  { name: 'packages', command: 'make', args: ['--no-print-directory', 'install'], needed: true },
  npm('generated files', 'verify'),
  npm('types', 'typecheck'),
  npm('lint', 'lint'),
  npm('build', 'build'),
  jest('unit'),
  {
    name: 'control plane',
    command: process.execPath,
    args: ['scripts/run-ts.mjs', 'scripts/control-plane.ts', 'binaries'],
  },
  {
    name: 'kustomize and Helm',
    command: process.execPath,
    args: ['scripts/run-ts.mjs', 'scripts/control-plane.ts', 'tools'],
  },
  jest('integration'),
];

/**
 * @param {Step} step
 * @param {number | null} status
 * @returns {{passed: number, failed: number, skipped?: number}}
 */
function count(step, status) {
  if (step.report === undefined) {
    return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  }
  try {
    const report = JSON.parse(readFileSync(step.report, 'utf8'));
    // A file that cannot even be loaded has no failed tests: jest counts it apart.
    const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
    return {
      passed: report.numPassedTests,
      failed: status === 0 ? failed : Math.max(1, failed),
      skipped: report.numPendingTests,
    };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const total = { passed: 0, failed: 0 };
const lines = [];
for (const step of steps) {
  console.log(`\n== ${step.name}`);
  if (step.report !== undefined) {
    rmSync(step.report, { force: true });
  }
  const started = Date.now();
  // Jest's --json goes to the file; what it would print to standard output is the same again.
  const { status } = spawnSync(step.command, step.args, {
    cwd: root,
    stdio: ['ignore', step.report === undefined ? 'inherit' : 'ignore', 'inherit'],
  });
  const { passed, failed, skipped } = count(step, status);
  total.passed += passed;
  total.failed += failed;
  lines.push(
    `${failed === 0 ? 'ok    ' : 'FAILED'} ${step.name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''} (${((Date.now() - started) / 1000).toFixed(1)} s)`,
  );
  if (failed > 0 && step.needed) {
    break;
  }
}
const summary = `${total.passed} passed, ${total.failed} failed`;
console.log(`\n${lines.join('\n')}\n\n${summary}`);
writeFileSync(join(cache, 'test-summary'), `${summary}\n`);
process.exit(total.failed === 0 ? 0 : 1);
