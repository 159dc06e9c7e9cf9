import { setTimeout as sleep } from 'node:timers/promises';
import { admitPod, admitWorkload, ownerOfPod, type Admitted, type AdmitFacts } from '../drain/admit/index.ts';
import type { Workload } from '../drain/model/workload.ts';
import type { WorkloadKindAdapter } from '../drain/template/index.ts';
import type { AdmissionAnswer, AdmissionHandler, AdmissionRequest } from './review.ts';

/** What the webhook knows of the cluster: the operator's caches. */
export interface AdmissionFacts {
  /** The kind, where workloads of it may be written. */
  adapterOf(kind: string, apiVersion: string): WorkloadKindAdapter | undefined;
  workload(key: string): Workload | undefined;
  /** What a workload is held against; undefined where nothing may be written now. */
  factsFor(workload: Workload): AdmitFacts | undefined;
  /** Whether any policy puts its settings into pods. */
  deliversToPods(): boolean;
}

export interface AdmissionHandlerOptions {
  /** Asked at each request: it is made after the webhook. */
  readonly picture: () => AdmissionFacts;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * A Deployment's first pod may be there before the watch has told of the Deployment. The API server waits longer than
 * this, and a pod that goes without its settings keeps that for its whole life.
 */
const OWNER_WAIT_MS = 500;
const OWNER_LOOK_MS = 10;

/** Puts the settings into workloads and pods on their way in. It remembers nothing, so a dry run is like any other. */
export function createAdmissionHandler(options: AdmissionHandlerOptions): AdmissionHandler {
  return (request) => {
    const { kind, object, operation } = request;
    if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) {
      return {};
    }
    return kind.group === '' && kind.kind === 'Pod' ? podAnswer(request, options) : workloadAnswer(request, options);
  };
}

function workloadAnswer(
  { kind: { group, version, kind }, object, oldObject, namespace }: AdmissionRequest,
  { picture: look, now }: AdmissionHandlerOptions,
): AdmissionAnswer {
  const picture = look();
  const adapter = picture.adapterOf(kind, group === '' ? version : `${group}/${version}`);
  if (adapter === undefined || object === undefined) {
    return {};
  }
  return answerOf(
    admitWorkload({
      adapter,
      object,
      namespace,
      oldObject,
      at: new Date(now()).toISOString(),
      facts: (workload) => picture.factsFor(workload),
    }),
  );
}

async function podAnswer(
  { object, operation, namespace }: AdmissionRequest,
  { picture: look }: AdmissionHandlerOptions,
): Promise<AdmissionAnswer> {
  const picture = look();
  const owner = object?.metadata === undefined ? undefined : ownerOfPod(object.metadata, namespace);
  if (operation !== 'CREATE' || object === undefined || owner === undefined || !picture.deliversToPods()) {
    return {};
  }
  const workload = await awaited(() => picture.workload(owner));
  return workload === undefined
    ? {}
    : answerOf(admitPod({ pod: object, workload, facts: (each) => picture.factsFor(each) }));
}

async function awaited<T>(look: () => T | undefined): Promise<T | undefined> {
  for (let waited = 0; ; waited += OWNER_LOOK_MS) {
    const found = look();
    if (found !== undefined || waited >= OWNER_WAIT_MS) {
      return found;
    }
    await sleep(OWNER_LOOK_MS);
  }
}

function answerOf({ patch, warnings }: Admitted): AdmissionAnswer {
  return { ...(patch.length === 0 ? {} : { patch }), ...(warnings.length === 0 ? {} : { warnings }) };
}
