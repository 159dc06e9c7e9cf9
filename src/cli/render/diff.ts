/** A unified diff of two texts, as `patch` and `git apply` read it; empty where they are equal. */
export function unifiedDiff(file: string, before: string, after: string, context = 3): string {
  if (before === after) {
    return '';
  }
  const a = linesOf(before);
  const b = linesOf(after);
  const changes = changesOf(a, b);
  const path = file.replace(/^\.?\//, '');
  const out = [`--- a/${path}`, `+++ b/${path}`];
  for (const group of groupsOf(changes, context)) {
    out.push(...hunk(a, b, group, context));
  }
  return `${out.join('\n')}\n`;
}

interface Change {
  readonly aFrom: number;
  readonly aTo: number;
  readonly bFrom: number;
  readonly bTo: number;
}

const NO_NEWLINE = '\\ No newline at end of file';

/** Lines with what ends them, so that a missing line break at the end makes a difference. */
function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}

/** Equal beginnings and ends are cut off first: what is left of an edited manifest is small. */
function changesOf(a: readonly string[], b: readonly string[]): Change[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start++;
  }
  let aEnd = a.length;
  let bEnd = b.length;
  while (aEnd > start && bEnd > start && a[aEnd - 1] === b[bEnd - 1]) {
    aEnd--;
    bEnd--;
  }
  return myers(a.slice(start, aEnd), b.slice(start, bEnd)).map((change) => ({
    aFrom: change.aFrom + start,
    aTo: change.aTo + start,
    bFrom: change.bFrom + start,
    bTo: change.bTo + start,
  }));
}

/** E. W. Myers, An O(ND) Difference Algorithm and Its Variations (1986), greedy form. */
function myers(a: readonly string[], b: readonly string[]): Change[] {
  const max = a.length + b.length;
  let reach = new Map<number, number>([[1, 0]]);
  const history: Map<number, number>[] = [];
  for (let d = 0; d <= max; d++) {
    history.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++;
        y++;
      }
      reach.set(k, x);
      if (x >= a.length && y >= b.length) {
        return trace(history, a.length, b.length);
      }
    }
    reach = new Map(reach);
  }
  return [];
}

function trace(history: readonly ReadonlyMap<number, number>[], aLength: number, bLength: number): Change[] {
  const steps: Change[] = [];
  let x = aLength;
  let y = bLength;
  for (let d = history.length - 1; d > 0; d--) {
    const reach = history[d];
    const k = x - y;
    const down = k === -d || (k !== d && (reach?.get(k - 1) ?? -1) < (reach?.get(k + 1) ?? -1));
    const previousK = down ? k + 1 : k - 1;
    const previousX = reach?.get(previousK) ?? 0;
    const previousY = previousX - previousK;
    steps.push(
      down
        ? { aFrom: previousX, aTo: previousX, bFrom: previousY, bTo: previousY + 1 }
        : { aFrom: previousX, aTo: previousX + 1, bFrom: previousY, bTo: previousY },
    );
    x = previousX;
    y = previousY;
  }
  return merged(steps.reverse());
}

/** Neighbouring steps become one change. */
function merged(steps: readonly Change[]): Change[] {
  const out: Change[] = [];
  for (const step of steps) {
    const last = out.at(-1);
    if (last !== undefined && last.aTo === step.aFrom && last.bTo === step.bFrom) {
      out[out.length - 1] = { aFrom: last.aFrom, aTo: step.aTo, bFrom: last.bFrom, bTo: step.bTo };
    } else {
      out.push(step);
    }
  }
  return out;
}

function groupsOf(changes: readonly Change[], context: number): Change[][] {
  const groups: Change[][] = [];
  for (const change of changes) {
    const last = groups.at(-1);
    if (last !== undefined && change.aFrom - (last.at(-1)?.aTo ?? 0) <= 2 * context) {
      last.push(change);
    } else {
      groups.push([change]);
    }
  }
  return groups;
}

function hunk(a: readonly string[], b: readonly string[], group: readonly Change[], context: number): string[] {
  const first = group[0] as Change;
  const last = group.at(-1) as Change;
  const aFrom = Math.max(0, first.aFrom - context);
  const bFrom = Math.max(0, first.bFrom - context);
  const aTo = Math.min(a.length, last.aTo + context);
  const bTo = Math.min(b.length, last.bTo + context);
  const out = [`@@ -${range(aFrom, aTo)} +${range(bFrom, bTo)} @@`];
  const push = (sign: string, line: string): void => {
    out.push(`${sign}${line.replace(/\n$/, '')}`, ...(line.endsWith('\n') ? [] : [NO_NEWLINE]));
  };
  let at = aFrom;
  for (const change of group) {
    for (; at < change.aFrom; at++) {
      push(' ', a[at] ?? '');
    }
    for (; at < change.aTo; at++) {
      push('-', a[at] ?? '');
    }
    for (let index = change.bFrom; index < change.bTo; index++) {
      push('+', b[index] ?? '');
    }
  }
  for (; at < aTo; at++) {
    push(' ', a[at] ?? '');
  }
  return out;
}

function range(from: number, to: number): string {
  const length = to - from;
  return length === 1 ? String(from + 1) : `${length === 0 ? from : from + 1},${length}`;
}
