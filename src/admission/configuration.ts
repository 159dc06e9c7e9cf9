import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject } from '../api/kubernetes.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import {
  defineResource,
  errorText,
  isApiError,
  oneLine,
  Reflector,
  silentLogger,
  sleep,
  systemClock,
  type CallOptions,
  type Clock,
  type KubeClient,
  type Logger,
  type TimerHandle,
} from '../kube/index.ts';
import type { Webhook } from './webhooks.ts';

/** Sorts before `istio-sidecar-injector`: the API server asks webhooks by the names of their configurations. */
export const WEBHOOK_CONFIGURATION = '00-sidecar-drain-operator';
/**
 * The authorities of all replicas. The list of webhooks is empty while no policy needs one, and a CA bundle has its place
 * only inside a webhook, so the bundle is kept here and copied there.
 */
export const CA_ANNOTATION = 'sidecardrain.io/admission-ca';
/** cert-manager's CA injector writes every caBundle of an object with one of these. */
const CA_INJECTOR_ANNOTATION = /^cert-manager\.io\/inject-/;

const configurations = defineResource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
});

/** Policies come in groups; the bundle of a replica comes with its start. */
const SETTLE_MS = 200;
/** Somebody puts it back each time: we do not give in, but nor do we keep two writers busy. */
const FIGHT = { writes: 10, withinMs: 60_000, settleMs: 10_000 };
const RETRY_MS = 2_000;
const RETRY_MAX_MS = 60_000;
/** Looked at this often without any news: expired authorities go. */
const LOOK_MS = 10 * 60_000;
const ATTEMPTS = 8;
/** A process that ends waits for nobody. */
const STOP_CALL: CallOptions = { retry: 'never', timeoutMs: 2_000 };

export interface LiveConfiguration extends KubernetesObject {
  readonly webhooks?: readonly (Record<string, unknown> & { readonly clientConfig?: { readonly caBundle?: string } })[];
}

/** What is there to trust, PEM. */
export interface PresentTrust {
  readonly annotation: string;
  readonly caBundle: string;
  /** Somebody else keeps the bundles. */
  readonly injected: boolean;
}

export interface WantedTrust {
  readonly annotation: string;
  readonly caBundle: string;
}

/** Decides whom the API server is told to trust. */
export interface Trust {
  /** Every replica has an authority of its own to enter; else the leader writes alone. */
  readonly perReplica: boolean;
  wanted(present: PresentTrust): WantedTrust;
}

export interface WebhookConfigurationOptions {
  readonly client: KubeClient;
  readonly trust: Trust;
  /** Without a caBundle; asked for on the leader only. */
  readonly webhooks: () => readonly Webhook[];
  readonly isLeading: () => boolean;
  readonly onState: (state: ConfigurationState) => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** `kept`: the object is there and is, or was made, as it has to be. */
export type ConfigurationState = { readonly kept: true } | { readonly kept: false; readonly because: string };

/**
 * Keeps the one MutatingWebhookConfiguration. The object itself comes with the manifests and goes with them, so that nothing
 * is left behind that calls a service that is gone; here only its content is written, and only where it differs.
 */
export class WebhookConfiguration {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly watch: Reflector<LiveConfiguration, LiveConfiguration>;
  private readonly abort = new AbortController();
  private timer: TimerHandle | undefined;
  private failures = 0;
  private writes: number[] = [];
  private running: Promise<unknown> = Promise.resolve();
  private said = '';

  constructor(private readonly options: WebhookConfigurationOptions) {
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    const changed = (): void => {
      this.changed();
    };
    this.watch = new Reflector<LiveConfiguration, LiveConfiguration>({
      client: options.client,
      resource: configurations,
      fieldSelector: `metadata.name=${WEBHOOK_CONFIGURATION}`,
      logger: this.logger,
      project: contentOf,
      equal: isDeepStrictEqual,
      handlers: { onAdd: changed, onUpdate: changed, onDelete: changed },
    });
  }

  start(): void {
    this.watch.start();
    this.changed();
  }

  /** Something that decides about the content has changed. */
  changed(): void {
    const since = this.clock.monotonic() - FIGHT.withinMs;
    this.writes = this.writes.filter((at) => at > since);
    this.lookIn(this.writes.length < FIGHT.writes ? SETTLE_MS : FIGHT.settleMs);
  }

  /** Looks now, and says how it stands afterwards. One look at a time. */
  async look(): Promise<ConfigurationState> {
    const run = this.running.then(() => this.keep());
    this.running = run;
    const state = await run;
    this.failures = state.kept ? 0 : this.failures + 1;
    this.options.onState(state);
    const because = state.kept ? '' : state.because;
    if (because !== this.said) {
      this.said = because;
      if (because !== '') {
        this.logger.warn('cannot update the webhook configuration', { reason: because });
      } else {
        this.logger.info('the webhook configuration is up to date again');
      }
    }
    this.lookIn(state.kept ? LOOK_MS : Math.min(RETRY_MS * 2 ** this.failures, RETRY_MAX_MS));
    return state;
  }

  /** One last look at what is there, so that what `wanted` no longer holds goes. */
  async stop(): Promise<void> {
    this.clock.clearTimeout(this.timer);
    this.timer = undefined;
    if (this.options.trust.perReplica) {
      this.running = this.running.then(() => this.keep(STOP_CALL));
      await this.running;
    }
    this.abort.abort();
    await this.watch.stop();
  }

  private lookIn(milliseconds: number): void {
    if (this.abort.signal.aborted) {
      return;
    }
    this.clock.clearTimeout(this.timer);
    this.timer = this.clock.setTimeout(() => {
      void this.look();
    }, milliseconds);
  }

  private async keep(call: CallOptions = { retry: 'idempotent' }): Promise<ConfigurationState> {
    const { client } = this.options;
    const { signal } = this.abort;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const live = await client.find<LiveConfiguration>(
          configurations,
          { name: WEBHOOK_CONFIGURATION },
          { ...call, signal },
        );
        if (live === undefined) {
          return {
            kept: false,
            because: `the MutatingWebhookConfiguration ${WEBHOOK_CONFIGURATION} is not there: apply config/webhook, or install the chart with admission on`,
          };
        }
        const patch = this.patchFor(live);
        if (patch === undefined) {
          return { kept: true };
        }
        try {
          await client.mergePatch(configurations, { name: WEBHOOK_CONFIGURATION }, patch, {
            ...call,
            fieldManager: FIELD_MANAGER,
            metadataOnly: true,
            retry: 'never',
            signal,
          });
          this.writes.push(this.clock.monotonic());
          this.logger.info('the webhook configuration was written', {
            webhooks: (patch.webhooks as unknown[] | undefined)?.length,
          });
          return { kept: true };
        } catch (error) {
          if (!(isApiError(error) && error.isConflict)) {
            throw error;
          }
          // Another replica was faster. Not all at once again.
          await sleep(this.clock, 20 + Math.random() * 80 * (attempt + 1), signal);
        }
      }
      return { kept: false, because: `${ATTEMPTS} write conflicts in a row` };
    } catch (error) {
      return { kept: false, because: oneLine(errorText(error)) };
    }
  }

  /** Undefined where everything is as it has to be. */
  private patchFor(live: LiveConfiguration): Record<string, unknown> | undefined {
    const { trust, isLeading } = this.options;
    if (!trust.perReplica && !isLeading()) {
      return undefined;
    }
    const present = presentTrust(live);
    const wanted = trust.wanted(present);
    const base = isLeading() ? this.options.webhooks() : (live.webhooks ?? []);
    const webhooks = base.map((webhook) => withBundle(webhook as Record<string, unknown>, wanted.caBundle));
    const annotates = wanted.annotation !== present.annotation;
    const lists = !isDeepStrictEqual(webhooks, live.webhooks ?? []);
    if (!annotates && !lists) {
      return undefined;
    }
    return {
      metadata: {
        resourceVersion: live.metadata?.resourceVersion,
        ...(annotates ? { annotations: { [CA_ANNOTATION]: wanted.annotation === '' ? null : wanted.annotation } } : {}),
      },
      ...(lists ? { webhooks } : {}),
    };
  }
}

/** Only what this file decides about: other people's labels and managedFields are no news. */
function contentOf({ metadata, webhooks = [] }: LiveConfiguration): LiveConfiguration {
  return { metadata: { annotations: metadata?.annotations ?? {}, uid: metadata?.uid ?? '' }, webhooks };
}

function presentTrust({ metadata, webhooks = [] }: LiveConfiguration): PresentTrust {
  const annotations = metadata?.annotations ?? {};
  const bundle = webhooks.map((webhook) => webhook.clientConfig?.caBundle ?? '').find((text) => text !== '') ?? '';
  return {
    annotation: annotations[CA_ANNOTATION] ?? '',
    caBundle: Buffer.from(bundle, 'base64').toString('utf8'),
    injected: Object.keys(annotations).some((key) => CA_INJECTOR_ANNOTATION.test(key)),
  };
}

function withBundle(webhook: Record<string, unknown>, bundle: string): Record<string, unknown> {
  const clientConfig = { ...((webhook.clientConfig ?? {}) as Record<string, unknown>) };
  Reflect.deleteProperty(clientConfig, 'caBundle');
  return {
    ...webhook,
    clientConfig:
      bundle === '' ? clientConfig : { ...clientConfig, caBundle: Buffer.from(bundle, 'utf8').toString('base64') },
  };
}
