import type { LaneId } from '../../drain/timeline/lanes.ts';

export const LANE_WORDS: Readonly<Record<LaneId, string>> = {
  kubelet: 'kubelet',
  endpoints: 'new requests',
  application: 'application',
  proxy: 'proxy',
  inbound: 'in flight',
  outbound: 'calls out',
};
