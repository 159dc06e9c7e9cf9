import { EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE } from '../../api/names.ts';

/**
 * The annotations of pods below `proxy.istio.io/` and `sidecar.istio.io/` that Istio reads: istio/api
 * annotation/annotations.yaml, and those that only the injection template reads (manifests/charts/istio-control/
 * istio-discovery, files/injection-template.yaml). Those that Istio itself writes are among them.
 */
const READ: Readonly<Record<string, readonly string[]>> = {
  'proxy.istio.io': ['config', 'overrides'],
  'sidecar.istio.io': [
    'agentLogLevel',
    'bootstrapOverride',
    'capNetBindService',
    'componentLogLevel',
    'controlPlaneAuthPolicy',
    'discoveryAddress',
    'enableCoreDump',
    'extraStatTags',
    'inject',
    'interceptionMode',
    'logLevel',
    'nativeSidecar',
    'proxyCPU',
    'proxyCPULimit',
    'proxyImage',
    'proxyImageType',
    'proxyMemory',
    'proxyMemoryLimit',
    'rewriteAppHTTPProbers',
    'statsCompression',
    'statsEvictionInterval',
    'statsHistogramBuckets',
    'statsInclusionPrefixes',
    'statsInclusionRegexps',
    'statsInclusionSuffixes',
    'status',
    'userVolume',
    'userVolumeMount',
  ],
};

/** Fields of ProxyConfig that people write as annotations of their own. */
const PROXY_CONFIG_WORDS: ReadonlySet<string> = new Set([
  'terminationdrainduration',
  'drainduration',
  'holdapplicationuntilproxystarts',
  'concurrency',
  'proxymetadata',
]);

/** Why an annotation does nothing, in words; undefined where Istio reads it, or where it is none of these groups. */
export function unreadAnnotation(key: string): string | undefined {
  const slash = key.indexOf('/');
  const group = key.slice(0, slash);
  const name = key.slice(slash + 1);
  const read = READ[group];
  if (slash === -1 || read === undefined || read.includes(name)) {
    return undefined;
  }
  const lower = name.toLowerCase();
  if (PROXY_CONFIG_WORDS.has(lower)) {
    return 'it is a field of the annotation proxy.istio.io/config';
  }
  if (lower === 'terminationgraceperiodseconds') {
    return "the grace period is a field of the pod template's spec";
  }
  if (lower === EXIT_ON_ZERO_VARIABLE.toLowerCase() || lower === MINIMUM_DRAIN_VARIABLE.toLowerCase()) {
    return 'it is a variable: proxyMetadata of proxy.istio.io/config';
  }
  const meant = read.find((each) => each.toLowerCase() === lower);
  return meant === undefined ? 'there is none of that name' : `${group}/${meant} is meant, perhaps`;
}

/** Variables that older versions of Istio read, or that nobody ever did, with what to set instead. */
const UNREAD_VARIABLES: Readonly<Record<string, string>> = {
  // istio/istio 1.5 to 1.8; gone since the field of ProxyConfig is there.
  TERMINATION_DRAIN_DURATION_SECONDS: 'terminationDrainDuration of proxy.istio.io/config',
  TERMINATION_DRAIN_DURATION: 'terminationDrainDuration of proxy.istio.io/config',
  DRAIN_DURATION: 'drainDuration of proxy.istio.io/config',
  PARENT_SHUTDOWN_DURATION: 'nothing: Istio has no such setting since 1.17',
  ISTIO_META_TERMINATION_DRAIN_DURATION: 'terminationDrainDuration of proxy.istio.io/config',
};
const DRAIN_VARIABLES = [EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE] as const;

/** What to set instead of a variable that the proxy does not read; undefined where nothing speaks against it. */
export function unreadVariable(name: string): string | undefined {
  const known = UNREAD_VARIABLES[name];
  if (known !== undefined || (DRAIN_VARIABLES as readonly string[]).includes(name)) {
    return known;
  }
  if (!/exit|minimum/i.test(name)) {
    return undefined;
  }
  // Letters and underscores apart it is one of the two, or one of them with a unit or a word left out.
  const bare = bareName(name);
  return DRAIN_VARIABLES.find((variable) => {
    const wanted = bareName(variable);
    return bare === wanted || bare === `${wanted}SECONDS` || (bare.length > 12 && isNear(bare, wanted));
  });
}

function bareName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z]/g, '')
    .replace(/^ISTIOMETA/, '');
}

/** One is the other with a stretch of it left out, as EXIT_ON_ZERO_CONNECTIONS is. */
function isNear(name: string, wanted: string): boolean {
  let prefix = 0;
  while (prefix < name.length && name[prefix] === wanted[prefix]) {
    prefix++;
  }
  const rest = name.slice(prefix);
  return prefix >= 8 && wanted.length > name.length && wanted.endsWith(rest);
}
