export const COVERAGE_VARIABLE = '__fuzz_coverage__';

/** Counters of one file, as istanbul keeps them: of statements, and of each way that a branch can go. */
interface FileCounters {
  s: Record<string, number> | Int32Array;
  readonly b: Record<string, number[] | Int32Array>;
}

/** What has been reached, and how often: once is another thing than twice, and ten times is another than a thousand times. */
export class Coverage {
  private readonly files = new Set<FileCounters>();
  private readonly counters: Int32Array[] = [];
  /** Of each counter, the classes of counts in which it has stood, as bits. */
  private readonly seen: Uint8Array[] = [];

  /**
   * @param counts tell once from twice; else only whether something ran at all counts
   * @param realm the global object of the program that counts
   */
  constructor(
    private readonly counts = true,
    private readonly realm: Readonly<Record<string, unknown>> = globalThis,
  ) {}

  /**
   * Reads the counters of the last run and puts them back to zero.
   * @returns how many counters stand in a class in which they never stood before
   */
  take(): number {
    this.adopt();
    let fresh = 0;
    for (const [index, counters] of this.counters.entries()) {
      const seen = this.seen[index] as Uint8Array;
      for (let place = 0; place < counters.length; place += 1) {
        const count = counters[place] as number;
        if (count === 0) {
          continue;
        }
        const known = seen[place] as number;
        const now = known | (this.counts ? classOf(count) : 1);
        if (now !== known) {
          fresh += 1;
          seen[place] = now;
        }
      }
      counters.fill(0);
    }
    return fresh;
  }

  /** Statements and ways of branches that ran at least once. */
  get reached(): number {
    return this.seen.reduce((sum, bits) => sum + bits.filter((bit) => bit !== 0).length, 0);
  }

  get total(): number {
    return this.seen.reduce((sum, { length }) => sum + length, 0);
  }

  /** Parts of a program may be loaded later. Its counters become typed arrays, which are read some hundred times faster. */
  private adopt(): void {
    for (const file of Object.values(this.realm[COVERAGE_VARIABLE] as Record<string, FileCounters>)) {
      if (this.files.has(file)) {
        continue;
      }
      this.files.add(file);
      file.s = file.s instanceof Int32Array ? file.s : Int32Array.from(Object.values(file.s));
      this.add(file.s);
      for (const [branch, ways] of Object.entries(file.b)) {
        const typed = ways instanceof Int32Array ? ways : Int32Array.from(ways);
        file.b[branch] = typed;
        this.add(typed);
      }
    }
  }

  private add(counters: Int32Array): void {
    this.counters.push(counters);
    this.seen.push(new Uint8Array(counters.length));
  }
}

function classOf(count: number): number {
  if (count <= 3) {
    return 1 << (count - 1);
  }
  return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
}
