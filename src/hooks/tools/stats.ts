import type { EnvoyStat } from '../world.ts';
import type { Shell } from '../shell/run-state.ts';
import { lookAt, unknownText } from '../shell/run-state.ts';
import { matches, translatePerl } from './regex.ts';

/** Envoy's `/stats`: one `name: value` a line. `usedonly` changes nothing: a stat that is exported here is in use. */
export function statsText(shell: Shell, query: string): string {
  const parameters = parseQuery(query);
  const format = parameters.get('format');
  if (format === 'prometheus') {
    return prometheusText(shell, query);
  }
  if (format !== undefined && format !== 'text') {
    return unknownText(`stats as ${format}`);
  }
  return matching(shell, parameters)
    .map((stat) => `${stat.name}: ${stat.value}\n`)
    .join('');
}

export function prometheusText(shell: Shell, query: string): string {
  return matching(shell, parseQuery(query))
    .map((stat) => `${prometheusName(stat.name)} ${stat.value}\n`)
    .join('');
}

function matching(shell: Shell, parameters: ReadonlyMap<string, string>): EnvoyStat[] {
  const { run } = shell;
  const filter = parameters.get('filter');
  run.seen.statsRead.add(filter ?? '');
  const stats = [...run.world.stats(lookAt(run))].sort((left, right) => (left.name < right.name ? -1 : 1));
  if (filter === undefined) {
    return stats;
  }
  const expression = translatePerl(run, filter);
  return stats.filter((stat) => matches(run, expression, stat.name));
}

function parseQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (name !== '') {
      parameters.set(name, equals < 0 ? '' : decode(part.slice(equals + 1)));
    }
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Envoy moves these parts of a name into labels. */
const TAGS: readonly { readonly expression: RegExp; readonly label: string }[] = [
  { expression: /^http\.(.+)\.(downstream_\w+)$/, label: 'http_conn_manager_prefix' },
  { expression: /^listener\.(.+)\.(downstream_\w+)$/, label: 'listener_address' },
  { expression: /^cluster\.(.+)\.(upstream_\w+|membership_\w+)$/, label: 'cluster_name' },
];

function prometheusName(name: string): string {
  for (const { expression, label } of TAGS) {
    const match = expression.exec(name);
    if (match === null) {
      continue;
    }
    const kind = name.slice(0, name.indexOf('.'));
    return `envoy_${kind}_${match[2] ?? ''}{${label}="${match[1] ?? ''}"}`;
  }
  return `envoy_${name.replace(/[^A-Za-z0-9_]/g, '_')}{}`;
}
