import type { EnvoyStat, EstablishedConnection, ListeningSocket, PodWorld } from '../../../src/hooks/index.ts';

/** Pods for hooks to run in. Times say until when something is so; nothing else ever changes. */
export interface PodShape {
  readonly image?: PodWorld['image'];
  readonly appListensUntil?: number;
  readonly inFlightUntil?: number;
  readonly idleClientUntil?: number;
  /** The requests are counted in Envoy's stats only where these are exported. */
  readonly exportsStats?: boolean;
  readonly http?: PodWorld['http'];
}

export const PROXY_LISTENERS: readonly ListeningSocket[] = [
  { port: 15000, address: '127.0.0.1', program: 'envoy' },
  { port: 15001, address: '0.0.0.0', program: 'envoy' },
  { port: 15004, address: '127.0.0.1', program: 'pilot-agent' },
  { port: 15006, address: '0.0.0.0', program: 'envoy' },
  { port: 15020, address: '::', program: 'pilot-agent' },
  { port: 15021, address: '0.0.0.0', program: 'envoy' },
  { port: 15090, address: '0.0.0.0', program: 'envoy' },
];

const POD_ADDRESS = '10.244.0.5';

export function pod(shape: PodShape = {}): PodWorld {
  const { appListensUntil = 0, inFlightUntil = 0, idleClientUntil = 0, exportsStats = false } = shape;
  return {
    image: shape.image ?? 'with-shell',
    listeners: (at) => [
      ...PROXY_LISTENERS,
      ...(at < appListensUntil ? [{ port: 8080, address: '0.0.0.0' } as const] : []),
    ],
    connections: (at): readonly EstablishedConnection[] => [
      {
        localAddress: POD_ADDRESS,
        localPort: 40_000,
        remoteAddress: '10.96.0.10',
        remotePort: 15012,
        program: 'pilot-agent',
      },
      ...(at < inFlightUntil
        ? ([
            {
              localAddress: POD_ADDRESS,
              localPort: 15006,
              remoteAddress: '10.244.0.9',
              remotePort: 50_001,
              program: 'envoy',
            },
            {
              localAddress: '127.0.0.6',
              localPort: 50_002,
              remoteAddress: POD_ADDRESS,
              remotePort: 8080,
              program: 'envoy',
            },
            { localAddress: POD_ADDRESS, localPort: 8080, remoteAddress: '127.0.0.6', remotePort: 50_002 },
          ] as const)
        : []),
      ...(at < idleClientUntil
        ? ([
            {
              localAddress: POD_ADDRESS,
              localPort: 15006,
              remoteAddress: '10.244.0.8',
              remotePort: 50_003,
              program: 'envoy',
            },
          ] as const)
        : []),
    ],
    stats: (at): readonly EnvoyStat[] =>
      exportsStats
        ? [
            { name: 'http.inbound_0.0.0.0_8080;.downstream_rq_active', value: at < inFlightUntil ? 1 : 0 },
            {
              name: 'listener.0.0.0.0_15006.downstream_cx_active',
              value: (at < inFlightUntil ? 1 : 0) + (at < idleClientUntil ? 1 : 0),
            },
          ]
        : [],
    http:
      shape.http ??
      ((at, _method, port) => {
        if (port === 8080) {
          return at < appListensUntil ? 'unknown' : 'refused';
        }
        return PROXY_LISTENERS.some((listener) => listener.port === port) ? 200 : 'refused';
      }),
  };
}

/** Nothing in flight, the app's listener closed. */
export function quietPod(): PodWorld {
  return pod();
}
