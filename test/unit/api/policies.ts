/** Policies that are accepted and policies that are refused; judged by the API server and by validatePolicy alike. */
export interface PolicyCase {
  readonly title: string;
  /** Merged over a policy that is right: `match` and `drain` are replaced as a whole. */
  readonly spec: Record<string, unknown>;
  /** Field path and (part of) the message of each problem; none: the policy is accepted. */
  readonly problems?: readonly (readonly [path: string, message: string])[];
}

const fixed = { mode: 'Fixed', duration: '60s' };
const adaptive = { mode: 'Adaptive', maxWait: '5m' };
const combined = { mode: 'Combined', duration: '60s', maxWait: '5m' };
const all = { namespaceSelector: {} };
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `name-${index}`);
const labels = (count: number): Record<string, string> => Object.fromEntries(many(count).map((name) => [name, 'x']));

const WRITE_A_DURATION =
  'write a duration in whole hours, minutes and seconds, for example 30s, 5m or 1h30m (no days, no milliseconds, no sign, no bare number)';

/** A whole policy of a case's spec. */
export function policyOf(spec: Record<string, unknown>, name = 'case'): Record<string, unknown> {
  return {
    apiVersion: 'sidecardrain.io/v1alpha1',
    kind: 'SidecarDrainPolicy',
    metadata: { name },
    spec: { match: all, drain: fixed, ...spec },
  };
}

const accepted: readonly PolicyCase[] = [
  { title: 'tenants without bounds', spec: { tenants: 'Allow' } },
  {
    title: 'tenants within bounds',
    spec: {
      tenants: 'Allow',
      bounds: {
        longestDrain: '5m',
        longestGrace: '10m',
        modes: ['Fixed', 'Combined'],
        strategies: ['Auto'],
        deliveries: ['PodTemplate'],
      },
    },
  },
  {
    title: 'exemptions of thirty days in two namespaces',
    spec: { exemptions: { longest: '720h', namespaces: ['shop', 'blog'] } },
  },
  { title: 'exemptions nowhere', spec: { exemptions: { namespaces: [] } } },
  { title: 'Fixed with a duration', spec: { drain: fixed } },
  { title: 'Adaptive with maxWait', spec: { drain: adaptive } },
  { title: 'Combined with both', spec: { drain: combined } },
  {
    title: 'Combined with maxWait equal to duration',
    spec: { drain: { mode: 'Combined', duration: '5m', maxWait: '300s' } },
  },
  {
    title: 'hours, minutes and seconds',
    spec: { drain: { mode: 'Fixed', duration: '1h1m1s' }, gracePeriod: { maximum: '2h' } },
  },
  {
    title: "a user's own hook",
    spec: {
      drain: {
        ...adaptive,
        strategy: 'PreStopHook',
        hook: 'Custom',
        lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', 'sleep 20'] } } },
      },
    },
  },
  {
    title: "a user's own hook, with a postStart",
    spec: {
      drain: {
        ...adaptive,
        strategy: 'PreStopHook',
        hook: 'Custom',
        lifecycle: { preStop: { sleep: { seconds: 20 } }, postStart: { exec: { command: ['pilot-agent', 'wait'] } } },
      },
    },
  },
  {
    title: 'a delay for applications, in pods',
    spec: { drain: { ...fixed, application: 'Delay' }, delivery: 'Admission' },
  },
  { title: 'a duration with leading zeros', spec: { drain: { mode: 'Fixed', duration: '001m' } } },
  {
    title: 'a duration of many seconds',
    spec: { drain: { mode: 'Fixed', duration: '99999s' }, gracePeriod: { maximum: '48h' } },
  },
  { title: 'no endpointDelay at all', spec: { drain: { ...fixed, endpointDelay: '0s' } } },
  { title: 'an exact fit of Fixed', spec: { drain: { mode: 'Fixed', duration: '590s' } } },
  { title: 'an exact fit of Adaptive', spec: { drain: { mode: 'Adaptive', maxWait: '590s' } } },
  { title: 'an exact fit of Combined', spec: { drain: { mode: 'Combined', duration: '4m', maxWait: '590s' } } },
  {
    title: 'an exact fit of Combined with a hook',
    spec: { drain: { mode: 'Combined', duration: '90s', maxWait: '500s', strategy: 'PreStopHook' } },
  },
  {
    title: 'Adaptive with a hook, whose floor is not counted',
    spec: { drain: { mode: 'Adaptive', maxWait: '590s', strategy: 'PreStopHook' } },
  },
  { title: 'strategy Auto', spec: { drain: { ...adaptive, strategy: 'Auto' } } },
  { title: 'strategy ActiveConnections', spec: { drain: { ...combined, strategy: 'ActiveConnections' } } },
  {
    title: 'a hook that waits for requests',
    spec: { drain: { ...adaptive, strategy: 'PreStopHook', hook: 'ActiveRequests' } },
  },
  {
    title: 'a hook that waits for connections',
    spec: { drain: { ...combined, strategy: 'PreStopHook', hook: 'EstablishedConnections' } },
  },
  { title: 'environment ProxyConfig in Adaptive', spec: { drain: { ...adaptive, environment: 'ProxyConfig' } } },
  {
    title: 'environment ProxyConfig with ActiveConnections',
    spec: { drain: { ...combined, environment: 'ProxyConfig', strategy: 'ActiveConnections' } },
  },
  { title: 'environment Annotation written out in Fixed', spec: { drain: { ...fixed, environment: 'Annotation' } } },
  { title: 'drainDuration Follow in Fixed', spec: { drain: { ...fixed, drainDuration: 'Follow' } } },
  { title: 'Enforce', spec: { enforcement: 'Enforce', suspend: true } },
  { title: 'the lowest priority', spec: { priority: -1000 } },
  { title: 'the highest priority', spec: { priority: 1000 } },
  {
    title: 'every kind',
    spec: {
      match: {
        ...all,
        kinds: [
          'DaemonSet',
          'Deployment',
          'StatefulSet',
          'CronJob',
          'ReplicaSet',
          'Job',
          'Rollout',
          'CloneSet',
          'StatefulSet.apps.kruise.io',
          'GameServer',
        ],
      },
    },
  },
  { title: 'names with patterns', spec: { match: { ...all, names: ['checkout-*', 'cart', '?-x'] } } },
  { title: '64 names', spec: { match: { ...all, names: many(64) } } },
  { title: 'a name pattern that only the operator can judge', spec: { match: { ...all, names: ['Not A Name'] } } },
  { title: 'revisions', spec: { match: { ...all, revisions: ['stable', 'default'] } } },
  { title: 'gateways too', spec: { match: { ...all, proxies: ['Sidecar', 'Gateway'] } } },
  {
    title: 'selectors',
    spec: {
      match: {
        namespaceSelector: {
          matchLabels: { drain: 'managed' },
          matchExpressions: [{ key: 'env', operator: 'In', values: ['a', 'b'] }],
        },
        workloadSelector: {
          matchExpressions: [
            { key: 'x', operator: 'Exists' },
            { key: 'y', operator: 'DoesNotExist' },
            { key: 'z', operator: 'NotIn', values: ['1'] },
          ],
        },
      },
    },
  },
  {
    title: 'a label key that only the operator can judge',
    spec: { match: { namespaceSelector: { matchLabels: { 'not a key!': 'x' } } } },
  },
  {
    title: 'a label without a value beside one with a value',
    spec: { match: { namespaceSelector: { matchLabels: { a: null, b: '' } } } },
  },
  {
    title: 'Exists with an empty list of values',
    spec: { match: { namespaceSelector: { matchExpressions: [{ key: 'x', operator: 'Exists', values: [] }] } } },
  },
  {
    title: 'the settings of the proxy',
    spec: { proxy: { form: 'Native', holdApplicationUntilProxyStarts: 'Enabled' } },
  },
  { title: 'an empty proxy', spec: { proxy: {} } },
  { title: 'the grace period left alone', spec: { gracePeriod: { change: 'Never', margin: '1s', maximum: '1h' } } },
  { title: 'Force and Orphan', spec: { conflicts: 'Force', onDelete: 'Orphan' } },
  { title: 'Waves with a bound', spec: { rollout: { strategy: 'Waves', waves: { maxConcurrent: 100 } } } },
  { title: 'waves without strategy', spec: { rollout: { waves: { maxConcurrent: 1 } } } },
  { title: 'empty waves', spec: { rollout: { waves: {} } } },
  { title: 'Immediate', spec: { rollout: { strategy: 'Immediate' } } },
  { title: 'OnNextRollout', spec: { rollout: { strategy: 'OnNextRollout' } } },
  {
    title: 'OnNextRollout with windows, for restoring',
    spec: { rollout: { strategy: 'OnNextRollout', windows: [{ schedule: '0 2 * * *', duration: '1h' }] } },
  },
  { title: 'PodTemplate', spec: { delivery: 'PodTemplate', rollout: { strategy: 'Immediate' } } },
  { title: 'Admission', spec: { delivery: 'Admission' } },
  {
    title: 'null for a field with a default',
    spec: { enforcement: null, gracePeriod: null, rollout: { strategy: null } },
  },
  { title: 'null for a field without one', spec: { drain: { ...fixed, maxWait: null, strategy: null } } },
];

const refused: readonly PolicyCase[] = [
  { title: 'no match', spec: { match: undefined }, problems: [['spec.match', 'Required value']] },
  { title: 'no drain', spec: { drain: undefined }, problems: [['spec.drain', 'Required value']] },
  {
    title: 'hook Custom without lifecycle',
    spec: { drain: { ...adaptive, strategy: 'PreStopHook', hook: 'Custom' } },
    problems: [['spec.drain.lifecycle', 'hook Custom needs lifecycle']],
  },
  {
    title: 'lifecycle without hook Custom',
    spec: { drain: { ...adaptive, strategy: 'PreStopHook', lifecycle: { preStop: { sleep: { seconds: 5 } } } } },
    problems: [['spec.drain.lifecycle', 'lifecycle is the hook of hook Custom']],
  },
  {
    title: 'a lifecycle with two handlers',
    spec: {
      drain: {
        ...adaptive,
        strategy: 'PreStopHook',
        hook: 'Custom',
        lifecycle: { preStop: { sleep: { seconds: 5 }, exec: { command: ['true'] } } },
      },
    },
    problems: [['spec.drain.lifecycle.preStop', 'a handler is one of exec and sleep']],
  },
  {
    title: 'a postStart without a handler',
    spec: {
      drain: {
        ...adaptive,
        strategy: 'PreStopHook',
        hook: 'Custom',
        lifecycle: { preStop: { sleep: { seconds: 5 } }, postStart: {} },
      },
    },
    problems: [['spec.drain.lifecycle.postStart', 'a handler is one of exec and sleep']],
  },
  {
    title: 'application Delay without delivery Admission',
    spec: { drain: { ...fixed, application: 'Delay' } },
    problems: [['spec.delivery', 'application Delay is put into pods']],
  },
  {
    title: 'no namespaceSelector',
    spec: { match: { names: ['x'] } },
    problems: [['spec.match.namespaceSelector', 'Required value']],
  },
  {
    title: 'namespaceSelector null',
    spec: { match: { namespaceSelector: null } },
    problems: [['spec.match.namespaceSelector', 'Required value']],
  },
  { title: 'no mode', spec: { drain: { duration: '60s' } }, problems: [['spec.drain.mode', 'Required value']] },
  {
    title: 'an unknown mode',
    spec: { drain: { mode: 'Fast', duration: '60s' } },
    problems: [['spec.drain.mode', 'Unsupported value: "Fast": supported values: "Fixed", "Adaptive", "Combined"']],
  },
  {
    title: 'Fixed without duration',
    spec: { drain: { mode: 'Fixed' } },
    problems: [
      [
        'spec.drain.duration',
        'mode Fixed needs duration: write how long requests in flight get, for example duration: 60s',
      ],
    ],
  },
  {
    title: 'Fixed with maxWait',
    spec: { drain: { ...fixed, maxWait: '5m' } },
    problems: [
      [
        'spec.drain.maxWait',
        'mode Fixed always drains for duration and has no maxWait: remove maxWait, or write mode: Combined',
      ],
    ],
  },
  {
    title: 'Fixed with a strategy',
    spec: { drain: { ...fixed, strategy: 'Auto' } },
    problems: [
      [
        'spec.drain.strategy',
        'mode Fixed has no strategy, because it does not look at connections: remove strategy, or write mode: Adaptive or mode: Combined',
      ],
    ],
  },
  {
    title: 'Fixed with a hook',
    spec: { drain: { ...fixed, hook: 'ActiveRequests' } },
    problems: [
      [
        'spec.drain.hook',
        'mode Fixed has no hook: remove hook, or write mode: Adaptive or mode: Combined with strategy: PreStopHook',
      ],
    ],
  },
  {
    title: 'Fixed with environment ProxyConfig',
    spec: { drain: { ...fixed, environment: 'ProxyConfig' } },
    problems: [
      [
        'spec.drain.environment',
        'mode Fixed sets no environment variable, and a ProxyConfig resource cannot hold a duration: remove environment',
      ],
    ],
  },
  {
    title: 'Adaptive with duration',
    spec: { drain: { ...adaptive, duration: '30s' } },
    problems: [
      ['spec.drain.duration', 'mode Adaptive has no duration: write mode: Combined for a floor, or remove duration'],
    ],
  },
  {
    title: 'Adaptive without maxWait',
    spec: { drain: { mode: 'Adaptive' } },
    problems: [
      [
        'spec.drain.maxWait',
        'mode Adaptive needs maxWait: write the longest time that a termination may take, for example maxWait: 5m',
      ],
    ],
  },
  {
    title: 'Combined without duration',
    spec: { drain: { mode: 'Combined', maxWait: '5m' } },
    problems: [
      [
        'spec.drain.duration',
        'mode Combined needs duration, its floor: write for example duration: 60s, or write mode: Adaptive',
      ],
    ],
  },
  {
    title: 'Combined without maxWait',
    spec: { drain: { mode: 'Combined', duration: '60s' } },
    problems: [
      [
        'spec.drain.maxWait',
        'mode Combined needs maxWait, its ceiling: write for example maxWait: 5m, or write mode: Fixed',
      ],
    ],
  },
  {
    title: 'Combined with nothing',
    spec: { drain: { mode: 'Combined' } },
    problems: [
      ['spec.drain.duration', 'mode Combined needs duration'],
      ['spec.drain.maxWait', 'mode Combined needs maxWait'],
    ],
  },
  {
    title: 'a ceiling below the floor',
    spec: { drain: { mode: 'Combined', duration: '2m', maxWait: '90s' } },
    problems: [
      [
        'spec.drain.maxWait',
        'maxWait 90s is the ceiling and must not be shorter than duration 2m, the floor: write maxWait: 2m or longer, or shorten duration',
      ],
    ],
  },
  {
    title: 'a hook without strategy',
    spec: { drain: { ...adaptive, hook: 'ActiveRequests' } },
    problems: [
      ['spec.drain.hook', 'hook says what strategy PreStopHook waits for: write strategy: PreStopHook, or remove hook'],
    ],
  },
  {
    title: 'a hook with another strategy',
    spec: { drain: { ...combined, strategy: 'ActiveConnections', hook: 'EstablishedConnections' } },
    problems: [['spec.drain.hook', 'hook says what strategy PreStopHook waits for']],
  },
  {
    title: 'PreStopHook with environment ProxyConfig',
    spec: { drain: { ...adaptive, strategy: 'PreStopHook', environment: 'ProxyConfig' } },
    problems: [
      [
        'spec.drain.environment',
        'strategy PreStopHook sets no environment variable, so there is nothing to put into a ProxyConfig resource: remove environment, or write strategy: ActiveConnections',
      ],
    ],
  },
  {
    title: 'environment ProxyConfig with names',
    spec: { match: { ...all, names: ['x'] }, drain: { ...adaptive, environment: 'ProxyConfig' } },
    problems: [
      [
        'spec.drain.environment',
        'a ProxyConfig resource selects pods by labels and cannot follow match.names: use match.workloadSelector instead of names, or write environment: Annotation',
      ],
    ],
  },
  {
    title: 'Fixed above the maximum by a second',
    spec: { drain: { mode: 'Fixed', duration: '591s' } },
    problems: [
      [
        'spec.gracePeriod.maximum',
        'endpointDelay 5s + duration 591s + margin 5s is above gracePeriod.maximum 10m: raise maximum or shorten duration',
      ],
    ],
  },
  {
    title: 'Adaptive above the maximum',
    spec: { drain: { mode: 'Adaptive', maxWait: '10m' } },
    problems: [
      [
        'spec.gracePeriod.maximum',
        'endpointDelay 5s + maxWait 10m + margin 5s is above gracePeriod.maximum 10m: raise maximum or shorten maxWait',
      ],
    ],
  },
  {
    title: 'Combined above a maximum of its own',
    spec: { drain: { ...combined, endpointDelay: '10s' }, gracePeriod: { margin: '20s', maximum: '329s' } },
    problems: [
      [
        'spec.gracePeriod.maximum',
        'endpointDelay 10s + maxWait 5m + margin 20s is above gracePeriod.maximum 329s: raise maximum or shorten maxWait',
      ],
    ],
  },
  {
    title: 'Combined with a hook, whose times add up',
    spec: { drain: { mode: 'Combined', duration: '91s', maxWait: '500s', strategy: 'PreStopHook' } },
    problems: [
      [
        'spec.gracePeriod.maximum',
        'endpointDelay 5s + maxWait 500s + duration 91s + margin 5s is above gracePeriod.maximum 10m (with strategy PreStopHook the hook and the drain behind it add up): raise maximum or shorten maxWait',
      ],
    ],
  },
  {
    title: 'a duration of zero',
    spec: { drain: { mode: 'Fixed', duration: '0s' } },
    problems: [
      [
        'spec.drain.duration',
        'duration must be longer than 0s: write the length of your longest request, for example 60s',
      ],
    ],
  },
  {
    title: 'a duration of zero minutes',
    spec: { drain: { mode: 'Fixed', duration: '0m00s' } },
    problems: [['spec.drain.duration', 'duration must be longer than 0s']],
  },
  {
    title: 'a maxWait of zero',
    spec: { drain: { mode: 'Adaptive', maxWait: '0h' } },
    problems: [
      [
        'spec.drain.maxWait',
        'maxWait must be longer than 0s: write the longest time that a termination may take, for example 5m',
      ],
    ],
  },
  {
    title: 'a margin of zero',
    spec: { gracePeriod: { margin: '0s' } },
    problems: [
      [
        'spec.gracePeriod.margin',
        'margin must be at least 1s, or the kubelet kills the proxy in the moment it ends: write for example margin: 5s',
      ],
    ],
  },
  ...['1d', '500ms', '-5s', '+5s', '1.5s', '60', '5m5m', '5s1m', 'abc', ' 5s', '5 s', '12345h', '5S', ''].map(
    (text) => ({
      title: `the duration ${JSON.stringify(text)}`,
      spec: { drain: { mode: 'Combined', duration: text, maxWait: '5m' } },
      problems: [['spec.drain.duration', WRITE_A_DURATION]] as const,
    }),
  ),
  {
    title: 'a bad maxWait',
    spec: { drain: { mode: 'Adaptive', maxWait: '5min' } },
    problems: [['spec.drain.maxWait', WRITE_A_DURATION]],
  },
  {
    title: 'a bad endpointDelay',
    spec: { drain: { ...fixed, endpointDelay: '5' } },
    problems: [['spec.drain.endpointDelay', WRITE_A_DURATION]],
  },
  {
    title: 'a bad margin',
    spec: { gracePeriod: { margin: '1.5s' } },
    problems: [['spec.gracePeriod.margin', WRITE_A_DURATION]],
  },
  {
    title: 'a bad maximum',
    spec: { gracePeriod: { maximum: '1d' } },
    problems: [['spec.gracePeriod.maximum', WRITE_A_DURATION]],
  },
  {
    title: 'a duration that is too long to read',
    spec: { drain: { mode: 'Fixed', duration: '1234h1234m1234s' } },
    problems: [['spec.drain.duration', 'Too long: may not be more than 12 bytes']],
  },
  {
    title: 'a duration that is a number',
    spec: { drain: { mode: 'Fixed', duration: 60 } },
    problems: [['spec.drain.duration', 'must be of type string: "integer"']],
  },
  {
    title: 'a priority above its bound',
    spec: { priority: 1001 },
    problems: [['spec.priority', 'should be less than or equal to 1000']],
  },
  {
    title: 'a priority below its bound',
    spec: { priority: -1001 },
    problems: [['spec.priority', 'should be greater than or equal to -1000']],
  },
  {
    title: 'a priority that is a text',
    spec: { priority: '5' },
    problems: [['spec.priority', 'must be of type integer: "string"']],
  },
  {
    title: 'a priority with a fraction',
    spec: { priority: 1.5 },
    problems: [['spec.priority', 'must be of type int32: "float64"']],
  },
  {
    title: 'suspend as a text',
    spec: { suspend: 'true' },
    problems: [['spec.suspend', 'must be of type boolean: "string"']],
  },
  {
    title: 'an unknown enforcement',
    spec: { enforcement: 'enforce' },
    problems: [['spec.enforcement', 'Unsupported value: "enforce": supported values: "Audit", "Enforce"']],
  },
  {
    title: 'a plural for a kind',
    spec: { match: { ...all, kinds: ['deployments'] } },
    problems: [
      [
        'spec.match.kinds',
        'write kinds as in manifests, for example Deployment or CronJob: an upper-case letter, then letters and digits; and of a second group StatefulSet.apps.kruise.io',
      ],
    ],
  },
  {
    title: 'no kind',
    spec: { match: { ...all, kinds: [] } },
    problems: [['spec.match.kinds', 'should have at least 1 items']],
  },
  {
    title: 'a kind twice',
    spec: { match: { ...all, kinds: ['Deployment', 'Deployment'] } },
    problems: [['spec.match.kinds[1]', 'Duplicate value: "Deployment"']],
  },
  {
    title: '65 names',
    spec: { match: { ...all, names: many(65) } },
    problems: [['spec.match.names', 'Too many: 65: must have at most 64 items']],
  },
  {
    title: 'an empty name',
    spec: { match: { ...all, names: [''] } },
    problems: [['spec.match.names[0]', 'should be at least 1 chars long']],
  },
  {
    title: 'no names',
    spec: { match: { ...all, names: [] } },
    problems: [['spec.match.names', 'should have at least 1 items']],
  },
  {
    title: 'a name twice',
    spec: { match: { ...all, names: ['a', 'b', 'a'] } },
    problems: [['spec.match.names[2]', 'Duplicate value: "a"']],
  },
  {
    title: 'names that are a text',
    spec: { match: { ...all, names: 'checkout' } },
    problems: [['spec.match.names', 'must be of type array: "string"']],
  },
  {
    title: 'an unknown proxy',
    spec: { match: { ...all, proxies: ['Ambient'] } },
    problems: [['spec.match.proxies[0]', 'Unsupported value: "Ambient": supported values: "Sidecar", "Gateway"']],
  },
  {
    title: '65 labels',
    spec: { match: { namespaceSelector: { matchLabels: labels(65) } } },
    problems: [['spec.match.namespaceSelector.matchLabels', 'Too many: 65: must have at most 64 items']],
  },
  {
    title: 'a label value that is too long',
    spec: { match: { namespaceSelector: { matchLabels: { a: 'x'.repeat(64) } } } },
    problems: [['spec.match.namespaceSelector.matchLabels.a', 'Too long: may not be more than 63 bytes']],
  },
  {
    title: 'a label value that is a boolean',
    spec: { match: { namespaceSelector: { matchLabels: { a: true } } } },
    problems: [['spec.match.namespaceSelector.matchLabels.a', 'must be of type string: "boolean"']],
  },
  {
    title: 'a label without a value, alone',
    spec: { match: { namespaceSelector: { matchLabels: { drain: null } } } },
    problems: [
      [
        'spec.match.namespaceSelector.matchLabels',
        'matchLabels is empty, and a label without a value (drain:) counts as absent: write at least one label with its value, or remove matchLabels',
      ],
    ],
  },
  {
    title: 'empty matchLabels of workloads',
    spec: { match: { ...all, workloadSelector: { matchLabels: {} } } },
    problems: [['spec.match.workloadSelector.matchLabels', 'matchLabels is empty']],
  },
  {
    title: 'a null in a list',
    spec: { match: { ...all, names: [null] } },
    problems: [['spec.match.names[0]', 'must be of type string: "null"']],
  },
  {
    title: 'a number with a fraction where a whole one is meant',
    spec: { rollout: { waves: { maxConcurrent: 2.5 } } },
    problems: [['spec.rollout.waves.maxConcurrent', 'must be of type int32: "float64"']],
  },
  {
    title: 'an unknown operator',
    spec: { match: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Equals', values: ['b'] }] } } },
    problems: [
      [
        'spec.match.namespaceSelector.matchExpressions[0].operator',
        'Unsupported value: "Equals": supported values: "In", "NotIn", "Exists", "DoesNotExist"',
      ],
    ],
  },
  {
    title: 'In without values',
    spec: { match: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
    problems: [
      [
        'spec.match.namespaceSelector.matchExpressions[0].values',
        'operators In and NotIn need values: write at least one, or use operator Exists or DoesNotExist',
      ],
    ],
  },
  {
    title: 'Exists with values',
    spec: {
      match: { ...all, workloadSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
    },
    problems: [
      [
        'spec.match.workloadSelector.matchExpressions[0].values',
        'operators Exists and DoesNotExist have no values: remove values, or use operator In or NotIn',
      ],
    ],
  },
  {
    title: 'Immediate with waves',
    spec: { rollout: { strategy: 'Immediate', waves: { maxConcurrent: 3 } } },
    problems: [['spec.rollout.waves', 'strategy Immediate has no waves: remove waves, or write strategy: Waves']],
  },
  {
    title: 'waves of none',
    spec: { rollout: { waves: { maxConcurrent: 0 } } },
    problems: [['spec.rollout.waves.maxConcurrent', 'should be greater than or equal to 1']],
  },
  {
    title: 'a soak above a week',
    spec: { rollout: { waves: { soak: '169h' } } },
    problems: [['spec.rollout.waves.soak', 'soak is at most 168h (a week): write for example soak: 10m']],
  },
  {
    title: 'a deadline that no rollout can meet',
    spec: { rollout: { waves: { progressDeadline: '4s' } } },
    problems: [
      [
        'spec.rollout.waves.progressDeadline',
        'progressDeadline is from 5s to 24h: write how long a rollout may take, for example 10m',
      ],
    ],
  },
  {
    title: 'canaries below none',
    spec: { rollout: { waves: { canary: -1 } } },
    problems: [['spec.rollout.waves.canary', 'should be greater than or equal to 0']],
  },
  {
    title: 'waves of too many',
    spec: { rollout: { waves: { maxConcurrent: 101 } } },
    problems: [['spec.rollout.waves.maxConcurrent', 'should be less than or equal to 100']],
  },
  {
    title: 'an unknown strategy of rollout',
    spec: { rollout: { strategy: 'Canary' } },
    problems: [
      ['spec.rollout.strategy', 'Unsupported value: "Canary": supported values: "Waves", "Immediate", "OnNextRollout"'],
    ],
  },
  {
    title: 'OnNextRollout with waves',
    spec: { rollout: { strategy: 'OnNextRollout', waves: {} } },
    problems: [
      [
        'spec.rollout.waves',
        'strategy OnNextRollout restarts nothing, so there are no waves: remove waves, or write strategy: Waves',
      ],
    ],
  },
  {
    title: 'OnNextRollout with approval',
    spec: { rollout: { strategy: 'OnNextRollout', approval: 'Required' } },
    problems: [
      [
        'spec.rollout.approval',
        'strategy OnNextRollout restarts nothing that would need approval: remove approval, or write strategy: Waves',
      ],
    ],
  },
  ...[
    { strategy: 'Immediate' },
    { strategy: 'OnNextRollout' },
    { waves: {} },
    { windows: [{ schedule: '0 2 * * *', duration: '1h' }] },
    { approval: 'Required' },
  ].map((rollout): PolicyCase => ({
    title: `Admission with rollout ${Object.keys(rollout).join()} ${Object.values(rollout).map(String).join()}`,
    spec: { delivery: 'Admission', rollout },
    problems: [
      [
        'spec.rollout',
        'delivery Admission changes no workload, so there is no rollout to bound: remove rollout, or write delivery: PodTemplate',
      ],
    ],
  })),
  {
    title: 'Admission with a ProxyConfig',
    spec: { delivery: 'Admission', drain: { mode: 'Adaptive', maxWait: '5m', environment: 'ProxyConfig' } },
    problems: [
      [
        'spec.drain.environment',
        'delivery Admission puts the environment into each pod, without any resource: remove environment, or write delivery: PodTemplate',
      ],
    ],
  },
  {
    title: 'an unknown onDelete',
    spec: { onDelete: 'Keep' },
    problems: [['spec.onDelete', 'Unsupported value: "Keep": supported values: "Restore", "Orphan"']],
  },
  {
    title: 'a misspelt field',
    spec: { drain: { ...fixed, endpointdelay: '5s' } },
    problems: [['spec.drain.endpointdelay', 'unknown field "spec.drain.endpointdelay"']],
  },
  {
    title: 'an unknown delivery',
    spec: { delivery: 'Sidecar' },
    problems: [['spec.delivery', 'Unsupported value: "Sidecar": supported values: "PodTemplate", "Admission"']],
  },
  {
    title: 'an unknown field and a broken rule',
    spec: { drain: { ...fixed, wait: '5s' }, rollout: { canary: 1 } },
    problems: [
      ['spec.drain.wait', 'unknown field "spec.drain.wait"'],
      ['spec.rollout.canary', 'unknown field "spec.rollout.canary"'],
    ],
  },
  {
    title: 'a list for an object',
    spec: { gracePeriod: [] },
    problems: [['spec.gracePeriod', 'must be of type object: "array"']],
  },
  {
    title: 'two rules at once',
    spec: { drain: { ...fixed, maxWait: '5m', strategy: 'Auto' }, rollout: { strategy: 'Immediate', waves: {} } },
    problems: [
      ['spec.drain.maxWait', 'mode Fixed always drains for duration'],
      ['spec.drain.strategy', 'mode Fixed has no strategy'],
      ['spec.rollout.waves', 'strategy Immediate has no waves'],
    ],
  },
  {
    title: 'bounds where tenants are kept out',
    spec: { bounds: { modes: ['Fixed'] } },
    problems: [
      [
        'spec.bounds',
        'bounds are for namespaced policies, which tenants: Forbid keeps out altogether: write tenants: Allow, or remove bounds',
      ],
    ],
  },
  {
    title: 'an unknown tenants',
    spec: { tenants: 'Maybe' },
    problems: [['spec.tenants', 'Unsupported value: "Maybe": supported values: "Forbid", "Allow"']],
  },
  {
    title: 'a bound in days',
    spec: { tenants: 'Allow', bounds: { longestDrain: '1d' } },
    problems: [['spec.bounds.longestDrain', WRITE_A_DURATION]],
  },
  {
    title: 'a bound of nothing',
    spec: { tenants: 'Allow', bounds: { longestGrace: '0s' } },
    problems: [['spec.bounds.longestGrace', 'longestGrace must be longer than 0s']],
  },
  {
    title: 'exemptions for days',
    spec: { exemptions: { longest: '30d' } },
    problems: [['spec.exemptions.longest', WRITE_A_DURATION]],
  },
  {
    title: 'exemptions for no time',
    spec: { exemptions: { longest: '0s' } },
    problems: [['spec.exemptions.longest', 'longest must be longer than 0s']],
  },
  {
    title: 'exemptions in what can be no namespace',
    spec: { exemptions: { namespaces: ['Shop'] } },
    problems: [['spec.exemptions.namespaces[0]', 'should match']],
  },
  {
    title: 'a longest grace that no longest drain fits in',
    spec: { tenants: 'Allow', bounds: { longestDrain: '5m', longestGrace: '300s' } },
    problems: [['spec.bounds.longestGrace', 'longestGrace must be longer than longestDrain']],
  },
  {
    title: 'a mode that does not exist as a bound',
    spec: { tenants: 'Allow', bounds: { modes: ['Fast'] } },
    problems: [
      ['spec.bounds.modes[0]', 'Unsupported value: "Fast": supported values: "Fixed", "Adaptive", "Combined"'],
    ],
  },
];

export const policyCases: readonly PolicyCase[] = [...accepted, ...refused];
