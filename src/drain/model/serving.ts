import type { Container } from '../../api/kubernetes.ts';

/** The probes of a container. */
export const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
/** The ways in which a probe asks over the network. */
export const NETWORK_PROBES = ['httpGet', 'tcpSocket', 'grpc'] as const;

/**
 * Requests may be for this container: it declares a port, or a probe over the network. Where no container of a pod does,
 * all of them are taken to serve.
 */
export function declaresServing(container: Container): boolean {
  return (
    (container.ports ?? []).length > 0 ||
    PROBES.some((probe) => NETWORK_PROBES.some((way) => container[probe]?.[way] !== undefined))
  );
}
