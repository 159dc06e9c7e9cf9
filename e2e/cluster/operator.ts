// The operator under test: a process here with the suite's kubeconfig, a Deployment of a given image, or one that is
// installed already.
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Resource } from '../../src/kube/index.ts';
import { isApiError } from '../../src/kube/index.ts';
import { RUN_LABEL } from '../plan/objects.ts';
import type { Options } from '../plan/options.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CRDS,
  DEPLOYMENTS,
  E2eError,
  LackingError,
  NAMESPACES,
  pause,
  PODS,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
  until,
  type Cluster,
  type DeploymentObject,
  type KubeObject,
} from './api.ts';
import { podTrouble } from './trouble.ts';
import type { RawPod } from '../observe/pods.ts';

export interface Operator {
  readonly describe: string;
  /** Throws when it does not run any more. */
  check(): void;
  stop(): Promise<void>;
}

export interface OperatorParts {
  readonly cluster: Cluster;
  readonly options: Options;
  readonly root: string;
  readonly run: string;
  /** A namespace of the run. */
  readonly namespace: string;
  /** Where its log goes. */
  readonly logFile: string;
  readonly signal: AbortSignal;
}

/** The CRDs that are not there yet; they carry the run's label, so that only those are removed again. */
export async function installCrds({
  cluster,
  root,
  run,
  signal,
}: Pick<OperatorParts, 'cluster' | 'root' | 'run' | 'signal'>): Promise<string[]> {
  const folder = join(root, 'crds');
  const made: string[] = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort()) {
    for (const crd of await readObjects(join(folder, file))) {
      const { name } = crd.metadata;
      const there = await until(
        async () => {
          const found = await cluster.client.find<KubeObject>(CRDS, { name });
          return found?.metadata.deletionTimestamp === undefined ? { found } : undefined;
        },
        { seconds: 60, signal, what: `custom resource definition ${name}, which is being deleted, is gone` },
      );
      if (there.found === undefined) {
        await cluster.client.create(CRDS, labelled(crd, run));
        made.push(name);
      }
      await until(
        async () => {
          const { status } = await cluster.client.get<
            KubeObject & { status?: { conditions?: { type: string; status: string }[] } }
          >(CRDS, { name });
          return status?.conditions?.some(
            (condition) => condition.type === 'Established' && condition.status === 'True',
          ) === true
            ? true
            : undefined;
        },
        { seconds: 60, signal, what: `custom resource definition ${name} is established` },
      );
    }
  }
  return made;
}

export async function startOperator(parts: OperatorParts): Promise<Operator> {
  switch (parts.options.operator.how) {
    case 'outside':
      return await startOutside(parts);
    case 'image':
      return await startInCluster(parts, parts.options.operator.image);
    case 'installed':
      return {
        describe: 'the one that is installed in the cluster',
        check: () => undefined,
        stop: () => Promise.resolve(),
      };
  }
}

/**
 * The operator must not outlive the suite, or a crashed run would leave something behind that writes to the cluster: the
 * process in between ends it when its standard input closes. It has a process group of its own, because Ctrl-C in a
 * terminal goes to the whole group, and the operator is still needed to restore everything.
 */
const SUPERVISOR = `
const child = require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
const end = () => child.kill('SIGTERM');
process.stdin.on('end', end).on('error', end).resume();
process.on('SIGTERM', end);
process.on('SIGINT', () => undefined);
child.on('exit', (code) => process.exit(code ?? 1));
`;
const STOP_LIMIT_MS = 20_000;

async function startOutside({ cluster, options, root, namespace, logFile, signal }: OperatorParts): Promise<Operator> {
  const program = join(root, 'dist/main.js');
  if (!existsSync(program)) {
    throw new LackingError('dist/main.js is missing: build it with `make build`');
  }
  const health = await freePort();
  const args = [
    program,
    'controller',
    '--kubeconfig',
    cluster.kubeconfig,
    ...(cluster.context === undefined ? [] : ['--context', cluster.context]),
    '--namespace',
    namespace,
    '--istio-namespace',
    options.istioNamespace,
    '--no-leader-elect',
    '--log-format',
    'json',
    '--metrics-bind-address',
    '0',
    '--health-probe-bind-address',
    `127.0.0.1:${health}`,
  ];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SIDECAR_DRAIN_')));
  const log = createWriteStream(logFile);
  const child = spawn(process.execPath, ['-e', SUPERVISOR, '--', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env,
  });
  const tail = keepTail(child, log);
  let exited: number | undefined;
  const exit = new Promise<void>((resolve) => {
    child.once('exit', (code) => {
      exited = code ?? 1;
      log.end();
      resolve();
    });
  });
  const operator: Operator = {
    describe: `a process here (log: ${logFile})`,
    check: () => {
      if (exited !== undefined) {
        throw new E2eError(`the operator has ended with exit code ${exited}; it said last:\n${tail()}`);
      }
    },
    stop: async () => {
      child.stdin?.end();
      await Promise.race([exit, pause(STOP_LIMIT_MS)]);
      child.kill('SIGKILL');
    },
  };
  try {
    await until(
      async () => {
        operator.check();
        const answer = await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined);
        return answer?.ok === true ? true : undefined;
      },
      { seconds: 60, signal, what: 'the operator is ready', instead: () => `it said last:\n${tail()}` },
    );
    return operator;
  } catch (error) {
    await operator.stop();
    throw error;
  }
}

function keepTail(child: ChildProcess, log: WriteStream): () => string {
  let text = '';
  const take = (chunk: Buffer): void => {
    log.write(chunk);
    text = (text + chunk.toString('utf8')).slice(-4000);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text.split('\n').slice(-10).join('\n');
}

const KINDS: Readonly<Record<string, Resource>> = {
  Namespace: NAMESPACES,
  ServiceAccount: SERVICE_ACCOUNTS,
  ClusterRole: CLUSTER_ROLES,
  ClusterRoleBinding: CLUSTER_ROLE_BINDINGS,
  Role: ROLES,
  RoleBinding: ROLE_BINDINGS,
  Deployment: DEPLOYMENTS,
};
const OPERATOR = { namespace: 'sidecar-drain-system', name: 'sidecar-drain-operator' };

async function startInCluster(
  { cluster, options, root, run, signal }: OperatorParts,
  image: string,
): Promise<Operator> {
  const made: { resource: Resource; name: string; namespace?: string }[] = [];
  const stop = async (): Promise<void> => {
    for (const { resource, name, namespace } of [...made].reverse()) {
      await cluster.client
        .delete(
          resource,
          { name, ...(namespace === undefined ? {} : { namespace }) },
          { propagationPolicy: 'Background' },
        )
        .catch((error: unknown) => {
          if (!isApiError(error) || !error.isNotFound) {
            throw error;
          }
        });
    }
  };
  try {
    for (const object of await operatorObjects(root, options, image)) {
      const resource = KINDS[String(object.kind)];
      if (resource === undefined) {
        throw new E2eError(`config/ has an object of kind ${String(object.kind)}, which this suite does not know`);
      }
      const { name, namespace } = object.metadata;
      const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
      if ((await cluster.client.find(resource, ref)) !== undefined) {
        throw new LackingError(
          `${String(object.kind)} ${name} is there already: the operator seems to be installed. Say E2E_OPERATOR=installed to test that one.`,
        );
      }
      await cluster.client.create(resource, labelled(object, run), namespace);
      made.push({ resource, ...ref });
    }
    await until(
      async () => {
        const { status } = await cluster.client.get<DeploymentObject>(DEPLOYMENTS, OPERATOR);
        return (status?.availableReplicas ?? 0) > 0 ? true : undefined;
      },
      {
        seconds: options.readyTimeoutSeconds,
        signal,
        what: `the operator runs in ${OPERATOR.namespace} with image ${image}`,
        instead: async () => {
          const { items } = await cluster.client.list<RawPod>(PODS, { namespace: OPERATOR.namespace });
          return items
            .map((pod) => podTrouble(pod))
            .filter((text) => text !== undefined)
            .join('; ');
        },
      },
    );
    return { describe: `image ${image} in ${OPERATOR.namespace}`, check: () => undefined, stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

/** config/default without its network policy, with the given image; Istio's namespace may have another name. */
async function operatorObjects(root: string, options: Options, image: string): Promise<KubeObject[]> {
  const files = [
    'default/namespace.yaml',
    'rbac/service_account.yaml',
    'rbac/role.yaml',
    'rbac/role_binding.yaml',
    'rbac/operator_namespace_role.yaml',
    'rbac/operator_namespace_role_binding.yaml',
    'istio-access/role.yaml',
    'istio-access/role_binding.yaml',
    'manager/manager.yaml',
  ];
  const objects = (await Promise.all(files.map((file) => readObjects(join(root, 'config', file))))).flat();
  return objects.map((object) => {
    if (object.kind === 'Deployment') {
      const { spec } = object as unknown as {
        spec: {
          template: { spec: { containers: Record<string, unknown>[]; nodeSelector?: unknown; tolerations?: unknown } };
        };
      };
      const [container] = spec.template.spec.containers;
      Object.assign(container ?? {}, { image, imagePullPolicy: options.image.pullPolicy });
      (container?.args as string[]).push('--istio-namespace', options.istioNamespace);
      Object.assign(
        spec.template.spec,
        options.nodeSelector === undefined ? {} : { nodeSelector: options.nodeSelector },
        options.tolerateAll ? { tolerations: [{ operator: 'Exists' }] } : {},
      );
      return object;
    }
    return object.metadata.namespace === 'istio-system'
      ? { ...object, metadata: { ...object.metadata, namespace: options.istioNamespace } }
      : object;
  });
}

async function readObjects(file: string): Promise<KubeObject[]> {
  return parseAllDocuments(await readFile(file, 'utf8'))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

function labelled(object: KubeObject, run: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [RUN_LABEL]: run } } };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
