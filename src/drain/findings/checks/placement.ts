import { PROXY_CONFIG_ANNOTATION, PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { unreadAnnotation, unreadVariable } from '../../mesh/annotations.ts';
import { proxyContainer } from '../../mesh/settings.ts';
import { parseProxyConfigAnnotation } from '../../template/annotation.ts';
import type { CheckInput, SettingsCheckInput } from '../check.ts';

const ANNOTATIONS = 'spec.template.metadata.annotations';

/** Settings that stand where nothing reads them. */
export function misplaced({ workload }: CheckInput): Finding[] {
  return (workload.misplaced ?? []).map(({ code, message, path }) => finding(code, message, { path }));
}

/** Annotations and variables that do not exist, or no longer: whoever wrote them believes that they hold. */
export function notRead({ settings }: SettingsCheckInput): Finding[] {
  if (settings.proxy.kind === 'None') {
    return [];
  }
  const annotations = settings.template.metadata?.annotations ?? {};
  const found = Object.keys(annotations).flatMap((key) => {
    const why = unreadAnnotation(key);
    return why === undefined
      ? []
      : [finding('SettingNotRead', `Istio reads no annotation ${key}: ${why}`, { path: `${ANNOTATIONS}["${key}"]` })];
  });
  const config = annotations[PROXY_CONFIG_ANNOTATION];
  const parsed = config === undefined ? undefined : parseProxyConfigAnnotation(config);
  const metadata = parsed?.ok === true ? Object.keys(parsed.values.proxyMetadata ?? {}) : [];
  const path = `${ANNOTATIONS}["${PROXY_CONFIG_ANNOTATION}"].proxyMetadata`;
  const own = (proxyContainer(settings.template)?.env ?? []).map(({ name }) => name);
  return [
    ...found,
    ...metadata.flatMap((name) => unread(name, `${path}.${name}`)),
    ...own.flatMap((name) => unread(name, `env of container ${PROXY_CONTAINER}`)),
  ];
}

function unread(name: string, path: string): Finding[] {
  const instead = unreadVariable(name);
  return instead === undefined
    ? []
    : [finding('SettingNotRead', `the proxy reads no variable ${name}; what is meant is ${instead}`, { path })];
}
