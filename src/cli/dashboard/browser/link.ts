/** What of the page stands in its address, so that a link shows what its sender saw. */
export interface Linked {
  readonly q: string;
  readonly state: string;
  readonly policy: string;
  readonly namespace: string;
  /** The workload that is open, by its key. */
  readonly workload: string;
  /** The policy whose rollout is scrolled, and the time it is scrolled to; empty is now. */
  readonly rollout: string;
  readonly at: string;
}

const NAMES = ['q', 'state', 'policy', 'namespace', 'workload', 'rollout', 'at'] as const;

export function readLink(): Linked {
  const parts = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(NAMES.map((name) => [name, parts.get(name) ?? ''])) as unknown as Linked;
}

/** @param visit whether the browser's back button should come back to what was shown before */
export function writeLink(change: Partial<Linked>, visit = false): void {
  const linked = { ...readLink(), ...change };
  const parts = new URLSearchParams();
  for (const name of NAMES) {
    if (linked[name] !== '') {
      parts.set(name, linked[name]);
    }
  }
  const hash = parts.toString();
  const address = hash === '' ? location.pathname : `#${hash}`;
  if (visit) {
    history.pushState(null, '', address);
  } else {
    history.replaceState(null, '', address);
  }
}

export function workloadLink(key: string): string {
  return `#${new URLSearchParams({ workload: key }).toString()}`;
}
