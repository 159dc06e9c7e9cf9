// Objects on their way in, as the API server shows them to a webhook, and the carrying out of the answer.
import { withDefaults, type SidecarDrainPolicySpec } from '../../../../src/api/policy.ts';
import {
  admitWorkload,
  type AdmitFacts,
  type Admitted,
  type AdmitWorkloadInput,
} from '../../../../src/drain/admit/index.ts';
import { readPolicy, type PolicyRecord } from '../../../../src/drain/plan/policies.ts';
import type { JsonPatchOperation } from '../../../../src/drain/restore/index.ts';
import { workloadKind, type WorkloadKindAdapter } from '../../../../src/drain/template/index.ts';
import { meshOf, NAMESPACE } from '../../../fixtures/drain/objects.ts';

export type Json = any; // eslint-disable-line @typescript-eslint/no-explicit-any

export const DEPLOYMENT = workloadKind('Deployment') as WorkloadKindAdapter;
export const AT = '2026-11-21T06:00:00.000Z';

export function policy(spec: Partial<SidecarDrainPolicySpec> = {}, name = 'long-requests'): PolicyRecord {
  const full = withDefaults({
    match: { namespaceSelector: {} },
    drain: { mode: 'Fixed', duration: '30s' },
    enforcement: 'Enforce',
    ...spec,
  });
  return readPolicy({
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    metadata: { name, uid: `uid-${name}`, generation: 1 },
    spec: full,
  });
}

export function factsWith(...policies: readonly PolicyRecord[]): AdmitFacts {
  return { namespace: NAMESPACE, mesh: meshOf('classic'), policies };
}

export function admit(
  object: Json,
  policies: readonly PolicyRecord[] = [policy()],
  more: Partial<AdmitWorkloadInput> = {},
): Admitted {
  return admitWorkload({
    adapter: DEPLOYMENT,
    object,
    namespace: 'shop',
    at: AT,
    facts: () => factsWith(...policies),
    ...more,
  });
}

/** RFC 6902 as the API server does it. */
export function carriedOut(object: Json, operations: readonly JsonPatchOperation[]): Json {
  const result = structuredClone(object);
  for (const operation of operations) {
    const keys = operation.path
      .split('/')
      .slice(1)
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop() ?? '';
    const parent = keys.reduce((node: Json, key) => node?.[key], result);
    if (parent === undefined || (operation.op !== 'add' && !Object.hasOwn(parent, last))) {
      throw new Error(`no such path: ${operation.path}`);
    }
    if (operation.op === 'remove') {
      if (Array.isArray(parent)) {
        parent.splice(Number(last), 1);
      } else {
        delete parent[last];
      }
    } else if (operation.op === 'test') {
      throw new Error('an answer of a webhook tests nothing');
    } else if (Array.isArray(parent)) {
      parent.splice(
        last === '-' ? parent.length : Number(last),
        operation.op === 'add' ? 0 : 1,
        structuredClone(operation.value),
      );
    } else {
      parent[last] = structuredClone(operation.value);
    }
  }
  return result;
}

/** What the API server does with an object that has come through: it gets a uid and a resourceVersion. */
export function stored(object: Json): Json {
  const result = structuredClone(object);
  Object.assign(result.metadata, { uid: 'u-1', resourceVersion: '7', generation: 1, creationTimestamp: AT });
  return result;
}

export interface IncomingOptions {
  readonly grace?: number;
  readonly declared?: boolean;
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly config?: string;
  readonly containers?: readonly object[];
  readonly image?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Deployment at CREATE: without uid, with an empty status, defaulted, booked to its author. */
export function incoming(options: IncomingOptions = {}): Json {
  const { grace = 30, manager = 'helm', operation = 'Update', config, containers = [], image = 'app:1' } = options;
  // An Update is booked with every default, an Apply with what it states.
  const graceBooked = operation === 'Update' || options.declared === true;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'checkout',
      namespace: 'shop',
      ...(options.annotations === undefined ? {} : { annotations: { ...options.annotations } }),
      managedFields: [
        {
          manager,
          operation,
          apiVersion: 'apps/v1',
          time: '2026-11-21T05:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:spec': {
              'f:replicas': {},
              'f:template': {
                ...(config === undefined
                  ? {}
                  : { 'f:metadata': { 'f:annotations': { '.': {}, 'f:proxy.istio.io/config': {} } } }),
                'f:spec': {
                  'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:image': {} } },
                  ...(graceBooked ? { 'f:terminationGracePeriodSeconds': {} } : {}),
                },
              },
            },
          },
        },
      ],
    },
    spec: {
      replicas: 2,
      template: {
        metadata: {
          labels: { app: 'checkout' },
          ...(config === undefined ? {} : { annotations: { 'proxy.istio.io/config': config } }),
        },
        spec: { containers: [{ name: 'app', image }, ...containers], terminationGracePeriodSeconds: grace },
      },
    },
    status: {},
  };
}
