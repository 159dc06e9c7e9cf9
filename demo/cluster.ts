// What the demo does to the API server without kubectl, which would have to be built first.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { projectRoot, type ControlPlane } from '../test/support/control-plane/index.ts';
import { meshManifests, type MeshOptions } from '../test/support/mesh.ts';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; annotations?: Record<string, string> };
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

async function manifests(file: string): Promise<Manifest[]> {
  const documents = parseAllDocuments(await readFile(join(projectRoot(), file), 'utf8'));
  return documents.map((document) => document.toJS() as Manifest | null).filter((object) => object !== null);
}

/** Server-side apply of every object of a file, by a field manager of that name. */
export async function applyServerSide(cluster: ControlPlane, file: string, fieldManager: string): Promise<void> {
  for (const object of await manifests(file)) {
    await cluster.apply(object, { fieldManager });
  }
}

/** Creates every object of a file as client-side `kubectl apply` does: its fields are an Update's, its text is kept. */
export async function createClientSide(cluster: ControlPlane, file: string): Promise<void> {
  for (const object of await manifests(file)) {
    const { apiVersion, kind, metadata } = object;
    const path = await cluster.pathOf({ apiVersion, kind, metadata: { namespace: metadata.namespace } });
    const annotations = { ...metadata.annotations, [LAST_APPLIED]: JSON.stringify(object) };
    await cluster.client.call('POST', `${path}?fieldManager=kubectl-client-side-apply`, {
      body: { ...object, metadata: { ...metadata, annotations } },
    });
  }
}

/** The part of install.yaml that an operator outside of the cluster needs: kinds, account and permissions. */
export async function installProduct(cluster: ControlPlane): Promise<void> {
  const runs = ['Deployment', 'Service', 'NetworkPolicy'];
  const objects = (await manifests('install.yaml')).filter(({ kind }) => !runs.includes(kind));
  for (const object of objects) {
    await cluster.apply(object, { fieldManager: 'admin' });
  }
  await served(
    cluster,
    objects.filter(({ kind }) => kind === 'CustomResourceDefinition'),
  );
}

/** Objects of a mesh as the operator reads them, and the CRD of ProxyConfig; Istio itself does not run. */
export async function installMeshObjects(cluster: ControlPlane, options: MeshOptions): Promise<void> {
  for (const text of meshManifests(options).split('\n---\n')) {
    await cluster.apply(JSON.parse(text) as Manifest, { fieldManager: 'istio' });
  }
  const file = 'test/fixtures/mesh/proxyconfig-crd.yaml';
  await applyServerSide(cluster, file, 'istio');
  await served(cluster, await manifests(file));
}

async function served(cluster: ControlPlane, definitions: readonly Manifest[]): Promise<void> {
  for (const { metadata } of definitions) {
    await cluster.waitFor<{ status?: { conditions?: { type: string; status: string }[] } }>(
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`,
      ({ status }) =>
        status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') ===
        true,
      30_000,
    );
  }
}

/** Deletes every object of a kind and waits until the last is gone. */
export async function deleteAll(cluster: ControlPlane, kind: { apiVersion: string; kind: string }): Promise<void> {
  const path = await cluster.pathOf(kind);
  const { items } = await cluster.client.call<{ items: Manifest[] }>('GET', path);
  await cluster.client.call('DELETE', path);
  for (const { metadata } of items) {
    await cluster.waitForGone(`${path}/${metadata.name}`, 70_000);
  }
}
