import { describe, expect, it } from '@jest/globals';
import type { ManagedFieldsEntry } from '../../../../src/api/kubernetes.ts';
import type { FieldOwner, ManagedField } from '../../../../src/drain/model/workload.ts';
import { fieldOwners, FIELD_PATHS, LAST_APPLIED_ANNOTATION } from '../../../../src/drain/template/ownership.ts';
import { workloadKind } from '../../../../src/drain/template/kinds.ts';

const deployment = workloadKind('Deployment')!;
const OURS = 'sidecar-drain-operator';

/** A managedFields entry that holds the given fields of the pod template. */
function entry(
  manager: string,
  operation: 'Apply' | 'Update',
  fields: readonly ManagedField[],
  subresource?: string,
): ManagedFieldsEntry {
  const owned: Record<string, unknown> = {};
  for (const field of fields) {
    let node = owned;
    for (const key of FIELD_PATHS[field]) {
      node = (node[key] ??= {}) as Record<string, unknown>;
    }
  }
  return {
    manager,
    operation,
    ...(subresource === undefined ? {} : { subresource }),
    fieldsV1: { 'f:spec': { 'f:replicas': {}, 'f:template': owned } },
  };
}

interface Template {
  readonly grace?: number;
  readonly annotations?: Record<string, string>;
  readonly containers?: readonly object[];
}

function ownersOf(
  { grace, annotations, containers }: Template,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
  lastApplied?: unknown,
) {
  return fieldOwners(
    {
      kind: 'Deployment',
      metadata: {
        name: 'checkout',
        uid: 'u',
        ...(managedFields === undefined ? {} : { managedFields }),
        ...(lastApplied === undefined
          ? {}
          : { annotations: { [LAST_APPLIED_ANNOTATION]: JSON.stringify(lastApplied) } }),
      },
      spec: {
        template: {
          metadata: { annotations },
          spec: {
            containers: containers ?? [{ name: 'app' }],
            ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
          },
        },
      },
    },
    deployment,
  );
}

const declaredBy = (...owners: string[]): FieldOwner => ({ ownership: 'Declared', owners });
const sharedWith = (...owners: string[]): FieldOwner => ({ ownership: 'Shared', owners });
const defaulted: FieldOwner = { ownership: 'Defaulted', owners: [] };
const ours: FieldOwner = { ownership: 'Ours', owners: [] };
const manifestWithGrace = (grace: number): object => ({
  spec: { template: { spec: { terminationGracePeriodSeconds: grace } } },
});

describe('the grace period', () => {
  const gp: ManagedField[] = ['gracePeriod'];
  it.each<[string, number, ManagedFieldsEntry[], object | undefined, FieldOwner]>([
    [
      '30 by client-side apply, not in the manifest',
      30,
      [entry('kubectl-client-side-apply', 'Update', gp)],
      { spec: {} },
      defaulted,
    ],
    [
      '30 by client-side apply, in the manifest',
      30,
      [entry('kubectl-client-side-apply', 'Update', gp)],
      manifestWithGrace(30),
      declaredBy('kubectl-client-side-apply'),
    ],
    ['30 by Helm', 30, [entry('helm', 'Update', gp)], undefined, defaulted],
    ['30 by server-side apply that states it', 30, [entry('flux', 'Apply', gp)], undefined, declaredBy('flux')],
    ['30 by server-side apply that does not state it', 30, [entry('flux', 'Apply', [])], undefined, defaulted],
    ['60 by create', 60, [entry('helm', 'Update', gp)], undefined, declaredBy('helm')],
    ['60 by server-side apply', 60, [entry('flux', 'Apply', gp)], undefined, declaredBy('flux')],
    [
      '60 by two managers',
      60,
      [entry('flux', 'Apply', gp), entry('argocd', 'Apply', gp)],
      undefined,
      declaredBy('argocd', 'flux'),
    ],
    ['75 by us', 75, [entry('helm', 'Update', []), entry(OURS, 'Apply', gp)], undefined, ours],
    ['75 by us, where the manifest says 30', 75, [entry(OURS, 'Apply', gp)], manifestWithGrace(30), ours],
    [
      '75 by us, and the manifest has come to say 75',
      75,
      [entry(OURS, 'Apply', gp)],
      manifestWithGrace(75),
      sharedWith('kubectl-client-side-apply'),
    ],
    [
      '75 by us and by server-side apply',
      75,
      [entry('flux', 'Apply', gp), entry(OURS, 'Apply', gp)],
      undefined,
      sharedWith('flux'),
    ],
    [
      '30 by us, beside whoever created the object',
      30,
      [entry('helm', 'Update', gp), entry(OURS, 'Apply', gp)],
      undefined,
      ours,
    ],
    ['30 that a restore of ours left behind', 30, [entry(OURS, 'Update', gp)], undefined, defaulted],
    ['60 that a restore of ours left behind', 60, [entry(OURS, 'Update', gp)], undefined, declaredBy('unknown')],
    ['60 in a status entry', 60, [entry('someone', 'Update', gp, 'status')], undefined, declaredBy('unknown')],
    [
      '60 by the controller manager',
      60,
      [entry('kube-controller-manager', 'Update', gp)],
      undefined,
      declaredBy('unknown'),
    ],
    [
      '30 with a last-applied that cannot be read',
      30,
      [entry('helm', 'Update', gp)],
      'terminationGracePeriodSeconds' as unknown as object,
      defaulted,
    ],
  ])('%s', (_, grace, managedFields, lastApplied, expected) => {
    expect(ownersOf({ grace }, managedFields, lastApplied).gracePeriod).toEqual(expected);
  });

  it('is absent in a manifest without one', () => {
    expect(ownersOf({}, undefined).gracePeriod).toEqual({ ownership: 'Absent', owners: [] });
  });

  it.each([
    ['30 in an object that was read without managedFields', 'u', 30, undefined, defaulted],
    ['30 there, where last-applied states it', 'u', 30, manifestWithGrace(30), declaredBy('manifest')],
    ['30 in a file', undefined, 30, undefined, declaredBy('manifest')],
    ['60 in a file', undefined, 60, undefined, declaredBy('manifest')],
  ])('%s', (_, uid, grace, lastApplied, expected) => {
    const owners = fieldOwners(
      {
        kind: 'Deployment',
        metadata: {
          ...(uid === undefined ? {} : { uid }),
          ...(lastApplied === undefined
            ? {}
            : { annotations: { [LAST_APPLIED_ANNOTATION]: JSON.stringify(lastApplied) } }),
        },
        spec: { template: { spec: { containers: [], terminationGracePeriodSeconds: grace } } },
      },
      deployment,
    );
    expect(owners.gracePeriod).toEqual(expected);
  });
});

describe('the annotation', () => {
  const annotations = { 'proxy.istio.io/config': 'drainDuration: 60s' };
  it.each<[string, ManagedFieldsEntry[], FieldOwner]>([
    [
      'is declared by whoever created it, for it has no default',
      [entry('helm', 'Update', ['proxyConfig'])],
      declaredBy('helm'),
    ],
    ['is declared by server-side apply', [entry('flux', 'Apply', ['proxyConfig'])], declaredBy('flux')],
    ['is ours', [entry('helm', 'Update', ['gracePeriod']), entry(OURS, 'Apply', ['proxyConfig'])], ours],
    ['is shared', [entry('flux', 'Apply', ['proxyConfig']), entry(OURS, 'Apply', ['proxyConfig'])], sharedWith('flux')],
    [
      'is taken by an edit',
      [entry(OURS, 'Apply', ['gracePeriod']), entry('kubectl-edit', 'Update', ['proxyConfig'])],
      declaredBy('kubectl-edit'),
    ],
  ])('%s', (_, managedFields, expected) => {
    expect(ownersOf({ annotations }, managedFields).proxyConfig).toEqual(expected);
  });

  it('is told apart from the other annotations', () => {
    const owners = ownersOf({ annotations: { ...annotations, 'sidecar.istio.io/nativeSidecar': 'true' } }, [
      entry(OURS, 'Apply', ['proxyConfig']),
      entry('flux', 'Apply', ['nativeSidecar']),
    ]);
    expect(owners).toMatchObject({
      proxyConfig: ours,
      nativeSidecar: declaredBy('flux'),
      statsSuffixes: { ownership: 'Absent' },
      proxyConfigMark: { ownership: 'Absent' },
    });
  });
});

describe('the hook of istio-proxy', () => {
  const hook = { preStop: { exec: { command: ['sleep', '5'] } } };
  it.each<[string, object[], ManagedFieldsEntry[], FieldOwner]>([
    [
      'no such container',
      [{ name: 'app', lifecycle: hook }],
      [entry('helm', 'Update', [])],
      { ownership: 'Absent', owners: [] },
    ],
    [
      'a container without a hook',
      [{ name: 'istio-proxy', resources: {} }],
      [entry('helm', 'Update', [])],
      { ownership: 'Absent', owners: [] },
    ],
    [
      'a hook of the user',
      [{ name: 'istio-proxy', lifecycle: hook }],
      [entry('helm', 'Update', ['proxyContainer'])],
      declaredBy('helm'),
    ],
    ['a hook of ours', [{ name: 'istio-proxy', lifecycle: hook }], [entry(OURS, 'Apply', ['proxyContainer'])], ours],
  ])('%s', (_, containers, managedFields, expected) => {
    expect(ownersOf({ containers }, managedFields).proxyContainer).toEqual(expected);
  });
});

it('equal answers are one object, because a cache keeps thousands of them', () => {
  expect(ownersOf({ grace: 30 }, [entry('helm', 'Update', ['gracePeriod'])])).toBe(
    ownersOf({ grace: 30 }, [entry('helm', 'Update', ['gracePeriod'])]),
  );
});

describe('a value that our note says we wrote', () => {
  const note = (wrote: number): Record<string, string> => ({
    'sidecardrain.io/state': JSON.stringify({
      v: 1,
      policy: { name: 'slow-uploads', uid: 'p-7' },
      intent: '0badcafe',
      onDelete: 'Restore',
      fields: { gracePeriod: { before: 30, wrote } },
    }),
  });
  const withNote = (managed: ManagedFieldsEntry): ManagedFieldsEntry => ({
    ...managed,
    fieldsV1: { ...(managed.fieldsV1 as object), 'f:metadata': { 'f:annotations': { 'f:sidecardrain.io/state': {} } } },
  });
  const stating = (grace: number, annotations?: object): Record<string, string> => ({
    [LAST_APPLIED_ANNOTATION]: JSON.stringify({ metadata: { annotations }, ...manifestWithGrace(grace) }),
  });

  it.each<[string, Record<string, string>, ManagedFieldsEntry[] | undefined, FieldOwner]>([
    ['written again by an undo', note(95), [entry('kubectl-rollout', 'Update', ['gracePeriod'])], ours],
    ['in a copy', note(95), [withNote(entry('kubectl-create', 'Update', ['gracePeriod']))], ours],
    ['in a copy sent by apply', note(95), [withNote(entry('kubectl', 'Apply', ['gracePeriod']))], ours],
    ['without any managedFields', note(95), [], ours],
    ['that was another', note(80), [entry('kubectl-edit', 'Update', ['gracePeriod'])], declaredBy('kubectl-edit')],
    ['and somebody states', note(95), [entry('flux', 'Apply', ['gracePeriod'])], sharedWith('flux')],
    [
      'and the remembered manifest states',
      { ...note(95), ...stating(95) },
      [entry('kubectl-client-side-apply', 'Update', ['gracePeriod'])],
      sharedWith('kubectl-client-side-apply'),
    ],
    [
      'and a remembered manifest repeats, note and all',
      { ...note(95), ...stating(95, note(95)) },
      [entry('kubectl-create', 'Update', ['gracePeriod'])],
      ours,
    ],
  ])('%s', (_, annotations, managedFields, expected) => {
    const raw = {
      kind: 'Deployment',
      metadata: { name: 'copy', uid: 'u', annotations, managedFields },
      ...manifestWithGrace(95),
    };

    expect(fieldOwners(raw, deployment).gracePeriod).toEqual(expected);
  });
});
