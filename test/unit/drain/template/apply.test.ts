import type { ManagedValues } from '../../../../src/drain/model/managed.ts';
import { describe, expect, it } from '@jest/globals';
import type { PodTemplate } from '../../../../src/api/kubernetes.ts';
import type { FieldOwner, FieldOwners } from '../../../../src/drain/model/workload.ts';
import { nextState } from '../../../../src/drain/template/note/state.ts';
import { applyToTemplate, buildApply } from '../../../../src/drain/template/apply.ts';
import { workloadKind } from '../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../src/drain/template/project.ts';

const hook = { exec: { command: ['sh', '-c', 'sleep 5'] } };

function documentFor(
  values: ManagedValues,
  containers: readonly object[] = [],
  metadata: object = { uid: 'u-1', resourceVersion: '7' },
): Record<string, unknown> {
  const workload = projectWorkload(
    {
      metadata: { name: 'checkout', namespace: 'shop', ...metadata },
      spec: { template: { spec: { containers: [{ name: 'app' }, ...containers], terminationGracePeriodSeconds: 30 } } },
    },
    workloadKind('StatefulSet')!,
  );
  return buildApply(
    workload,
    values,
    nextState({ workload, values, policy: { name: 'p', uid: 'x' }, intent: 'i', onDelete: 'Restore' }),
  );
}

const state = { 'sidecardrain.io/state': expect.stringContaining('"v":1') };
const head = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'checkout', namespace: 'shop', uid: 'u-1', resourceVersion: '7', annotations: state },
};

describe('the server-side-apply document', () => {
  it('holds the state alone where nothing is wanted', () => {
    expect(documentFor({})).toEqual(head);
  });

  it('holds only the leaves that are wanted', () => {
    const values: ManagedValues = {
      gracePeriodSeconds: 75,
      proxyConfig: 'drainDuration: 60s\n',
      statsSuffixes: 'x',
      nativeSidecar: 'true',
      proxyConfigMark: 'm',
    };
    expect(documentFor(values)).toEqual({
      ...head,
      spec: {
        template: {
          metadata: {
            annotations: {
              'proxy.istio.io/config': 'drainDuration: 60s\n',
              'sidecar.istio.io/statsInclusionSuffixes': 'x',
              'sidecar.istio.io/nativeSidecar': 'true',
              'sidecardrain.io/proxy-config': 'm',
            },
          },
          spec: { terminationGracePeriodSeconds: 75 },
        },
      },
    });
  });

  it('adds a container with the image and the pull policy that the injector needs', () => {
    expect(documentFor({ proxyPreStop: hook })).toEqual({
      ...head,
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent', lifecycle: { preStop: hook } },
            ],
          },
        },
      },
    });
  });

  it('puts the hook alone into a container that the user has', () => {
    expect(
      documentFor({ proxyPreStop: hook }, [{ name: 'istio-proxy', image: 'auto', imagePullPolicy: 'Always' }]),
    ).toEqual({
      ...head,
      spec: { template: { spec: { containers: [{ name: 'istio-proxy', lifecycle: { preStop: hook } }] } } },
    });
  });

  it('has neither uid nor resourceVersion for a manifest', () => {
    expect(documentFor({}, [], {})).toEqual({
      ...head,
      metadata: { name: 'checkout', namespace: 'shop', annotations: state },
    });
  });
});

const nobody: FieldOwner = { ownership: 'Absent', owners: [] };
const ours: FieldOwner = { ownership: 'Ours', owners: [] };
const owners = (more: Partial<FieldOwners>): FieldOwners => ({
  gracePeriod: nobody,
  proxyConfig: nobody,
  statsSuffixes: nobody,
  nativeSidecar: nobody,
  proxyConfigMark: nobody,
  proxyContainer: nobody,
  ...more,
});

describe('the same edit as plain data', () => {
  const template: PodTemplate = {
    metadata: { labels: { a: 'b' }, annotations: { 'istio.io/rev': 'x' } },
    spec: { containers: [{ name: 'app' }], terminationGracePeriodSeconds: 30 },
  };

  it('sets what is wanted and leaves the template that it got alone', () => {
    const copy = structuredClone(template);
    const after = applyToTemplate(template, { gracePeriodSeconds: 75, proxyConfig: 'x', proxyPreStop: hook });
    expect(after).toEqual({
      metadata: { labels: { a: 'b' }, annotations: { 'istio.io/rev': 'x', 'proxy.istio.io/config': 'x' } },
      spec: {
        containers: [
          { name: 'app' },
          { name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent', lifecycle: { preStop: hook } },
        ],
        terminationGracePeriodSeconds: 75,
      },
    });
    expect(template).toEqual(copy);
  });

  it('keeps what the user has in the container', () => {
    const proxy = { name: 'istio-proxy', image: 'auto', lifecycle: { postStart: hook } };
    const after = applyToTemplate(
      { ...template, spec: { containers: [proxy, { name: 'app' }] } },
      { proxyPreStop: hook },
    );
    expect(after.spec.containers).toEqual([
      { ...proxy, lifecycle: { postStart: hook, preStop: hook } },
      { name: 'app' },
    ]);
  });

  it('takes away what is ours and no longer wanted', () => {
    const written = applyToTemplate(template, { gracePeriodSeconds: 75, proxyConfig: 'x', proxyPreStop: hook });
    expect(
      applyToTemplate(written, {}, owners({ gracePeriod: ours, proxyConfig: ours, proxyContainer: ours })),
    ).toEqual(template);
  });

  it("and not what is somebody else's", () => {
    const written = applyToTemplate(template, { gracePeriodSeconds: 75, proxyConfig: 'x', proxyPreStop: hook });
    expect(applyToTemplate(written, {}, owners({ gracePeriod: { ownership: 'Shared', owners: ['flux'] } }))).toEqual(
      written,
    );
  });

  it('takes only the hook out of a container that the user has', () => {
    const proxy = {
      name: 'istio-proxy',
      image: 'auto',
      imagePullPolicy: 'IfNotPresent',
      env: [{ name: 'A', value: 'b' }],
      lifecycle: { preStop: hook },
    };
    const after = applyToTemplate({ spec: { containers: [proxy] } }, {}, owners({ proxyContainer: ours }));
    expect(after.spec.containers).toEqual([
      { name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent', env: [{ name: 'A', value: 'b' }] },
    ]);
  });
});
