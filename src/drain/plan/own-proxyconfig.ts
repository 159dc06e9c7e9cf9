/** How the ProxyConfig resources are called that the operator makes, for `environment: ProxyConfig`. */

const NAME_PREFIX = 'sidecar-drain-';
const NAMESPACED_NAME_PREFIX = 'sidecar-drain.';

/** For a namespaced policy, called `namespace/name`, a dot tells its resource from that of a cluster's policy of the same name. */
export function nameOfOwnProxyConfig(policy: string): string {
  const slash = policy.indexOf('/');
  return slash === -1 ? `${NAME_PREFIX}${policy}` : `${NAMESPACED_NAME_PREFIX}${policy.slice(slash + 1)}`;
}

/** The policy behind a resource that is called as ours are. */
export function policyOfOwnProxyConfig(namespace: string, name: string): string | undefined {
  if (name.startsWith(NAMESPACED_NAME_PREFIX)) {
    return `${namespace}/${name.slice(NAMESPACED_NAME_PREFIX.length)}`;
  }
  return name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : undefined;
}
