import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../../support/fast-check.ts';
import {
  annotationBefore,
  decodeState,
  encodeState,
  nextState,
  noteOrigin,
  templateBefore,
  valuesInPlace,
  writtenValuesStand,
} from '../../../../../src/drain/template/note/state.ts';
import { planRestore } from '../../../../../src/drain/restore/restore.ts';
import { applyToTemplate } from '../../../../../src/drain/template/apply.ts';
import { workloadKind } from '../../../../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../../../../src/drain/template/project.ts';
import { deployment, type Json } from '../../restore/objects.ts';

const kind = workloadKind('Deployment')!;
const STATE = 'sidecardrain.io/state';

/** A whole note, every part of it in use. */
function soundNote(): Json {
  return {
    v: 1,
    uid: 'u-1',
    policy: { name: 'slow-uploads', uid: 'p-7' },
    intent: '0badcafe',
    onDelete: 'Restore',
    maxConcurrent: 2,
    at: '2026-10-04T11:22:33.123Z',
    adopted: true,
    reverts: 1,
    gap: 'NoMetadata',
    fields: {
      gracePeriod: { before: 45, owners: ['helm'], wrote: 95 },
      proxyConfig: {
        before: null,
        wrote: '20-0011223344556677',
        keys: { drainDuration: '70s', proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true', GONE: null } },
      },
      statsSuffixes: { before: 'a,b', wrote: '3-0011223344556677' },
      proxyContainer: {
        before: { lifecycle: true, preStop: { exec: { command: ['sleep', '3'] } } },
        wrote: '9-0011223344556677',
      },
    },
  };
}

/** A sound note with one part replaced; `path` is dotted. */
function forged(path: string, value: unknown): Json {
  const note = soundNote();
  const keys = path.split('.');
  const last = keys.pop()!;
  keys.reduce<Json>((inner, key) => inner[key], note)[last] = value;
  return note;
}

const unprintable = { toString: null, valueOf: null };
const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => ({ a: inner }), 1);
const wrongAnywhere: readonly [string, unknown][] = [
  ['an object that is no text', unprintable],
  ['a list', []],
  ['a list of lists', [[[]]]],
  ['true', true],
  ['null', null],
  ['a huge number', 1e308],
  ['deep objects', nested(900)],
];
const texts = ['policy.name', 'policy.uid', 'intent', 'onDelete', 'at', 'uid', 'gap', 'fields.proxyConfig.wrote'];
const others: readonly [string, unknown][] = [
  ['v', '1'],
  ['policy', 'x'],
  ['policy', []],
  ['policy.name', 'n'.repeat(600)],
  ['policy.uid', 'u'.repeat(200)],
  ['uid', 'u'.repeat(200)],
  ['intent', 'i'.repeat(100)],
  ['onDelete', 'restore'],
  ['at', ''],
  ['at', 'yesterday'],
  ['at', '2026-13-44T99:00:00Z'],
  ['at', 1_790_000_000],
  ['at', `2026-10-04T11:22:33.${'1'.repeat(4_000)}Z`],
  ['maxConcurrent', 0],
  ['maxConcurrent', -1],
  ['maxConcurrent', 1.5],
  ['maxConcurrent', '2'],
  ['maxConcurrent', 1e300],
  ['adopted', 'true'],
  ['adopted', false],
  ['reverts', -1],
  ['reverts', 0.5],
  ['reverts', 'many'],
  ['gap', 'Nothing'],
  ['fields', null],
  ['fields', []],
  ['fields.image', {}],
  ['fields.constructor', { before: null, wrote: 'x' }],
  ['fields.gracePeriod', null],
  ['fields.gracePeriod.before', '30'],
  ['fields.gracePeriod.before', null],
  ['fields.gracePeriod.before', 1e300],
  ['fields.gracePeriod.wrote', {}],
  ['fields.gracePeriod.owners', 'helm'],
  ['fields.gracePeriod.owners', [1]],
  ['fields.gracePeriod.owners', [unprintable]],
  ['fields.gracePeriod.owners', ['o'.repeat(129)]],
  ['fields.gracePeriod.owners', Array.from({ length: 65 }, () => 'o')],
  ['fields.gracePeriod.defaulted', 'yes'],
  ['fields.gracePeriod.absent', 1],
  ['fields.proxyConfig', 'x'],
  ['fields.proxyConfig.before', 5],
  ['fields.proxyConfig.before', {}],
  ['fields.proxyConfig.owners', { length: 1, 0: 'helm' }],
  ['fields.proxyConfig.keys', []],
  ['fields.proxyConfig.keys', { concurrency: 2 }],
  ['fields.proxyConfig.keys', { drainDuration: {} }],
  ['fields.proxyConfig.keys', { drainDuration: unprintable }],
  ['fields.proxyConfig.keys', { proxyMetadata: [] }],
  ['fields.proxyConfig.keys', { proxyMetadata: { A: 1 } }],
  ['fields.proxyConfig.keys', { proxyMetadata: { A: {} } }],
  [
    'fields.proxyConfig.keys',
    { proxyMetadata: Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`V${index}`, 'x'])) },
  ],
  ['fields.statsSuffixes.wrote', 3],
  ['fields.statsSuffixes.wrote', 'w'.repeat(1_000)],
  ['fields.proxyContainer.before', undefined],
  ['fields.proxyContainer.before', 'x'],
  ['fields.proxyContainer.before', {}],
  ['fields.proxyContainer.before', { lifecycle: 'true' }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: 'x' }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: [] }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: { exec: 'x' } }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: { exec: { command: 'sleep 3' } } }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: { exec: { command: [3] } } }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: { sleep: { seconds: '3' } } }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: { httpGet: 1 } }],
  ['fields.proxyContainer.before', { lifecycle: true, preStop: { later: nested(900) } }],
];

const forgeries: readonly [string, string][] = [
  ...texts.flatMap((path) =>
    wrongAnywhere.map(([what, value]): [string, string] => [`${path}: ${what}`, JSON.stringify(forged(path, value))]),
  ),
  ...others.map(([path, value], index): [string, string] => [
    `${path} (${index})`,
    JSON.stringify(forged(path, value)),
  ]),
  ['nothing', ''],
  ['text', 'x'],
  ['a number', '1'],
  ['null', 'null'],
  ['half of a note', JSON.stringify(soundNote()).slice(0, 100)],
  ['lists without end', '['.repeat(200_000)],
  ['too long', JSON.stringify(forged('fields.statsSuffixes.before', 'x'.repeat(300_000)))],
  ['a prototype', '{"__proto__":{"v":1,"fields":{}}}'],
];

/** Everything that reads a note, on an object that carries it. */
function readEverywhere(text: string): void {
  const object = deployment({ grace: 95, annotations: { 'proxy.istio.io/config': 'drainDuration: 70s\n' } });
  object.metadata.annotations = { ...object.metadata.annotations, [STATE]: text };
  const workload = projectWorkload(object, kind);
  const decoded = decodeState(text);
  if (!decoded.ok) {
    expect(typeof decoded.why).toBe('string');
    expect(decoded.why.length).toBeLessThan(300);
    return;
  }
  const { state } = decoded;
  noteOrigin(workload, state);
  writtenValuesStand(workload.template, state);
  applyToTemplate(templateBefore(workload.template, state), valuesInPlace(workload.template, state));
  for (const mode of ['Restore', 'Orphan'] as const) {
    planRestore(object, state, mode);
  }
  if (state.fields.proxyConfig !== undefined) {
    annotationBefore('drainDuration: 71s\nconcurrency: 2\n', state.fields.proxyConfig);
  }
  const { policy, intent, onDelete } = state;
  const next = nextState({ workload, values: { gracePeriodSeconds: 120 }, previous: state, policy, intent, onDelete });
  expect(decodeState(encodeState(next)).ok).toBe(true);
}

describe('a note that somebody forged', () => {
  it('is one of at least a hundred shapes here', () => {
    expect(forgeries.length).toBeGreaterThan(100);
  });

  it.each(forgeries)('%s: is refused, and nothing throws', (_, text) => {
    expect(decodeState(text)).toEqual({ ok: false, why: expect.any(String) });
    readEverywhere(text);
  });

  it('is refused or read, and nothing throws, whatever it holds', () => {
    const paths = Object.keys(leaves(soundNote()));
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 4 }), (path, value) => {
        readEverywhere(JSON.stringify(forged(path, value)));
      }),
      { numRuns: 400 },
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        readEverywhere(text);
      }),
    );
  });

  it('that is none is read', () => {
    expect(decodeState(JSON.stringify(soundNote())).ok).toBe(true);
    readEverywhere(JSON.stringify(soundNote()));
  });
});

function leaves(value: Json, prefix = ''): Record<string, true> {
  return Object.entries(value as object).reduce<Record<string, true>>((found, [key, inner]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const below = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? leaves(inner, path) : {};
    return { ...found, [path]: true, ...below };
  }, {});
}

describe('whose a note is', () => {
  const unnamed: Json = { ...soundNote(), uid: undefined };

  it.each<[string, { uid?: string }, Json, string]>([
    ['of this object', { uid: 'u-1' }, soundNote(), 'ThisObject'],
    ['of the object that this one was copied from', { uid: 'u-2' }, soundNote(), 'OtherObject'],
    ['of an operator that named none', { uid: 'u-1' }, unnamed, 'NotNamed'],
    ['in a file', {}, soundNote(), 'NotNamed'],
  ])('%s', (_what, workload, note, origin) => {
    expect(noteOrigin(workload, note)).toBe(origin);
  });

  it('is said in each new one', () => {
    const workload = projectWorkload(deployment(), kind);
    const { policy, intent, onDelete } = soundNote();
    const state = nextState({ workload, values: { gracePeriodSeconds: 75 }, policy, intent, onDelete });
    expect(state.uid).toBe(workload.uid);
    expect(noteOrigin(workload, state)).toBe('ThisObject');
  });

  it('of a copied object says its values all the same', () => {
    const copy = deployment({ grace: 95 });
    copy.metadata.uid = 'u-9';
    const decoded = decodeState(JSON.stringify(soundNote()));
    expect(decoded.ok && planRestore(copy, decoded.state, 'Restore').restored).toEqual(['gracePeriod']);
  });
});
