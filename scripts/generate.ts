// Writes every generated file of the project, or, with --check, compares and lists those that differ (exit 1).
// A generator is {name, outputs: () => Promise<Map<path relative to the root, content>>}. To add one: a module in
// scripts/generate/ that exports it, and one line in the list below.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { admissionPolicies } from './generate/admission-policies.ts';
import { apiReference } from './generate/api-reference.ts';
import { apiSchema } from './generate/api-schema.ts';
import { apiTypes } from './generate/api-types.ts';
import { chart } from './generate/chart.ts';
import { cli } from './generate/cli.ts';
import { conditionsPage } from './generate/conditions.ts';
import { dashboardScript } from './generate/dashboard-script.ts';
import { licences } from './generate/licences.ts';
import { messages } from './generate/messages.ts';
import { metricsPage } from './generate/metrics.ts';
import { monitoring } from './generate/monitoring.ts';
import { namespacedPolicy } from './generate/namespaced-policy.ts';
import { olm } from './generate/olm.ts';
import { permissions } from './generate/permissions.ts';
import { root } from './generate/root.ts';
import type { Generator, Outputs } from './generate/types.ts';
import { termination } from './generate/termination.ts';
import { writeBounds } from './generate/write-bounds.ts';

export const generators: readonly Generator[] = [
  admissionPolicies,
  namespacedPolicy,
  apiTypes,
  apiSchema,
  apiReference,
  chart,
  cli,
  conditionsPage,
  dashboardScript,
  licences,
  messages,
  metricsPage,
  monitoring,
  olm,
  permissions,
  termination,
  writeBounds,
];

/** Paths, relative to the root, of the generated files whose content is not what would be written now. */
export async function differing(folder = root, outputs?: Outputs): Promise<string[]> {
  const paths: string[] = [];
  for (const [path, content] of outputs ?? (await allOutputs())) {
    const present = await readFile(join(folder, path), 'utf8').catch(() => undefined);
    if (present !== content) {
      paths.push(path);
    }
  }
  return paths;
}

/** path -> content of everything that is generated. */
export async function allOutputs(from: readonly Generator[] = generators): Promise<Outputs> {
  const all: Outputs = new Map();
  for (const generator of from) {
    for (const [path, content] of await generator.outputs()) {
      if (all.has(path)) {
        throw new Error(`generator ${generator.name} writes ${path}, and so does another one`);
      }
      all.set(path, content);
    }
  }
  return all;
}

async function main(args: readonly string[]): Promise<void> {
  const all = await allOutputs();
  const paths = await differing(root, all);
  if (args.includes('--check')) {
    for (const path of paths) {
      console.error(`${path} is not what its source says: run npm run generate and commit it`);
    }
    process.exitCode = paths.length === 0 ? 0 : 1;
    return;
  }
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), all.get(path) ?? '');
    console.log(`wrote ${path}`);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(process.argv.slice(2));
}
