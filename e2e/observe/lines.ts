// What server and load generator write, put together: which requests went to which pod, and how they ended.
import type { SeenRequest } from './forecast.ts';

export interface ProgramLine {
  readonly n: number;
  readonly at: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** The lines of a log that are ours; anything else (a warning of the runtime) is left out. */
export function parseLines(text: string): ProgramLine[] {
  const lines: ProgramLine[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) {
      continue;
    }
    try {
      const value = JSON.parse(line) as Partial<ProgramLine>;
      if (typeof value.n === 'number' && typeof value.at === 'string' && typeof value.event === 'string') {
        lines.push(value as ProgramLine);
      }
    } catch {
      // The last line of a log that is still being written.
    }
  }
  return lines;
}

/** One request of a load generator. */
export interface LoadRequest {
  readonly id: string;
  readonly sentAt: number;
  readonly seconds: number;
  readonly url: string;
  /** Absent while it is under way. */
  readonly endedAt?: number;
  readonly survived?: boolean;
  readonly error?: string;
  /** The pod that answered. */
  readonly pod?: string;
}

export function loadRequests(lines: readonly ProgramLine[]): LoadRequest[] {
  const requests = new Map<string, LoadRequest>();
  for (const line of lines) {
    const id = text(line.id);
    if (id === undefined) {
      continue;
    }
    const before = requests.get(id);
    if (line.event === 'start') {
      requests.set(id, { id, sentAt: Date.parse(line.at), seconds: Number(line.seconds), url: text(line.url) ?? '' });
    } else if (line.event === 'end' && before !== undefined) {
      const pod = text(line.pod);
      requests.set(id, {
        ...before,
        endedAt: Date.parse(line.at),
        survived: line.ok === true,
        ...(line.ok === true
          ? {}
          : {
              error: [typeof line.status === 'number' ? String(line.status) : undefined, text(line.error)]
                .filter((part) => part !== undefined)
                .join(' '),
            }),
        ...(pod === undefined ? {} : { pod }),
      });
    }
  }
  return [...requests.values()];
}

/** Requests that one pod worked on, by its own log. A request that a proxy has sent twice belongs to the pod that got it last. */
export function requestsOfPod(
  pod: string,
  logs: ReadonlyMap<string, readonly ProgramLine[]>,
  requests: readonly LoadRequest[],
): SeenRequest[] {
  const received = new Map<string, { pod: string; at: number }>();
  for (const [server, lines] of logs) {
    for (const line of lines) {
      const id = text(line.id);
      if (line.event === 'request' && id !== undefined) {
        const at = Date.parse(line.at);
        const before = received.get(id);
        if (before === undefined || before.at < at) {
          received.set(id, { pod: server, at });
        }
      }
    }
  }
  return requests.flatMap((request): SeenRequest[] => {
    const arrival = received.get(request.id);
    const server = arrival?.pod ?? request.pod;
    return server !== pod || request.survived === undefined
      ? []
      : [
          {
            id: request.id,
            startedAt: arrival?.at ?? request.sentAt,
            seconds: request.seconds,
            survived: request.survived,
            ...(request.error === undefined ? {} : { error: request.error }),
          },
        ];
  });
}

/** The calls that a server made after its SIGTERM. Undefined where its log does not reach SIGTERM: nothing was seen then. */
export function lateCalls(lines: readonly ProgramLine[]): { at: number; ok: boolean }[] | undefined {
  if (!lines.some(({ event }) => event === 'sigterm')) {
    return undefined;
  }
  return lines
    .filter(({ event }) => event === 'late-call')
    .map((line) => ({ at: Date.parse(text(line.calledAt) ?? line.at), ok: line.ok === true }));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
