// What a release is made of: pinned actions, an unprivileged image, a bundle for OLM that says what config/ says.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { RUNTIME_ENVIRONMENT } from '../../../scripts/image/environment.ts';
import { projectRoot } from '../../support/control-plane/index.ts';

const read = (path: string): Promise<string> => readFile(join(projectRoot(), path), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Record<string, { readonly permissions?: unknown; readonly steps: readonly Step[] }>;
}

describe.each(['ci.yaml', 'release.yaml'])('workflow %s', (file) => {
  it('uses actions by commit, grants nothing by default, and each job only what it names', async () => {
    const workflow = parse(await read(`.github/workflows/${file}`)) as Workflow;
    const jobs = Object.values(workflow.jobs);
    const used = jobs.flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));

    expect(workflow.permissions).toEqual({});
    expect(jobs.filter(({ permissions }) => permissions === undefined)).toEqual([]);
    expect(used.length).toBeGreaterThan(1);
    expect(used.filter((uses) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(uses))).toEqual([]);
  });

  it('never puts what a stranger can write into a script', async () => {
    const workflow = parse(await read(`.github/workflows/${file}`)) as Workflow;
    const scripts = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));

    expect(
      scripts
        .flatMap((script) => script.match(/\$\{\{.*?\}\}/g) ?? [])
        .filter((one) => !/^\$\{\{ steps\.build\.outputs\.digest \}\}$/.test(one)),
    ).toEqual([]);
  });
});

describe('the image', () => {
  it('is built from nothing that a tag alone names, and runs as a user that is nobody', async () => {
    const lines = (await read('Dockerfile')).split('\n');
    const bases = lines.filter((line) => line.startsWith('FROM '));

    // Dependabot follows a tag in a FROM line, and no ARG.
    expect(bases).toHaveLength(2);
    expect(
      bases.filter((line) => !/^FROM (--platform=\$BUILDPLATFORM )?[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}\b/.test(line)),
    ).toEqual([]);
    expect(lines.filter((line) => /^#\s*syntax\s*=|--from=(?!build )/.test(line))).toEqual([]);
    expect(lines).toContain('USER 65532:65532');
    expect(lines).toContain('RUN npm ci --ignore-scripts');
  });

  it('sets what the image made without Docker sets, which Node.js takes', async () => {
    const [, set = ''] = /^ENV ((?:.*\\\n)*.*)$/m.exec(await read('Dockerfile')) ?? [];
    const environment = set.split(/\s+(?:\\\s+)?/).map((one) => one.split(/=(.*)/).slice(0, 2));

    expect(Object.fromEntries(environment)).toEqual(RUNTIME_ENVIRONMENT);
    // What is not allowed in NODE_OPTIONS ends the process at once.
    const { stdout } = await promisify(execFile)(process.execPath, ['-p', '1'], { env: RUNTIME_ENVIRONMENT });
    expect(stdout).toBe('1\n');
  });
});

describe('the bundle for OLM', () => {
  interface Permission {
    readonly serviceAccountName: string;
    readonly rules: unknown;
  }
  interface ServiceVersion {
    readonly metadata: { readonly annotations: Record<string, string> };
    readonly spec: {
      readonly customresourcedefinitions: {
        readonly owned: readonly { name: string; kind: string; description: string }[];
      };
      readonly install: {
        readonly spec: {
          readonly clusterPermissions: Permission[];
          readonly permissions: Permission[];
          readonly deployments: { readonly spec: unknown }[];
        };
      };
    };
  }

  it('has the rules, the Deployment and the definitions of config/', async () => {
    const version = parse(
      await read('bundle/manifests/sidecar-drain-operator.clusterserviceversion.yaml'),
    ) as ServiceVersion;
    const { clusterPermissions, permissions, deployments } = version.spec.install.spec;
    const rules = async (file: string): Promise<unknown> => (parse(await read(file)) as { rules: unknown }).rules;
    const manager = parse(await read('config/manager/manager.yaml')) as { spec: unknown };
    const crds = (await readdir(join(projectRoot(), 'crds'))).filter((file) => file.endsWith('.yaml'));
    const shipped = (await readdir(join(projectRoot(), 'bundle/manifests'))).filter((file) => crds.includes(file));

    expect(clusterPermissions).toEqual([
      { serviceAccountName: 'sidecar-drain-operator', rules: await rules('config/rbac/role.yaml') },
    ]);
    expect(permissions).toEqual([
      { serviceAccountName: 'sidecar-drain-operator', rules: await rules('config/rbac/operator_namespace_role.yaml') },
    ]);
    expect(
      deployments.map(({ spec }) =>
        JSON.stringify(spec).replace(/"sidecar-drain-operator:[\d.]+"/, '"controller:latest"'),
      ),
    ).toEqual([JSON.stringify(manager.spec)]);
    expect(shipped.sort()).toEqual(crds.sort());
    expect(version.spec.customresourcedefinitions.owned).toHaveLength(crds.length);
  });

  it('has an icon, and a channel that does not say alpha', async () => {
    const version = parse(await read('bundle/manifests/sidecar-drain-operator.clusterserviceversion.yaml')) as {
      spec: { icon: { base64data: string; mediatype: string }[] };
    };
    const { annotations } = parse(await read('bundle/metadata/annotations.yaml')) as {
      annotations: Record<string, string>;
    };
    const [icon] = version.spec.icon;

    expect(icon?.mediatype).toBe('image/svg+xml');
    expect(Buffer.from(icon?.base64data ?? '', 'base64').toString()).toMatch(/^<svg [^]*<\/svg>\s*$/);
    for (const key of ['channels', 'channel.default']) {
      expect(annotations[`operators.operatorframework.io.bundle.${key}.v1`]).toBe('stable-v0');
    }
  });

  it('offers the samples as examples', async () => {
    const version = parse(
      await read('bundle/manifests/sidecar-drain-operator.clusterserviceversion.yaml'),
    ) as ServiceVersion;
    const samples = (await readdir(join(projectRoot(), 'config/samples'))).filter(
      (file) => file !== 'kustomization.yaml',
    );

    const documents = (await Promise.all(samples.map((file) => read(`config/samples/${file}`)))).flatMap((text) =>
      parseAllDocuments(text),
    );

    expect(JSON.parse(version.metadata.annotations['alm-examples'] ?? '')).toHaveLength(documents.length);
  });
});

describe('the licences', () => {
  it('of everything in the bundle are listed', async () => {
    const report = await read('docs/reference/licences.md');

    for (const name of ['@kubernetes/client-node', 'croner', 'p-queue', 'prom-client', 'undici', 'winston', 'yaml']) {
      expect(report).toMatch(new RegExp(`^\\| ${name} \\| [\\d.]+ \\| \\S+`, 'm'));
    }
  });
});
