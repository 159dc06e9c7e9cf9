// Which packages of others stand in the bundle, and under which licences: read from what esbuild put into it, not from
// what package.json asks for.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Licences that may be passed on in an Apache-2.0 work with no more than their text. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Unlicense',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Python-2.0',
]);

/** @typedef {{name: string, version: string, licence: string, text: string}} Package */

/**
 * The packages in the order of their names. A licence that is not allowed is an error.
 * @param {import('esbuild').Metafile} metafile
 * @param {string} root
 * @returns {Promise<Package[]>}
 */
export async function bundledPackages(metafile, root) {
  const folders = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
      if (folder !== undefined && bytesInOutput > 0) {
        folders.add(folder);
      }
    }
  }
  const packages = await Promise.all([...folders].map((folder) => describe(join(root, folder))));
  return packages.sort((a, b) => (a.name === b.name ? compare(a.version, b.version) : compare(a.name, b.name)));
}

/**
 * @param {string} folder
 * @returns {Promise<Package>}
 */
async function describe(folder) {
  const { name, version, license, licenses } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const licence =
    typeof license === 'string'
      ? license
      : (license?.type ?? licenses?.map((/** @type {{type: string}} */ { type }) => type).join(' OR ') ?? 'unknown');
  if (
    !licence
      .replace(/[()]/g, '')
      .split(' OR ')
      .some((/** @type {string} */ one) => ALLOWED.has(one))
  ) {
    throw new Error(
      `${name} ${version} has the licence ${licence}, which is not on the list in scripts/third-party.mjs`,
    );
  }
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return { name, version, licence, text: texts.map((text) => text.trim()).join('\n\n') };
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

/**
 * The texts that have to go with the bundle.
 * @param {readonly Package[]} packages
 */
export function licenceTexts(packages) {
  const head = 'This program contains the following packages, each under its own licence.\n';
  return (
    head +
    packages
      .map(
        ({ name, version, licence, text }) =>
          `\n${'='.repeat(78)}\n${name} ${version} (${licence})\n\n${text === '' ? `No text stands in the package; its package.json says ${licence}.` : text}\n`,
      )
      .join('')
  );
}
