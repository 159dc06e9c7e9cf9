/** One copy of values that repeat: ten thousand workloads have a few dozen different ones between them. */
export class Shared<T> {
  private readonly known = new Map<string, T>();

  /** @param limit so many are kept; then it begins anew, so that nobody's input can fill the memory */
  constructor(private readonly limit: number) {}

  /** @param key differs where the values do, in whatever part */
  of(key: string, value: T): T {
    const known = this.known.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.known.size >= this.limit) {
      this.known.clear();
    }
    this.known.set(key, value);
    return value;
  }
}

const LONGEST_SHARED = 1024;
const strings = new Shared<string>(16_384);

/** One copy of strings that repeat over a fleet: namespaces, label values, images, hooks, field managers. */
export function same(text: string): string {
  return text.length > LONGEST_SHARED ? text : strings.of(text, text);
}
