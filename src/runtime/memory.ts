import { setFlagsFromString } from 'node:v8';

/**
 * Tells V8 that this process would rather be small than fast: it waits for the API server most of its life, and its
 * container has a memory limit. To be called before the first request.
 *
 * `--liftoff-only`: the HTTP parser of undici is WebAssembly, and to optimise it takes 35 MB for a moment, right at the start,
 * for a parser that is never the bottleneck (measured with Node.js 20.20).
 * `--optimize-for-size`: collects garbage before the heap grows; without it 2000 writes in a row leave 60 MB more behind.
 */
export function favourMemory(): void {
  setFlagsFromString('--liftoff-only');
  setFlagsFromString('--optimize-for-size');
}
