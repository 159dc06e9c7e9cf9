import type { LabelSelector } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import type { InjectionTemplate, InjectorValues } from '../model/mesh.ts';
import { readIstioYaml } from '../template/annotation.ts';
import { lifecycleOf } from '../template/shape.ts';

export type Raw = Readonly<Record<string, unknown>>;

/** What the injector's values and its own configuration (`config` of its ConfigMap, or Helm's values) say together. */
export function injectorValues(values: Raw, config: Raw): InjectorValues {
  const global = record(values['global']);
  const webhook = record(values['sidecarInjectorWebhook']);
  const variant = text(global['variant']);
  const tag = text(global['tag']) ?? '';
  const lifecycle = lifecycleOf(record(global['proxy'])['lifecycle']);
  const imageType =
    variant !== undefined && variant !== '' ? variant : tag.endsWith('-distroless') ? 'distroless' : undefined;
  const policy = text(config['policy']) ?? (record(global['proxy'])['autoInject'] === 'disabled' ? 'disabled' : '');
  const templates = templatesOf(config['templates'] ?? webhook['templates']);
  return {
    policy: policy === 'disabled' ? 'disabled' : 'enabled',
    neverInjectSelector: selectors(config['neverInjectSelector'] ?? webhook['neverInjectSelector']),
    alwaysInjectSelector: selectors(config['alwaysInjectSelector'] ?? webhook['alwaysInjectSelector']),
    ...(lifecycle === undefined || Object.keys(lifecycle).length === 0 ? {} : { proxyLifecycle: lifecycle }),
    ...(imageType === undefined ? {} : { imageType }),
    ...(webhook['enableNamespacesByDefault'] === true ? { byDefault: true as const } : {}),
    ...(templates === undefined ? {} : { templates }),
    ...(list(config['defaultTemplates'] ?? webhook['defaultTemplates']).length === 0
      ? {}
      : {
          defaultTemplates: list(config['defaultTemplates'] ?? webhook['defaultTemplates']).flatMap(
            (name) => text(name) ?? [],
          ),
        }),
  };
}

/** Templates that Istio brings along: what they put there is known. */
export const OWN_TEMPLATES: ReadonlySet<string> = new Set([
  'sidecar',
  'gateway',
  'grpc-simple',
  'grpc-agent',
  'waypoint',
  'kube-gateway',
  'agentgateway',
]);

function templatesOf(value: unknown): Readonly<Record<string, InjectionTemplate>> | undefined {
  const own = Object.entries(record(value)).filter(([name]) => !OWN_TEMPLATES.has(name));
  return own.length === 0 ? undefined : Object.fromEntries(own.map(([name, body]) => [name, templateOf(body)]));
}

/** A template is Go template text; only one without any action in it can be read as it stands. */
function templateOf(body: unknown): InjectionTemplate {
  const reading = typeof body === 'string' && !body.includes('{{') ? readIstioYaml(body) : undefined;
  if (reading?.ok !== true) {
    return { unread: true };
  }
  const spec = record(record(reading.value)['spec']);
  const proxy = [...list(spec['containers']), ...list(spec['initContainers'])]
    .map(record)
    .find((container) => container['name'] === PROXY_CONTAINER);
  const lifecycle = lifecycleOf(proxy?.['lifecycle']);
  return lifecycle === undefined ? {} : { lifecycle };
}

function selectors(value: unknown): LabelSelector[] {
  return list(value).map((each) => record(each) as LabelSelector);
}

export function isMap(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function record(value: unknown): Raw {
  return isMap(value) ? value : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Values are often written without quotes: a boolean or a number counts as its text. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string'
    ? value
    : typeof value === 'boolean' || typeof value === 'number'
      ? String(value)
      : undefined;
}
