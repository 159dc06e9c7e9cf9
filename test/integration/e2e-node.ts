// Stands in for a node with a kubelet and for Istio's injector, so that the end-to-end suite can be run on the test control
// plane. The suite's own programs run as real processes and their requests are real; the sidecar is a TCP relay that ends
// when the rules of docs/termination.md say that a proxy does. So this shows that the suite works: that it sets up, sees,
// compares and cleans up. It shows nothing of Istio.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { ApiError, type Cluster, type KubeObject, nodeManifest } from '../support/control-plane/index.ts';

interface PodObject extends KubeObject {
  spec: {
    nodeName?: string;
    terminationGracePeriodSeconds: number;
    containers: ContainerObject[];
    initContainers?: ContainerObject[];
  };
  status?: { phase?: string };
}

interface ContainerObject {
  name: string;
  image: string;
  command?: string[];
  restartPolicy?: string;
  env?: { name: string; value?: string }[];
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
}

const PROXY = 'istio-proxy';
const PORT = 8080;
const OUTBOUND_PORT = 15001;
const NODE = 'node-1';

/** All sockets through it can be cut at once, as the end of a proxy does. */
class Relay {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  constructor(private readonly target: () => { host: string; port: number } | undefined) {}

  get open(): number {
    return this.sockets.size;
  }

  async listen(host: string, port: number): Promise<void> {
    this.server = createServer((inbound) => {
      const to = this.target();
      if (to === undefined) {
        inbound.destroy();
        return;
      }
      this.sockets.add(inbound);
      const outbound = connect(to.port, to.host);
      const end = (): void => {
        this.sockets.delete(inbound);
        inbound.destroy();
        outbound.destroy();
      };
      inbound.on('error', end).on('close', end);
      outbound.on('error', end).on('close', end);
      inbound.pipe(outbound);
      outbound.pipe(inbound);
    });
    await new Promise<void>((resolve, reject) => {
      this.server?.once('error', reject).listen(port, host, resolve);
    });
  }

  cut(): void {
    this.server?.close();
    for (const socket of this.sockets) {
      socket.destroy();
    }
  }
}

class RunningPod {
  log = '';
  readonly readers = new Set<ServerResponse>();
  readonly ends = new Map<string, { exitCode: number; finishedAt: string }>();
  exited: Promise<number> = Promise.resolve(0);
  child: ChildProcess | undefined;
  inbound: Relay | undefined;
  outbound: Relay | undefined;
  ending = false;
  /** A second delete may shorten the grace period. */
  readonly hurry = new AbortController();

  constructor(
    readonly pod: PodObject,
    readonly ip: string,
    readonly appIp: string,
  ) {}

  get app(): string | undefined {
    return this.pod.metadata.labels?.app;
  }

  write(chunk: string): void {
    this.log += chunk;
    for (const reader of this.readers) {
      reader.write(chunk);
    }
  }

  ended(container: string, exitCode: number): void {
    this.ends.set(container, { exitCode, finishedAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z') });
  }
}

export class E2eNode {
  private readonly pods = new Map<string, RunningPod>();
  private readonly stopping = new AbortController();
  private readonly finished = new Set<string>();
  private readonly services: Relay[] = [];
  private kubelet: TlsServer | undefined;
  private injector: TlsServer | undefined;
  private running: Promise<void> | undefined;
  private nextAddress = 1;
  private turn = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly block: number,
  ) {}

  async start(): Promise<void> {
    const folder = join(this.cluster.folder, 'certificates');
    const tls = { key: readFileSync(join(folder, 'apiserver.key')), cert: readFileSync(join(folder, 'apiserver.crt')) };
    this.kubelet = createTlsServer(tls, (incoming, response) => {
      this.serveLogs(incoming, response);
    });
    this.injector = createTlsServer(tls, (incoming, response) => {
      inject(incoming, response);
    });
    const kubeletPort = await listening(this.kubelet);
    const injectorPort = await listening(this.injector);
    const node = nodeManifest(NODE);
    await this.cluster.client.call('POST', '/api/v1/nodes', {
      body: {
        ...node,
        status: {
          ...(node.status as object),
          addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
          daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
        },
      },
    });
    await this.cluster.client.call('PATCH', `/api/v1/nodes/${NODE}`, {
      contentType: 'application/merge-patch+json',
      body: { spec: { taints: null } },
    });
    await this.injectWith(`https://127.0.0.1:${injectorPort}/inject`, tls.cert.toString('base64'));
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    for (const { child, inbound, outbound } of this.pods.values()) {
      child?.kill('SIGKILL');
      inbound?.cut();
      outbound?.cut();
    }
    this.services.forEach((service) => {
      service.cut();
    });
    for (const server of [this.kubelet, this.injector]) {
      server?.closeAllConnections();
      server?.close();
    }
  }

  /** Turns the mesh's webhooks, which name a service that is not there, to the stand-in. */
  private async injectWith(url: string, caBundle: string): Promise<void> {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector';
    const configuration = await this.cluster.client.call<KubeObject & { webhooks: object[] }>('GET', path);
    const webhooks = configuration.webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { url, caBundle },
      failurePolicy: 'Fail',
      timeoutSeconds: 5,
    }));
    await this.cluster.client.call('PUT', path, { body: { ...configuration, webhooks } });
  }

  private address(kind: number, number: number): string {
    return `127.${kind}.${this.block}.${number + 1}`;
  }

  /** What a client's sidecar or kube-proxy does: the pods in turn, but those that are going. */
  private nextServer(namespace: string | undefined): { host: string; port: number } | undefined {
    const servers = [...this.pods.values()].filter(
      ({ app, ending, inbound, pod }) =>
        pod.metadata.namespace === namespace && app === 'server' && !ending && inbound !== undefined,
    );
    const next = servers[this.turn++ % Math.max(1, servers.length)];
    return next === undefined ? undefined : { host: next.ip, port: PORT };
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const list = await this.cluster.client.call<{ metadata: { resourceVersion: string }; items: PodObject[] }>(
          'GET',
          '/api/v1/pods',
          { signal },
        );
        list.items.forEach((pod) => {
          this.look(pod);
        });
        for await (const { type, object } of this.cluster.client.watch(
          `/api/v1/pods?watch=1&resourceVersion=${list.metadata.resourceVersion}`,
          signal,
        )) {
          if (type === 'ADDED' || type === 'MODIFIED') {
            this.look(object as PodObject);
          }
        }
      } catch {
        await sleep(200, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private look(pod: PodObject): void {
    const known = this.pods.get(pod.metadata.uid ?? '');
    if (known?.ending === true && Number(pod.metadata.deletionGracePeriodSeconds ?? 30) <= 1) {
      known.hurry.abort();
      known.child?.kill('SIGKILL');
    }
    // News of a pod that has ended may come late; it must not live again.
    if (known === undefined && this.finished.has(pod.metadata.uid ?? '')) {
      return;
    }
    const step =
      known === undefined
        ? this.begin(pod)
        : pod.metadata.deletionTimestamp !== undefined && !known.ending
          ? this.end(known, pod)
          : undefined;
    step?.catch((error: unknown) => {
      // A pod that was deleted before it had begun, by a run that was cut short.
      if (!this.stopping.signal.aborted && !(error instanceof ApiError && error.status === 404)) {
        console.error(`pod ${pod.metadata.name}: ${String(error)}`);
      }
    });
  }

  private async begin(pod: PodObject): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    if (pod.spec.nodeName === undefined) {
      await this.cluster.client
        .call('POST', `${path}/binding`, {
          body: {
            apiVersion: 'v1',
            kind: 'Binding',
            metadata: { name, namespace, uid },
            target: { apiVersion: 'v1', kind: 'Node', name: NODE },
          },
        })
        .catch(() => undefined);
      return;
    }
    const number = this.nextAddress++;
    const running = new RunningPod(pod, this.address(10, number), this.address(11, number));
    this.pods.set(uid ?? '', running);
    await this.startProgram(running);
    const proxied = proxyOf(pod) !== 'None';
    if (running.app !== 'load-mesh') {
      running.inbound = new Relay(() => ({ host: running.appIp, port: PORT }));
      await running.inbound.listen(running.ip, PORT);
      running.outbound = new Relay(() => {
        const peer = [...this.pods.values()].find(
          ({ app, pod: other }) => app === 'peer' && other.metadata.namespace === namespace,
        );
        return peer === undefined ? undefined : { host: peer.ip, port: PORT };
      });
      await running.outbound.listen(running.ip, OUTBOUND_PORT);
    }
    await this.status(running, 'Running', proxied);
  }

  private async startProgram(running: RunningPod): Promise<void> {
    const {
      metadata: { name, namespace },
      spec,
    } = running.pod;
    const container = spec.containers.find((each) => each.name !== PROXY);
    const program = container?.command?.[1]?.split('/').at(-1) ?? '';
    const { data } = await this.cluster.client.call<{ data: Record<string, string> }>(
      'GET',
      `/api/v1/namespaces/${namespace}/configmaps/programs`,
    );
    // A folder for each pod: a program that another one is just writing would be read empty.
    const folder = join(this.cluster.folder, 'e2e', namespace ?? '', name);
    await mkdir(folder, { recursive: true });
    const file = join(folder, program);
    await writeFile(file, data[program] ?? '');
    const service = new Relay(() => this.nextServer(namespace));
    if (running.app === 'load-mesh') {
      this.services.push(service);
      await service.listen(running.ip, OUTBOUND_PORT);
    }
    const env = Object.fromEntries((container?.env ?? []).map((each) => [each.name, each.value ?? name]));
    const child = spawn(process.execPath, [file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...env,
        LISTEN_ADDRESS: running.appIp,
        // What iptables do in a pod: calls out go through the sidecar, whatever their address.
        ...(env.LATE_CALLS_URL === undefined ? {} : { LATE_CALLS_URL: `http://${running.ip}:${OUTBOUND_PORT}/ok` }),
        ...(env.TARGETS === undefined ? {} : { TARGETS: `http://${running.ip}:${OUTBOUND_PORT}` }),
      },
    });
    running.child = child;
    const started = new Promise<void>((resolve) => {
      child.stdout.once('data', () => {
        resolve();
      });
    });
    child.stdout.on('data', (chunk: Buffer) => {
      running.write(chunk.toString('utf8'));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      running.write(chunk.toString('utf8'));
    });
    running.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        resolve(signal === 'SIGKILL' ? 137 : (code ?? 143));
      });
    });
    await Promise.race([started, running.exited, sleep(5000, undefined, { ref: false })]);
  }

  private async end(running: RunningPod, deleted: PodObject): Promise<void> {
    running.ending = true;
    const began = Date.now();
    const grace = Number(deleted.metadata.deletionGracePeriodSeconds ?? 30);
    const container = running.pod.spec.containers.find(({ name }) => name !== PROXY);
    const left = (): number => Math.max(0, grace * 1000 - (Date.now() - began));
    const pause = (milliseconds: number): Promise<void> =>
      sleep(Math.min(left(), milliseconds), undefined, { signal: running.hurry.signal }).catch(() => undefined);
    const kill = setTimeout(() => {
      running.child?.kill('SIGKILL');
    }, grace * 1000);
    const application = (async () => {
      await pause((container?.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1000);
      running.child?.kill('SIGTERM');
      const code = await running.exited;
      clearTimeout(kill);
      running.ended(container?.name ?? '', code);
    })();
    const proxy = this.endProxy(running, application, left, pause);
    await Promise.all([application, proxy]);
    for (const reader of running.readers) {
      reader.end();
    }
    const { name, namespace, uid } = running.pod.metadata;
    await this.status(running, 'Succeeded', proxyOf(running.pod) !== 'None');
    await pause(1000);
    await this.cluster.client
      .call('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
        body: { gracePeriodSeconds: 0, preconditions: { uid } },
      })
      .catch(() => undefined);
    this.finished.add(uid ?? '');
    this.pods.delete(uid ?? '');
  }

  private async endProxy(
    running: RunningPod,
    application: Promise<void>,
    left: () => number,
    pause: (milliseconds: number) => Promise<void>,
  ): Promise<void> {
    const form = proxyOf(running.pod);
    if (form === 'None') {
      return;
    }
    let code = 0;
    if (form === 'Native') {
      await application;
    } else {
      const text = (running.pod.metadata.annotations ?? {})['proxy.istio.io/config'] ?? '{}';
      const config = parse(text) as { terminationDrainDuration?: string; proxyMetadata?: Record<string, string> };
      const adaptive = config.proxyMetadata?.EXIT_ON_ZERO_ACTIVE_CONNECTIONS === 'true';
      const floor = Number.parseInt(
        (adaptive ? config.proxyMetadata?.MINIMUM_DRAIN_DURATION : config.terminationDrainDuration) ?? '5',
        10,
      );
      await pause(floor * 1000);
      do {
        await pause(adaptive ? 1000 : 0);
      } while (adaptive && !running.hurry.signal.aborted && left() > 0 && (running.inbound?.open ?? 0) > 0);
      code = left() > 0 ? 0 : 137;
    }
    running.inbound?.cut();
    running.outbound?.cut();
    running.ended(PROXY, code);
  }

  private async status(running: RunningPod, phase: string, proxied: boolean): Promise<void> {
    const {
      metadata: { name, namespace },
      spec,
    } = running.pod;
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const statusOf = (container: ContainerObject): object => {
      const end = running.ends.get(container.name);
      return {
        name: container.name,
        image: container.image,
        imageID: '',
        restartCount: 0,
        ready: phase === 'Running',
        started: phase === 'Running',
        state:
          end === undefined
            ? { running: { startedAt: now } }
            : { terminated: { ...end, reason: end.exitCode === 0 ? 'Completed' : 'Error', startedAt: now } },
      };
    };
    const condition = (type: string): object => ({
      type,
      status: phase === 'Running' ? 'True' : 'False',
      lastTransitionTime: now,
    });
    await this.cluster.client.call('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
      contentType: 'application/merge-patch+json',
      body: {
        status: {
          phase,
          podIP: running.ip,
          podIPs: [{ ip: running.ip }],
          hostIP: '127.0.0.1',
          conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
          containerStatuses: spec.containers.map(statusOf),
          ...(proxied && spec.initContainers !== undefined
            ? { initContainerStatuses: spec.initContainers.map(statusOf) }
            : {}),
        },
      },
    });
  }

  /** The kubelet's own address for logs, which the API server passes on: /containerLogs/NAMESPACE/POD/CONTAINER?follow=true */
  private serveLogs(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? '/', 'https://node');
    const [, , namespace, name] = url.pathname.split('/');
    const running = [...this.pods.values()].find(
      ({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name,
    );
    if (running === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write(running.log);
    if (url.searchParams.get('follow') !== 'true' || running.ends.size > 1) {
      response.end();
      return;
    }
    running.readers.add(response);
    response.on('close', () => {
      running.readers.delete(response);
    });
  }
}

function proxyOf(pod: PodObject): 'Classic' | 'Native' | 'None' {
  if (pod.spec.containers.some(({ name }) => name === PROXY)) {
    return 'Classic';
  }
  return pod.spec.initContainers?.some(({ name }) => name === PROXY) === true ? 'Native' : 'None';
}

function inject(incoming: IncomingMessage, response: ServerResponse): void {
  let body = '';
  incoming.setEncoding('utf8');
  incoming.on('data', (chunk: string) => {
    body += chunk;
  });
  incoming.on('end', () => {
    const { request } = JSON.parse(body) as { request: { uid: string; object: PodObject } };
    const native = request.object.metadata.annotations?.['sidecar.istio.io/nativeSidecar'] === 'true';
    const proxy = {
      name: PROXY,
      image: 'docker.io/istio/proxyv2:1.30.3',
      ...(native ? { restartPolicy: 'Always' } : {}),
    };
    const list = native ? 'initContainers' : 'containers';
    const path = `/spec/${list}`;
    const patch =
      request.object.spec[list] === undefined
        ? [{ op: 'add', path, value: [proxy] }]
        : [{ op: 'add', path: `${path}/-`, value: proxy }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: {
          uid: request.uid,
          allowed: true,
          patchType: 'JSONPatch',
          patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
        },
      }),
    );
  });
}

async function listening(server: TlsServer): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
