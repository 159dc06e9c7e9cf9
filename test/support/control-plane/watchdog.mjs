// Ends a control plane whose owner is gone, however it went (kill -9, Ctrl-C, a crash): the owner holds the other end
// of this process's standard input, and the kernel closes it. Usage: node watchdog.mjs DATA_FOLDER
// Processes are recognised by the data folder in their arguments. It has a random name, so unlike a list of process
// ids it can neither miss one that was just started nor hit a stranger that got a reused id.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';

const folder = process.argv[2];
if (folder === undefined) {
  throw new Error('usage: node watchdog.mjs DATA_FOLDER');
}
const owned = folder;

function processes() {
  if (existsSync('/proc/self/cmdline')) {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((pid) => {
        try {
          return { pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8') };
        } catch {
          return { pid: Number(pid), command: '' };
        }
      });
  }
  return execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => {
      const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
      return { pid: Number(pid), command: command ?? '' };
    });
}

function end() {
  for (let round = 0; round < 50; round += 1) {
    const left = processes().filter(({ pid, command }) => pid > 1 && pid !== process.pid && command.includes(owned));
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    }
    if (left.length === 0) {
      break;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  rmSync(owned, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => undefined);
}
process.stdin.on('end', end).on('error', end).resume();
