/** How each workload of the demo must come out. `config` must stand in its annotation proxy.istio.io/config afterwards. */
export interface Expectation {
  readonly workload: string;
  readonly policy?: string;
  readonly grace: number;
  readonly config?: readonly string[];
  /** For one that is left alone: the code of the reason. */
  readonly leftAlone?: string;
}

export const EXPECTATIONS: readonly Expectation[] = [
  { workload: 'Deployment/shop/web', policy: 'mesh-wide', grace: 30, config: ['terminationDrainDuration: 25s'] },
  { workload: 'Deployment/shop/cart', policy: 'mesh-wide', grace: 40, config: ['terminationDrainDuration: 35s'] },
  {
    workload: 'Deployment/shop/search',
    policy: 'mesh-wide',
    grace: 65,
    config: ['# ops-1423', 'terminationDrainDuration: 60s'],
  },
  { workload: 'Deployment/shop/legacy', policy: 'mesh-wide', grace: 30, leftAlone: 'HookNeverEnds' },
  {
    workload: 'Deployment/shop/typo',
    policy: 'mesh-wide',
    grace: 30,
    config: ['terminationDrainDuration: 25'],
    leftAlone: 'AnnotationMalformed',
  },
  { workload: 'Deployment/shop/partner', policy: 'mesh-wide', grace: 30, leftAlone: 'Exempt' },
  { workload: 'StatefulSet/shop/ledger', policy: 'mesh-wide', grace: 30, leftAlone: 'DowntimePerDeploy' },
  { workload: 'Deployment/payments/api', policy: 'long-requests', grace: 10, leftAlone: 'FieldConflict' },
  { workload: 'Deployment/payments/worker', policy: 'long-requests', grace: 130 },
  {
    workload: 'Deployment/payments/checkout',
    policy: 'checkout',
    grace: 70,
    config: ['EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"', 'MINIMUM_DRAIN_DURATION: 25s'],
  },
  {
    workload: 'Deployment/payments/stream',
    policy: 'long-requests',
    grace: 600,
    config: ['EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"'],
  },
  {
    workload: 'StatefulSet/payments/queue',
    policy: 'long-requests',
    grace: 130,
    config: ['EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"'],
  },
  { workload: 'Deployment/batch/report', policy: 'mesh-wide', grace: 30, leftAlone: 'NotInjected' },
];
