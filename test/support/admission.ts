// The admission webhook of an operator that runs beside the API server, reached by URL; everything else is as
// config/with-webhook installs it.
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Cluster, KubeObject } from './cluster.ts';
import { projectRoot } from './control-plane/index.ts';
import { freePort } from './control-plane/processes.ts';

export const CONFIGURATION = '00-sidecar-drain-operator';
export const CONFIGURATION_PATH = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${CONFIGURATION}`;

export interface WebhookEntry {
  readonly name: string;
  readonly clientConfig: {
    readonly url?: string;
    readonly caBundle?: string;
    readonly service?: Record<string, unknown>;
  };
  readonly rules: readonly { readonly operations: readonly string[]; readonly resources: readonly string[] }[];
  readonly namespaceSelector: {
    readonly matchExpressions: readonly {
      readonly key: string;
      readonly operator: string;
      readonly values?: readonly string[];
    }[];
  };
  readonly [field: string]: unknown;
}

export interface ConfigurationObject extends KubeObject {
  readonly webhooks?: readonly WebhookEntry[];
}

/** The webhook configuration and the permission to keep it; the Service and the Deployment's patch have no use here. */
export async function installAdmission(cluster: Cluster): Promise<void> {
  const rendered = await cluster.kubectlOk(['kustomize', join(projectRoot(), 'config/with-webhook')]);
  const objects = parseAllDocuments(rendered)
    .map((one) => one.toJS() as KubeObject)
    .filter(
      ({ kind, metadata }) =>
        kind === 'MutatingWebhookConfiguration' ||
        (['ClusterRole', 'ClusterRoleBinding'].includes(String(kind)) && metadata.name.endsWith('-admission')),
    );
  await cluster.kubectlOk(['apply', '--server-side', '--field-manager=admin', '-f', '-'], {
    input: objects.map((object) => JSON.stringify(object)).join('\n---\n'),
  });
}

export interface AdmissionArguments {
  readonly port: number;
  readonly args: readonly string[];
}

export async function admissionArguments(more: readonly string[] = []): Promise<AdmissionArguments> {
  const port = await freePort();
  return {
    port,
    args: [
      '--admission',
      'on',
      '--admission-bind-address',
      `127.0.0.1:${port}`,
      '--admission-url',
      `https://127.0.0.1:${port}`,
      ...more,
    ],
  };
}

export async function configuration(cluster: Cluster): Promise<ConfigurationObject> {
  return await cluster.client.call<ConfigurationObject>('GET', CONFIGURATION_PATH);
}

export function caBundle(entry: WebhookEntry | undefined): string {
  return Buffer.from(entry?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

/** How often the API server went on without our webhook, because it could not be called. */
export async function failedOpen(cluster: Cluster): Promise<number> {
  const { body } = await cluster.client.raw<string>('GET', '/metrics');
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return [
    ...text.matchAll(/^apiserver_admission_webhook_fail_open_count\{[^}]*sidecardrain\.io[^}]*\} (\d+)/gm),
  ].reduce((sum, [, count]) => sum + Number(count), 0);
}
