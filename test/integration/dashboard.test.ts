// The dashboard in a real browser, beside a real API server and the real operator: a rollout with a halt is watched from
// start to end, and the page says what the API server has, at each step.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { projectRoot } from '../support/control-plane/index.ts';
import { launchBrowser } from '../support/browser.ts';
import { startDashboard, type RunningDashboard } from '../support/dashboard.ts';
import { rowsOnScreen, scrollThrough } from '../support/in-page/dashboard.mjs';
import { inspectPage, sidewaysScroll } from '../support/in-page/page.mjs';
import { structure } from '../support/in-page/report.mjs';
import { OPERATOR_ACCOUNT } from '../support/operator.ts';
import { makeFleet, type Fleet } from '../support/rollout-record.ts';
import {
  deployment,
  eventually,
  fixed,
  policyPath,
  startScene,
  waves,
  type PolicyObject,
  type Scene,
} from '../support/scene.ts';

jest.setTimeout(180_000);

const ARGS = ['--max-rolling-per-namespace', '100', '--max-rolling-workloads', '100', '--dashboard-bind-address', '127.0.0.1:0']; // prettier-ignore
const VIEWER = { namespace: 'sidecar-drain-system', name: 'viewer' };

let scene: Scene;
let fleet: Fleet;
let browser: Browser;
let dashboard: RunningDashboard;
let page: Page;
const errors: string[] = [];
const asked = new Set<string>();

/** Everything that the dashboard reads, but for nodes. */
async function viewer(): Promise<string> {
  const { cluster } = scene;
  await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: VIEWER });
  await cluster.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'viewer-of-drains' },
    rules: [
      ['', ['namespaces', 'configmaps', 'pods', 'events']],
      ['apps', ['deployments', 'statefulsets', 'daemonsets', 'replicasets']],
      ['batch', ['jobs', 'cronjobs']],
      ['admissionregistration.k8s.io', ['mutatingwebhookconfigurations']],
      ['networking.istio.io', ['proxyconfigs']],
      ['sidecardrain.io', ['*']],
    ].map(([group, resources]) => ({ apiGroups: [group], resources, verbs: ['get', 'list', 'watch'] })),
  });
  await cluster.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'viewer-of-drains' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'viewer-of-drains' },
    subjects: [{ kind: 'ServiceAccount', ...VIEWER }],
  });
  return await cluster.kubeconfigFor(VIEWER);
}

beforeAll(async () => {
  [scene, browser] = await Promise.all([
    startScene({ mesh: { nativeSidecars: 'false' }, operator: { args: ARGS } }),
    launchBrowser(),
  ]);
  fleet = await makeFleet(scene, 'seen', 10, 3, (namespace, name) => deployment(namespace, name));
  dashboard = await startDashboard(['--kubeconfig', await viewer()]);
  page = await browser.newPage({ viewport: { width: 1240, height: 1000 } });
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => (message.type() === 'error' ? errors.push(message.text()) : undefined));
  page.on('request', (request) => asked.add(new URL(request.url()).origin));
  await page.goto(dashboard.url);
});

afterAll(async () => {
  await browser?.close();
  await dashboard?.stop();
  await scene?.stop();
});

/** What the API server has of the policy, each status once, in the words of the page. */
async function recordStatuses(name: string): Promise<{ readonly words: string[]; stop(): Promise<void> }> {
  const words: string[] = [];
  const path = policyPath(name).replace(`/${name}`, `?fieldSelector=metadata.name=${name}`);
  const following = await scene.cluster.follow(path, (object) => {
    const { rollout, workloads = {} } = (object as PolicyObject).status ?? {};
    const { matched, ...states } = workloads;
    const counts = Object.entries(states).filter(([, number]) => number > 0);
    const counted = counts.map(([key, number]) => `${number} ${key}`).join(', ');
    words.push(
      [
        rollout?.phase ?? '',
        rollout?.haltedBy?.message ?? '',
        matched === undefined ? counted : `${matched} matched${counted === '' ? '' : `: ${counted}`}`,
      ]
        .filter((part) => part !== '')
        .join('; '),
    );
  });
  return { words, stop: following.stop };
}

/** The words of a moment without its number and time. */
function standing(words: string): string {
  return words.replace(/^\d+ of \d+, [^:]*(:\d\d){0,2}[^:]*: /, '');
}

describe('the dashboard', () => {
  it('shows the workloads by state, and names what may not be read', async () => {
    await page.locator('#live', { hasText: /^live$/ }).waitFor();
    await eventually(
      async () => (await page.evaluate(rowsOnScreen)).includes(`${fleet.sick} Ungoverned`),
      'the list shows workloads that no policy selects',
    );

    expect(await page.locator('#gaps').textContent()).toContain('nodes may not be listed and watched');
    expect(await page.locator('#off-switch').textContent()).toBe('off switch: off');
  });

  it('follows a rollout through its halt to its end, as the API server has it, and can scroll it back', async () => {
    const statuses = await recordStatuses('seen');
    await scene.createPolicy('seen', {
      ...fixed('', waves(2, { canary: 1, soak: '2s', progressDeadline: '5s' })),
      match: { namespaceSelector: { matchLabels: { fleet: 'seen' } } },
    });
    const card = page.locator('[data-policy=seen]');
    await card.locator('.phase', { hasText: 'Halted' }).waitFor();
    await card.locator('li', { hasText: 'the rollout is halted' }).waitFor();
    await eventually(
      async () => (await page.evaluate(rowsOnScreen)).includes(`${fleet.sick} Failed`),
      'the list says of the workload what the operator says',
    );
    expect(await card.locator('.halt').textContent()).toContain(`${fleet.sick} was changed`);
    await card.locator('li', { hasText: 'RolloutStuck' }).locator('a').first().click();
    await page.locator('#detail h3', { hasText: 'sick' }).waitFor();
    expect(await page.locator('#detail svg[role=img]').count()).toBe(1);

    await fleet.cure();
    await scene.settled('seen', ({ rollout, workloads }) => rollout?.phase === 'Done' && workloads?.compliant === 10);
    await card.locator('.phase', { hasText: 'Done' }).waitFor();
    let moments: string[] = [];
    await eventually(async () => {
      moments = (await page.evaluate(scrollThrough)).map(standing);
      return moments.at(-1) === statuses.words.at(-1);
    }, 'the page has come as far as the API server');
    await statuses.stop();
    const phases = moments.map((words) => words.split(';')[0]);
    expect([...new Set(phases)]).toEqual(expect.arrayContaining(['Canary', 'Halted', 'Done']));
    // The page may leave out a status that stood for a tenth of a second, and shows none that never was.
    expect(moments.filter((words) => words !== '' && !statuses.words.includes(words))).toEqual([]);
    await eventually(
      async () => (await page.evaluate(rowsOnScreen)).includes(`${fleet.sick} Compliant`),
      'the list shows the cured workload as compliant',
    );
  });

  it('says that the API server is away, and goes on by itself when it is back', async () => {
    await scene.cluster.stopApiServer();
    await page.locator('#live', { hasText: 'The API server is away' }).waitFor();
    await scene.cluster.startApiServer();
    await page.locator('#live', { hasText: /^live$/ }).waitFor();

    const namespace = await scene.meshed('after');
    await scene.cluster.create(deployment(namespace, 'later'));
    await page.getByRole('searchbox', { name: 'Search' }).fill('later');
    await eventually(
      async () => (await page.evaluate(rowsOnScreen)).join().includes(`Deployment/${namespace}/later`),
      'a workload that was made afterwards is shown',
    );
  });

  it('shows the off switch', async () => {
    await scene.cluster.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'sidecar-drain-system', name: 'sidecar-drain-operator' },
      data: { paused: 'true' },
    });
    await page.getByRole('alert').waitFor();
    expect(await page.locator('#off-switch').textContent()).toContain('off switch: on');
  });

  it('can be used by the keyboard alone, and a link shows what its sender saw', async () => {
    await page.getByRole('searchbox', { name: 'Search' }).fill('sick');
    await eventually(async () => (await page.evaluate(rowsOnScreen)).length === 1, 'the search leaves one workload');
    const list = page.getByRole('listbox', { name: 'Workloads' });
    // From the search by way of the three filters and the button that takes them back.
    for (const name of ['State', 'Policy', 'Namespace']) {
      await page.keyboard.press('Tab');
      expect(await page.getByRole('search').getByRole('combobox', { name }).evaluate((one) => one.matches(':focus-visible'))).toBe(true); // prettier-ignore
    }
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await list.evaluate((one) => one.matches(':focus-visible'))).toBe(true);
    await page.keyboard.press('ArrowDown');
    expect(await list.getAttribute('aria-activedescendant')).toBe('row-0');
    expect(await list.getByRole('option').first().getAttribute('aria-setsize')).toBe('1');
    await page.keyboard.press('Enter');
    const heading = page.locator('#detail h3', { hasText: 'sick' });
    await heading.waitFor();
    await eventually(() => heading.evaluate((one) => one.matches(':focus')), 'what was opened has the focus');

    const other = await browser.newPage();
    await other.goto(page.url());
    await other.getByRole('article', { name: 'The workload that is open' }).getByRole('heading', { name: /sick/ }).waitFor(); // prettier-ignore
    expect(await other.getByRole('searchbox', { name: 'Search' }).inputValue()).toBe('sick');
    expect(await other.evaluate(rowsOnScreen)).toEqual(await page.evaluate(rowsOnScreen));
    await other.close();

    await page.keyboard.press('Escape');
    await eventually(() => list.evaluate((one) => one.matches(':focus')), 'Escape goes back to the list');
    expect(await page.locator('#detail').isHidden()).toBe(true);
  });

  it('is served by the operator to whoever may list what it shows, and to nobody else', async () => {
    const { cluster, operator } = scene;
    const files = ['role', 'role_binding'].map((name) => join(projectRoot(), `config/dashboard/${name}.yaml`));
    await cluster.kubectlOk(['apply', ...files.flatMap((file) => ['-f', file])]);
    const reviews = { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews' };
    await cluster.waitUntilAllowed(OPERATOR_ACCOUNT, reviews);
    const stranger = { namespace: VIEWER.namespace, name: 'stranger' };
    await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: stranger });
    const port = operator.lines.flatMap((line) => (String(line['endpoints']).includes('/events') ? [line['port']] : []))[0]; // prettier-ignore
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const url = `https://127.0.0.1:${String(port)}`;
    const ask = async (token?: string): Promise<[number, string]> => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answer = await context.request.get(`${url}/workload?key=${fleet.sick}`, { headers, timeout: 60_000 });
      return [answer.status(), await answer.text()];
    };

    expect(await ask()).toEqual([401, expect.stringContaining('a bearer token is needed')]);
    expect(await ask('made-up')).toEqual([401, expect.stringContaining('a bearer token is needed')]);
    expect(await ask(await cluster.tokenFor(stranger))).toEqual([
      403,
      expect.stringMatching(/stranger may not list .*deployments\.apps.* in all namespaces/),
    ]);
    const token = await cluster.tokenFor(VIEWER);
    expect(await ask(token)).toEqual([200, expect.stringContaining(`"key":"${fleet.sick}"`)]);

    const own = await context.newPage();
    await own.goto(url);
    await own.getByLabel('Token').fill('made-up');
    await own.getByRole('button', { name: 'Look' }).click();
    await own.getByRole('alert').filter({ hasText: 'a bearer token is needed' }).waitFor();
    expect(await own.evaluate(rowsOnScreen)).toEqual([]);
    await own.getByLabel('Token').fill(token);
    await own.keyboard.press('Enter');
    await own.locator('#live', { hasText: /^live$/ }).waitFor();
    await eventually(
      async () => (await own.evaluate(rowsOnScreen)).includes(`${fleet.sick} Compliant`),
      'the page of the operator shows the same',
    );
    await context.close();
  });

  it('asks nobody but its server, fits, can be read, and tells a screen reader what it shows', async () => {
    expect([...asked]).toEqual([new URL(dashboard.url).origin]);
    expect(errors).toEqual([]);
    for (const width of [1240, 390]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(sidewaysScroll)).toBe(0);
      expect((await page.evaluate(inspectPage)).pale).toEqual([]);
    }
    expect(await page.evaluate(structure)).toMatchObject({ headings: 1, mains: 1, unnamed: [], repeatedIds: [] });
    expect(await dashboard.stop()).toBe(0);
  });
});
