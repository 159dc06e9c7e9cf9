// make bench-dashboard: the dashboard with a large fleet, in a real browser, beside `kubectl get deployments -A -w`: when the
// first workloads are seen, how much memory it takes, and how many bytes go over the wire, first and with changes.
//
//   BENCH_FLEET    Deployments (10000)
//   BENCH_CHANGES  changes of one Deployment each that both see (1000)
//   BENCH_PICTURE  a file for a picture of the page
import { say, wholeNumber } from '../test/support/program.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { launchBrowser } from '../test/support/browser.ts';
import { startControlPlane, type ControlPlane } from '../test/support/control-plane/index.ts';
import { kubeconfigText } from '../test/support/control-plane/cluster.ts';
import { installCrds } from '../test/support/crds.ts';
import { startDashboard, type RunningDashboard } from '../test/support/dashboard.ts';
import { installMesh } from '../test/support/mesh.ts';
import { installPermissions, OPERATOR_ACCOUNT } from '../test/support/operator.ts';
import { eventually } from '../test/support/scene.ts';
import { collectionIn, createFleet, createNamespaces, inParallel, places } from './fleet.ts';
import { memoryOf, round } from './measure.ts';

const FLEET = wholeNumber('BENCH_FLEET', 10_000);
const CHANGES = wholeNumber('BENCH_CHANGES', 1_000);

/** Counts what an API server sends to whoever asks it through here: bytes of TCP, as they come. */
async function countingProxy(plane: ControlPlane): Promise<{ url: string; received(): number; stop(): void }> {
  const target = new URL(plane.url);
  const sockets = new Set<Socket>();
  let bytes = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    sockets.add(client).add(upstream);
    upstream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      socket.on('error', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  return {
    url: `https://127.0.0.1:${port}`,
    received: () => bytes,
    stop: () => {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}

interface Reader {
  /** Bytes so far. */
  received(): number;
  /** How many lines or rows so far. */
  seen(): number;
  stop(): void;
}

async function kubectlReader(plane: ControlPlane): Promise<Reader> {
  const proxy = await countingProxy(plane);
  const kubeconfig = join(plane.folder, 'kubeconfig-counted');
  await writeFile(kubeconfig, kubeconfigText(proxy.url, plane.caData, await plane.tokenFor(OPERATOR_ACCOUNT)), {
    mode: 0o600,
  });
  const child: ChildProcess = spawn(
    plane.connection.kubectlPath ?? 'kubectl',
    ['--kubeconfig', kubeconfig, 'get', 'deployments', '-A', '-w'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HOME: plane.folder } },
  );
  let lines = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    lines += chunk.toString().split('\n').length - 1;
  });
  return {
    received: () => proxy.received(),
    seen: () => lines - 1,
    stop: () => {
      child.kill();
      proxy.stop();
    },
  };
}

/** Stands once in each row. */
const ROW_MARK = '"gracePeriod":';

/** All that a browser asks for, without being one: files and stream, compressed, by the byte; and how many rows came. */
function pageReader(url: string): Reader {
  const ends: (() => void)[] = [];
  let bytes = 0;
  let rows = 0;
  for (const path of ['/', '/page.css', '/page.js', '/events']) {
    const asked = plainRequest(new URL(path, url), { headers: { 'accept-encoding': 'gzip' }, agent: false });
    asked.on('response', (response) => {
      const unpacked = response.pipe(createGunzip());
      let rest = '';
      unpacked.on('data', (chunk: Buffer) => {
        const parts = (rest + chunk.toString()).split(ROW_MARK);
        rows += path === '/events' ? parts.length - 1 : 0;
        rest = (parts.at(-1) ?? '').slice(-ROW_MARK.length);
      });
      unpacked.on('error', () => undefined);
    });
    asked.on('socket', (socket) => {
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
    });
    asked.on('error', () => undefined);
    asked.end();
    ends.push(() => asked.destroy());
  }
  return {
    received: () => bytes,
    seen: () => rows,
    stop: () => {
      for (const end of ends) {
        end();
      }
    },
  };
}

/** When nothing more comes for a while. */
async function quiet(reader: Reader): Promise<void> {
  for (let before = -1; before !== reader.received();) {
    before = reader.received();
    await sleep(3_000);
  }
}

/** Changes of what both show: kubectl a number of pods, the page a grace period. */
async function change(plane: ControlPlane, namespaces: readonly string[]): Promise<void> {
  await inParallel(places(namespaces, CHANGES), 8, async ({ namespace, name }) => {
    await plane.client.call('PATCH', `${collectionIn(namespace)}/${name}`, {
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: 4, template: { spec: { terminationGracePeriodSeconds: 45 } } } },
    });
  });
}

async function inBrowser(dashboard: RunningDashboard): Promise<object> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1240, height: 1000 } });
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    const from = performance.now();
    await page.goto(dashboard.url);
    await page.locator('#list [role=option]').first().waitFor();
    const firstRows = performance.now() - from;
    // The fleet, and istiod.
    await page.locator('#shown', { hasText: `${FLEET + 1} workloads` }).waitFor();
    const allRows = performance.now() - from;
    const paint = await page.evaluate('performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN');
    await page.getByRole('searchbox', { name: 'Search' }).fill('service-0042');
    const searched = performance.now();
    await page.locator('#shown', { hasText: ' of ' }).waitFor();
    const search = performance.now() - searched;
    await page.getByRole('button', { name: 'Reset' }).click();
    const picture = process.env['BENCH_PICTURE'] ?? '';
    if (picture !== '') {
      await page.locator('#list').scrollIntoViewIfNeeded();
      await page.screenshot({ path: picture });
    }
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const metric = (name: string): number => metrics.find((one) => one.name === name)?.value ?? NaN;
    return {
      firstPaintMs: round(Number(paint), 0),
      firstWorkloadsMs: round(firstRows, 0),
      allWorkloadsMs: round(allRows, 0),
      searchMs: round(search, 0),
      heapMb: round(metric('JSHeapUsedSize') / 1e6, 1),
      nodes: metric('Nodes'),
    };
  } finally {
    await browser.close();
  }
}

const plane = await startControlPlane({ controllerManager: false, audit: false });
try {
  await installCrds(plane);
  await installMesh(plane, { nativeSidecars: 'false' });
  await installPermissions(plane);
  const namespaces = await createNamespaces(plane);
  say(`creating ${FLEET} Deployments`);
  await createFleet(plane, namespaces, FLEET);

  say('starting the dashboard');
  const started = performance.now();
  const dashboard = await startDashboard(['--kubeconfig', plane.kubeconfigPath]);
  const warm = pageReader(dashboard.url);
  await eventually(() => warm.seen() >= FLEET, 'the dashboard has judged the fleet', 300_000);
  const readyMs = performance.now() - started;
  await quiet(warm);
  warm.stop();
  const ready = memoryOf(dashboard.pid);

  const browser = await inBrowser(dashboard);
  say('kubectl and the page, side by side');
  const kubectl = await kubectlReader(plane);
  const page = pageReader(dashboard.url);
  await eventually(() => kubectl.seen() >= FLEET, 'kubectl has listed the fleet', 120_000);
  await Promise.all([quiet(kubectl), quiet(page)]);
  const initial = { kubectl: kubectl.received(), page: page.received() };
  say(`${CHANGES} changes`);
  await change(plane, namespaces);
  await Promise.all([quiet(kubectl), quiet(page)]);
  const changes = { kubectl: kubectl.received() - initial.kubectl, page: page.received() - initial.page };
  kubectl.stop();
  page.stop();

  const results = {
    what: 'sidecar-drain dashboard beside kubectl get deployments -A -w: bytes that come to the browser and, in TLS, to kubectl',
    fleet: FLEET,
    changes: CHANGES,
    machine: { node: process.version, cores: availableParallelism() },
    dashboard: {
      startToAllJudgedMs: round(readyMs, 0),
      peakMb: ready?.peakMb,
      peakAfterChangesMb: memoryOf(dashboard.pid)?.peakMb,
      restMb: memoryOf(dashboard.pid)?.nowMb,
    },
    browser,
    bytes: {
      initial: { ...initial, ratio: round(initial.page / initial.kubectl) },
      changes: { ...changes, ratio: round(changes.page / changes.kubectl) },
    },
  };
  await dashboard.stop();
  await mkdir('bench/results', { recursive: true });
  await writeFile('bench/results/dashboard.json', `${JSON.stringify(results, null, 2)}\n`);
  console.log(JSON.stringify(results, null, 2));
} finally {
  await plane.stop();
}
process.exit();
