/** The minor of an Istio 1.x version such as `1.30.3`, `1.27-alpha.1` or an image tag `1.24.2-distroless`; undefined where it cannot be read. */
export function istioMinor(version: string | undefined): number | undefined {
  const match = /^v?1\.(\d{1,3})(?:[.-]|$)/.exec(version ?? '');
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** From this minor on the annotation `sidecar.istio.io/nativeSidecar` counts (Istio 1.24 release notes). */
export const NATIVE_ANNOTATION_SINCE_MINOR = 24;
/** From this minor on a native proxy has `POST drain` as its default preStop. */
export const NATIVE_DRAIN_HOOK_SINCE_MINOR = 21;
/** From this minor on ENABLE_NATIVE_SIDECARS defaults to auto. */
export const NATIVE_AUTO_SINCE_MINOR = 27;
/** Under auto, pods are native where every node's kubelet has at least this minor. */
export const NATIVE_AUTO_KUBELET_MINOR = 33;
/** Before this minor one failed read of the connection count ended the wait of EXIT_ON_ZERO_ACTIVE_CONNECTIONS; since then five in a row. */
export const EXIT_ON_ZERO_TRUSTED_SINCE_MINOR = 23;
/** From this minor on `sidecar.istio.io/inject` counts as "true" or "false" only; before, YAML's words for booleans did, and any other word meant no. */
export const PLAIN_BOOLEANS_SINCE_MINOR = 27;

/** Istio 1.29.6, 1.30.3 and 1.31.0 leave Envoy's internal listeners out of the count (istio/istio#60728, their change notes). */
const INTERNAL_LISTENERS_LEFT_OUT: Readonly<Record<number, number>> = { 29: 6, 30: 3 };
const INTERNAL_LISTENERS_LEFT_OUT_SINCE_MINOR = 31;

/**
 * Whether EXIT_ON_ZERO_ACTIVE_CONNECTIONS may count the tunnels of an ambient gateway or waypoint inside Envoy, so that it
 * never sees zero. A version that is not known may be one of these.
 */
export function countsInternalListeners(version: string | undefined): boolean {
  const match = /^v?1\.(\d+)(?:\.(\d+))?/.exec(version ?? '');
  const minor = Number(match?.[1] ?? 0);
  if (minor >= INTERNAL_LISTENERS_LEFT_OUT_SINCE_MINOR) {
    return false;
  }
  const since = INTERNAL_LISTENERS_LEFT_OUT[minor];
  return since === undefined || Number(match?.[2] ?? 0) < since;
}
