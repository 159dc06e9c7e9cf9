/**
 * What lifecycle hooks do, found out by interpreting them: `runHook` plays a handler in a simulated pod, `analyseHook`
 * plays it in a handful of pods and says what it waits for, `productHook` is the one hook that this product writes.
 *
 * - `shell/`: the shell: parser, expansions, control flow, with a clock that only `sleep` and its like move.
 * - `tools/`: the programs that hooks call, with what they print about the pod and what they do to the proxy.
 * - `awk/`: awk, which is a language of its own.
 *
 * Nothing here matches the texts of known hooks. What the interpreter does not know, it says, word for word.
 */
export { analyseHook, examineHook } from './analyse.ts';
export type { AnalysisOptions, Examination, HookAnalysis, Length, WaitedFor } from './analyse.ts';
export { productHook, recogniseProductHook } from './product-hook.ts';
export type { ProductHookParameters, WaitFor } from './product-hook.ts';
export type { Recognised } from './recognise.ts';
export { runHook } from './run.ts';
export type { HookOptions } from './run.ts';
export type {
  EnvoyStat,
  EstablishedConnection,
  HookEffect,
  HookRun,
  ListeningSocket,
  PodWorld,
  ProxyImage,
  StatsInclusion,
} from './world.ts';
export { mayBeUndeclared } from './world.ts';
export { missingWords } from './tools/image.ts';
export { exportedBy } from './canonical-worlds.ts';
export { boundHooksByCpuTime } from './work-clock.ts';
