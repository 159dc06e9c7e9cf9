import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The owner touches its lock this often; after a minute of silence the process id belongs to someone else. */
const touchEveryMs = 5000;
const silentAfterMs = 60_000;

async function isHeld(lock: string, owner: number): Promise<boolean> {
  const touched = (await stat(lock).catch(() => undefined))?.mtimeMs ?? 0;
  return isAlive(owner) && Date.now() - touched < silentAfterMs;
}

/**
 * Runs `work` while holding `<folder>/lock`. A lock whose owner was killed is taken over. Two takers of the same dead
 * lock may both go on: then the work is done twice, and because results are renamed into place, nothing breaks.
 */
export async function withLock<T>(folder: string, onWait: (pid: number) => void, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const lock = join(folder, 'lock');
  let told = false;
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    // An empty file is an owner between creating and writing: give it a moment before calling it dead.
    if (owner === 0) {
      await sleep(200);
      if ((await readFile(lock, 'utf8').catch(() => 'gone')) === '') {
        await rm(lock, { force: true });
      }
      continue;
    }
    if (!(await isHeld(lock, owner))) {
      await rm(lock, { force: true });
      continue;
    }
    if (!told) {
      onWait(owner);
      told = true;
    }
    await sleep(500);
  }
  const touch = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), touchEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    await rm(lock, { force: true });
  }
}
