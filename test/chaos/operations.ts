// What happens in a chaos run, drawn from its seed before it begins: the same seed gives the same operations in the same order.
import { firstFleet, keyOf, type Declared } from './fleet.ts';
import type { Random } from './random.ts';

export interface ChaosSize {
  readonly operations: number;
  readonly workloads: number;
  readonly policies: number;
  readonly namespaces: number;
  /** How long a leader is stopped, in milliseconds. */
  readonly leaderStopMs: number;
  /** Longest pause between two operations, in milliseconds. */
  readonly pauseMs: number;
  /** How often a replica is ended, about, among every hundred operations. */
  readonly killsPerHundred: number;
  /** How often the API server and etcd are restarted, about, among every hundred operations. */
  readonly restartsPerHundred: number;
}

export type Operation = { readonly pauseMs: number } & (
  | { readonly do: 'Edit'; readonly before: Declared; readonly after: Declared }
  | { readonly do: 'Recreate'; readonly workload: Declared }
  | { readonly do: 'SetPolicy'; readonly name: string; readonly spec: PolicySpec }
  | { readonly do: 'DeletePolicy'; readonly name: string }
  | { readonly do: 'Relabel'; readonly namespace: string; readonly labels: Readonly<Record<string, string | null>> }
  | { readonly do: 'OffSwitch'; readonly paused: boolean }
  | { readonly do: 'KillReplica' | 'RestartReplica'; readonly replica: number }
  | { readonly do: 'StopLeader'; readonly forMs: number }
  | { readonly do: 'RestartApiServer'; readonly signal: 'SIGKILL' | 'SIGTERM' }
  | { readonly do: 'RestartEtcd' }
  | { readonly do: 'PauseEtcd'; readonly forMs: number }
  | { readonly do: 'Network'; readonly replica: number; readonly fault: NetworkFault }
);

export type NetworkFault =
  | { readonly kind: 'Cut' | 'Expire' }
  | { readonly kind: 'HalfOpen' | 'TooMany'; readonly forMs: number }
  | { readonly kind: 'Delay'; readonly forMs: number; readonly byMs: number };

export interface PolicySpec {
  readonly enforcement: 'Audit' | 'Enforce';
  readonly suspend: boolean;
  readonly priority: number;
  readonly match: object;
  readonly drain: object;
  readonly rollout: { readonly strategy: 'Waves' | 'Immediate'; readonly waves?: object };
}

/** Faults of the platform and the network; the rest is what people do. */
const FAULTS = new Set<Operation['do']>([
  'KillReplica',
  'RestartReplica',
  'StopLeader',
  'RestartApiServer',
  'RestartEtcd',
  'PauseEtcd',
  'Network',
]);

export function isFault(operation: Operation): boolean {
  return FAULTS.has(operation.do);
}

export interface Scenario {
  readonly namespaces: readonly string[];
  readonly fleet: readonly Declared[];
  readonly operations: readonly Operation[];
}

/** Label of a namespace: which policies mean it. */
export const TEAM_LABEL = 'team';

export function teamOf(index: number, policies: number): string {
  return `team-${index % policies}`;
}

export function scenarioOf(random: Random, size: ChaosSize): Scenario {
  const namespaces = Array.from({ length: size.namespaces }, (_, index) => `chaos-${index}`);
  const fleet = firstFleet(random, namespaces, size.workloads);
  const author = new Author(random, size, namespaces, fleet);
  return { namespaces, fleet, operations: author.write() };
}

/** Draws operations, and keeps what they leave behind so that each fits those before it. */
class Author {
  private readonly declared = new Map<string, Declared>();
  private readonly specs = new Map<string, PolicySpec>();
  private paused = false;

  constructor(
    private readonly random: Random,
    private readonly size: ChaosSize,
    private readonly namespaces: readonly string[],
    fleet: readonly Declared[],
  ) {
    for (const workload of fleet) {
      this.declared.set(keyOf(workload), workload);
    }
  }

  write(): Operation[] {
    const opening = Array.from({ length: this.size.policies }, (_, index) => this.setPolicy(`policy-${index}`));
    const operations = [...opening];
    while (operations.length < this.size.operations) {
      operations.push({ ...this.draw(), pauseMs: this.random.between(0, this.size.pauseMs) });
    }
    return operations;
  }

  private draw(): Operation {
    const { random, size } = this;
    const pauseMs = 0;
    const replica = random.between(0, 1);
    const name = `policy-${random.between(0, size.policies - 1)}`;
    switch (
      random.weighted({
        Edit: 50,
        Recreate: 2,
        SetPolicy: 10,
        DeletePolicy: 2,
        Relabel: 6,
        OffSwitch: 2,
        Kill: size.killsPerHundred,
        Network: 18,
        StopLeader: size.leaderStopMs > 0 ? 1 : 0,
        Restart: size.restartsPerHundred,
      })
    ) {
      case 'Edit':
        return this.edit();
      case 'Recreate':
        return { do: 'Recreate', workload: random.pick([...this.declared.values()]), pauseMs };
      case 'SetPolicy':
        return this.setPolicy(name);
      case 'DeletePolicy':
        this.specs.delete(name);
        return { do: 'DeletePolicy', name, pauseMs };
      case 'Relabel':
        return this.relabel();
      case 'OffSwitch':
        this.paused = !this.paused;
        return { do: 'OffSwitch', paused: this.paused, pauseMs };
      case 'Kill':
        return { do: random.chance(0.7) ? 'KillReplica' : 'RestartReplica', replica, pauseMs };
      case 'StopLeader':
        return { do: 'StopLeader', forMs: size.leaderStopMs, pauseMs };
      case 'Restart':
        return this.restart();
      default:
        return { do: 'Network', replica, fault: this.fault(), pauseMs };
    }
  }

  private edit(): Operation {
    const { random } = this;
    const before = random.pick([...this.declared.values()]);
    const after = this.edited(before);
    this.declared.set(keyOf(after), after);
    return { do: 'Edit', before, after, pauseMs: 0 };
  }

  private edited(before: Declared): Declared {
    const { random } = this;
    if (before.paused) {
      return { ...before, paused: false };
    }
    switch (
      random.weighted({ image: 4, grace: 4, noGrace: 1, replicas: 2, pause: before.kind === 'Deployment' ? 1 : 0 })
    ) {
      case 'image':
        return { ...before, image: before.image + 1 };
      case 'grace':
        return { ...before, grace: random.between(5, 120) };
      case 'noGrace':
        return { ...before, grace: undefined };
      case 'replicas':
        return { ...before, replicas: random.between(0, 3) };
      default:
        return { ...before, paused: true };
    }
  }

  private setPolicy(name: string): Operation {
    const { random, size } = this;
    const known = this.specs.get(name);
    const next = this.drawnSpec(Number(name.slice('policy-'.length)), size);
    // An edit changes a part; only a policy that was deleted comes back as another one.
    const spec =
      known === undefined
        ? { ...next, enforcement: 'Enforce' as const, suspend: false }
        : random.pick<PolicySpec>([
            { ...known, drain: next.drain },
            { ...known, drain: next.drain },
            { ...known, suspend: !known.suspend },
            { ...known, enforcement: next.enforcement },
            { ...known, priority: next.priority },
          ]);
    this.specs.set(name, spec);
    return { do: 'SetPolicy', name, spec, pauseMs: 0 };
  }

  private drawnSpec(index: number, { policies }: ChaosSize): PolicySpec {
    const { random } = this;
    const duration = `${random.between(2, 12) * 5}s`;
    return {
      enforcement: random.chance(0.8) ? 'Enforce' : 'Audit',
      suspend: false,
      priority: random.between(0, 2),
      match: {
        namespaceSelector: { matchLabels: { [TEAM_LABEL]: teamOf(index, policies) } },
        kinds: ['Deployment', 'StatefulSet', 'DaemonSet'],
        ...(random.chance(0.2) ? { names: ['web-*'] } : {}),
      },
      drain: random.pick([
        { mode: 'Fixed', duration },
        { mode: 'Adaptive', maxWait: duration, strategy: 'ActiveConnections' },
        { mode: 'Combined', duration, maxWait: '2m', strategy: 'ActiveConnections' },
      ]),
      rollout: random.chance(0.3)
        ? { strategy: 'Immediate' }
        : {
            strategy: 'Waves',
            waves: {
              maxConcurrent: random.between(2, 4),
              maxPerNamespace: random.between(1, 3),
              maxPods: random.between(4, 20),
              canary: random.between(0, 1),
              soak: '1s',
              progressDeadline: '10m',
            },
          },
    };
  }

  private relabel(): Operation {
    const { random } = this;
    const namespace = random.pick(this.namespaces);
    const labels: Readonly<Record<string, string | null>> = random.chance(0.7)
      ? { [TEAM_LABEL]: random.chance(0.8) ? teamOf(random.between(0, 99), this.size.policies) : null }
      : { 'istio-injection': random.chance(0.7) ? 'enabled' : 'disabled' };
    return { do: 'Relabel', namespace, labels, pauseMs: 0 };
  }

  private restart(): Operation {
    const { random } = this;
    switch (random.weighted({ terminated: 2, killed: 1, etcd: 1, etcdPaused: 2 })) {
      case 'terminated':
        return { do: 'RestartApiServer', signal: 'SIGTERM', pauseMs: 0 };
      case 'killed':
        return { do: 'RestartApiServer', signal: 'SIGKILL', pauseMs: 0 };
      case 'etcd':
        return { do: 'RestartEtcd', pauseMs: 0 };
      default:
        return { do: 'PauseEtcd', forMs: random.between(500, 4_000), pauseMs: 0 };
    }
  }

  private fault(): NetworkFault {
    const { random } = this;
    const forMs = random.between(500, 6_000);
    switch (random.weighted({ Cut: 3, Expire: 3, HalfOpen: 1, TooMany: 2, Delay: 2 })) {
      case 'Cut':
        return { kind: 'Cut' };
      case 'Expire':
        return { kind: 'Expire' };
      case 'HalfOpen':
        return { kind: 'HalfOpen', forMs };
      case 'TooMany':
        return { kind: 'TooMany', forMs };
      default:
        return { kind: 'Delay', forMs, byMs: random.between(50, 1_500) };
    }
  }
}
