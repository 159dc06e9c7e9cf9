export { analyseHook } from './analyse.ts';
export type { AnalysisOptions, HookAnalysis, Length, WaitedFor } from './analyse.ts';
export { productHook, recogniseProductHook } from './product-hook.ts';
export type { ProductHookParameters, WaitFor } from './product-hook.ts';
export type { Recognised } from './recognise.ts';
export { runHook } from './run.ts';
export type { HookOptions } from './run.ts';
export type { EnvoyStat, EstablishedConnection, HookEffect, HookRun, ListeningSocket, PodWorld } from './world.ts';
