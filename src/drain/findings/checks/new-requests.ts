import { finding, type Finding } from '../../../api/reasons.ts';
import type { Seconds } from '../../model/workload.ts';
import { memoizeByText } from '../../memoize.ts';
import type { SettingsCheckInput } from '../check.ts';

/**
 * A server that closes its listener at SIGTERM refuses what comes until every client has heard of the deletion. Only its own
 * preStop helps against that, whatever the proxy does.
 */
export function newRequestsRefused({ settings, intent, job }: SettingsCheckInput): Finding[] {
  const { container } = settings.proxy;
  if (container === 'None' || job || intent.endpointDelay <= 0) {
    return [];
  }
  return settings.apps
    .filter(({ serves, ports, preStop }) => serves && ports.length > 0 && preStop === undefined)
    .map(({ name }) => refused(JSON.stringify([name, intent.endpointDelay])));
}

const CACHED = 1024;

/** Containers of a fleet bear a few names: most of its workloads have this one finding, and share it. */
const refused = memoizeByText(CACHED, (key): Finding => {
  const [name, endpointDelay] = JSON.parse(key) as [string, Seconds];
  return finding(
    'NewRequestsRefused',
    `container ${name} has ports and no preStop: at SIGTERM it closes its listener, and for up to ${endpointDelay} s, until clients have heard of the deletion, new requests are refused; Istio's own retries hide a part of them`,
    {
      path: `spec.template.spec.containers[${name}]`,
      action: `Give container ${name} a preStop that sleeps ${endpointDelay} s (lifecycle.preStop.sleep.seconds: ${endpointDelay}; needs no shell, Kubernetes 1.30 and newer).`,
    },
  );
});
