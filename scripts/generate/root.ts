import { fileURLToPath } from 'node:url';

/** The same from here and from the bundle that run-ts makes, two folders below the root. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
