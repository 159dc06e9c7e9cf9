// Everything that `make test` runs, step by step, with one count at the end. A step without tests of its own (types,
// lint, generated files) counts as one test. Uses nothing but Node.js, because its first step installs the rest.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jestArguments } from './jest.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache');
mkdirSync(cache, { recursive: true });

/** Integration tests wait more than they work (two of them use one core), but each has an API server of its own, which takes memory. */
const workers = { unit: availableParallelism(), integration: 3 };

/** @typedef {{name: string, command: string, args: string[], needed?: boolean, report?: string}} Step */
/** @typedef {{status: number | null, seconds: number, output: string}} Outcome */

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
    args: [...jestArguments(root, project, report), `--maxWorkers=${workers[project]}`],
  };
};
/**
 * @param {string} name
 * @param {string} script
 * @returns {Step}
 */
const npm = (name, script) => ({ name, command: 'npm', args: ['run', '--silent', script] });

/**
 * @param {string} name
 * @param {string} what
 * @returns {Step}
 */
const binaries = (name, what) => ({
  name,
  command: process.execPath,
  args: ['scripts/run-ts.mjs', 'scripts/control-plane.ts', what],
});

/**
 * What stands in one line runs side by side: each of these checks keeps one core busy.
 *
 * @type {Step[][]}
 */
const stages = [
  [{ name: 'packages', command: 'make', args: ['--no-print-directory', 'install'], needed: true }],
  [npm('lint', 'lint'), npm('generated files', 'verify')],
  [npm('types', 'typecheck'), npm('build', 'build')],
  [jest('unit')],
  [binaries('control plane', 'binaries')],
  [binaries('kustomize and Helm', 'tools')],
  [jest('integration')],
];

/**
 * @param {Step} step
 * @param {boolean} alone whether its output is shown as it comes; else it is kept until it ends
 * @returns {Promise<Outcome>}
 */
async function run(step, alone) {
  if (step.report !== undefined) {
    rmSync(step.report, { force: true });
  }
  const started = Date.now();
  const shown = alone ? 'inherit' : 'pipe';
  const child = spawn(step.command, step.args, {
    cwd: root,
    // Jest's --json goes to the file; what it would print to standard output is the same again.
    stdio: ['ignore', step.report === undefined ? shown : 'ignore', shown],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  return await new Promise((resolve) => {
    const end = (/** @type {number | null} */ status) => {
      resolve({ status, seconds: (Date.now() - started) / 1000, output });
    };
    child.on('error', (error) => {
      output += `${error}\n`;
      end(1);
    });
    child.on('close', end);
  });
}

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
for (const stage of stages) {
  console.log(`\n== ${stage.map(({ name }) => name).join(', ')}`);
  const outcomes = await Promise.all(stage.map((step) => run(step, stage.length === 1)));
  let missing = false;
  for (const [index, { status, seconds, output }] of outcomes.entries()) {
    const step = /** @type {Step} */ (stage[index]);
    process.stdout.write(output);
    const { passed, failed, skipped } = count(step, status);
    total.passed += passed;
    total.failed += failed;
    lines.push(
      `${failed === 0 ? 'ok    ' : 'FAILED'} ${step.name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''} (${seconds.toFixed(1)} s)`,
    );
    missing ||= failed > 0 && step.needed === true;
  }
  if (missing) {
    break;
  }
}
const summary = `${total.passed} passed, ${total.failed} failed`;
console.log(`\n${lines.join('\n')}\n\n${summary}`);
writeFileSync(join(cache, 'test-summary'), `${summary}\n`);
process.exit(total.failed === 0 ? 0 : 1);
