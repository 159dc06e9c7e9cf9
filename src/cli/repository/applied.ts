import { at, recordOf, textOf } from '../../drain/template/raw.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import type { InputDocument } from '../input/documents.ts';
import type { InputProblem } from '../input/problems.ts';
import type { Destination } from './destinations.ts';
import { substituted, type FilledValue } from './substitution.ts';

/** An object as each of those has it who apply it. */
export interface Applied {
  readonly documents: readonly InputDocument[];
  /** What of it is not known, so that it is not judged there. */
  readonly problems: readonly InputProblem[];
}

/** @param isWorkload other objects are handed over as they are written where a part of them is not known */
export function appliedObjects(
  document: InputDocument,
  destinations: readonly (Destination | undefined)[],
  isWorkload: boolean,
): Applied {
  const documents = new Map<string, InputDocument>();
  const problems: InputProblem[] = [];
  const several =
    destinations.filter((each) => each?.variables !== undefined || each?.overlay !== undefined).length > 1;
  for (const destination of destinations) {
    const { variables } = destination ?? {};
    const put = (applied: InputDocument, key: string): void => {
      const known = documents.get(key);
      documents.set(key, known ?? { ...applied, destination, appliedBy: several ? destination?.by : undefined });
    };
    if (destination === undefined || variables === undefined) {
      put(document, destination?.namespace ?? '');
      continue;
    }
    const result = substituted(document.value, variables.lookup);
    const problem = result.ok
      ? unknownOf(document, result.filled, destination)
      : `Flux refuses it with what ${destination.by} puts in: ${result.why}`;
    if (!result.ok || problem !== undefined) {
      if (!isWorkload && result.ok) {
        put(document, 'written');
        continue;
      }
      const { file, line, kind, value } = document;
      const message = `${kind} ${nameOf(value)} is not judged: ${problem ?? ''}`;
      problems.push({ kind: 'Incomplete', file, line, message });
      continue;
    }
    const { value, filled } = result;
    const applied = filled.length === 0 ? document : { ...document, value, written: document.value, filled };
    put(applied, JSON.stringify([destination.namespace, filled.filter(tellsApart).map(({ path }) => at(value, path))]));
  }
  return { documents: [...documents.values()], problems };
}

/** Two that differ in nothing else end alike. */
function tellsApart({ path }: FilledValue): boolean {
  return !path.some((step) => typeof step === 'string' && ALIKE.has(step));
}

const ALIKE: ReadonlySet<string> = new Set([
  'image',
  'resources',
  'replicas',
  'volumes',
  'nodeSelector',
  'affinity',
  'schedule',
]);

/** The first value that decides about a termination and that nobody here can know. */
function unknownOf(
  { value }: InputDocument,
  filled: readonly FilledValue[],
  { variables, by }: Destination,
): string | undefined {
  const found = filled.find(({ unknown, path }) => unknown.length > 0 && decides(path, value));
  if (found === undefined) {
    return undefined;
  }
  const open = variables?.open ?? [];
  const why =
    open.length > 0
      ? `comes from ${open.join(' or ')}, which is not read`
      : 'is set nowhere, or changed in a way that is not worked out: what stands there then depends on Flux';
  return `\${${found.unknown[0] ?? ''}} in ${found.path.join('.')}, which ${by} puts in, ${why}`;
}

const DECIDES: ReadonlySet<string> = new Set([
  'lifecycle',
  'labels',
  'terminationGracePeriodSeconds',
  'timeoutSeconds',
]);
const MESH_KEY = /(^|\.)(istio|sidecardrain|linkerd)\.io\//;

function decides(path: FilledValue['path'], value: unknown): boolean {
  const last = path.at(-1);
  if (path[0] === 'metadata' && (last === 'name' || last === 'namespace')) {
    return true;
  }
  if (path.includes('annotations')) {
    return typeof last === 'string' && MESH_KEY.test(last);
  }
  if (path.some((step) => typeof step === 'string' && DECIDES.has(step))) {
    // A liveness probe has timeoutSeconds, too.
    return !path.some((step) => typeof step === 'string' && step.endsWith('Probe'));
  }
  const containers = path.findIndex((step) => step === 'containers' || step === 'initContainers');
  const container = containers === -1 ? undefined : at(value, path.slice(0, containers + 2));
  return (
    container !== undefined && (path[containers + 2] === 'name' || recordOf(container)['name'] === PROXY_CONTAINER)
  );
}

function nameOf(value: unknown): string {
  return textOf(at(value, ['metadata', 'name'])) ?? '';
}
