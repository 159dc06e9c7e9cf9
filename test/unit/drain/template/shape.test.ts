import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { decideFor, policyOf, workloadOf } from '../../../fixtures/drain/objects.ts';
import { WORKLOAD_KINDS } from '../../../../src/drain/template/kinds.ts';
import { lifecycleOf, projectWorkload, shapeProblems } from '../../../../src/drain/template/index.ts';
import { parseConfiguredKind } from '../../../../src/drain/template/kinds/configured.ts';

const DEPLOYMENT = { templatePath: ['spec', 'template'] };

interface Parts {
  readonly metadata?: unknown;
  readonly template?: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
  readonly container?: unknown;
}

function deployment({ metadata, template, spec, container }: Parts): Record<string, unknown> {
  return {
    metadata: metadata ?? { name: 'ledger' },
    spec: { template: { spec: { containers: [container ?? { name: 'app' }], ...spec }, ...template } },
  };
}

function hook(preStop: unknown): Record<string, unknown> {
  return deployment({ container: { name: 'app', lifecycle: { preStop } } });
}

function problemsOf(raw: unknown): string[] {
  return shapeProblems(raw, DEPLOYMENT).map(({ path, message }) => `${path} ${message}`);
}

const CONTAINER = 'spec.template.spec.containers[0]';

describe('what the API server takes', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a lifecycle that is null', deployment({ container: { name: 'app', lifecycle: null } })],
    ['a preStop that is null', hook(null)],
    ['a handler that is null beside another', hook({ exec: null, sleep: { seconds: 4 } })],
    ['an empty lifecycle', deployment({ container: { name: 'app', lifecycle: {} } })],
    ['a grace period that is null', deployment({ spec: { terminationGracePeriodSeconds: null } })],
    ['a negative grace period', deployment({ spec: { terminationGracePeriodSeconds: -1 } })],
    [
      'lists and maps that are null',
      deployment({ container: { name: 'app', env: null, ports: null, livenessProbe: null } }),
    ],
    ['a variable that is null', deployment({ container: { name: 'app', env: [{ name: 'WAIT', value: null }] } })],
    ['an annotation that is null', deployment({ template: { metadata: { annotations: { note: null } } } })],
    ['no annotations and no labels', deployment({ template: { metadata: { annotations: null, labels: null } } })],
    ['the name of a port', hook({ httpGet: { path: '/leave', port: 'admin' } })],
  ])('%s', (_, raw) => {
    expect(problemsOf(raw)).toEqual([]);
  });
});

describe('what the API server refuses', () => {
  it.each<[string, Record<string, unknown>, string]>([
    [
      'a grace period in quotes',
      deployment({ spec: { terminationGracePeriodSeconds: '90' } }),
      'spec.template.spec.terminationGracePeriodSeconds is the string "90"; a whole number, 90 without quotes or unit, is expected',
    ],
    [
      'a grace period with a unit',
      deployment({ spec: { terminationGracePeriodSeconds: '90s' } }),
      'spec.template.spec.terminationGracePeriodSeconds is the string "90s"; a whole number, 90 without quotes or unit, is expected',
    ],
    [
      'a grace period with a fraction',
      deployment({ spec: { terminationGracePeriodSeconds: 7.5 } }),
      'spec.template.spec.terminationGracePeriodSeconds is the number 7.5; a whole number is expected',
    ],
    [
      'a command that is one string',
      hook({ exec: { command: 'sleep 12' } }),
      `${CONTAINER}.lifecycle.preStop.exec.command is the string "sleep 12"; a list is expected`,
    ],
    [
      'a number among the words of a command',
      hook({ exec: { command: ['sleep', 12] } }),
      `${CONTAINER}.lifecycle.preStop.exec.command[1] is the number 12; a string, "12" in quotes, is expected`,
    ],
    ['no command', hook({ exec: {} }), `${CONTAINER}.lifecycle.preStop.exec has no command, which is required`],
    [
      'a hook that is a string',
      hook('sleep 5'),
      `${CONTAINER}.lifecycle.preStop is the string "sleep 5"; a map is expected`,
    ],
    [
      'a hook without a handler',
      hook({ command: ['sleep', '5'] }),
      `${CONTAINER}.lifecycle.preStop has only command; one of exec, httpGet, tcpSocket, sleep is expected`,
    ],
    [
      'two handlers',
      hook({ exec: { command: ['true'] }, sleep: { seconds: 3 } }),
      `${CONTAINER}.lifecycle.preStop has exec and sleep; only one handler is allowed`,
    ],
    [
      'a container without a name',
      deployment({ container: { image: 'shop:1' } }),
      `${CONTAINER} has no name, which is required`,
    ],
    [
      'a container that is null',
      deployment({ spec: { containers: [null] } }),
      `${CONTAINER} has no name, which is required`,
    ],
    [
      'containers that are a map',
      deployment({ spec: { containers: { app: {} } } }),
      'spec.template.spec.containers is a map; a list is expected',
    ],
    [
      'a variable that is a number',
      deployment({ container: { name: 'app', env: [{ name: 'PORT', value: 8080 }] } }),
      `${CONTAINER}.env[0].value is the number 8080; a string, "8080" in quotes, is expected`,
    ],
    [
      'variables that are a map',
      deployment({ container: { name: 'app', env: { PORT: '80' } } }),
      `${CONTAINER}.env is a map; a list is expected`,
    ],
    [
      'an annotation that is a map',
      deployment({ template: { metadata: { annotations: { 'proxy.istio.io/config': { drainDuration: '9s' } } } } }),
      'spec.template.metadata.annotations["proxy.istio.io/config"] is a map; a string is expected',
    ],
    [
      'a label that is a boolean',
      deployment({ template: { metadata: { labels: { 'sidecar.istio.io/inject': false } } } }),
      'spec.template.metadata.labels["sidecar.istio.io/inject"] is the boolean false; a string, "false" in quotes, is expected',
    ],
    [
      'a label of the workload',
      deployment({ metadata: { name: 'x', labels: { build: 7 } } }),
      'metadata.labels.build is the number 7; a string, "7" in quotes, is expected',
    ],
    [
      'hostNetwork in quotes',
      deployment({ spec: { hostNetwork: 'true' } }),
      'spec.template.spec.hostNetwork is the string "true"; true or false without quotes is expected',
    ],
    [
      'a port in quotes',
      deployment({ container: { name: 'a', ports: [{ containerPort: '80' }] } }),
      `${CONTAINER}.ports[0].containerPort is the string "80"; a whole number, 80 without quotes or unit, is expected`,
    ],
  ])('%s', (_, raw, problem) => {
    expect(problemsOf(raw)).toEqual([problem]);
  });

  it('names what it says at most ten times', () => {
    const env = Array.from({ length: 50 }, () => ({ name: 'N', value: 1 }));
    expect(problemsOf(deployment({ container: { name: 'app', env } }))).toHaveLength(10);
  });

  it('does not ask a custom resource for what its controller may fill in', () => {
    expect(shapeProblems(deployment({ container: { image: 'fn:1' } }), { ...DEPLOYMENT, custom: true })).toEqual([]);
  });
});

describe('hooks as they are decoded', () => {
  it('keeps the very object where nothing is odd', () => {
    const lifecycle = { preStop: { exec: { command: ['sleep', '5'] } }, stopSignal: 'SIGUSR1' };
    expect(lifecycleOf(lifecycle)).toBe(lifecycle);
  });

  it('leaves out what is null and what is no handler', () => {
    expect(lifecycleOf({ preStop: null, postStart: { exec: null, sleep: { seconds: 1 } } })).toEqual({
      postStart: { sleep: { seconds: 1 } },
    });
    expect(lifecycleOf({ preStop: { exec: { command: 'sleep 5' } } })).toEqual({});
    expect(lifecycleOf(null)).toBeUndefined();
  });
});

describe('a custom resource of any form', () => {
  it('says what its pods would be refused for', () => {
    const parsed = parseConfiguredKind('games.example.com/v1/arenas:Arena=spec.template');
    if (!parsed.ok) {
      throw new Error(parsed.why);
    }
    const arena = deployment({ spec: { terminationGracePeriodSeconds: '45' } });
    expect(projectWorkload(arena, parsed.adapter).refused).toMatch(
      /^spec\.template\.spec\.terminationGracePeriodSeconds is/,
    );
    expect(projectWorkload(deployment({}), parsed.adapter).refused).toBeUndefined();
    const decision = decideFor({ ...workloadOf(), refused: 'spec.x is odd' }, policyOf());
    expect([decision.outcome, decision.reason]).toEqual(['Failed', 'TemplateRefused']);
    expect(decision.write).toBeUndefined();
  });
});

const ODD = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, '', 'sleep 5', -1, 0.5, true, [], {}, [null], { exec: null }, { exec: [] }),
  fc.jsonValue(),
);

/** A manifest in which some values are of any form at all. */
const ODD_MANIFEST = fc
  .record({
    metadata: ODD,
    annotations: ODD,
    labels: ODD,
    grace: ODD,
    lifecycle: ODD,
    preStop: ODD,
    exec: ODD,
    command: ODD,
    env: ODD,
    ports: ODD,
    containers: ODD,
    template: ODD,
    status: ODD,
    managed: ODD,
    choose: fc.integer({ min: 0, max: 12 }),
  })
  .map((odd) => {
    const pick = (index: number, value: unknown, otherwise: unknown): unknown =>
      odd.choose === index ? value : otherwise;
    const exec = pick(1, odd.exec, { command: pick(2, odd.command, ['sleep', '3']) });
    const lifecycle = pick(3, odd.lifecycle, { preStop: pick(4, odd.preStop, { exec }) });
    const container = { name: 'istio-proxy', lifecycle, env: pick(5, odd.env, []), ports: pick(6, odd.ports, []) };
    const spec = {
      containers: pick(7, odd.containers, [container, pick(12, odd.managed, { name: 'app' })]),
      terminationGracePeriodSeconds: pick(8, odd.grace, 30),
    };
    const metadata = { annotations: pick(9, odd.annotations, {}), labels: pick(10, odd.labels, {}) };
    return {
      metadata: pick(11, odd.metadata, { name: 'odd', managedFields: odd.managed, ownerReferences: odd.managed }),
      spec: pick(0, odd.template, { template: { metadata, spec }, replicas: odd.grace, strategy: odd.template }),
      status: odd.status,
    };
  });

describe('any input at all', () => {
  it.each(WORKLOAD_KINDS.map((adapter) => [adapter.kind, adapter] as const))('a %s throws nothing', (_, adapter) => {
    fc.assert(
      fc.property(ODD_MANIFEST, (raw) => {
        const problems = shapeProblems(raw, adapter);
        const workload = projectWorkload(raw as never, adapter);
        const grace = workload.template.spec.terminationGracePeriodSeconds;
        // Nothing odd becomes a value or, without a word, a default.
        expect(grace === undefined || Number.isFinite(grace)).toBe(true);
        for (const { lifecycle } of workload.template.spec.containers) {
          const command: unknown = lifecycle?.preStop?.exec?.command;
          expect(command === undefined || Array.isArray(command)).toBe(true);
        }
        for (const { path } of problems) {
          expect(path.startsWith('spec') || path.startsWith('metadata')).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
