// Alerts and dashboard, held against what a real run of the operator measures and a real Prometheus has scraped.
import { execFile } from 'node:child_process';
import { request } from 'node:https';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { projectRoot } from '../support/control-plane/index.ts';
import { freePort } from '../support/control-plane/processes.ts';
import {
  findPrometheus,
  type PrometheusPrograms,
  type RunningPrometheus,
  startPrometheus,
} from '../support/prometheus.ts';
import {
  deployment,
  eventually,
  fixed,
  policyPath,
  type PolicyObject,
  type Scene,
  startScene,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const found = await findPrometheus();
const folder = join(projectRoot(), 'monitoring');
let scene: Scene;
let scrape: string;
let namespace: string;
let scratch: string;

interface Rule {
  alert: string;
  expr: string;
}
interface Panel {
  title: string;
  type: string;
  targets?: { expr: string }[];
}

async function rules(): Promise<Rule[]> {
  const { groups } = parse(await readFile(join(folder, 'alerts.yaml'), 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

async function queries(): Promise<[title: string, expr: string][]> {
  const { panels } = JSON.parse(await readFile(join(folder, 'dashboard.json'), 'utf8')) as { panels: Panel[] };
  return panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }): [string, string] => [title, expr]));
}

/** Names of metrics in an expression: what stands before a `{`, a `[`, or is a word with one of our prefixes. */
function metricsIn(expr: string): string[] {
  return [
    ...new Set(
      expr.match(
        /\b(?:sidecar_drain|controller_runtime|workqueue|rest_client|leader_election|reflector|process)_[a-z_]+\b/g,
      ) ?? [],
    ),
  ];
}

/** One admission, as the API server would ask for it. */
async function postReview(address: string): Promise<void> {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace: 'default',
      name: 'a',
      userInfo: {},
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'a', namespace: 'default' },
        spec: { containers: [{ name: 'app' }] },
      },
    },
  };
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request(
      `https://${address}/mutate`,
      { method: 'POST', rejectUnauthorized: false, headers: { 'content-type': 'application/json' } },
      (answer) => {
        answer.resume();
        answer.on('end', () => {
          resolve(answer.statusCode);
        });
      },
    );
    call.on('error', reject);
    call.end(JSON.stringify(review));
  });
  if (status !== 200) {
    throw new Error(`the admission server answered ${status ?? 'nothing'}`);
  }
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sidecar-drain-prometheus-'));
  const admission = `127.0.0.1:${await freePort()}`;
  scene = await startScene({
    mesh: { nativeSidecars: 'false' },
    operator: {
      args: [
        '--leader-elect',
        '--admission',
        'on',
        '--admission-bind-address',
        admission,
        '--admission-url',
        `https://${admission}`,
      ],
    },
  });
  namespace = await scene.meshed('seen');
  await scene.cluster.create(deployment(namespace, 'fine'));
  await scene.cluster.create(deployment(namespace, 'declared', { grace: 7 }));
  await scene.createPolicy('seen', fixed(namespace));
  await scene.cluster.waitFor<PolicyObject>(
    policyPath('seen'),
    ({ status }) => status?.workloads?.compliant === 1 && status.workloads.conflicted === 1,
  );
  // A rollout that is held: the canary is through, and its soak lasts.
  const soaking = await scene.meshed('soaking');
  await Promise.all(
    ['a', 'b'].map(async (name) => {
      await scene.cluster.create(deployment(soaking, name));
      await scene.rolledOut(soaking, name);
    }),
  );
  await scene.createPolicy(
    'soaking',
    fixed(soaking, { rollout: { strategy: 'Waves', waves: { canary: 1, soak: '10m' } } }),
  );
  await eventually(
    async () => (await scene.operator.metrics()).includes('sidecar_drain_rollouts_held{policy="soaking"'),
    'the soak',
    60_000,
  );
  await postReview(admission);
  scrape = await scene.operator.metrics();
});
afterAll(async () => {
  await scene?.stop();
  await rm(scratch, { recursive: true, force: true });
});

describe('the metrics', () => {
  it('tell the state of the fleet, why, and with how much slack', () => {
    expect(scrape).toContain('sidecar_drain_workloads{policy="seen",state="compliant"} 1');
    expect(scrape).toContain('sidecar_drain_workloads{policy="seen",state="conflicted"} 1');
    expect(scrape).toContain('sidecar_drain_workload_reasons{policy="seen",reason="FieldConflict"} 1');
    expect(scrape).toContain('sidecar_drain_grace_slack_seconds_bucket{le="-30"} 1');
    expect(scrape).toContain('sidecar_drain_grace_slack_seconds_bucket{le="-10"} 2');
    expect(scrape).toContain('sidecar_drain_grace_slack_seconds_bucket{le="0"} 4');
    expect(scrape).toContain('sidecar_drain_writes_total{policy="seen",write="apply"} 1');
    expect(scrape).toMatch(/sidecar_drain_decisions_total\{outcome="Conflicted"\} \d/);
  });

  it('never carry the name of a workload or of a namespace', () => {
    expect(scrape).not.toContain('declared');
    expect(scrape).not.toContain(namespace);
  });
});

describe('alerts and dashboard', () => {
  it('speak of metrics that the operator has', async () => {
    const asked = [...(await rules()).map(({ expr }) => expr), ...(await queries()).map(([, expr]) => expr)].flatMap(
      metricsIn,
    );
    const known = new Set(
      [...scrape.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );

    expect(asked.length).toBeGreaterThan(20);
    expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([]);
  });

  it('have a runbook for every alert, and only for those', async () => {
    const text = await readFile(join(projectRoot(), 'docs/runbooks/README.md'), 'utf8');

    expect([...text.matchAll(/^## (\S+)$/gm)].map(([, name]) => name).sort()).toEqual(
      (await rules()).map(({ alert }) => alert).sort(),
    );
  });
});

(found.ok ? describe : describe.skip)(found.ok ? 'with Prometheus' : `with Prometheus (left out: ${found.why})`, () => {
  const { prometheus, promtool } = found.ok ? found.programs : ({} as PrometheusPrograms);
  let running: RunningPrometheus;

  function check(args: string[], input = ''): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      const child = execFile(promtool, args, { cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
      });
      child.stdin?.end(input);
    });
  }

  beforeAll(async () => {
    running = await startPrometheus(
      prometheus,
      scratch,
      `127.0.0.1:${scene.operator.metricsPort}`,
      join(folder, 'alerts.yaml'),
    );
    await eventually(
      async () =>
        Number(
          (await running.get<{ result: { value: [number, string] }[] }>('query?query=count_over_time(up[1m])'))
            .result[0]?.value[1] ?? 0,
        ) >= 5,
      'five scrapes',
      60_000,
    );
  });
  afterAll(async () => {
    await running?.stop();
  });

  it.each([
    ['the alerts are well-formed', ['check', 'rules', 'alerts.yaml']],
    ['each alert fires when it should', ['test', 'rules', 'alerts.test.yaml']],
  ])('promtool: %s', async (_, args) => {
    expect(await check(args)).toMatchObject({ code: 0 });
  });

  it('promtool finds nothing to say about our own metrics', async () => {
    const { output } = await check(['check', 'metrics'], scrape);

    expect(output.split('\n').filter((line) => line.includes('sidecar_drain_'))).toEqual([]);
  });

  it('every query of the dashboard gets data', async () => {
    const empty: string[] = [];
    for (const [title, expr] of await queries()) {
      const { result } = await running.get<{ result: unknown[] }>(
        `query?query=${encodeURIComponent(expr.replaceAll('$__rate_interval', '1m'))}`,
      );
      if (result.length === 0) {
        empty.push(`${title}: ${expr}`);
      }
    }

    expect(empty).toEqual([]);
  });

  it('every alert can be evaluated, and none fires on a healthy operator that it should not', async () => {
    const evaluated = async (): Promise<{ name: string; health: string; state: string; lastError?: string }[]> =>
      (
        await running.get<{
          groups: { rules: { name: string; health: string; state: string; lastError?: string }[] }[];
        }>('rules')
      ).groups.flatMap((group) => group.rules);
    await eventually(async () => {
      const rules = await evaluated();
      return (
        rules.every(({ health }) => health !== 'unknown') && rules.filter(({ state }) => state === 'pending').length > 1
      );
    }, 'every alert has been evaluated');
    const all = await evaluated();

    expect(all.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(all.filter(({ state }) => state === 'firing').map(({ name }) => name)).toEqual([]);
    // Their time has not come yet, but they have begun to count.
    expect(
      all
        .filter(({ state }) => state === 'pending')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['SidecarDrainConflicts', 'SidecarDrainGraceTooShort']);
  });
});
