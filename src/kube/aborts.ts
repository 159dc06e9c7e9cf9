// Who wants to know when a signal is aborted. A controller has one signal for its whole life and thousands of requests
// under it, a few at a time. Node keeps the listeners of a signal in a linked list, and one that was taken out still points
// at the next; the tables of a Set or Map that has been rebuilt do the same. As soon as one link is old enough for the
// old generation of the heap, it keeps every later one alive, with its request and answer, until the next full
// collection. So a signal gets one listener, and an array whose places are used again.

export interface AbortWatch {
  readonly watches: AbortWatch[];
  readonly end: () => void;
  place: number;
}

const watched = new WeakMap<AbortSignal, AbortWatch[]>();

/** Calls `end` once when the signal, which is not aborted yet, is, unless `offAbort` comes before. */
export function onAbort(signal: AbortSignal, end: () => void): AbortWatch {
  const watches = watched.get(signal) ?? watchesOf(signal);
  const watch = { watches, end, place: watches.length };
  watches.push(watch);
  return watch;
}

export function offAbort(watch: AbortWatch): void {
  const { watches, place } = watch;
  if (watches[place] !== watch) {
    return;
  }
  const last = watches.pop();
  if (last === undefined || last === watch) {
    return;
  }
  watches[place] = last;
  last.place = place;
}

function watchesOf(signal: AbortSignal): AbortWatch[] {
  const watches: AbortWatch[] = [];
  watched.set(signal, watches);
  signal.addEventListener(
    'abort',
    () => {
      for (const { end } of watches.splice(0)) {
        end();
      }
    },
    { once: true },
  );
  return watches;
}
