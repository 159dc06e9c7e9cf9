import type { LifecycleHandler } from '../../api/kubernetes.ts';
import { EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE } from '../../api/names.ts';
import { parseGoBool, parseGoDuration } from '../duration.ts';
import type { ProxyConfigValues } from '../model/mesh.ts';
import type { Seconds } from '../model/workload.ts';

/** What a rule or a mesh sets of terminations; what is not given it leaves alone. */
export interface WantedValues {
  /** terminationGracePeriodSeconds. */
  readonly grace?: Seconds;
  /** Of the annotation, or of meshConfig.defaultConfig. */
  readonly config?: ProxyConfigValues;
  /** The preStop of istio-proxy. */
  readonly proxyPreStop?: LifecycleHandler;
  /** The annotation sidecar.istio.io/nativeSidecar: "true". */
  readonly native?: true;
}

/** Later values win, as a later rule does. */
export function mergeWanted(below: WantedValues, above: WantedValues): WantedValues {
  const config =
    below.config === undefined || above.config === undefined
      ? (above.config ?? below.config)
      : {
          ...below.config,
          ...above.config,
          proxyMetadata: { ...below.config.proxyMetadata, ...above.config.proxyMetadata },
        };
  return {
    grace: above.grace ?? below.grace,
    config,
    proxyPreStop: above.proxyPreStop ?? below.proxyPreStop,
    native: above.native ?? below.native,
  };
}

/** The drain's settings in seconds, as far as they are set. */
export interface WantedDrain {
  readonly termination?: Seconds;
  readonly drainDuration?: Seconds;
  readonly exitOnZero?: boolean;
  readonly minimum?: Seconds;
}

export function drainOf({ config = {} }: WantedValues): WantedDrain {
  const exitOnZero = config.proxyMetadata?.[EXIT_ON_ZERO_VARIABLE];
  const minimum = config.proxyMetadata?.[MINIMUM_DRAIN_VARIABLE];
  const parsed = minimum === undefined ? undefined : parseGoDuration(minimum);
  return {
    termination: config.terminationDrainDuration,
    drainDuration: config.drainDuration,
    exitOnZero: exitOnZero === undefined ? undefined : parseGoBool(exitOnZero),
    minimum: parsed?.ok === true ? parsed.seconds : undefined,
  };
}

/** Whether a policy could do any of it. */
export function isAboutTermination(wanted: WantedValues): boolean {
  const { termination, drainDuration, exitOnZero, minimum } = drainOf(wanted);
  return [
    wanted.grace,
    wanted.proxyPreStop,
    wanted.native,
    wanted.config?.holdApplicationUntilProxyStarts,
    termination,
    drainDuration,
    exitOnZero,
    minimum,
  ].some((value) => value !== undefined);
}
