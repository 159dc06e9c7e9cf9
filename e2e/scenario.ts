// One scenario on one kind of sidecar: deploy, let a policy do its work, restart under load, look at what became of the
// requests, delete the policy, look at the template.
import { effectiveSettings } from '../src/drain/mesh/settings.ts';
import type { MeshFacts } from '../src/drain/model/mesh.ts';
import type { EffectiveSettings } from '../src/drain/model/settings.ts';
import type { PodTemplate } from '../src/api/kubernetes.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  defineVirtualServices,
  deleteQuietly,
  E2eError,
  NAMESPACES,
  PODS,
  POLICIES,
  REPLICA_SETS,
  SERVICES,
  until,
  type Cluster,
  type DeploymentObject,
  type KubeObject,
} from './cluster/api.ts';
import { LogFollower } from './cluster/logs.ts';
import { playGateway } from './gateway.ts';
import { playNewRequests } from './new-requests.ts';
import { troublesIn, untilRolledOut } from './cluster/rollout.ts';
import type { ClusterFacts, FormChoice } from './cluster/preflight.ts';
import { PodWatch } from './cluster/watch.ts';
import { judge, type Checks, type Evidence } from './judge.ts';
import { terminationOf, withoutRestart } from './evidence.ts';
import { loadRequests, type LoadRequest, type ProgramLine } from './observe/lines.ts';
import type { PodStory } from './observe/pods.ts';
import {
  FIELD_MANAGER,
  loadName,
  loadObject,
  namespaceObject,
  noRetriesObject,
  PEER,
  peerObject,
  podOptionsOf,
  policyObject,
  PORT,
  programsObject,
  RESTARTED_AT,
  SERVER,
  serverObject,
  serviceObject,
  type PodOptions,
} from './plan/objects.ts';
import type { Options } from './plan/options.ts';
import {
  applicationOf,
  LITERAL_HOOK,
  NEW_REQUESTS_TIMING,
  policyOf,
  timingOf,
  type ScenarioName,
  type ScenarioPolicy,
  type Timing,
} from './plan/scenarios.ts';

export interface ScenarioParts {
  readonly cluster: Cluster;
  readonly facts: ClusterFacts;
  readonly mesh: MeshFacts;
  /** The mesh as it is now: a policy may have made a ProxyConfig. */
  readonly readMesh: () => Promise<MeshFacts>;
  /** The MutatingAdmissionPolicies of a policy, as `sidecar-drain render -o map` prints them. */
  readonly renderMap: (policy: object) => Promise<readonly KubeObject[]>;
  /** Manifests as `sidecar-drain render` changes them for a policy. */
  readonly renderManifests: (
    manifests: readonly object[],
    policy: object,
    istioVersion: string | undefined,
  ) => Promise<readonly KubeObject[]>;
  readonly options: Options;
  readonly run: string;
  readonly scenario: ScenarioName;
  readonly form: FormChoice;
  readonly programs: Readonly<Record<string, string>>;
  readonly checks: Checks;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Findings of the program's own `lint --cluster` for one namespace. */
  readonly lint: (namespace: string) => Promise<readonly string[]>;
  /** Throws when the operator is gone. */
  readonly operatorRuns: () => void;
}

/** Seconds that the controllers of the cluster may take beyond what the pods themselves need. */
const SLACK_SECONDS = 60;

export async function playScenario(parts: ScenarioParts): Promise<void> {
  const scene = new Scene(parts);
  try {
    await scene.play();
  } finally {
    await scene.end();
  }
}

class Scene {
  private readonly namespace: string;
  private readonly policy: string;
  private readonly timing: Timing;
  private readonly pod: PodOptions;
  private mesh: MeshFacts;
  private watch: PodWatch | undefined;
  private readonly followers: LogFollower[] = [];
  private loads: LogFollower[] = [];
  private readonly parts: ScenarioParts;

  constructor(parts: ScenarioParts) {
    this.parts = parts;
    const { run, scenario, form, options } = parts;
    this.namespace = `sidecar-drain-e2e-${run}-${scenario}-${form.form}`;
    this.policy = this.namespace;
    this.timing = scenario === 'new-requests' ? NEW_REQUESTS_TIMING : timingOf(form.form, options.timing);
    this.mesh = parts.mesh;
    this.pod = podOptionsOf(options, form.nativeSidecar);
  }

  async play(): Promise<void> {
    const { scenario, say, checks, form, lint } = this.parts;
    const policy = policyOf(scenario, this.timing);
    await this.deploy();
    if (scenario === 'new-requests') {
      await playNewRequests(this.parts, {
        namespace: this.namespace,
        restart: async () => {
          await this.restart();
          await this.rolledOut(SERVER);
        },
        restartUnderLoad: async () => (await this.restartUnderLoad()).requests,
        currentPods: () => this.currentPods(),
        pods: () => this.watch?.pods(SERVER) ?? [],
        longestEnd: this.longest() + SLACK_SECONDS,
        troubles: () => this.troubles(),
      });
      return;
    }
    if (scenario === 'gateway') {
      await playGateway(this.parts, {
        namespace: this.namespace,
        timing: this.timing,
        rolledOut: (name) => this.rolledOut(name),
        startLoad: (address) => this.startLoadTo(address),
        requests: () => this.loads.flatMap((load) => loadRequests(load.lines())),
      });
      return;
    }
    const before = await this.deployment();
    if (policy !== undefined) {
      await this.underPolicy(policy);
      this.mesh = await this.parts.readMesh();
    }
    if (scenario === 'proxyconfig' && form.form === 'classic') {
      await this.judgeVariables();
    }
    const evidence = await this.restartUnderLoad();
    judge(checks, scenario, form.form, evidence);
    if (scenario === 'adaptive' && form.form === 'classic') {
      const codes = await lint(this.namespace);
      checks.add(
        'the uncovered calls are said',
        codes.includes('OutboundNotCovered') ? 'Passed' : 'Failed',
        codes.includes('OutboundNotCovered')
          ? 'lint reports OutboundNotCovered'
          : `lint does not report OutboundNotCovered (it reports ${codes.join(', ') || 'nothing'})`,
      );
    }
    if (policy !== undefined) {
      say('deleting the policy');
      await this.restored(before);
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.watch?.stop(), ...this.followers.map((follower) => follower.stop())]);
    if (!this.parts.options.keep) {
      // The end of the run waits until it is gone; the next scenario need not.
      await deleteQuietly(this.parts.cluster.client, NAMESPACES, this.namespace).catch(() => undefined);
    }
  }

  private async deploy(): Promise<void> {
    const {
      cluster: { client },
      options,
      programs,
      run,
      facts,
      say,
      scenario,
    } = this.parts;
    const { namespace, pod, timing } = this;
    say(`deploying into ${namespace}`);
    await client.create(NAMESPACES, namespaceObject(namespace, run, options.injectionLabels));
    if (options.image.programs === 'configmap') {
      await client.create(CONFIG_MAPS, programsObject(namespace, programs), namespace);
    }
    const peer = await client.create<KubeObject & { spec: { clusterIP: string } }>(
      SERVICES,
      serviceObject(PEER, namespace),
      namespace,
    );
    await client.create(SERVICES, serviceObject(SERVER, namespace), namespace);
    if (facts.virtualServices !== undefined) {
      await client.create(
        defineVirtualServices(facts.virtualServices),
        noRetriesObject(facts.virtualServices, namespace),
        namespace,
      );
    }
    this.watch = new PodWatch(this.parts.cluster, namespace);
    await client.create(DEPLOYMENTS, peerObject(namespace, pod), namespace, { fieldManager: FIELD_MANAGER });
    // In pods without a service proxy behind them only the peer's own address works, so that has to be known first.
    const peerAddress = options.addressing === 'podip' ? await this.addressOfPeer() : peer.spec.clusterIP;
    await client.create(
      DEPLOYMENTS,
      serverObject(namespace, pod, {
        replicas: options.replicas,
        timing,
        peerUrl: url(peerAddress),
        sleepAction: facts.kubernetesMinor >= 30,
        withoutPreStop: scenario === 'new-requests',
        proxyHook: scenario === 'literal-hook-cured' ? LITERAL_HOOK : undefined,
      }),
      namespace,
      { fieldManager: FIELD_MANAGER },
    );
    await this.rolledOut(PEER);
    await this.rolledOut(SERVER);
  }

  private async addressOfPeer(): Promise<string> {
    await this.rolledOut(PEER);
    const address = this.watch?.pods(PEER).find(({ last }) => last.status?.podIP !== undefined)?.last.status?.podIP;
    if (address === undefined) {
      throw new E2eError('the pod of the peer has no address');
    }
    return address;
  }

  private async underPolicy(policy: ScenarioPolicy): Promise<void> {
    const {
      cluster: { client },
      run,
      say,
      options,
      signal,
      operatorRuns,
      checks,
    } = this.parts;
    say(`policy ${JSON.stringify(policy)}`);
    await client.create(POLICIES, policyObject(this.policy, run, this.namespace, policy));
    interface Policy extends KubeObject {
      readonly status?: {
        readonly observedGeneration?: number;
        readonly workloads?: Readonly<Record<string, number>>;
        readonly attention?: readonly { reason: string; message: string }[];
      };
    }
    const read = (): Promise<Policy> => client.get<Policy>(POLICIES, { name: this.policy });
    await until(
      async () => {
        operatorRuns();
        const { metadata, status } = await read();
        return status?.observedGeneration === metadata.generation &&
          status?.workloads?.matched === 1 &&
          status.workloads.compliant === 1
          ? true
          : undefined;
      },
      {
        seconds: options.readyTimeoutSeconds + this.longest() + SLACK_SECONDS,
        signal,
        what: 'the workload is compliant',
        instead: async () => {
          const { status } = await read();
          return `the policy says ${JSON.stringify(status?.workloads ?? {})} ${(status?.attention ?? []).map(({ reason, message }) => `${reason}: ${message}`).join('; ')}`;
        },
      },
    );
    await this.rolledOut(SERVER);
    checks.add('the workload becomes compliant', 'Passed', await this.written());
  }

  /** With the environment in a ProxyConfig each pod of the policy's rollout must have come up with it. */
  private async judgeVariables(): Promise<void> {
    // Those of the present template: of others the watch may not have heard yet that they are going.
    const pods = await this.currentPods();
    const without = pods.filter(({ last }) => !JSON.stringify(last).includes('EXIT_ON_ZERO_ACTIVE_CONNECTIONS'));
    this.parts.checks.add(
      'every pod carries the variable',
      pods.length > 0 && without.length === 0 ? 'Passed' : 'Failed',
      `${pods.length - without.length} of ${pods.length} pods carry EXIT_ON_ZERO_ACTIVE_CONNECTIONS${without.length > 0 ? `; without it: ${without.map(({ name }) => name).join(', ')}` : ''}`,
    );
  }

  private async restart(): Promise<void> {
    await this.parts.cluster.client.mergePatch(
      DEPLOYMENTS,
      { name: SERVER, namespace: this.namespace },
      { spec: { template: { metadata: { annotations: { [RESTARTED_AT]: new Date().toISOString() } } } } },
      { fieldManager: FIELD_MANAGER },
    );
  }

  /** What the operator wrote, for people. */
  private async written(): Promise<string> {
    const { spec } = await this.deployment();
    const template = spec.template as PodTemplate;
    const config = template.metadata?.annotations?.['proxy.istio.io/config'];
    return [
      `grace period ${template.spec.terminationGracePeriodSeconds ?? 30} s`,
      ...(config === undefined ? [] : [config.trim().replace(/\s*\n\s*/g, ' ')]),
    ].join(', ');
  }

  private async restartUnderLoad(): Promise<Evidence> {
    const { options, say, signal } = this.parts;
    const old = await this.currentPods();
    const servers = new Map(old.map(({ name }) => [name, this.follow(name, SERVER)]));
    if (this.loads.length === 0) {
      await this.startLoad(old);
    }
    const since = Date.now();
    say(`restarting ${old.map(({ name }) => name).join(', ')} under load`);
    await this.restart();
    const going = (): PodStory[] =>
      (this.watch?.pods(SERVER) ?? []).filter(({ uid }) => old.some((each) => each.uid === uid));
    await until(
      () => {
        this.parts.operatorRuns();
        return going().every(({ goneAt }) => goneAt !== undefined) ? true : undefined;
      },
      {
        seconds: options.readyTimeoutSeconds + this.longest() + SLACK_SECONDS,
        signal,
        what: 'the old pods are gone',
        instead: () => this.troubles(),
      },
    );
    await this.rolledOut(SERVER);
    const lastGone = Date.now();
    const requests = (): LoadRequest[] => this.loads.flatMap((load) => loadRequests(load.lines()));
    await until(
      () => (requests().every(({ sentAt, endedAt }) => sentAt > lastGone || endedAt !== undefined) ? true : undefined),
      {
        seconds: this.timing.hold + 40,
        signal,
        what: 'every request of the load has ended',
        instead: () =>
          this.loads
            .map(({ trouble }) => trouble)
            .filter((text) => text !== undefined)
            .join('; '),
      },
    );
    const logs = new Map([...servers].map(([name, follower]) => [name, follower.lines()]));
    return await this.evidence(
      going(),
      logs,
      requests().filter(({ sentAt, endedAt }) => sentAt <= lastGone && (endedAt === undefined || endedAt >= since)),
    );
  }

  private async startLoad(old: readonly PodStory[]): Promise<void> {
    const {
      cluster: { client },
      options,
      signal,
    } = this.parts;
    const service = await client.get<KubeObject & { spec: { clusterIP: string } }>(SERVICES, {
      name: SERVER,
      namespace: this.namespace,
    });
    const addresses = old
      .flatMap(({ last }) => (last.status?.podIP === undefined ? [] : [url(last.status.podIP)]))
      .join(',');
    const targets = {
      service: url(service.spec.clusterIP),
      podip: addresses,
      auto: `${url(service.spec.clusterIP)} ${addresses}`,
    }[options.addressing];
    await this.createLoads(targets);
    const enough = Math.max(2, Math.ceil(2 / this.timing.interval));
    await until(
      () => {
        this.refuseUnreachable(targets);
        const busy = this.followers
          .filter(({ pod }) => old.some(({ name }) => name === pod))
          .every((server) => server.lines().filter(({ event }) => event === 'request').length >= enough);
        return busy && this.loads.every((load) => load.lines().some(({ event }) => event === 'start'))
          ? true
          : undefined;
      },
      {
        seconds: options.readyTimeoutSeconds,
        signal,
        what: 'every server has long requests in flight',
        instead: async () =>
          [
            await this.troubles(),
            ...this.followers.map(
              (follower) => `${follower.pod}: ${follower.trouble ?? `${follower.lines().length} lines`}`,
            ),
          ].join('; '),
      },
    );
  }

  private async createLoads(targets: string): Promise<void> {
    for (const client of this.parts.options.clients) {
      const load = loadObject(this.namespace, this.pod, { client, targets, timing: this.timing, limitSeconds: 3600 });
      await this.parts.cluster.client.create(PODS, load, this.namespace);
      this.loads.push(this.follow(loadName(client), 'load'));
    }
  }

  private refuseUnreachable(targets: string): void {
    for (const load of this.loads) {
      const lost = load.lines().find(({ event }) => event === 'unreachable');
      if (lost !== undefined) {
        throw new E2eError(
          `the load generator ${load.pod} cannot reach the server (tried ${targets}): ${String(lost.last)}. E2E_ADDRESSING chooses how it tries.`,
        );
      }
    }
  }

  /** By way of something in front of the server: until requests are under way. */
  private async startLoadTo(address: string): Promise<void> {
    const { options, signal } = this.parts;
    await this.createLoads(address);
    const begun = (load: LogFollower): boolean => load.lines().filter(({ event }) => event === 'start').length >= 2;
    await until(
      () => {
        this.refuseUnreachable(address);
        return this.loads.every(begun) ? true : undefined;
      },
      { seconds: options.readyTimeoutSeconds, signal, what: 'requests are under way', instead: () => this.troubles() },
    );
  }

  private async evidence(
    stories: readonly PodStory[],
    logs: ReadonlyMap<string, readonly ProgramLine[]>,
    requests: readonly LoadRequest[],
  ): Promise<Evidence> {
    const application = applicationOf(this.timing);
    const seen = await Promise.all(
      stories.map(async (story) => ({
        termination: terminationOf(story, logs, requests),
        settings: await this.settingsOf(story),
        restarts: story.restarts,
      })),
    );
    const direct = requests.filter((request) => this.sentStraightToPod(request, stories));
    return {
      application,
      seen,
      timing: this.timing,
      // Who sends to an address that is going cannot be helped; what had been received by then can.
      requests: requests.filter((request) => !direct.includes(request)),
      watchBreaks: this.watch?.breaks ?? [],
    };
  }

  /** Clients outside the mesh that use pod addresses go on sending to a pod that is gone. */
  private sentStraightToPod(request: LoadRequest, stories: readonly PodStory[]): boolean {
    const story = stories.find(
      ({ last }) => last.status?.podIP !== undefined && request.url === url(last.status.podIP),
    );
    return request.id.startsWith('plain-') && story?.deletedAt !== undefined && request.sentAt > story.deletedAt;
  }

  /** The settings of one pod: those of the template that it was made from, seen by the engine. */
  private async settingsOf({ replicaSet }: PodStory): Promise<EffectiveSettings> {
    const {
      cluster: { client },
      options,
    } = this.parts;
    const { mesh } = this;
    const { spec } = await client.get<KubeObject & { spec: { template: PodTemplate } }>(REPLICA_SETS, {
      name: replicaSet ?? '',
      namespace: this.namespace,
    });
    return effectiveSettings({
      template: spec.template,
      mesh,
      namespace: {
        name: this.namespace,
        labels: { ...options.injectionLabels, 'kubernetes.io/metadata.name': this.namespace },
      },
    });
  }

  private async restored(before: DeploymentObject): Promise<void> {
    const {
      cluster: { client },
      checks,
      options,
      signal,
    } = this.parts;
    await deleteQuietly(client, POLICIES, this.policy);
    let now = await this.deployment();
    const same = (): boolean => JSON.stringify(now.spec.template) === JSON.stringify(withoutRestart(before, now));
    try {
      await until(
        async () => {
          now = await this.deployment();
          const policy = await client.find(POLICIES, { name: this.policy });
          return policy === undefined && same() ? true : undefined;
        },
        {
          seconds: options.readyTimeoutSeconds + this.longest() + SLACK_SECONDS,
          signal,
          what: 'the policy is gone and the template is what it was',
        },
      );
      checks.add('deletion restores', 'Passed', 'the pod template is byte for byte what it was');
    } catch (error) {
      if (signal.aborted) {
        throw error;
      }
      checks.add(
        'deletion restores',
        'Failed',
        same() ? 'the template is what it was, but the policy is still there' : 'the pod template is not what it was',
        [`before: ${JSON.stringify(withoutRestart(before, now))}`, `after: ${JSON.stringify(now.spec.template)}`],
      );
    }
  }

  private follow(pod: string, container: string): LogFollower {
    const follower = new LogFollower(this.parts.cluster, this.namespace, pod, container);
    this.followers.push(follower);
    return follower;
  }

  private async deployment(name = SERVER): Promise<DeploymentObject> {
    return await this.parts.cluster.client.get<DeploymentObject>(DEPLOYMENTS, { name, namespace: this.namespace });
  }

  /**
   * The pods of the present template. Those of older ones may still be going, but so long that nobody sends to them any
   * more: their requests would be lost by the old settings and be counted against the new ones.
   */
  private async currentPods(): Promise<PodStory[]> {
    const { signal, options } = this.parts;
    const forgotten = ({ goneAt, heardOfDeletionAt }: PodStory): boolean =>
      goneAt !== undefined ||
      (heardOfDeletionAt !== undefined && Date.now() - heardOfDeletionAt > this.timing.preStop * 1000);
    return await until(
      () => {
        const all = this.watch?.pods(SERVER) ?? [];
        const pods = all.filter(({ deletedAt, goneAt }) => deletedAt === undefined && goneAt === undefined);
        const others = all.filter((pod) => !pods.includes(pod));
        return pods.length === options.replicas &&
          new Set(pods.map(({ replicaSet }) => replicaSet)).size === 1 &&
          others.every(forgotten)
          ? pods
          : undefined;
      },
      {
        seconds: this.timing.preStop + options.readyTimeoutSeconds,
        signal,
        what: `exactly ${options.replicas} pods of the present template are there`,
      },
    );
  }

  private async rolledOut(name: string): Promise<void> {
    const { cluster, options, signal } = this.parts;
    await untilRolledOut(cluster.client, this.namespace, name, { seconds: options.readyTimeoutSeconds, signal });
  }

  private async troubles(): Promise<string> {
    return await troublesIn(this.parts.cluster.client, this.namespace);
  }

  /** The longest that a termination may take here. */
  private longest(): number {
    return this.timing.preStop + Math.max(this.timing.maxWait, this.timing.duration, this.timing.hold, 30) + 10;
  }
}

function url(address: string): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${PORT}`;
}
