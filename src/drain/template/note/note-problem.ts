import { isRecord } from '../../../api/schema.ts';
import { MANAGED_FIELDS } from '../../model/workload.ts';
import type { ManagedField } from '../../model/workload.ts';

/**
 * Whoever may write a workload may write its state annotation. Every field is checked here for type, length and count, so
 * that nothing behind it has to expect anything but what we could have written ourselves.
 */

export const STATE_VERSION = 1;

/** The API server allows 256 KiB of annotations on one object. */
export const LONGEST_NOTE = 262_144;

type Json = Readonly<Record<string, unknown>>;

/** A policy's `namespace/name`, each a DNS name of 253 characters at most. */
const LONGEST_POLICY = 2 * 253 + 1;
const POLICY_NAME = /^[a-z0-9.-]+(\/[a-z0-9.-]+)?$/u;
const LONGEST_UID = 128;
const LONGEST_INTENT = 64;
/** A field manager has 128 characters at most. */
const LONGEST_OWNER = 128;
const MOST_OWNERS = 64;
const MOST_VARIABLES = 256;
/** Of a preStop, as `httpGet.httpHeaders[0].name` needs. */
const DEEPEST_HOOK = 6;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/u;
const PARTS = ['terminationDrainDuration', 'drainDuration', 'holdApplicationUntilProxyStarts'];

/** What is wrong with a parsed state annotation, ready to follow "cannot be read: "; undefined where nothing is. */
export function noteProblem(raw: Json): string | undefined {
  if (raw['v'] !== STATE_VERSION) {
    return 'it has no version';
  }
  const { policy, fields } = raw;
  if (!isRecord(policy) || !isPolicyName(policy['name']) || !isText(policy['uid'], LONGEST_UID)) {
    return 'it names no policy';
  }
  if (!isText(raw['intent'], LONGEST_INTENT) || (raw['onDelete'] !== 'Restore' && raw['onDelete'] !== 'Orphan')) {
    return 'intent or onDelete is missing';
  }
  const wrong = OPTIONAL.find(({ name, isSound }) => raw[name] !== undefined && !isSound(raw[name]));
  if (wrong !== undefined) {
    return `${wrong.name} is no ${wrong.expected}`;
  }
  if (!isRecord(fields)) {
    return 'it has no fields';
  }
  for (const [name, value] of Object.entries(fields)) {
    const field = MANAGED_FIELDS.find((known) => known === name);
    if (field === undefined || !isRecord(value) || !fieldIsSound(field, value)) {
      return `what it says of ${name.slice(0, LONGEST_UID)} cannot be read`;
    }
  }
  return undefined;
}

interface OptionalPart {
  readonly name: string;
  readonly expected: string;
  readonly isSound: (value: unknown) => boolean;
}

const OPTIONAL: readonly OptionalPart[] = [
  { name: 'uid', expected: 'uid of an object', isSound: (value) => isText(value, LONGEST_UID) },
  { name: 'maxConcurrent', expected: 'number of workloads', isSound: (value) => isCount(value) && value >= 1 },
  { name: 'at', expected: 'time (RFC 3339)', isSound: isTime },
  { name: 'adopted', expected: '"true"', isSound: (value) => value === true },
  { name: 'reverts', expected: 'number', isSound: isCount },
  {
    name: 'gap',
    expected: 'known gap of a template',
    isSound: (value) => value === 'NoMetadata' || value === 'EmptyAnnotations',
  },
];

function fieldIsSound(field: ManagedField, value: Json): boolean {
  const { before, wrote, owners } = value;
  if (owners !== undefined && !isListOfTexts(owners, MOST_OWNERS, LONGEST_OWNER)) {
    return false;
  }
  if (field === 'gracePeriod') {
    return isGrace(before) && isGrace(wrote) && isFlag(value['defaulted']) && isFlag(value['absent']);
  }
  if (!isText(wrote, LONGEST_UID)) {
    return false;
  }
  if (field === 'proxyContainer') {
    const { postStart } = value;
    return (
      (postStart === undefined || isText(postStart, LONGEST_UID)) && (before === null || isLifecycleBefore(before))
    );
  }
  return (before === null || typeof before === 'string') && (value['keys'] === undefined || areKeys(value['keys']));
}

function isLifecycleBefore(before: unknown): boolean {
  if (!isRecord(before) || typeof before['lifecycle'] !== 'boolean') {
    return false;
  }
  const { preStop } = before;
  return preStop === undefined || (isRecord(preStop) && isShallow(preStop, DEEPEST_HOOK) && hookIsSound(preStop));
}

/** The parts of a hook that are read. A part that a later Kubernetes adds is carried as it is. */
function hookIsSound({ exec, httpGet, tcpSocket, sleep }: Json): boolean {
  if ([exec, httpGet, tcpSocket, sleep].some((part) => part !== undefined && !isRecord(part))) {
    return false;
  }
  const command = isRecord(exec) ? exec['command'] : undefined;
  const seconds = isRecord(sleep) ? sleep['seconds'] : undefined;
  return (
    (command === undefined || isListOfTexts(command, LONGEST_NOTE, LONGEST_NOTE)) &&
    (seconds === undefined || Number.isSafeInteger(seconds))
  );
}

/** Our keys in the text of `proxy.istio.io/config`. */
function areKeys(keys: unknown): boolean {
  if (!isRecord(keys)) {
    return false;
  }
  return Object.entries(keys).every(([name, value]) =>
    name === 'proxyMetadata'
      ? isRecord(value) && areVariables(Object.entries(value))
      : PARTS.includes(name) && (value === null || isScalar(value)),
  );
}

function areVariables(variables: readonly (readonly [string, unknown])[]): boolean {
  return (
    variables.length <= MOST_VARIABLES && variables.every(([, value]) => value === null || typeof value === 'string')
  );
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && isFinite(value));
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 64 && RFC3339.test(value) && !Number.isNaN(Date.parse(value));
}

function isGrace(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isFlag(value: unknown): boolean {
  return value === undefined || value === true;
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === 'string' && value.length <= longest;
}

function isPolicyName(value: unknown): boolean {
  return isText(value, LONGEST_POLICY) && POLICY_NAME.test(value);
}

function isListOfTexts(value: unknown, most: number, longest: number): boolean {
  return Array.isArray(value) && value.length <= most && value.every((each) => isText(each, longest));
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}
