/**
 * How TypeScript that runs beside node_modules, a script or a part of the tests, becomes one file.
 *
 * @type {import('esbuild').BuildOptions}
 */
export const scriptOptions = {
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
};
