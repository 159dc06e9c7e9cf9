import { afterAll, describe, expect, it } from '@jest/globals';
import { cli, folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

const DRAIN = 'terminationDrainDuration';

function template(annotation?: string): string {
  const annotations = annotation === undefined ? '' : `annotations: {proxy.istio.io/config: '${annotation}'},`;
  return `{metadata: {${annotations} labels: {app: ledger}}, spec: {terminationGracePeriodSeconds: 60, containers: [{name: ledger, image: ledger:1, ports: [{containerPort: 8080}], lifecycle: {preStop: {sleep: {seconds: 5}}}}]}}`;
}

const proxyWith = (config: string, more = ''): string =>
  `{name: istio-proxy, image: 'registry.example.com/proxyv2:1.28.4', ${more} env: [{name: PROXY_CONFIG, value: '${config}'}, {name: MINIMUM_DRAIN_DURATION, value: 9s}]}`;

function pod(owner: string, more: { config?: string; annotation?: string; native?: boolean; grace?: number }): string {
  const { config = '{}', annotation, native = false, grace = 60 } = more;
  const app = `{name: ledger, image: ledger:1, ports: [{containerPort: 8080}], lifecycle: {preStop: {sleep: {seconds: 5}}}}`;
  const containers = native
    ? `containers: [${app}], initContainers: [${proxyWith(config, 'restartPolicy: Always,')}]`
    : `containers: [${app}, ${proxyWith(config)}]`;
  const own = annotation === undefined ? '' : `, proxy.istio.io/config: '${annotation}'`;
  return `{apiVersion: v1, kind: Pod, metadata: {name: ledger-live, namespace: bank, labels: {app: ledger, pod-template-hash: 5d8f}, annotations: {istio.io/rev: default${own}}, ownerReferences: [{apiVersion: apps/v1, uid: u, controller: true, ${owner}}]}, spec: {terminationGracePeriodSeconds: ${grace}, ${containers}}}\n`;
}

const deployment = (annotation?: string): string =>
  `{apiVersion: apps/v1, kind: Deployment, metadata: {name: ledger, namespace: bank}, spec: {selector: {matchLabels: {app: ledger}}, template: ${template(annotation)}}}\n`;
const statefulSet = deployment().replace('Deployment', 'StatefulSet');
const byReplicaSet = 'kind: ReplicaSet, name: ledger-5d8f';
const MESH = `{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: "defaultConfig: {terminationDrainDuration: 12s}"}}\n`;

async function explained(
  documents: readonly string[],
  target = 'deployment/ledger',
  more: string[] = [],
): Promise<string> {
  const folder = folderWith({ 'all.yaml': documents.join('---\n') });
  const ran = await cli(['explain', target, '-n', 'bank', '-f', folder, '--assume', 'injected=true', ...more]);
  expect(ran.err).toBe('');
  return ran.out;
}

describe('a pod that runs', () => {
  it.each([
    ['a Deployment, by the hash of its ReplicaSet', deployment(), byReplicaSet, 'deployment/ledger'],
    ['a StatefulSet', statefulSet, 'kind: StatefulSet, name: ledger', 'statefulset/ledger'],
  ])('tells of %s what it has, and mesh config and flags do not count', async (_, workload, owner, target) => {
    const live = pod(owner, { config: '{"terminationDrainDuration":"33s"}' });
    const out = await explained([workload, live, MESH], target, ['--native-sidecars', 'true']);
    expect(out).toContain('Now: classic sidecar');
    expect(out).toMatch(new RegExp(`${DRAIN}\\s+33 s\\s+live pod ledger-live env PROXY_CONFIG`));
    expect(out).toMatch(/MINIMUM_DRAIN_DURATION\s+9 s\s+live pod ledger-live/);
  });

  it('has the defaults of Istio where PROXY_CONFIG is silent', async () => {
    const out = await explained([deployment(), pod(byReplicaSet, {}), MESH]);
    expect(out).toMatch(new RegExp(`${DRAIN}\\s+5 s\\s+live pod ledger-live`));
    expect(out).not.toContain('assumed, Istio');
  });

  it('shows a native sidecar', async () => {
    const out = await explained([deployment(), pod(byReplicaSet, { native: true })], undefined, [
      '--native-sidecars',
      'false',
    ]);
    expect(out).toContain('Now: native sidecar');
    expect(out).toContain('live pod ledger-live has istio-proxy in initContainers');
  });

  it('is one of the Deployment that owns its ReplicaSet, whatever the names are', async () => {
    const owned = `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: odd, namespace: bank, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: ledger, uid: d, controller: true}]}, spec: {template: ${template()}}}\n`;
    const live = pod('kind: ReplicaSet, name: odd', { config: '{"terminationDrainDuration":"33s"}' });
    expect(await explained([deployment(), owned, live])).toMatch(/33 s\s+live pod/);
  });

  it.each([
    ['of another template', deployment('{"drainDuration":"50s"}'), pod(byReplicaSet, {})],
    ['with another grace period', deployment(), pod(byReplicaSet, { grace: 30 })],
    ['of another workload', deployment(), pod('kind: ReplicaSet, name: other-5d8f', {})],
  ])('%s tells nothing', async (_, workload, live) => {
    const out = await explained([workload, live, MESH], 'deployment/ledger', ['--native-sidecars', 'false']);
    expect(out).toMatch(new RegExp(`${DRAIN}\\s+12 s\\s+mesh config`));
  });

  it('leaves the annotation of the template above it', async () => {
    const annotation = '{"terminationDrainDuration":"21s"}';
    const live = pod(byReplicaSet, { annotation, config: '{"terminationDrainDuration":"21s"}' });
    expect(await explained([deployment(annotation), live])).toMatch(/21 s\s+spec\.template\.metadata\.annotations/);
  });
});
