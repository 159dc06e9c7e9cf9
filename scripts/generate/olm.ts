// The bundle for the Operator Lifecycle Manager, made from config/, crds/ and the samples, so that it can say nothing else.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { crdTexts } from './crds.ts';
import { root } from './root.ts';
import type { CustomResourceDefinition, Generator } from './types.ts';

const NAME = 'sidecar-drain-operator';
const YAML = { lineWidth: 0, aliasDuplicateObjects: false };
const read = async <T>(path: string): Promise<T> => parse(await readFile(join(root, path), 'utf8')) as T;

interface Role {
  rules: unknown[];
}

interface Deployment {
  metadata: { name: string; labels: Record<string, string> };
  spec: { template: { spec: { serviceAccountName: string; containers: { image: string }[] } } };
}

interface OwnedKind {
  name: string;
  kind: string;
  version: string;
  displayName: string;
  description: string;
}

const DESCRIPTION = `Makes in-flight requests survive pod termination in an Istio mesh: a policy says how long requests get, and the operator
keeps Istio's drain settings and the grace periods of the workloads' pod templates so that the promise holds.

It reads Istio's configuration in the namespace of istiod. A bundle cannot grant that (its roles are for its own namespace),
so apply \`config/istio-access\` of the source with the service account's namespace changed to the one that this is
installed in. Until then it says which facts it misses, and holds. Apply \`config/write-bounds\` with the same change: it bounds what
the operator may write.

No image is published before the first release: set \`image\` of the deployment to one that you have built.
`;

/** A pod with its sidecar, and the time that it gets to go: drawn here, so that the bundle needs no file of its own. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" viewBox="0 0 80 80">
<rect x="8" y="18" width="38" height="44" rx="6" fill="#31628c"/><rect x="52" y="18" width="20" height="44" rx="6" fill="#7fa8c9"/>
<path d="M18 52h18M18 52l7-7M18 52l7 7" transform="translate(0 -12)" fill="none" stroke="#fff" stroke-width="4"/></svg>
`;

/** The samples, as the console offers them. */
async function examples(): Promise<unknown[]> {
  const files = (await readdir(join(root, 'config/samples'))).filter((file) => file !== 'kustomization.yaml').sort();
  const texts = await Promise.all(files.map((file) => readFile(join(root, 'config/samples', file), 'utf8')));
  return texts.flatMap((text) => parseAllDocuments(text).map((one): unknown => one.toJS()));
}

async function owned(): Promise<OwnedKind[]> {
  return [...(await crdTexts())].map(([, text]) => {
    const { metadata, spec } = parse(text) as CustomResourceDefinition;
    const version = spec.versions.find((one) => one.storage);
    if (version === undefined) {
      throw new Error(`${metadata.name} has no stored version`);
    }
    const words = spec.names.kind.replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
    return {
      name: metadata.name,
      kind: spec.names.kind,
      version: version.name,
      displayName: words,
      description: (version.schema.openAPIV3Schema.description ?? '').trim(),
    };
  });
}

async function serviceVersion(version: string): Promise<Record<string, unknown>> {
  const deployment = await read<Deployment>('config/manager/manager.yaml');
  const account = deployment.spec.template.spec.serviceAccountName;
  const spec = structuredClone(deployment.spec);
  for (const container of spec.template.spec.containers) {
    container.image = `${NAME}:${version}`;
  }
  return {
    apiVersion: 'operators.coreos.com/v1alpha1',
    kind: 'ClusterServiceVersion',
    metadata: {
      name: `${NAME}.v${version}`,
      // What the image is built for, as catalogues filter by it.
      labels: Object.fromEntries(
        ['arch.amd64', 'arch.arm64', 'os.linux'].map((platform) => [`operatorframework.io/${platform}`, 'supported']),
      ),
      annotations: {
        'alm-examples': JSON.stringify(await examples(), null, 2),
        capabilities: 'Seamless Upgrades',
        categories: 'Networking',
        description: 'Makes in-flight requests survive pod termination in an Istio mesh',
        support: NAME,
      },
    },
    spec: {
      displayName: 'Sidecar Drain Operator',
      description: DESCRIPTION,
      version,
      maturity: 'alpha',
      minKubeVersion: '1.29.0',
      keywords: ['istio', 'envoy', 'sidecar', 'drain', 'graceful shutdown'],
      provider: { name: NAME },
      icon: [{ base64data: Buffer.from(ICON).toString('base64'), mediatype: 'image/svg+xml' }],
      installModes: ['OwnNamespace', 'SingleNamespace', 'MultiNamespace', 'AllNamespaces'].map((type) => ({
        type,
        supported: type === 'AllNamespaces',
      })),
      customresourcedefinitions: { owned: await owned() },
      install: {
        strategy: 'deployment',
        spec: {
          clusterPermissions: [
            { serviceAccountName: account, rules: (await read<Role>('config/rbac/role.yaml')).rules },
          ],
          permissions: [
            {
              serviceAccountName: account,
              rules: (await read<Role>('config/rbac/operator_namespace_role.yaml')).rules,
            },
          ],
          deployments: [{ name: deployment.metadata.name, label: deployment.metadata.labels, spec }],
        },
      },
    },
  };
}

const LABELS = {
  'operators.operatorframework.io.bundle.mediatype.v1': 'registry+v1',
  'operators.operatorframework.io.bundle.manifests.v1': 'manifests/',
  'operators.operatorframework.io.bundle.metadata.v1': 'metadata/',
  'operators.operatorframework.io.bundle.package.v1': NAME,
  'operators.operatorframework.io.bundle.channels.v1': 'stable-v0',
  'operators.operatorframework.io.bundle.channel.default.v1': 'stable-v0',
};

export const olm: Generator = {
  name: 'olm',
  async outputs() {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    const head = '# Generated from config/ and crds/ (npm run generate).\n';
    const all = new Map([
      [`bundle/manifests/${NAME}.clusterserviceversion.yaml`, head + stringify(await serviceVersion(version), YAML)],
      ['bundle/metadata/annotations.yaml', head + stringify({ annotations: LABELS }, YAML)],
      [
        'bundle/Dockerfile',
        `${head}# docker build -f bundle/Dockerfile bundle\nFROM scratch\n${Object.entries(LABELS)
          .map(([key, value]) => `LABEL ${key}=${value}`)
          .join('\n')}\nCOPY manifests /manifests/\nCOPY metadata /metadata/\n`,
      ],
    ]);
    for (const [name, text] of await crdTexts()) {
      all.set(`bundle/manifests/${name}`, text);
    }
    return all;
  },
};
