// The end-to-end suite itself, on the test control plane: what it needs, sets up, sees, compares and cleans up.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type ControlPlane, type KubeObject, projectRoot, startControlPlane } from '../support/control-plane/index.ts';
import { installMesh } from '../support/mesh.ts';
import { E2eNode } from './e2e-node.ts';

jest.setTimeout(300_000);

const RUN_LABEL = 'e2e.sidecardrain.io/run';
/** Short, but so that a classic proxy with its defaults is gone (5 s) before the requests are over. */
const QUICK = {
  E2E_PRE_STOP: '1s',
  E2E_HOLD: '7s',
  E2E_LATE_CALLS: '9s',
  E2E_DURATION: '10s',
  E2E_MAX_WAIT: '11s',
  E2E_INTERVAL: '500ms',
  E2E_READY_TIMEOUT: '40',
};

let plane: ControlPlane;
let node: E2eNode;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  plane = await startControlPlane({ pods: false, audit: false });
});

afterAll(async () => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
  await node?.stop();
  await plane?.stop();
});

interface Suite {
  readonly child: ChildProcess;
  output(): string;
  readonly exited: Promise<number | null>;
  /** Waits until it has said this. */
  says(text: string): Promise<void>;
}

function start(results: string, env: Readonly<Record<string, string>> = {}): Suite {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('E2E_')));
  const child = spawn(process.execPath, ['scripts/run-ts.mjs', 'e2e/main.ts'], {
    cwd: projectRoot(),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...inherited,
      E2E_KUBECONFIG: plane.kubeconfigPath,
      E2E_RESULTS: relative(projectRoot(), join(plane.folder, results)),
      ...QUICK,
      ...env,
    },
  });
  running.add(child);
  let output = '';
  const listeners = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
    listeners.forEach((listener) => {
      listener();
    });
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const exited = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      running.delete(child);
      resolve(code);
      listeners.forEach((listener) => {
        listener();
      });
    });
  });
  return {
    child,
    exited,
    output: () => output,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(text)) {
            resolve();
          } else if (child.exitCode !== null) {
            reject(new Error(`ended without saying "${text}":\n${output}`));
          }
        };
        listeners.add(look);
        look();
      }),
  };
}

/** All that a run has made, as far as the cluster still has it. */
async function left(): Promise<string[]> {
  const lists = [
    '/api/v1/namespaces',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    '/apis/sidecardrain.io/v1alpha1/sidecardrainpolicies',
  ];
  const found = await Promise.all(
    lists.map(
      async (path) =>
        (await plane.client.raw<{ items?: KubeObject[] }>('GET', `${path}?labelSelector=${RUN_LABEL}`)).body.items ??
        [],
    ),
  );
  return found.flat().map(({ metadata }) => metadata.name);
}

describe('on a cluster that lacks something', () => {
  it.each([
    ['a misspelt variable', { E2E_OLNY: 'fixed' }, 'E2E_OLNY is not a variable of this suite'],
    [
      'a kubeconfig that is not there',
      { E2E_KUBECONFIG: '/nowhere/kubeconfig' },
      'There is no file /nowhere/kubeconfig',
    ],
    ['no Istio', {}, 'no Istio: there is no MutatingWebhookConfiguration'],
  ])('%s: says so, exits with 2, leaves nothing', async (_, env, words) => {
    const suite = start('lacking', env);

    expect(await suite.exited).toBe(2);
    expect(suite.output()).toContain(words);
    expect(await left()).toEqual([]);
  });

  it('an injector that does not answer: says so, exits with 2, leaves nothing', async () => {
    await installMesh(plane, { nativeSidecars: 'false' });
    await plane.client.call('POST', '/api/v1/nodes', {
      body: {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'idle' },
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      },
    });
    await plane.client.call('PATCH', '/api/v1/nodes/idle', {
      contentType: 'application/merge-patch+json',
      body: { spec: { taints: null } },
    });

    const suite = start('no-injector');

    expect(await suite.exited).toBe(2);
    expect(suite.output()).toContain('gets no istio-proxy');
    expect(await left()).toEqual([]);
    await plane.client.call('DELETE', '/api/v1/nodes/idle');
  });
});

describe('on a cluster with a mesh', () => {
  beforeAll(async () => {
    await installMesh(plane, { nativeSidecars: 'false' });
    node = new E2eNode(plane, process.pid % 200);
    await node.start();
  });

  it("is not content with a dead run's leftovers, nor with one that may be alive, and proves what it is asked", async () => {
    const dead = start('dead', { E2E_ONLY: 'fixed/classic' });
    await dead.says('the workload becomes compliant');
    dead.child.kill('SIGKILL');
    expect(await left()).not.toEqual([]);

    const early = start('early');
    expect(await early.exited).toBe(2);
    expect(early.output()).toContain('another run of this suite is under way');

    const suite = start('full', { E2E_ONLY: 'default,fixed', E2E_FORMS: 'classic', E2E_TAKE_OVER: '1' });
    const code = await suite.exited;
    const results = JSON.parse(await readFile(join(plane.folder, 'full', 'results.json'), 'utf8')) as {
      checks: { scenario: string; check: string; verdict: string; detail: string }[];
      terminations: { comparison: { compared: { inFlight: number } } }[];
    };

    expect(results.checks.filter(({ verdict }) => verdict !== 'Passed')).toEqual([]);
    expect(code).toBe(0);
    expect(suite.output()).toContain('has left something behind: cleaning up');
    expect(results.checks.map(({ scenario, check }) => `${scenario}: ${check.replace(/server-\S+/, 'POD')}`)).toEqual([
      'default: without a policy requests are lost',
      'default: late calls of the application are refused',
      'default: forecast of POD',
      'default: forecast of POD',
      'fixed: the workload becomes compliant',
      'fixed: no request is lost',
      'fixed: late calls of the application work',
      'fixed: forecast of POD',
      'fixed: forecast of POD',
      'fixed: deletion restores',
    ]);
    expect(results.terminations.every(({ comparison }) => comparison.compared.inFlight > 0)).toBe(true);
    expect(await readFile(join(plane.folder, 'full', 'junit.xml'), 'utf8')).toContain('tests="10" failures="0"');
    expect(await left()).toEqual([]);
  });

  it('cleans up when it is interrupted', async () => {
    const suite = start('interrupted', { E2E_ONLY: 'combined', E2E_FORMS: 'native' });
    await suite.says('the workload becomes compliant');

    suite.child.kill('SIGINT');

    expect(await suite.exited).toBe(130);
    expect(suite.output()).toContain('interrupted by SIGINT; cleaning up');
    expect(await left()).toEqual([]);
  });
});
