import type { EstablishedConnection, ListeningSocket } from '../world.ts';
import type { Shell } from '../shell/run-state.ts';
import { lookAt, unknownText, write } from '../shell/run-state.ts';
import { passUnknown } from './tool.ts';

export interface Sockets {
  readonly listeners: readonly ListeningSocket[];
  readonly connections: readonly EstablishedConnection[];
}

/** The world hands out fresh lists for every look; what is in them seldom changes. */
function sameSockets(known: Sockets, listeners: Sockets['listeners'], connections: Sockets['connections']): boolean {
  if (known.listeners.length !== listeners.length || known.connections.length !== connections.length) {
    return false;
  }
  for (const [index, one] of listeners.entries()) {
    const other = known.listeners[index];
    if (one === other) {
      continue;
    }
    if (one.port !== other?.port || one.address !== other.address || one.program !== other.program) {
      return false;
    }
  }
  for (const [index, one] of connections.entries()) {
    const other = known.connections[index];
    if (one === other) {
      continue;
    }
    if (
      one.localPort !== other?.localPort ||
      one.remotePort !== other.remotePort ||
      one.localAddress !== other.localAddress ||
      one.remoteAddress !== other.remoteAddress ||
      one.program !== other.program
    ) {
      return false;
    }
  }
  return true;
}

/**
 * Prints what `make` makes of the pod's sockets, once for as long as these are the same. `undefined` from it stands for
 * options that are not modelled.
 */
export function printTable(
  shell: Shell,
  words: readonly string[],
  make: (sockets: Sockets) => string | undefined,
): number {
  const { run } = shell;
  const at = lookAt(run);
  const listeners = run.world.listeners(at);
  const connections = run.world.connections(at);
  const key = words.join(' ');
  const known = run.tables.get(key);
  if (known !== undefined && sameSockets(known, listeners, connections)) {
    write(shell.output, known.text);
    return 0;
  }
  const text = make({ listeners, connections });
  if (text === undefined) {
    return passUnknown(shell, unknownText(`the output of ${key.slice(0, 120)}`));
  }
  run.tables.set(key, { listeners, connections, text });
  write(shell.output, text);
  return 0;
}
