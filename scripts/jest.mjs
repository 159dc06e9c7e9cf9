// How the project runs Jest. Uses nothing but Node.js, because `make test` reads it before packages are there.
import { join } from 'node:path';

/**
 * The arguments of node for tests of one project, with a report as JSON.
 *
 * @param {string} root the folder of the project
 * @param {'unit' | 'integration'} project
 * @param {string} report where the report goes
 */
export function jestArguments(root, project, report) {
  return [
    '--experimental-vm-modules',
    '--no-warnings=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    '--selectProjects',
    project,
    '--testTimeout=180000',
    '--json',
    `--outputFile=${report}`,
  ];
}
