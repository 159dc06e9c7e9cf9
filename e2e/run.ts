// One run on one cluster: look, clean up what a crashed run has left, start the operator, play the scenarios, clean up.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cleanUpLeftovers, cleanUpRun, HEARTBEAT_EVERY_MS } from './cluster/cleanup.ts';
import {
  E2eError,
  LackingError,
  NAMESPACES,
  reasonOf,
  TimeUpError,
  type Cluster,
  type KubeObject,
} from './cluster/api.ts';
import { installCrds, startOperator, type Operator } from './cluster/operator.ts';
import { formsOfMesh, look, meshOf, type FormChoice } from './cluster/preflight.ts';
import type { Checks } from './judge.ts';
import { HEARTBEAT_ANNOTATION, namespaceObject } from './plan/objects.ts';
import { OptionsError, type Options } from './plan/options.ts';
import { SCENARIO_NAMES, timingOf, timingProblems, type ScenarioName } from './plan/scenarios.ts';
import { bundlePrograms } from './programs/bundle.ts';
import { exitCodeOf, resultsJson, resultsJunit, resultsTable, type Check, type RunResults } from './results.ts';
import { playScenario } from './scenario.ts';

export interface RunParts {
  readonly cluster: Cluster;
  readonly options: Options;
  readonly root: string;
  /** Ends the scenarios; cleaning up goes on. */
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** How long cleaning up may take, whatever happens. */
const CLEAN_UP_LIMIT_MS = 420_000;

export async function runSuite({ cluster, options, root, signal, say }: RunParts): Promise<number> {
  const run = randomBytes(4).toString('hex');
  const startedAt = new Date().toISOString();
  const folder = join(root, options.results);
  await mkdir(folder, { recursive: true });
  const results: Results = { checks: [], terminations: [], cluster: {} };

  const facts = await look(cluster, options);
  say(
    `Kubernetes ${facts.kubernetes}, ${facts.nodes} usable ${facts.nodes === 1 ? 'node' : 'nodes'}, at ${cluster.server}`,
  );
  await cleanUpLeftovers(cluster, options.takeOver, say, signal);

  const control = `sidecar-drain-e2e-${run}`;
  let operator: Operator | undefined;
  let heart: NodeJS.Timeout | undefined;
  try {
    await cluster.client.create(NAMESPACES, namespaceObject(control, run, options.injectionLabels));
    heart = setInterval(() => {
      void beat(cluster, control);
    }, HEARTBEAT_EVERY_MS);
    const { forms, notes } = await formsOfMesh(cluster, options, control);
    say(notes.join('; '));
    const wanted = scenariosOf(options, forms);
    if (options.operator.how !== 'installed') {
      const made = await installCrds({ cluster, root, run, signal });
      say(
        made.length > 0
          ? `installed ${made.join(', ')}`
          : 'the custom resource definitions are there already, and stay',
      );
    }
    operator = await startOperator({
      cluster,
      options,
      root,
      run,
      namespace: control,
      logFile: join(folder, 'operator.log'),
      signal,
    });
    say(`operator: ${operator.describe}`);
    const { mesh, gaps } = await meshOf(cluster);
    for (const gap of gaps) {
      say(`the engine could not read everything: ${gap}`);
    }
    results.cluster = {
      kubernetes: facts.kubernetes,
      istio: mesh.revisions.map(({ name, version }) => `${name} ${version ?? 'unknown'}`).join(', '),
      sidecars: notes.join('; '),
      image: options.image.reference,
    };
    say(`Istio: ${results.cluster.istio ?? ''}`);
    const programs = await bundlePrograms(root);
    for (const { scenario, form } of wanted) {
      const title = `${scenario}/${form.form}`;
      const tell = (text: string): void => {
        say(`${title}: ${text}`);
      };
      const checks = checksOf(results, scenario, form, tell);
      const running = operator;
      try {
        await playScenario({
          cluster,
          facts,
          mesh,
          readMesh: async () => (await meshOf(cluster)).mesh,
          renderMap: (policy) => renderMap(root, policy, signal),
          renderManifests: (manifests, policy, version) =>
            renderManifests(root, { manifests, policy, version }, signal),
          options,
          run,
          scenario,
          form,
          programs,
          checks,
          signal,
          say: tell,
          lint: (namespace) => lintCodes(root, cluster, namespace, signal),
          operatorRuns: () => {
            running.check();
          },
        });
      } catch (error) {
        if (signal.aborted) {
          throw error;
        }
        checks.add('it can be carried out', 'Failed', error instanceof Error ? error.message : String(error));
        running.check();
      }
    }
  } catch (error) {
    if (!signal.aborted || error instanceof LackingError) {
      throw error;
    }
    say(reasonOf(signal).message);
  } finally {
    clearInterval(heart);
    const stopOperator = async (): Promise<void> => {
      await operator?.stop();
    };
    if (options.keep) {
      say(
        `E2E_KEEP: everything of run ${run} stays but the operator's process. The next run, or \`kubectl delete ns,sdp -l e2e.sidecardrain.io/run=${run}\`, removes it.`,
      );
      await (options.operator.how === 'outside' ? stopOperator() : Promise.resolve());
    } else {
      say('cleaning up');
      await cleanUpRun(cluster, run, {
        operatorRuns: operator !== undefined,
        say,
        signal: AbortSignal.timeout(CLEAN_UP_LIMIT_MS),
        stopOperator,
      });
    }
  }
  const timeUp = signal.reason instanceof TimeUpError ? signal.reason : undefined;
  if (timeUp !== undefined) {
    results.checks.push({
      scenario: 'all',
      form: 'all',
      check: 'it ends in time',
      verdict: 'Failed',
      detail: timeUp.message,
      seconds: options.timeoutSeconds,
    });
  }
  const outcome: RunResults = { run, startedAt, interrupted: signal.aborted && timeUp === undefined, ...results };
  await writeFile(join(folder, 'results.json'), resultsJson(outcome));
  await writeFile(join(folder, 'junit.xml'), resultsJunit(outcome));
  process.stdout.write(
    `\n${resultsTable(outcome, process.stdout.columns ?? 140)}\nresults: ${join(options.results, 'results.json')}, ${join(options.results, 'junit.xml')}\n`,
  );
  return exitCodeOf(outcome);
}

interface Results {
  readonly checks: Check[];
  readonly terminations: unknown[];
  cluster: Record<string, string>;
}

function checksOf(results: Results, scenario: ScenarioName, form: FormChoice, say: (text: string) => void): Checks {
  const started = Date.now();
  return {
    add: (check, verdict, detail, more) => {
      results.checks.push({
        scenario,
        form: form.form,
        check,
        verdict,
        detail,
        seconds: (Date.now() - started) / 1000,
        ...(more === undefined || more.length === 0 ? {} : { more }),
      });
      say(`${verdict === 'Passed' ? 'ok' : verdict.toUpperCase()}: ${check}: ${detail}`);
    },
    termination: (record) => {
      results.terminations.push({ scenario, form: form.form, ...(record as object) });
    },
  };
}

function scenariosOf(options: Options, forms: readonly FormChoice[]): { scenario: ScenarioName; form: FormChoice }[] {
  const wanted = forms
    .flatMap((form) => SCENARIO_NAMES.map((scenario) => ({ scenario, form })))
    .filter(
      ({ scenario, form }) =>
        options.only.length === 0 ||
        options.only.some((each) => each.scenario === scenario && (each.form ?? form.form) === form.form),
    );
  if (wanted.length === 0) {
    throw new LackingError(
      `E2E_ONLY selects nothing here: this mesh gives ${forms.map(({ form }) => form).join(' and ')} sidecars`,
    );
  }
  const problems = [
    ...new Set(wanted.flatMap(({ form }) => timingProblems(form.form, timingOf(form.form, options.timing)))),
  ];
  if (problems.length > 0) {
    throw new OptionsError(problems.join('\n'));
  }
  return wanted;
}

/** A sign of life for other runs; that one is missed does no harm. */
async function beat(cluster: Cluster, namespace: string): Promise<void> {
  await cluster.client
    .mergePatch(
      NAMESPACES,
      { name: namespace },
      { metadata: { annotations: { [HEARTBEAT_ANNOTATION]: new Date().toISOString() } } },
    )
    .catch(() => undefined);
}

/** What `sidecar-drain render -o map` makes of a policy. */
async function renderMap(root: string, policy: object, signal: AbortSignal): Promise<KubeObject[]> {
  return await render(root, { policy }, (files) => ['-p', files.policy ?? '', '-o', 'map'], signal);
}

interface Manifests {
  readonly manifests: readonly object[];
  readonly policy: object;
  readonly version?: string;
}

async function renderManifests(
  root: string,
  { manifests, policy, version }: Manifests,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const list = { apiVersion: 'v1', kind: 'List', items: manifests };
  const facts = version === undefined ? [] : ['--istio-version', version];
  const printed = await render(
    root,
    { policy, list },
    (files) => [files.list ?? '', '-p', files.policy ?? '', ...facts],
    signal,
  );
  return printed.flatMap((each) => (each as { readonly items?: readonly KubeObject[] }).items ?? [each]);
}

/** Writes objects into files of these names, and gives back what `render` prints for them. */
async function render(
  root: string,
  objects: Readonly<Record<string, object>>,
  args: (files: Readonly<Record<string, string>>) => readonly string[],
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-drain-e2e-'));
  try {
    const files = Object.fromEntries(Object.keys(objects).map((name) => [name, join(folder, `${name}.json`)]));
    for (const [name, object] of Object.entries(objects)) {
      await writeFile(join(folder, `${name}.json`), JSON.stringify(object, null, 2));
    }
    const { code, output, errors } = await runProgram(root, ['render', ...args(files)], signal);
    if (code !== 0) {
      throw new E2eError(`render ended with exit code ${code ?? '?'}: ${errors.trim()}`);
    }
    return parseAllDocuments(output).map((document) => document.toJS() as KubeObject);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The codes of the findings that the program itself reports, as a user would see them. */
async function lintCodes(root: string, cluster: Cluster, namespace: string, signal: AbortSignal): Promise<string[]> {
  const context = cluster.context === undefined ? [] : ['--context', cluster.context];
  const args = ['lint', '--cluster', '--kubeconfig', cluster.kubeconfig, ...context, '-n', namespace, '-o', 'json'];
  const { code, output, errors } = await runProgram(root, args, signal);
  try {
    const { findings } = JSON.parse(output) as { findings: { code: string }[] };
    return [...new Set(findings.map((finding) => finding.code))];
  } catch {
    throw new E2eError(`lint --cluster ended with exit code ${code ?? '?'} and no report: ${errors.trim()}`);
  }
}

interface ProgramRun {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** The program as a user runs it. */
function runProgram(root: string, args: readonly string[], signal: AbortSignal): Promise<ProgramRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'dist/main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output, errors });
    });
  });
}
