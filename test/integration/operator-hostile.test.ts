// What somebody who may only create workloads, or refuse them, can do to the operator: nothing that lasts, and nothing to others.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { STATE_ANNOTATION } from '../../src/api/names.ts';
import { deployment, fixed, startScene, staysSo, waves, type Scene } from '../support/scene.ts';

jest.setTimeout(180_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ mesh: { nativeSidecars: 'false' } });
});
afterAll(async () => {
  await scene.stop();
});

it('a copied note outside of every policy halts nobody, and a Deployment that calls itself istiod is not believed', async () => {
  const namespace = await scene.meshed('mine');
  await scene.cluster.create(deployment(namespace, 'web'));
  await scene.rolledOut(namespace, 'web');
  await scene.createPolicy('mine', {
    ...fixed(namespace, waves(1, { canary: 0, soak: '0s', progressDeadline: '5s' })),
  });
  await scene.compliant('mine', 1);
  const note = (await scene.workload(namespace, 'web')).metadata.annotations?.[STATE_ANNOTATION] ?? '';
  expect(JSON.parse(note)).toHaveProperty('uid');

  const outside = await scene.cluster.namespace('outside', {}, { controllerManager: false });
  const copy = deployment(outside, 'copy') as { metadata: { annotations?: Record<string, string> } };
  copy.metadata.annotations = { [STATE_ANNOTATION]: note };
  await scene.cluster.create(copy);
  const pretender = deployment(outside, 'istiod') as { metadata: { labels?: Record<string, string> } };
  pretender.metadata.labels = { app: 'istiod', 'istio.io/rev': 'default' };
  await scene.cluster.create(pretender);

  const phases = await staysSo(async () => (await scene.policy('mine')).status?.rollout?.phase, 4_000);
  expect(new Set(phases)).toEqual(new Set(['Done']));
  expect(scene.operator.lines.map(({ message }) => message)).toContainEqual(
    expect.stringContaining('its settings are ignored'),
  );
  await scene.deletePolicy('mine');
  await scene.gone('mine');
});

it('a write that an admission policy refuses is tried again by itself when the policy is gone', async () => {
  const namespace = await scene.meshed('refused', { guarded: 'yes' });
  await scene.cluster.create(deployment(namespace, 'web'));
  await scene.rolledOut(namespace, 'web');
  await scene.cluster.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'no-operator' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        namespaceSelector: { matchLabels: { guarded: 'yes' } },
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        ],
      },
      validations: [
        { expression: 'object.spec.template == oldObject.spec.template', message: 'frozen', reason: 'Invalid' },
      ],
    },
  });
  await scene.cluster.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'no-operator' },
    spec: { policyName: 'no-operator', validationActions: ['Deny'] },
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 2_000);
  });
  await scene.createPolicy('refused', fixed(namespace));
  await scene.settled('refused', ({ workloads }) => workloads?.failed === 1);

  const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/no-operator';
  await scene.cluster.client.call('DELETE', path);
  await scene.compliant('refused', 1, 40_000);
});
