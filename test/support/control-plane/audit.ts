import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** Only writes are logged: what tests ask is who wrote what, and how often. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
  rules: [
    { level: 'None', verbs: ['get', 'list', 'watch'] },
    { level: 'None', resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    { level: 'Metadata' },
  ],
};

export interface AuditedWrite {
  /** create, update, patch, delete, deletecollection */
  verb: string;
  user: string;
  userAgent: string;
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** HTTP status of the answer */
  code: number;
  uri: string;
  /** '' where the request names none. */
  fieldManager: string;
  dryRun: boolean;
  time: string;
}

export interface WriteFilter {
  /** The user's name, or for a service account `{namespace, name}`. */
  user?: string | { namespace: string; name: string };
  verb?: string | string[];
  group?: string;
  resource?: string;
  /** '' for the object itself; leave out for both. */
  subresource?: string;
  namespace?: string;
  name?: string;
  /** Leaves out what this field manager wrote. */
  notFieldManager?: string;
  /** Only answers below 400, and no dry runs: what really changed something (or was found to change nothing). */
  succeeded?: boolean;
  /** Only what was written after `mark()` gave this value. */
  since?: number;
}

interface AuditEvent {
  verb: string;
  user: { username: string };
  userAgent?: string;
  objectRef?: { apiGroup?: string; resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
  requestURI: string;
  stageTimestamp: string;
}

function toWrite(event: AuditEvent): AuditedWrite {
  const { objectRef = {} } = event;
  return {
    verb: event.verb,
    user: event.user.username,
    userAgent: event.userAgent ?? '',
    group: objectRef.apiGroup ?? '',
    resource: objectRef.resource ?? '',
    subresource: objectRef.subresource ?? '',
    namespace: objectRef.namespace ?? '',
    name: objectRef.name ?? '',
    code: event.responseStatus?.code ?? 0,
    uri: event.requestURI,
    fieldManager: new URL(event.requestURI, 'http://server').searchParams.get('fieldManager') ?? '',
    dryRun: event.requestURI.includes('dryRun='),
    time: event.stageTimestamp,
  };
}

function matches(write: AuditedWrite, filter: WriteFilter): boolean {
  const user =
    typeof filter.user === 'object'
      ? `system:serviceaccount:${filter.user.namespace}:${filter.user.name}`
      : filter.user;
  const verbs = typeof filter.verb === 'string' ? [filter.verb] : filter.verb;
  return (
    (user === undefined || write.user === user) &&
    (verbs === undefined || verbs.includes(write.verb)) &&
    (['group', 'resource', 'subresource', 'namespace', 'name'] as const).every(
      (key) => filter[key] === undefined || write[key] === filter[key],
    ) &&
    (filter.notFieldManager === undefined || write.fieldManager !== filter.notFieldManager) &&
    (filter.succeeded === undefined || filter.succeeded === (write.code < 400 && !write.dryRun))
  );
}

/** The API server's own account of writes, from its audit log. Leases are left out: they are written by the clock. */
export class AuditLog {
  constructor(readonly file: string) {}

  /** A point in time for `since`. The server logs before it answers, so every answered write is on the right side. */
  mark(): number {
    return existsSync(this.file) ? statSync(this.file).size : 0;
  }

  writes(filter: WriteFilter = {}): AuditedWrite[] {
    if (!existsSync(this.file)) {
      throw new Error(`no audit log at ${this.file}: the control plane was started with audit: false`);
    }
    const from = filter.since ?? 0;
    const file = openSync(this.file, 'r');
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from));
    const length = readSync(file, bytes, 0, bytes.length, from);
    closeSync(file);
    const text = bytes.toString('utf8', 0, length);
    // What follows the last line break is still being written.
    const lines = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '');
    return lines.map((line) => toWrite(JSON.parse(line) as AuditEvent)).filter((write) => matches(write, filter));
  }

  /** Writes per object, keyed `resource namespace/name` (with the subresource where there is one). */
  writesPerObject(filter: WriteFilter = {}): Map<string, number> {
    const counts = new Map<string, number>();
    for (const write of this.writes(filter)) {
      const resource = write.subresource === '' ? write.resource : `${write.resource}/${write.subresource}`;
      const key = `${resource} ${write.namespace === '' ? '' : `${write.namespace}/`}${write.name}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }
}
