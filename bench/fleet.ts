// The Deployments that are measured on: what a team writes, of usual size (about 5 KB as the API server stores it).
import type { ControlPlane, KubeObject } from '../test/support/control-plane/index.ts';

/** Requests under way at once while the bench itself prepares or cleans up. */
const PREPARING = 16;
export const FLEET_LABEL = { drain: 'bench' };
const NAMESPACES = 20;

export interface FleetDeployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { annotations?: Record<string, string> };
      readonly spec: { terminationGracePeriodSeconds?: number };
    };
  };
}

export async function createNamespaces(plane: ControlPlane): Promise<string[]> {
  const names = Array.from({ length: NAMESPACES }, (_, index) => `team-${String(index + 1).padStart(2, '0')}`);
  for (const name of names) {
    await plane.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { ...FLEET_LABEL, 'istio-injection': 'enabled' } },
    });
  }
  return names;
}

/** A plain Deployment as a chart would make it: nothing of it states a drain or a grace period. */
export function deployment(namespace: string, name: string): object {
  const labels = {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/part-of': 'shop',
    'app.kubernetes.io/managed-by': 'Helm',
    'helm.sh/chart': 'service-3.2.1',
  };
  const probe = (path: string): object => ({
    httpGet: { path, port: 8080 },
    initialDelaySeconds: 5,
    periodSeconds: 10,
    timeoutSeconds: 2,
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      labels,
      annotations: { 'meta.helm.sh/release-name': name, 'meta.helm.sh/release-namespace': namespace },
    },
    spec: {
      replicas: 3,
      revisionHistoryLimit: 5,
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
      template: {
        metadata: {
          labels,
          annotations: {
            'prometheus.io/scrape': 'true',
            'prometheus.io/port': '9090',
            'checksum/config': '8a1c7a5f0a3e4c1d9b2f6e7d8c9b0a1f',
          },
        },
        spec: {
          serviceAccountName: 'default',
          containers: [
            {
              name: 'server',
              image: `registry.example.com/shop/${name}:1.14.2`,
              ports: [
                { name: 'http', containerPort: 8080 },
                { name: 'metrics', containerPort: 9090 },
              ],
              env: [
                { name: 'LOG_LEVEL', value: 'info' },
                { name: 'PORT', value: '8080' },
                { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector.observability.svc:4317' },
                { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              ],
              resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
              livenessProbe: probe('/live'),
              readinessProbe: probe('/ready'),
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [{ name: 'config', mountPath: '/etc/service', readOnly: true }],
            },
            {
              name: 'exporter',
              image: 'registry.example.com/platform/exporter:0.9.0',
              args: ['--listen=:9091'],
              ports: [{ name: 'exporter', containerPort: 9091 }],
              resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '64Mi' } },
            },
          ],
          volumes: [{ name: 'config', configMap: { name: `${name}-config` } }],
        },
      },
    },
  };
}

/** Names of a fleet, spread over the namespaces. */
export function places(namespaces: readonly string[], count: number): { namespace: string; name: string }[] {
  return Array.from({ length: count }, (_, index) => ({
    namespace: namespaces[index % namespaces.length] ?? 'default',
    name: `service-${String(index).padStart(5, '0')}`,
  }));
}

const COLLECTION = '/apis/apps/v1/deployments';

export function collectionIn(namespace: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`;
}

export async function createFleet(
  plane: ControlPlane,
  namespaces: readonly string[],
  count: number,
  make: (namespace: string, name: string) => object = deployment,
): Promise<void> {
  await inParallel(places(namespaces, count), PREPARING, async ({ namespace, name }) => {
    await plane.client.call('POST', collectionIn(namespace), { body: make(namespace, name) });
  });
}

export async function deleteFleet(plane: ControlPlane, namespaces: readonly string[]): Promise<void> {
  await inParallel(namespaces, 4, async (namespace) => {
    await plane.client.call('DELETE', collectionIn(namespace), {
      body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' },
    });
  });
}

/** Every Deployment of the fleet as it stands, page by page. */
export async function* readFleet(plane: ControlPlane, namespaces: readonly string[]): AsyncGenerator<FleetDeployment> {
  const wanted = new Set(namespaces);
  let token = '';
  do {
    const page = await plane.client.call<{ items: FleetDeployment[]; metadata: { continue?: string } } & KubeObject>(
      'GET',
      `${COLLECTION}?limit=500&continue=${encodeURIComponent(token)}`,
    );
    for (const item of page.items) {
      if (wanted.has(item.metadata.namespace ?? '')) {
        // Items of a list have neither.
        yield { ...item, apiVersion: 'apps/v1', kind: 'Deployment' };
      }
    }
    token = page.metadata.continue ?? '';
  } while (token !== '');
}

export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
