import { describe, expect, it } from '@jest/globals';
import {
  haltedBy,
  stageOf,
  toleranceOf,
  type Member,
  type Stage,
  type StageMemory,
  type StageRules,
} from '../../../../src/drain/rollout/stage.ts';

const RULES: StageRules = { canary: 2, soak: 600, progressDeadline: 300, maxConcurrent: 3 };
const NOW = 100_000;
const INTENT = 'intent';

/** A workload that was changed for the present intent a minute ago, and is whole. */
function member(workload: string, more: Partial<Member> = {}): Member {
  return { workload, intent: INTENT, startedAt: NOW - 60, since: NOW - 30, health: 'Whole', stuck: false, ...more };
}

function at(members: readonly Member[], memory?: StageMemory, now = NOW, rules: Partial<StageRules> = {}): Stage {
  return stageOf({ ...RULES, ...rules }, INTENT, members, memory, now);
}

const SOAKED: StageMemory = { intent: INTENT, healthySince: NOW - 700, soaked: true };
const SOAKING: StageMemory = { intent: INTENT, healthySince: NOW - 100 };
const rolling = (name: string, more: Partial<Member> = {}): Member =>
  member(name, { health: 'Rolling', since: more.startedAt ?? NOW - 60, ...more });

describe('canaries', () => {
  it.each<[string, readonly Member[], number]>([
    ['all of them may start where none has', [], 2],
    ['one more beside one that rolls', [rolling('a')], 1],
    ['none beside as many that roll', [rolling('a'), rolling('b')], 0],
    ['one more beside one that is whole', [member('a')], 1],
    [
      'those of an earlier intent do not count',
      [member('a', { intent: 'before' }), member('b', { intent: 'before' })],
      2,
    ],
    [
      'nor those that nothing was restarted for',
      [{ workload: 'a', intent: INTENT, health: 'Whole', since: NOW, stuck: false }],
      2,
    ],
    ['nor those that are restored', [rolling('a', { restoring: true, intent: '' })], 2],
  ])('%s', (_, members, spots) => {
    expect(at(members)).toMatchObject({ phase: 'Canary', spots, memory: { intent: INTENT } });
  });

  it('are named while they roll', () => {
    expect(at([rolling('Deployment/shop/a'), rolling('Deployment/shop/b')]).because).toBe(
      '2 workload(s) go first as canaries (Deployment/shop/a, Deployment/shop/b)',
    );
  });

  it('are followed by the soak from the moment when all are whole', () => {
    expect(at([member('a'), member('b')])).toMatchObject({
      phase: 'Soaking',
      spots: 0,
      memory: { intent: INTENT, healthySince: NOW },
      lookAt: NOW + 600,
    });
  });

  it('are not asked for where the policy wants none', () => {
    expect(at([], undefined, NOW, { canary: 0 })).toMatchObject({ phase: 'Rolling', spots: Infinity });
  });
});

describe('the soak', () => {
  it('goes on from where the status remembers it', () => {
    expect(at([member('a'), member('b')], SOAKING)).toMatchObject({
      phase: 'Soaking',
      memory: SOAKING,
      lookAt: NOW + 500,
    });
  });

  it('is over after its time, once and for all of this intent', () => {
    const over = at([member('a'), member('b')], SOAKING, NOW + 500);

    expect(over).toMatchObject({ phase: 'Rolling', spots: Infinity, memory: { intent: INTENT, soaked: true } });
    expect(at([], over.memory, NOW + 501)).toMatchObject({ phase: 'Rolling' });
  });

  it('is not looked at by the clock while it waits for a canary that rolls because of somebody else', () => {
    const waiting = at([member('a'), member('b', { health: 'Busy' })], SOAKING, NOW + 600);

    expect(waiting).toMatchObject({ phase: 'Soaking', spots: 0 });
    expect(waiting.lookAt).toBeUndefined();
    expect(at([member('a'), member('b')], waiting.memory, NOW + 700)).toMatchObject({ phase: 'Rolling' });
  });

  it('begins anew with a changed intent', () => {
    expect(stageOf(RULES, 'changed', [member('a'), member('b')], SOAKED, NOW)).toMatchObject({
      phase: 'Canary',
      spots: 2,
      memory: { intent: 'changed' },
    });
  });

  it('does not wait where it is 0', () => {
    expect(at([member('a'), member('b')], undefined, NOW, { soak: 0 })).toMatchObject({ phase: 'Rolling' });
  });

  it.each<[string, Partial<Member>, Stage['phase']]>([
    ['a replica is missing for a moment', { health: 'Unwell', since: NOW - 59 }, 'Soaking'],
    ['somebody else rolls it out', { health: 'Busy', since: NOW - 3000 }, 'Soaking'],
    ['replicas are missing for longer', { health: 'Unwell', since: NOW - 60 }, 'Halted'],
  ])('when of a canary %s', (_, more, phase) => {
    expect(at([member('a'), member('b', more)], SOAKING).phase).toBe(phase);
  });

  it('does not end while a replica of a canary is missing', () => {
    expect(at([member('a'), member('b', { health: 'Unwell', since: NOW + 990 })], SOAKING, NOW + 1000)).toMatchObject({
      phase: 'Soaking',
      memory: SOAKING,
    });
  });

  it('begins anew after a canary was not healthy', () => {
    const halted = at([member('a'), member('b', { health: 'Unwell', since: NOW - 60 })], SOAKING);

    expect(halted).toMatchObject({ spots: 0, halt: { workload: 'b' }, memory: { intent: INTENT } });
    expect(at([member('a'), member('b')], halted.memory, NOW + 10)).toMatchObject({
      phase: 'Soaking',
      memory: { healthySince: NOW + 10 },
    });
  });

  it('goes back to the canaries when one is gone', () => {
    expect(at([member('a')], SOAKING)).toMatchObject({ phase: 'Canary', spots: 1, memory: { intent: INTENT } });
  });

  it.each([
    [600, 60],
    [6000, 60],
    [100, 10],
    [0, 0],
  ])('of %i s tolerates %i s', (soak, tolerance) => {
    expect(toleranceOf({ ...RULES, soak })).toBe(tolerance);
  });
});

describe('a halt', () => {
  it.each<[string, Member, RegExp | undefined]>([
    ['rolls out in time', rolling('a', { since: NOW - 299 }), undefined],
    [
      'takes longer than progressDeadline',
      rolling('a', { since: NOW - 300 }),
      /a was changed, and is not rolled out after 300 s/,
    ],
    [
      'says itself that it is stuck',
      rolling('a', { since: NOW - 5, stuck: true }),
      /a was changed, and its rollout is stuck/,
    ],
    ['was restored and takes longer', rolling('a', { since: NOW - 300, restoring: true }), /a was restored/],
    ['rolls because of somebody else', member('a', { health: 'Busy', since: NOW - 3000, stuck: true }), undefined],
    ['is whole', member('a', { since: NOW - 3000 }), undefined],
    [
      'is at rest, and a replica is missing long after the soak',
      member('a', { health: 'Unwell', since: NOW - 3000 }),
      undefined,
    ],
  ])('comes from a workload that %s, or does not', (_, of, message) => {
    expect(haltedBy(of, RULES, NOW)?.message ?? 'no').toMatch(message ?? /^no$/);
    expect(at([of], SOAKED).phase).toBe(message === undefined ? 'Rolling' : 'Halted');
  });

  it('is for any intent of the policy, keeps the soak that is over, and names one workload of several', () => {
    const stage = at(
      [rolling('b', { intent: 'before', since: NOW - 400 }), rolling('a', { since: NOW - 400 }), member('c')],
      SOAKED,
    );

    expect(stage).toMatchObject({ phase: 'Halted', spots: 0, halt: { workload: 'a' }, memory: SOAKED });
  });

  it('ends when that workload is whole, or gone', () => {
    expect(at([member('a')], SOAKED).phase).toBe('Rolling');
    expect(at([], SOAKED).phase).toBe('Rolling');
  });
});

describe('a workload that lags', () => {
  const lagging = rolling('slow', { startedAt: NOW - 100 });
  const later = (name: string): Member => member(name, { startedAt: NOW - 50 });

  it.each<[string, readonly Member[], number]>([
    ['lets maxConcurrent others start after it', [lagging], 3],
    ['counts those that have rolled out since', [lagging, later('a'), later('b')], 1],
    ['holds the rest back then', [lagging, later('a'), later('b'), later('c')], 0],
    ['does not count those before it', [lagging, member('a', { startedAt: NOW - 200 })], 3],
  ])('%s', (_, members, spots) => {
    expect(at(members, SOAKED)).toMatchObject({ phase: 'Rolling', spots });
  });

  it('no longer matters once it has rolled out', () => {
    expect(at([member('slow', { startedAt: NOW - 100 }), later('a'), later('b'), later('c')], SOAKED).spots).toBe(
      Infinity,
    );
  });
});
