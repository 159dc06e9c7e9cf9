import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { chromium, type Browser } from 'playwright-core';
import { projectRoot } from './control-plane/paths.ts';

/** A browser that can be started, and where it was found. */
export interface FoundBrowser {
  readonly executablePath: string;
  readonly source: string;
  /** What its process needs in its environment besides the test's own. */
  readonly env: Readonly<Record<string, string>>;
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome', 'microsoft-edge'];
const WELL_KNOWN = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const CARRIER = '@sparticuz/chromium';

/** `CHROME_PATH`, else a browser of the machine, else the one that a pinned package carries. Never nothing: a test that needs a browser and has none must fail. */
export async function findBrowser(): Promise<FoundBrowser> {
  const named = process.env.CHROME_PATH;
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) {
      throw new Error(`CHROME_PATH says ${named}, and there is no such file`);
    }
    return { executablePath: named, source: 'CHROME_PATH', env: {} };
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onMachine = [
    ...PROGRAMS.flatMap((program) => folders.map((folder) => join(folder, program))),
    ...WELL_KNOWN,
  ].find((path) => existsSync(path));
  if (onMachine !== undefined) {
    return { executablePath: onMachine, source: 'the machine', env: {} };
  }
  return carriedBrowser();
}

/** Starts a headless browser; the caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  const found = await findBrowser();
  try {
    return await chromium.launch({
      executablePath: found.executablePath,
      headless: true,
      // The carried build has neither a sandbox helper nor a zygote; containers often give too little /dev/shm. Only our own pages are opened.
      args: ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
      env: { ...definedOnly(process.env), ...found.env },
    });
  } catch (error) {
    throw new Error(
      `the browser ${found.executablePath} (from ${found.source}) does not start; name another one with CHROME_PATH`,
      { cause: error },
    );
  }
}

/** Unpacks the carried browser, with the libraries and fonts that a bare machine lacks, once per version. */
async function carriedBrowser(): Promise<FoundBrowser> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `no browser found, and ${CARRIER} carries one for Linux on x64 only: install Chromium or Chrome, or set CHROME_PATH`,
    );
  }
  const packageFolder = join(dirname(createRequire(import.meta.url).resolve(CARRIER)), '..', '..');
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const cache = process.env.SIDECAR_DRAIN_CACHE ?? join(projectRoot(), '.cache');
  const folder = join(cache, `chromium-${version}`);
  if (!existsSync(folder)) {
    await unpack(join(packageFolder, 'bin'), cache, folder);
  }
  return {
    executablePath: join(folder, 'chromium'),
    source: `${CARRIER} ${version}`,
    env: { LD_LIBRARY_PATH: join(folder, 'lib'), FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  };
}

async function unpack(packed: string, cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, 'chromium-unpack-'));
  try {
    await inflate(join(packed, 'chromium.br'), join(temporary, 'chromium'));
    await chmod(join(temporary, 'chromium'), 0o755);
    for (const name of ['al2023', 'fonts']) {
      const tar = join(temporary, `${name}.tar`);
      await inflate(join(packed, `${name}.tar.br`), tar);
      await promisify(execFile)('tar', ['-xf', tar, '-C', temporary]);
      await rm(tar);
    }
    await writeFile(
      join(temporary, 'fonts.conf'),
      [
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>',
        `<dir>/usr/share/fonts</dir><dir>${join(folder, 'fonts')}</dir><cachedir>${join(folder, 'font-cache')}</cachedir>`,
        '</fontconfig>',
      ].join('\n'),
    );
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another test process was faster: its folder is as good.
    if (!existsSync(folder)) {
      throw error;
    }
  }
}

async function inflate(from: string, to: string): Promise<void> {
  await writeFile(to, await promisify(brotliDecompress)(await readFile(from)));
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
