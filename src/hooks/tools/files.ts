import type { EstablishedConnection } from '../world.ts';
import type { Shell } from '../shell/run-state.ts';
import { demandKnown, isUnknown, lookAt, setFile, unknownText, write } from '../shell/run-state.ts';
import { uptimeText } from './clock.ts';
import type { Tool } from './tool.ts';
import { notUnderstood, readInput } from './tool.ts';

/** The content of a file; unknown text where nobody can know it. */
export function readFile(shell: Shell, path: string): string {
  const { files } = shell.run;
  if (files.has(path)) {
    return files.get(path) ?? unknownText(`whether ${path} could be written`);
  }
  switch (path) {
    case '/dev/null':
      return '';
    case '/dev/stdin':
      return readInput(shell);
    case '/proc/uptime':
      return uptimeText(shell);
    case '/proc/net/tcp':
    case '/proc/self/net/tcp':
    case '/proc/1/net/tcp':
      return socketTable(shell, false);
    case '/proc/net/tcp6':
    case '/proc/self/net/tcp6':
    case '/proc/1/net/tcp6':
      return socketTable(shell, true);
    default:
      break;
  }
  if (shell.run.container === 'App' && path.endsWith('.pid')) {
    shell.run.seen.assumed.add(`${path} holds the app's process id`);
    return '1\n';
  }
  return unknownText(`the content of ${path}`);
}

const STATE_ESTABLISHED = '01';
const STATE_LISTEN = '0A';

/** The kernel's table: addresses as little-endian hex, the state as a number (include/net/tcp_states.h). */
function socketTable(shell: Shell, six: boolean): string {
  const { world } = shell.run;
  const now = lookAt(shell.run);
  const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const rows: string[] = [];
  const add = (local: string, remote: string, state: string): void => {
    rows.push(
      `${String(rows.length).padStart(4)}: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${20_000 + rows.length} 1 0000000000000000 100 0 0 10 0\n`,
    );
  };
  for (const listener of world.listeners(now)) {
    if ((listener.address === '::') !== six) {
      continue;
    }
    const zero = six ? '0'.repeat(32) : '00000000';
    const address = listener.address === '127.0.0.1' ? '0100007F' : zero;
    add(`${address}:${hexPort(listener.port)}`, `${zero}:0000`, STATE_LISTEN);
  }
  for (const connection of world.connections(now)) {
    if (isSix(connection) !== six) {
      continue;
    }
    add(
      `${hexAddress(connection.localAddress)}:${hexPort(connection.localPort)}`,
      `${hexAddress(connection.remoteAddress)}:${hexPort(connection.remotePort)}`,
      STATE_ESTABLISHED,
    );
  }
  return header + rows.join('');
}

function isSix(connection: EstablishedConnection): boolean {
  return connection.localAddress.includes(':');
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

function hexAddress(address: string): string {
  if (address.includes(':')) {
    return '0'.repeat(31) + '1';
  }
  return address
    .split('.')
    .reverse()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
    .join('');
}

/** The text of the named files one after the other, or of the standard input. */
export function readOperands(shell: Shell, operands: readonly string[]): string {
  if (operands.length === 0) {
    return readInput(shell);
  }
  return operands
    .map((operand) => (operand === '-' ? readInput(shell) : readFile(shell, demandKnown(operand))))
    .join('');
}

const cat: Tool = (shell, words) => {
  const operands = words.slice(1).filter((word) => word !== '-u');
  if (operands.some((word) => /^-./.test(word))) {
    throw notUnderstood(words);
  }
  write(shell.output, readOperands(shell, operands));
  return 0;
};

const tee: Tool = (shell, words) => {
  const text = readInput(shell);
  for (const path of words.slice(1)) {
    if (path.startsWith('-') || path.startsWith('/dev/') || path.startsWith('/proc/')) {
      continue;
    }
    setFile(shell.run, path, shell.run.container === 'Proxy' || isUnknown(text) ? undefined : text);
  }
  write(shell.output, text);
  return 0;
};

export const fileTools: readonly (readonly [string, Tool])[] = [
  ['cat', cat],
  ['tee', tee],
];
