import type { Container, PodTemplate } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import { declaresServing } from '../model/serving.ts';
import type { ContainerSettings } from '../model/settings.ts';
import { hookEnvironment } from './hook-environment.ts';

const DEFAULT_APP_PORT = 8080;

/** The containers beside the proxy: the application's, then native helpers. */
export function appContainers(template: PodTemplate): ContainerSettings[] {
  const apps = template.spec.containers.filter((container) => container.name !== PROXY_CONTAINER);
  const declared = apps.some(declaresServing);
  const sidecars = (template.spec.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always' && container.name !== PROXY_CONTAINER,
  );
  return [
    ...apps.map((container) =>
      containerSettings(container, 'App', 'containers', !declared || declaresServing(container)),
    ),
    ...sidecars.map((container) => containerSettings(container, 'NativeSidecar', 'initContainers', false)),
  ];
}

function containerSettings(
  container: Container,
  role: ContainerSettings['role'],
  list: string,
  serves: boolean,
): ContainerSettings {
  const path = `spec.template.spec.${list}[${container.name}].lifecycle`;
  const { preStop, postStart } = container.lifecycle ?? {};
  return {
    name: container.name,
    role,
    serves,
    ports: (container.ports ?? []).map((port) => port.containerPort),
    ...(preStop === undefined
      ? {}
      : { preStop: { value: preStop, origin: { level: 'Template' as const, path: `${path}.preStop` } } }),
    ...(postStart === undefined
      ? {}
      : { postStart: { value: postStart, origin: { level: 'Template' as const, path: `${path}.postStart` } } }),
    hookEnvironment: hookEnvironment(container),
  };
}

/** The ports that the application declares, else the one that is assumed. */
export function appPorts(template: PodTemplate): number[] {
  const ports = template.spec.containers
    .filter((container) => container.name !== PROXY_CONTAINER)
    .flatMap((container) => (container.ports ?? []).map((port) => port.containerPort));
  return ports.length === 0 ? [DEFAULT_APP_PORT] : [...new Set(ports)].sort((a, b) => a - b);
}
