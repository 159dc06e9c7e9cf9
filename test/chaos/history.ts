// What the API server's audit log says of a run, in the order in which etcd took it: every version of every workload with who
// wrote it, and who held the lease.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { OPERATOR_ACCOUNT } from '../support/operator.ts';
import type { WorkloadObject } from '../support/scene.ts';
import { PLURALS } from './fleet.ts';

const WORKLOADS: readonly string[] = Object.values(PLURALS);

/** Bodies of workloads and leases, and nothing else: each event of them tells a whole object. */
export const chaosAuditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
  omitManagedFields: true,
  rules: [
    { level: 'None', verbs: ['get', 'list', 'watch'] },
    {
      level: 'RequestResponse',
      resources: [{ group: 'apps', resources: WORKLOADS.flatMap((plural) => [plural, `${plural}/status`]) }],
    },
    {
      level: 'RequestResponse',
      users: [`system:serviceaccount:${OPERATOR_ACCOUNT.namespace}:${OPERATOR_ACCOUNT.name}`],
      resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }],
    },
    { level: 'None', resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    { level: 'Metadata', users: [`system:serviceaccount:${OPERATOR_ACCOUNT.namespace}:${OPERATOR_ACCOUNT.name}`] },
    { level: 'None' },
  ],
};

export interface Version {
  readonly resourceVersion: bigint;
  readonly time: string;
  readonly plural: string;
  /** undefined where the object is gone. */
  readonly object: (WorkloadObject & { readonly status?: Readonly<Record<string, unknown>> }) | undefined;
  readonly uid: string;
  readonly key: string;
  /** `replica-0`, where the operator wrote it; else undefined. */
  readonly replica: string | undefined;
}

export interface LeaseVersion {
  readonly resourceVersion: bigint;
  readonly time: string;
  readonly holder: string;
  readonly replica: string;
}

export interface History {
  readonly versions: readonly Version[];
  readonly leases: readonly LeaseVersion[];
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestURI: string;
  readonly responseObject?: WorkloadObject & {
    readonly kind?: string;
    readonly spec?: { readonly holderIdentity?: string };
    readonly details?: { readonly uid?: string };
  };
  readonly stageTimestamp: string;
}

/** What the run itself has read: it fills in what a killed API server did not log. */
export interface Snapshot {
  readonly versions: readonly Version[];
  readonly lease: { readonly resourceVersion: bigint; readonly time: string; readonly holder: string } | undefined;
}

export async function readHistory(file: string, snapshots: readonly Snapshot[]): Promise<History> {
  const versions: Version[] = snapshots.flatMap((snapshot) => snapshot.versions);
  const leases: LeaseVersion[] = [];
  let latest = 0n;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = parsed(line);
    const { resource = '' } = event?.objectRef ?? {};
    if (event === undefined || (event.responseStatus?.code ?? 500) >= 300 || event.requestURI.includes('dryRun=')) {
      continue;
    }
    if (resource === 'leases') {
      leases.push(...leaseOf(event));
    } else if (WORKLOADS.includes(resource)) {
      const version = versionOf(event, resource, latest);
      if (version !== undefined) {
        versions.push(version);
        latest = version.resourceVersion > latest ? version.resourceVersion : latest;
      }
    }
  }
  const replicaOfHolder = new Map(leases.map(({ holder, replica }) => [holder, replica]));
  for (const { lease } of snapshots) {
    const replica = replicaOfHolder.get(lease?.holder ?? '');
    if (lease !== undefined && replica !== undefined) {
      leases.push({ ...lease, replica });
    }
  }
  return { versions: versions.sort(byVersion), leases: leases.sort(byVersion) };
}

/** A line that a killed API server has not finished tells nothing. */
function parsed(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    return undefined;
  }
}

function leaseOf({ responseObject, userAgent, stageTimestamp }: AuditEvent): LeaseVersion[] {
  const resourceVersion = responseObject?.metadata.resourceVersion;
  return resourceVersion === undefined
    ? []
    : [
        {
          resourceVersion: BigInt(resourceVersion),
          time: stageTimestamp,
          holder: responseObject?.spec?.holderIdentity ?? '',
          replica: replicaOf(userAgent) ?? '',
        },
      ];
}

/** @param latest the newest version before this line: a deletion that is carried out at once has none of its own in its answer */
function versionOf(event: AuditEvent, plural: string, latest: bigint): Version | undefined {
  const { responseObject: object, userAgent, stageTimestamp: time, user, objectRef } = event;
  const uid = object?.metadata?.uid ?? object?.details?.uid;
  if (object === undefined || uid === undefined) {
    return undefined;
  }
  const isOperator = user.username === `system:serviceaccount:${OPERATOR_ACCOUNT.namespace}:${OPERATOR_ACCOUNT.name}`;
  const gone = event.verb === 'delete';
  return {
    resourceVersion: gone ? latest : BigInt(object.metadata.resourceVersion ?? latest),
    time,
    plural,
    object: gone ? undefined : object,
    uid,
    key: `${objectRef?.namespace ?? ''}/${objectRef?.name ?? object.metadata.name}`,
    replica: isOperator ? (replicaOf(userAgent) ?? 'unknown') : undefined,
  };
}

function replicaOf(userAgent: string | undefined): string | undefined {
  return /replica-\d+$/.exec(userAgent ?? '')?.[0];
}

function byVersion(a: { readonly resourceVersion: bigint }, b: { readonly resourceVersion: bigint }): number {
  return a.resourceVersion < b.resourceVersion ? -1 : a.resourceVersion > b.resourceVersion ? 1 : 0;
}
