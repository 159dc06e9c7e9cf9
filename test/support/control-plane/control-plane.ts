import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { auditPolicy } from './audit.ts';
import { type BinaryName, findBinaries } from './binaries.ts';
import { Client } from './client.ts';
import { Cluster, type Connection, kubeconfigText } from './cluster.ts';
import { PodMover } from './pods.ts';
import { freePort, Service, startWatchdog } from './processes.ts';

export interface ControlPlaneOptions {
  /** Kubernetes' controllers: ReplicaSets, service accounts, garbage collection, namespaces. Default true. */
  controllerManager?: boolean;
  /** Bind pods to nodes and make them ready (see pods.ts). Default: as controllerManager. */
  pods?: boolean;
  /** Names of the Node objects. Default node-1 to node-3, where pods are moved. */
  nodes?: string[];
  /** Log writes for `cluster.audit`. Default true. */
  audit?: boolean;
  /** What is logged, where more than who wrote what is asked: an audit.k8s.io/v1 Policy. */
  auditPolicy?: object;
  /** kubectl, for `cluster.kubectl`. Default true; what does without it need not wait until it is built. */
  kubectl?: boolean;
  /** More flags of kube-apiserver. */
  apiServerFlags?: string[];
}

const users = { admin: 'admin', pods: 'test-pod-mover', controllers: 'system:kube-controller-manager' };

export class ControlPlane extends Cluster {
  private stopped = false;

  constructor(
    connection: Connection,
    private readonly services: { etcd: Service; apiServer: Service; controllerManager?: Service },
    private readonly pods: PodMover | undefined,
    private readonly podClient: Client,
    private readonly endWatchdog: () => Promise<void>,
  ) {
    super(connection);
  }

  /** Process ids by program, for measuring memory. */
  get pids(): Record<string, number> {
    return Object.fromEntries(Object.values(this.services).map((service) => [service.name, service.pid ?? 0]));
  }

  /** Ends the API server: at once, as in a crash, or `SIGTERM` as in an update. etcd and its data stay. */
  async stopApiServer(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.services.apiServer.stop(signal);
  }

  /** Starts it again on the same port, with the same certificate and data. */
  async startApiServer(): Promise<void> {
    this.services.apiServer.start();
    await this.services.apiServer.waitUntil(() => isReady(this.url, this.caFile), 60_000);
  }

  async restartApiServer(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.stopApiServer(signal);
    await this.startApiServer();
  }

  /** Ends etcd and starts it again; the API server goes on, and its requests fail meanwhile. */
  async restartEtcd(): Promise<void> {
    const { etcd, apiServer } = this.services;
    await etcd.stop('SIGTERM');
    etcd.start();
    await apiServer.waitUntil(() => isReady(this.url, this.caFile), 60_000);
  }

  /** etcd answers nothing for so long, as with a disk that hangs. */
  async pauseEtcd(forMs: number): Promise<void> {
    const pid = this.services.etcd.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await sleep(forMs);
    process.kill(pid, 'SIGCONT');
  }

  /** Ends all processes and removes all files. Also happens by itself when the process that started it is gone. */
  async stop(): Promise<void> {
    if (this.stopped) {
      return;
    }
    this.stopped = true;
    await this.pods?.stop();
    await this.podClient.close();
    await this.disconnect();
    const { etcd, apiServer, controllerManager } = this.services;
    await Promise.all([controllerManager?.stop(), apiServer.stop(), etcd.stop()]);
    await this.endWatchdog();
  }
}

async function isReady(url: string, caFile: string): Promise<boolean> {
  const agent = new Agent({ connect: { ca: await readFile(caFile, 'utf8') }, connections: 1 });
  try {
    const { statusCode, body } = await request(`${url}/readyz`, { dispatcher: agent, headersTimeout: 5000 });
    await body.dump();
    return statusCode === 200;
  } finally {
    await agent.destroy();
  }
}

function writeKeys(folder: string): { privateKey: string; publicKey: string } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKey = join(folder, 'service-accounts.key');
  const publicKey = join(folder, 'service-accounts.pub');
  writeFileSync(privateKey, pair.privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  writeFileSync(publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }));
  return { privateKey, publicKey };
}

async function startEtcd(command: string, folder: string): Promise<{ etcd: Service; url: string }> {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const etcd = new Service(
    'etcd',
    command,
    [
      `--data-dir=${join(folder, 'etcd')}`,
      '--name=test',
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=test=${peerUrl}`,
      // The data does not outlive the run, so there is nothing to sync for.
      '--unsafe-no-fsync',
      '--quota-backend-bytes=8589934592',
      '--log-level=warn',
    ],
    folder,
  );
  etcd.start();
  await etcd.waitUntil(async () => (await fetch(`${url}/health`)).ok, 30_000);
  return { etcd, url };
}

function apiServerArguments(
  folder: string,
  etcdUrl: string,
  port: number,
  keys: { privateKey: string; publicKey: string },
  options: ControlPlaneOptions,
): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    // It signs its own serving certificate there, and finds it again after a restart.
    `--cert-dir=${join(folder, 'certificates')}`,
    '--service-cluster-ip-range=10.0.0.0/16',
    '--authorization-mode=RBAC',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--allow-privileged=true',
    '--endpoint-reconciler-type=none',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${keys.publicKey}`,
    `--service-account-signing-key-file=${keys.privateKey}`,
    ...(options.audit === false
      ? []
      : [
          `--audit-policy-file=${join(folder, 'audit-policy.json')}`,
          `--audit-log-path=${join(folder, 'audit.log')}`,
          '--audit-log-maxsize=10000',
        ]),
    ...(options.apiServerFlags ?? []),
  ];
}

type Binaries = Record<'etcd' | 'kube-apiserver', string> & Partial<Record<BinaryName, string>>;

async function startAll(
  folder: string,
  binaries: Binaries,
  options: ControlPlaneOptions,
  endWatchdog: () => Promise<void>,
): Promise<ControlPlane> {
  const controllerManager = options.controllerManager ?? true;
  const tokens = {
    admin: randomBytes(16).toString('hex'),
    pods: randomBytes(16).toString('hex'),
    controllers: randomBytes(16).toString('hex'),
  };
  const lines = (Object.keys(users) as (keyof typeof users)[]).map(
    (key) => `${tokens[key]},${users[key]},${users[key]},system:masters\n`,
  );
  writeFileSync(join(folder, 'tokens.csv'), lines.join(''), { mode: 0o600 });
  writeFileSync(join(folder, 'audit-policy.json'), JSON.stringify(options.auditPolicy ?? auditPolicy));
  const keys = writeKeys(folder);
  const { etcd, url: etcdUrl } = await startEtcd(binaries.etcd, folder);

  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const caFile = join(folder, 'certificates', 'apiserver.crt');
  const apiServer = new Service(
    'kube-apiserver',
    binaries['kube-apiserver'],
    apiServerArguments(folder, etcdUrl, port, keys, options),
    folder,
  );
  apiServer.start();
  await apiServer.waitUntil(() => isReady(url, caFile), 60_000);

  const ca = await readFile(caFile, 'utf8');
  const kubeconfigPath = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigPath, kubeconfigText(url, ca, tokens.admin), { mode: 0o600 });
  const services: { etcd: Service; apiServer: Service; controllerManager?: Service } = { etcd, apiServer };
  if (controllerManager && binaries.controllers !== undefined) {
    const kubeconfig = join(folder, 'kubeconfig-controllers');
    writeFileSync(kubeconfig, kubeconfigText(url, ca, tokens.controllers), { mode: 0o600 });
    const args = [
      `--kubeconfig=${kubeconfig}`,
      `--service-account-private-key-file=${keys.privateKey}`,
      `--root-ca-file=${caFile}`,
    ];
    services.controllerManager = new Service('controllers', binaries.controllers, args, folder);
    services.controllerManager.start();
  }
  const podClient = new Client(url, ca, tokens.pods);
  const pods =
    (options.pods ?? controllerManager)
      ? new PodMover(podClient, options.nodes ?? ['node-1', 'node-2', 'node-3'])
      : undefined;
  await pods?.start();
  const connection = { url, caFile, adminToken: tokens.admin, kubeconfigPath, folder, kubectlPath: binaries.kubectl };
  const plane = new ControlPlane(connection, services, pods, podClient, endWatchdog);
  await services.controllerManager?.waitUntil(
    async () => (await plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
    60_000,
  );
  return plane;
}

/**
 * A Kubernetes control plane of its own: etcd, kube-apiserver and, unless told otherwise, Kubernetes' controllers, on
 * free ports of 127.0.0.1, with RBAC, in a temporary folder. The first call on a machine may build the programs.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const wanted: BinaryName[] = ['etcd', 'kube-apiserver'];
  if (options.kubectl ?? true) {
    wanted.push('kubectl');
  }
  if (options.controllerManager ?? true) {
    wanted.push('controllers');
  }
  const binaries: Binaries = await findBinaries(wanted);
  const attempts = 3;
  for (let attempt = 1; ; attempt += 1) {
    const folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-control-plane-'));
    mkdirSync(join(folder, 'logs'));
    const endWatchdog = startWatchdog(folder);
    try {
      return await startAll(folder, binaries, options, endWatchdog);
    } catch (error) {
      await endWatchdog();
      // Ports are chosen before they are bound: another process may take one in between.
      if (attempt === attempts || !(error as Error).message.includes('address already in use')) {
        throw error;
      }
    }
  }
}
