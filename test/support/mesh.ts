// What Istio leaves in a cluster for others to read: its namespace, the injector's webhooks with their real selectors, mesh
// config, injector config, istiod's Deployment and the ProxyConfig kind. Nothing of it injects anything: the webhook names a
// service that is not there and is told to be ignored, so that pods start without it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { projectRoot } from './control-plane/index.ts';

export interface MeshOptions {
  readonly version?: string;
  /** ENABLE_NATIVE_SIDECARS of istiod; undefined leaves it to the version. */
  readonly nativeSidecars?: 'true' | 'false' | 'auto';
  /** YAML of mesh config. */
  readonly meshConfig?: string;
  readonly variant?: string;
  readonly proxyConfigCrd?: boolean;
}

export const ISTIO_NAMESPACE = 'istio-system';

/** Installs the default revision of a mesh; asked again with other options it changes what is there. */
export async function installMesh(cluster: Cluster, options: MeshOptions = {}): Promise<void> {
  await cluster.kubectlOk(['apply', '--server-side', '--force-conflicts', '--field-manager=istio', '-f', '-'], {
    input: meshManifests(options),
  });
  if (options.proxyConfigCrd !== false) {
    await installProxyConfigCrd(cluster);
  }
}

export async function installProxyConfigCrd(cluster: Cluster): Promise<void> {
  const file = join(projectRoot(), 'test/fixtures/mesh/proxyconfig-crd.yaml');
  const text = await readFile(file, 'utf8');
  await cluster.kubectlOk(['apply', '--server-side', '--force-conflicts', '--field-manager=istio', '-f', '-'], {
    input: text,
  });
  await cluster.crdsEstablished();
}

export function meshManifests(options: MeshOptions = {}): string {
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ISTIO_NAMESPACE } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: ISTIO_NAMESPACE, labels: { 'istio.io/rev': 'default' } },
      data: {
        mesh:
          options.meshConfig ??
          'defaultConfig:\n  discoveryAddress: istiod.istio-system.svc:15012\nrootNamespace: istio-system\ntrustDomain: cluster.local\n',
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-sidecar-injector', namespace: ISTIO_NAMESPACE, labels: { 'istio.io/rev': 'default' } },
      data: {
        config: 'policy: enabled\nalwaysInjectSelector: []\nneverInjectSelector: []\ntemplates: {}\n',
        values: JSON.stringify({
          global: { hub: 'docker.io/istio', tag: options.version ?? '1.30.3', variant: options.variant ?? '' },
          revision: '',
        }),
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'istiod', namespace: ISTIO_NAMESPACE, labels: { app: 'istiod', 'istio.io/rev': 'default' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'istiod' } },
        template: {
          metadata: { labels: { app: 'istiod' } },
          spec: {
            containers: [
              {
                name: 'discovery',
                image: `docker.io/istio/pilot:${options.version ?? '1.30.3'}`,
                env:
                  options.nativeSidecars === undefined
                    ? []
                    : [{ name: 'ENABLE_NATIVE_SIDECARS', value: options.nativeSidecars }],
              },
            ],
          },
        },
      },
    },
    injectorWebhooks(),
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

/** The four webhooks of Istio's default revision, by namespace and by object. */
function injectorWebhooks(): unknown {
  const webhook = (name: string, namespaceSelector: unknown, objectSelector: unknown): unknown => ({
    name,
    namespaceSelector,
    objectSelector,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Ignore',
    timeoutSeconds: 1,
    reinvocationPolicy: 'Never',
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    clientConfig: { service: { name: 'istiod', namespace: ISTIO_NAMESPACE, path: '/inject', port: 443 } },
  });
  const expression = (key: string, operator: string, values?: string[]): unknown => ({
    key,
    operator,
    ...(values === undefined ? {} : { values }),
  });
  const injectNot = expression('sidecar.istio.io/inject', 'NotIn', ['false']);
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'istio-sidecar-injector', labels: { app: 'sidecar-injector', 'istio.io/rev': 'default' } },
    webhooks: [
      webhook(
        'rev.namespace.sidecar-injector.istio.io',
        {
          matchExpressions: [
            expression('istio.io/rev', 'In', ['default']),
            expression('istio-injection', 'DoesNotExist'),
          ],
        },
        { matchExpressions: [injectNot] },
      ),
      webhook(
        'rev.object.sidecar-injector.istio.io',
        {
          matchExpressions: [expression('istio.io/rev', 'DoesNotExist'), expression('istio-injection', 'DoesNotExist')],
        },
        { matchExpressions: [injectNot, expression('istio.io/rev', 'In', ['default'])] },
      ),
      webhook(
        'namespace.sidecar-injector.istio.io',
        { matchExpressions: [expression('istio-injection', 'In', ['enabled'])] },
        { matchExpressions: [injectNot] },
      ),
      webhook(
        'object.sidecar-injector.istio.io',
        {
          matchExpressions: [expression('istio-injection', 'DoesNotExist'), expression('istio.io/rev', 'DoesNotExist')],
        },
        {
          matchExpressions: [
            expression('sidecar.istio.io/inject', 'In', ['true']),
            expression('istio.io/rev', 'DoesNotExist'),
          ],
        },
      ),
    ],
  };
}
