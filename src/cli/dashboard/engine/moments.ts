import type { Moment, PolicyView } from '../wire.ts';

/** What is kept of the rollouts of all policies together. */
export const MOST_MOMENTS = 2000;

/** How each policy's rollout stood, one moment for each change, the oldest forgotten first. */
export class Moments {
  private readonly kept: Moment[] = [];
  private readonly latest = new Map<string, string>();

  get all(): readonly Moment[] {
    return this.kept;
  }

  /** @returns what is new */
  note(policies: readonly PolicyView[], at: Date): Moment[] {
    const added = policies.flatMap((policy) => {
      const stood = standing(policy);
      const text = JSON.stringify(stood);
      if (this.latest.get(policy.name) === text) {
        return [];
      }
      this.latest.set(policy.name, text);
      return [{ at: at.toISOString(), ...stood }];
    });
    this.kept.push(...added);
    this.kept.splice(0, this.kept.length - MOST_MOMENTS);
    return added;
  }
}

function standing({ name, stage, counts }: PolicyView): Omit<Moment, 'at'> {
  return { policy: name, phase: stage?.phase ?? 'None', counts: counts ?? {}, halt: stage?.haltedBy?.message };
}
