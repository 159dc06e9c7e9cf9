/**
 * Remembers the results of a pure function of one text. Templates of a fleet repeat a few annotations thousands of
 * times; the bound keeps hostile or merely varied input from growing the process.
 */
export function memoizeByText<T>(limit: number, compute: (text: string) => T): (text: string) => T {
  const results = new Map<string, T>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) {
      return known;
    }
    const result = compute(text);
    if (results.size >= limit) {
      // Oldest first: a Map keeps the order of insertion.
      const oldest = results.keys().next();
      if (oldest.done !== true) {
        results.delete(oldest.value);
      }
    }
    results.set(text, result);
    return result;
  };
}
