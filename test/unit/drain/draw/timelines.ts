import type { Lifecycle, PodTemplate } from '../../../../src/api/kubernetes.ts';
import { effectiveSettings } from '../../../../src/drain/mesh/settings.ts';
import type { MeshFacts, StatedFacts } from '../../../../src/drain/model/mesh.ts';
import type { EffectiveSettings } from '../../../../src/drain/model/settings.ts';
import type { Application } from '../../../../src/drain/timeline/application.ts';
import {
  DEFAULT_SCENARIO,
  timelineOf,
  type Lane,
  type LaneId,
  type Timeline,
} from '../../../../src/drain/timeline/lanes.ts';

/** A pod template and what goes on in its pod, in the words of the tests. */
export interface Pod {
  readonly proxy?: 'classic' | 'native' | 'none';
  readonly grace?: number;
  readonly config?: string;
  readonly appHook?: Lifecycle['preStop'];
  readonly proxyHook?: Lifecycle['preStop'];
  readonly image?: 'with-shell' | 'distroless';
  readonly moreApps?: readonly string[];
  readonly longestRequest?: number;
  readonly application?: Partial<Application>;
}

const NETSTAT_HOOK = 'while [ $(netstat -plunt | grep tcp | grep -v envoy | wc -l | xargs) -ne 0 ]; do sleep 1; done';
export const LITERAL_HOOK: Lifecycle['preStop'] = { exec: { command: ['/bin/sh', '-c', NETSTAT_HOOK] } };

/** The cases that the documentation draws. */
export const PODS = {
  classicDefault: {},
  nativeDefault: { proxy: 'native' },
  exitOnZero: { config: 'proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}', grace: 60 },
  cutByGrace: { config: 'terminationDrainDuration: 60s', grace: 30, longestRequest: 45 },
  neverEndingHook: { proxyHook: LITERAL_HOOK },
  distrolessHook: { proxyHook: LITERAL_HOOK, image: 'distroless' },
  appHook: { appHook: { sleep: { seconds: 12 } } },
  longDrain: { config: 'terminationDrainDuration: 120s', grace: 150, longestRequest: 100 },
} as const satisfies Record<string, Pod>;

export function settingsOf(pod: Pod): EffectiveSettings {
  const template: PodTemplate = {
    metadata: { annotations: pod.config === undefined ? {} : { 'proxy.istio.io/config': pod.config } },
    spec: {
      terminationGracePeriodSeconds: pod.grace ?? 30,
      containers: [
        {
          name: 'checkout',
          ports: [{ containerPort: 8080 }],
          ...(pod.appHook === undefined ? {} : { lifecycle: { preStop: pod.appHook } }),
        },
        ...(pod.moreApps ?? []).map((name) => ({ name })),
        ...(pod.proxyHook === undefined
          ? []
          : [{ name: 'istio-proxy', image: 'auto', lifecycle: { preStop: pod.proxyHook } }]),
      ],
    },
  };
  return effectiveSettings({
    template,
    namespace: { name: 'shop', labels: {} },
    mesh: meshWith({
      injected: pod.proxy !== 'none',
      nativeSidecars: pod.proxy === 'native' ? 'true' : 'false',
      proxyImage: pod.image ?? 'with-shell',
    }),
  });
}

export function meshWith(stated: StatedFacts): MeshFacts {
  return {
    istio: 'Present',
    rootNamespace: 'istio-system',
    revisions: [{ name: 'default', version: '1.30.3' }],
    webhooks: [],
    proxyConfigs: [],
    nodes: {},
    stated,
  };
}

export function timelineFor(pod: Pod): Timeline {
  return timelineOf(settingsOf(pod), {
    ...DEFAULT_SCENARIO,
    longestRequest: pod.longestRequest ?? DEFAULT_SCENARIO.longestRequest,
    application: { ...DEFAULT_SCENARIO.application, ...pod.application },
  });
}

export function laneOf(timeline: Timeline, id: LaneId): Lane {
  const lane = timeline.lanes.find((candidate) => candidate.id === id);
  if (lane === undefined) {
    throw new Error(`the timeline has no lane ${id}`);
  }
  return lane;
}
