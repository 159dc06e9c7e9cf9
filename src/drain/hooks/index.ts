export { runHook } from './run.ts';
export type { HookOptions } from './run.ts';
export type { EnvoyStat, EstablishedConnection, HookEffect, HookRun, ListeningSocket, PodWorld } from './world.ts';
