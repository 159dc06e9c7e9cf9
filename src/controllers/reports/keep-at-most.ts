/** Makes room for one more: the oldest goes. */
export function keepAtMost(map: Map<string, unknown>, number: number): void {
  const [oldest] = map.keys();
  if (map.size >= number && oldest !== undefined) {
    map.delete(oldest);
  }
}
