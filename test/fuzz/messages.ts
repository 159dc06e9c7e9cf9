/** What a worker is started with. */
export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  readonly millis: number;
  readonly corpus: readonly string[];
  /** Whether to pick the few inputs that reach all that was reached. */
  readonly pick: boolean;
  /** The input that runs now, as UTF-8. */
  readonly present: SharedArrayBuffer;
  /** Its length in bytes, and how many inputs have begun. */
  readonly length: SharedArrayBuffer;
}

export type WorkerReport =
  | { readonly kind: 'Found'; readonly input: string; readonly error: string }
  | {
      readonly kind: 'Done';
      /** Of what was asked for by `pick`. */
      readonly picked: readonly string[];
      readonly executions: number;
      /** Statements and ways of branches that ran, of so many. */
      readonly reached: number;
      readonly total: number;
      /** Milliseconds of CPU time that the slowest input took, counters included. */
      readonly slowest: number;
    };
