/** What Istio's proxy does where nothing is set (istio/istio pkg/config/mesh, pilot/cmd/pilot-agent), in seconds. */
export const DEFAULT_TERMINATION_DRAIN_SECONDS = 5;
export const DEFAULT_DRAIN_DURATION_SECONDS = 45;
export const DEFAULT_MINIMUM_DRAIN_SECONDS = 5;
