import type { ProxyConfigResource } from '../model/mesh.ts';
import type { SettingProblem } from '../model/settings.ts';

/** The ProxyConfig resources that count for one workload: at most one per level. */
export interface WinningProxyConfigs {
  readonly root?: ProxyConfigResource;
  readonly namespace?: ProxyConfigResource;
  readonly selector?: ProxyConfigResource;
  readonly problems: readonly SettingProblem[];
}

/**
 * Istio takes the oldest resource of each level (then the first by name) and ignores the others; it does not merge
 * them. A selector without labels matches nothing. A selector in the root namespace covers that namespace only
 * (istio/istio pilot/pkg/model/proxy_config.go).
 */
export function winningProxyConfigs(
  all: readonly ProxyConfigResource[],
  labels: Readonly<Record<string, string>>,
  namespace: string,
  rootNamespace: string,
): WinningProxyConfigs {
  if (all.length === 0) {
    return NONE;
  }
  const problems: SettingProblem[] = [];
  const here = all.filter((resource) => resource.namespace === namespace);
  for (const resource of here) {
    if (resource.selector !== undefined && Object.keys(resource.selector.matchLabels ?? {}).length === 0) {
      problems.push({
        kind: 'ProxyConfigDead',
        path: `ProxyConfig ${resource.namespace}/${resource.name} spec.selector`,
        message: `ProxyConfig ${resource.namespace}/${resource.name} has an empty selector, which matches no pod`,
      });
    }
  }
  const levels = {
    root: all.filter((resource) => resource.namespace === rootNamespace && resource.selector === undefined),
    namespace: namespace === rootNamespace ? [] : here.filter((resource) => resource.selector === undefined),
    selector: here.filter((resource) => selects(resource, labels)),
  };
  const winners: { root?: ProxyConfigResource; namespace?: ProxyConfigResource; selector?: ProxyConfigResource } = {};
  for (const level of ['root', 'namespace', 'selector'] as const) {
    const [winner, ...losers] = [...levels[level]].sort(byAgeThenName);
    if (winner === undefined) {
      continue;
    }
    winners[level] = winner;
    for (const loser of losers) {
      problems.push({
        kind: 'ProxyConfigShadowed',
        path: `ProxyConfig ${loser.namespace}/${loser.name}`,
        message: `ProxyConfig ${loser.namespace}/${loser.name} is ignored: ${winner.namespace}/${winner.name} is older and only the oldest of a level counts`,
      });
    }
  }
  return { ...winners, problems };
}

/** A ProxyConfig does nothing for pods that are older than it [measured]; only those with `variables` are worth a word. */
export function youngerThanPods(
  resources: WinningProxyConfigs,
  variables: readonly string[],
  rolledOutAt: string | undefined,
): SettingProblem[] {
  return [resources.root, resources.namespace, resources.selector].flatMap((resource) => {
    const made = resource?.creationTimestamp;
    const matters = variables.some((name) => resource?.environmentVariables[name] !== undefined);
    if (resource === undefined || made === undefined || rolledOutAt === undefined || !matters || made <= rolledOutAt) {
      return [];
    }
    const name = proxyConfigName(resource);
    return [
      {
        kind: 'ProxyConfigTooYoung' as const,
        path: name,
        message: `${name} was made at ${made}, after the last rollout (${rolledOutAt}): pods that have not been replaced since run without it`,
      },
    ];
  });
}

const NONE: WinningProxyConfigs = { problems: [] };

export function proxyConfigName(resource: ProxyConfigResource): string {
  return `ProxyConfig ${resource.namespace}/${resource.name}`;
}

function selects(resource: ProxyConfigResource, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(resource.selector?.matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

function byAgeThenName(a: ProxyConfigResource, b: ProxyConfigResource): number {
  const ages = compare(a.creationTimestamp ?? '', b.creationTimestamp ?? '');
  return ages !== 0 ? ages : compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
