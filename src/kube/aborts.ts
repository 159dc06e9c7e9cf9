// Who wants to know when a signal is aborted. A controller has one signal for its whole life and thousands of requests
// under it. Node keeps the listeners of a signal in a linked list, and one that was taken out still points at the next: as
// soon as one of them is old enough for the old generation of the heap, it keeps every later one alive, with its request
// and answer, until the next full collection (measured: 25 KB for each write). So a signal gets one listener, and a set.

type End = () => void;

const watched = new WeakMap<AbortSignal, Set<End>>();

/** Calls `end` once when the signal, which is not aborted yet, is; `offAbort` with the same function takes that back. */
export function onAbort(signal: AbortSignal, end: End): void {
  const known = watched.get(signal);
  if (known !== undefined) {
    known.add(end);
    return;
  }
  const ends = new Set([end]);
  watched.set(signal, ends);
  signal.addEventListener('abort', () => {
    const all = [...ends];
    ends.clear();
    for (const each of all) each();
  }, { once: true });
}

export function offAbort(signal: AbortSignal, end: End): void {
  watched.get(signal)?.delete(end);
}
