/**
 * The environment that the images give to the program, beside what finds it. Measured in docs/benchmarks.md.
 * `MALLOC_ARENA_MAX`: glibc gives each thread memory of its own, and what V8's helper threads have needed once stays there.
 * `--max-semi-space-size`, in MB: new objects are collected before many of them are there.
 */
export const RUNTIME_ENVIRONMENT = {
  NODE_ENV: 'production',
  MALLOC_ARENA_MAX: '1',
  NODE_OPTIONS: '--max-semi-space-size=2',
} as const;
