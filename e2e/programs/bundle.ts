import { build } from 'esbuild';

export type ProgramName = 'server' | 'load';

/** Each program as one file of plain JavaScript. */
export async function bundlePrograms(root: string): Promise<Record<ProgramName, string>> {
  const [server, load] = await Promise.all([bundle(root, 'server'), bundle(root, 'load')]);
  return { server, load };
}

async function bundle(root: string, name: ProgramName): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${root}/e2e/programs/${name}.ts`],
    bundle: true,
    platform: 'node',
    target: 'node18',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  const file = outputFiles[0];
  if (file === undefined) {
    throw new Error(`nothing came out of bundling e2e/programs/${name}.ts`);
  }
  return file.text;
}
