// The Grafana dashboard. Written as data here, because the JSON that Grafana wants is mostly repetition.

const SOURCE = { type: 'prometheus', uid: '${datasource}' };

interface Options {
  readonly unit?: string;
  readonly stack?: boolean;
  readonly max?: number;
}

type Query = readonly [expr: string, legend: string];
type Panel = readonly [
  title: string,
  tells: string,
  type: 'stat' | 'timeseries' | 'bargauge' | 'table',
  width: number,
  queries: readonly Query[],
  options: Options,
];

const unit = (name: string): Options => ({ unit: name });

/** Panels from the top left. */
const rows: readonly (readonly [title: string, panels: readonly Panel[]])[] = [
  [
    'Is the promise kept?',
    [
      [
        'Workloads that comply',
        'Of all workloads that a policy governs or audits.',
        'stat',
        6,
        [
          [
            'sum(sidecar_drain_workloads{state="compliant"}) / clamp_min(sum(sidecar_drain_workloads{state!~"exempt|overridden"}), 1)',
            'compliant',
          ],
        ],
        { ...unit('percentunit'), max: 1 },
      ],
      [
        'To be looked at',
        'Failed and conflicted workloads. status.attention of the policy names them.',
        'stat',
        6,
        [['sum(sidecar_drain_workloads{state=~"failed|conflicted"})', 'attention']],
        unit('short'),
      ],
      [
        'Rolling out',
        'Workloads that restart because of a write of ours, and those that wait for their turn.',
        'stat',
        6,
        [
          ['sum(sidecar_drain_rolling_workloads)', 'rolling'],
          ['sum(sidecar_drain_waiting_workloads)', 'waiting'],
        ],
        unit('short'),
      ],
      [
        'Off switch',
        '1 while nothing may be written.',
        'stat',
        6,
        [['max(sidecar_drain_paused)', 'paused']],
        unit('short'),
      ],
      [
        'Workloads by state',
        'Each workload is in exactly one state under each policy.',
        'timeseries',
        12,
        [['sum by (state) (sidecar_drain_workloads)', '{{state}}']],
        { ...unit('short'), stack: true },
      ],
      [
        'Policies that do not comply',
        'Workloads that are neither compliant nor left alone on purpose, by policy.',
        'timeseries',
        12,
        [['sum by (policy) (sidecar_drain_workloads{state!~"compliant|exempt|overridden"})', '{{policy}}']],
        unit('short'),
      ],
      [
        'Why',
        'Workloads by reason. The findings page says what to do about each.',
        'timeseries',
        12,
        [['sum by (reason) (sidecar_drain_workload_reasons)', '{{reason}}']],
        unit('short'),
      ],
      [
        'Slack of grace periods',
        'Grace period minus what the promise needs: below 0 the promise is broken, far above 0 hung pods linger.',
        'bargauge',
        12,
        [['sum by (le) (sidecar_drain_grace_slack_seconds_bucket)', '{{le}} s']],
        unit('short'),
      ],
    ],
  ],
  [
    'What really happened',
    [
      [
        'Terminations',
        'Pods of governed workloads that ended, by outcome.',
        'timeseries',
        12,
        [['sum by (outcome) (increase(sidecar_drain_terminations_total[$__rate_interval]))', '{{outcome}}']],
        { ...unit('short'), stack: true },
      ],
      [
        'How long terminations take',
        "From the deletion of the pod to its last container's end.",
        'timeseries',
        12,
        [
          [
            'histogram_quantile(0.5, sum by (le) (rate(sidecar_drain_termination_duration_seconds_bucket[$__rate_interval])))',
            'median',
          ],
          [
            'histogram_quantile(0.99, sum by (le) (rate(sidecar_drain_termination_duration_seconds_bucket[$__rate_interval])))',
            '99 of 100',
          ],
        ],
        unit('s'),
      ],
    ],
  ],
  [
    'Writes',
    [
      [
        'Writes to workloads',
        'Each of them restarts pods, but for adopt and orphan.',
        'timeseries',
        12,
        [['sum by (policy, write) (increase(sidecar_drain_writes_total[$__rate_interval]))', '{{policy}} {{write}}']],
        unit('short'),
      ],
      [
        'Rollouts held',
        'Policies whose waves start nothing new, by reason.',
        'timeseries',
        6,
        [['max by (policy, reason) (sidecar_drain_rollouts_held)', '{{policy}} {{reason}}']],
        unit('short'),
      ],
      [
        'Write conflicts',
        'Somebody else wrote between our read and our write; it is tried again.',
        'timeseries',
        6,
        [['sum(increase(sidecar_drain_write_conflicts_total[$__rate_interval]))', 'conflicts']],
        unit('short'),
      ],
    ],
  ],
  [
    'The operator',
    [
      [
        'Leader',
        'Which replica leads.',
        'timeseries',
        6,
        [['leader_election_master_status', '{{instance}}']],
        unit('short'),
      ],
      [
        'Decisions',
        'Looks at workloads, by what was decided.',
        'timeseries',
        6,
        [['sum by (outcome) (rate(sidecar_drain_decisions_total[$__rate_interval]))', '{{outcome}}']],
        unit('ops'),
      ],
      [
        'Reconciles',
        'By controller and result.',
        'timeseries',
        6,
        [
          [
            'sum by (controller, result) (rate(controller_runtime_reconcile_total[$__rate_interval]))',
            '{{controller}} {{result}}',
          ],
        ],
        unit('ops'),
      ],
      [
        'Queue depth',
        'Keys that wait.',
        'timeseries',
        6,
        [['sum by (name) (workqueue_depth)', '{{name}}']],
        unit('short'),
      ],
      [
        'Requests to the API server',
        'By status code.',
        'timeseries',
        12,
        [['sum by (code) (rate(rest_client_requests_total[$__rate_interval]))', '{{code}}']],
        unit('reqps'),
      ],
      [
        'Memory',
        'Resident memory of each replica.',
        'timeseries',
        6,
        [['process_resident_memory_bytes{job=~".*sidecar-drain.*"}', '{{instance}}']],
        unit('bytes'),
      ],
      [
        'Processor',
        'Seconds of processor time per second.',
        'timeseries',
        6,
        [['rate(process_cpu_seconds_total{job=~".*sidecar-drain.*"}[$__rate_interval])', '{{instance}}']],
        unit('short'),
      ],
    ],
  ],
  [
    'Admission',
    [
      [
        'Admissions',
        'By kind of object and what became of them.',
        'timeseries',
        12,
        [
          [
            'sum by (kind, outcome) (rate(sidecar_drain_admission_requests_total[$__rate_interval]))',
            '{{kind}} {{outcome}}',
          ],
        ],
        unit('reqps'),
      ],
      [
        'Time of an admission',
        'In the operator, without the network.',
        'timeseries',
        12,
        [
          [
            'histogram_quantile(0.99, sum by (le) (rate(sidecar_drain_admission_duration_seconds_bucket[$__rate_interval])))',
            '99 of 100',
          ],
        ],
        unit('s'),
      ],
    ],
  ],
];

export function dashboard(): Record<string, unknown> {
  const panels: Record<string, unknown>[] = [];
  let y = 0;
  let id = 1;
  for (const [title, members] of rows) {
    panels.push({ id: id++, type: 'row', title, collapsed: false, gridPos: { h: 1, w: 24, x: 0, y: y++ }, panels: [] });
    let x = 0;
    for (const [name, description, type, w, queries, { unit: shown, stack, max }] of members) {
      const h = type === 'stat' ? 4 : 8;
      if (x + w > 24) {
        x = 0;
        y += 8;
      }
      panels.push({
        id: id++,
        type,
        title: name,
        description,
        datasource: SOURCE,
        gridPos: { h, w, x, y },
        targets: queries.map(([expr, legendFormat], index) => ({
          refId: String.fromCharCode(65 + index),
          datasource: SOURCE,
          expr,
          legendFormat,
          ...(type === 'timeseries' ? {} : { instant: true, format: type === 'bargauge' ? 'heatmap' : 'time_series' }),
        })),
        fieldConfig: {
          defaults: {
            unit: shown,
            min: name.startsWith('Slack') ? undefined : 0,
            max,
            custom: stack === true ? { stacking: { mode: 'normal' }, fillOpacity: 20 } : undefined,
          },
          overrides: [],
        },
        options:
          type === 'timeseries'
            ? { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } }
            : { reduceOptions: { calcs: ['lastNotNull'] } },
      });
      x += w;
      if (x >= 24) {
        x = 0;
        y += h;
      }
    }
    if (x > 0) {
      y += 8;
    }
  }
  return {
    title: 'Sidecar drain operator',
    uid: 'sidecar-drain-operator',
    tags: ['istio', 'sidecar-drain'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    time: { from: 'now-6h', to: 'now' },
    refresh: '1m',
    timezone: 'browser',
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source', current: {}, hide: 0 },
      ],
    },
    panels,
  };
}
