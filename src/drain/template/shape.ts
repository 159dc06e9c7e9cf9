import type { Lifecycle } from '../../api/kubernetes.ts';
import type { TemplatePlace } from './kinds.ts';
import { at, recordOf } from './raw.ts';
import type { Raw } from './raw.ts';

/** A value that the API server refuses because of its form: it cannot be decoded into a pod template, or validation names it. */
export interface ShapeProblem {
  /** Keys and indexes from the object to the value. */
  readonly steps: readonly (string | number)[];
  /** The same for people: `spec.template.spec.containers[0].lifecycle.preStop`. */
  readonly path: string;
  /** What stands there and what is expected. */
  readonly message: string;
}

/** More than these say nothing new about a manifest. */
const MOST_PROBLEMS = 10;

/**
 * What the API server refuses of the metadata and pod template of a workload, as far as termination goes: decoding
 * (encoding/json: a string field takes no number, a null leaves the field unset) and the validation of pod templates
 * (k8s.io/kubernetes pkg/apis/core/validation). Fields that nothing here reads are not looked at.
 */
export function shapeProblems(raw: unknown, { templatePath, custom }: ShapedPlace): readonly ShapeProblem[] {
  const metadata = new Problems();
  metadata.within('metadata', METADATA, at(raw, ['metadata']));
  const template = new Problems(templatePath);
  const inner = templatePath.length === 0 ? SPEC_ONLY : custom === true ? CUSTOM_TEMPLATE : TEMPLATE;
  inner(at(raw, templatePath), template);
  return [...metadata.list, ...template.list].slice(0, MOST_PROBLEMS);
}

interface ShapedPlace extends TemplatePlace {
  /** The API server does not validate the pod template of a custom resource; its controller may fill in names. */
  readonly custom?: true;
}

type Steps = readonly (string | number)[];
type Shape = (value: unknown, found: Problems) => void;

/** What was found, and the steps to the value that is being looked at: a list for each value would cost more than all else. */
class Problems {
  readonly list: ShapeProblem[] = [];
  private readonly steps: (string | number)[];

  constructor(steps: Steps = []) {
    this.steps = [...steps];
  }

  /** Looks at a member of the present value. */
  within(step: string | number, shape: Shape, value: unknown): void {
    this.steps.push(step);
    shape(value, this);
    this.steps.pop();
  }

  add(message: string): void {
    if (this.list.length < MOST_PROBLEMS) {
      const steps = [...this.steps];
      this.list.push({ steps, path: pathText(steps), message });
    }
  }

  wrong(value: unknown, expected: string): void {
    this.add(`is ${describe(value)}; ${expected} is expected`);
  }
}

/** Steps as people write them: `spec.template.spec.containers[0].name`. */
export function pathText(steps: Steps): string {
  return steps
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : /[./]/.test(step) ? `["${step}"]` : `${index === 0 ? '' : '.'}${step}`,
    )
    .join('');
}

const LONGEST_SHOWN = 60;

function describe(value: unknown): string {
  if (Array.isArray(value)) {
    return 'a list';
  }
  if (typeof value === 'object') {
    return 'a map';
  }
  const text = JSON.stringify(value);
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
  return `the ${typeof value} ${shown}`;
}

/** Null decodes to the empty value of every type. */
function isUnset(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

const text: Shape = (value, found) => {
  if (isUnset(value) || typeof value === 'string') {
    return;
  }
  const scalar = typeof value !== 'object';
  found.wrong(value, scalar ? `a string, ${JSON.stringify(JSON.stringify(value))} in quotes,` : 'a string');
};

const flag: Shape = (value, found) => {
  if (!isUnset(value) && typeof value !== 'boolean') {
    found.wrong(value, 'true or false without quotes');
  }
};

const whole: Shape = (value, found) => {
  if (isUnset(value) || (typeof value === 'number' && Number.isInteger(value))) {
    return;
  }
  const digits = typeof value === 'string' ? /^\s*(-?\d{1,9})\s*(?:s|sec|seconds)?\s*$/.exec(value)?.[1] : undefined;
  found.wrong(value, digits === undefined ? 'a whole number' : `a whole number, ${digits} without quotes or unit,`);
};

const portName: Shape = (value, found) => {
  if (!isUnset(value) && typeof value !== 'string' && !Number.isInteger(value)) {
    found.wrong(value, 'the number or the name of a port');
  }
};

const stringMap: Shape = (value, found) => {
  const map = mapAt(value, found);
  for (const key of map === undefined ? [] : Object.keys(map)) {
    if (typeof map?.[key] !== 'string') {
      found.within(key, text, map?.[key]);
    }
  }
};

function mapAt(value: unknown, found: Problems): Raw | undefined {
  if (isUnset(value)) {
    return undefined;
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    found.wrong(value, 'a map');
    return undefined;
  }
  return value as Raw;
}

type Check = (map: Raw, found: Problems) => void;

function fields(shapes: Readonly<Record<string, Shape>>, check?: Check): Shape {
  const entries = Object.entries(shapes);
  return (value, found) => {
    const map = mapAt(value, found);
    if (map === undefined) {
      return;
    }
    for (const [name, shape] of entries) {
      const field = map[name];
      // Most fields are texts, and are right.
      if (!isUnset(field) && !(shape === text && typeof field === 'string')) {
        found.within(name, shape, field);
      }
    }
    check?.(map, found);
  };
}

/** With `required` an entry that is null is refused as well: what it lacks is then named. */
function list(shape: Shape, required = false): Shape {
  return (value, found) => {
    if (isUnset(value)) {
      return;
    }
    if (!Array.isArray(value)) {
      found.wrong(value, 'a list');
      return;
    }
    value.forEach((item: unknown, index) => {
      found.within(index, shape, required && isUnset(item) ? {} : item);
    });
  };
}

function named(map: Raw, found: Problems): void {
  if (isUnset(map['name']) || map['name'] === '') {
    found.add('has no name, which is required');
  }
}

const EXEC = fields({ command: list(text) }, ({ command }, found) => {
  if (isUnset(command) || (Array.isArray(command) && command.length === 0)) {
    found.add('has no command, which is required');
  }
});

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'sleep'] as const;

function oneHandler(map: Raw, found: Problems): void {
  const present = HANDLERS.filter((name) => !isUnset(map[name]));
  if (present.length === 0) {
    const strangers = Object.keys(map).filter((key) => !(HANDLERS as readonly string[]).includes(key));
    const seen = strangers.length === 0 ? 'is empty' : `has only ${strangers.join(', ')}`;
    found.add(`${seen}; one of ${HANDLERS.join(', ')} is expected`);
  } else if (present.length > 1) {
    found.add(`has ${present.join(' and ')}; only one handler is allowed`);
  }
}

const HANDLER = fields(
  {
    exec: EXEC,
    httpGet: fields({ path: text, host: text, scheme: text, port: portName }),
    tcpSocket: fields({ host: text, port: portName }),
    sleep: fields({ seconds: whole }),
  },
  oneHandler,
);
const PROBE = fields({ terminationGracePeriodSeconds: whole, periodSeconds: whole, failureThreshold: whole });

const CONTAINER_FIELDS: Readonly<Record<string, Shape>> = {
  name: text,
  image: text,
  imagePullPolicy: text,
  restartPolicy: text,
  command: list(text),
  args: list(text),
  lifecycle: fields({ preStop: HANDLER, postStart: HANDLER, stopSignal: text }),
  livenessProbe: PROBE,
  readinessProbe: PROBE,
  startupProbe: PROBE,
  ports: list(fields({ containerPort: whole, name: text })),
};
const ENV_FIELDS: Readonly<Record<string, Shape>> = { name: text, value: text };

const METADATA = fields({ name: text, namespace: text, labels: stringMap, annotations: stringMap });

function podSpec(container: Shape): Shape {
  return fields({
    terminationGracePeriodSeconds: whole,
    hostNetwork: flag,
    nodeName: text,
    nodeSelector: stringMap,
    os: fields({ name: text }),
    containers: list(container, true),
    initContainers: list(container, true),
  });
}

const SPEC = podSpec(fields({ ...CONTAINER_FIELDS, env: list(fields(ENV_FIELDS, named), true) }, named));
const TEMPLATE = fields({ metadata: METADATA, spec: SPEC });
const SPEC_ONLY = fields({ spec: SPEC });
const CUSTOM_TEMPLATE = fields({
  metadata: METADATA,
  spec: podSpec(fields({ ...CONTAINER_FIELDS, env: list(fields(ENV_FIELDS)) })),
});

/**
 * The hooks of a container as the API server would decode them: null is the same as absent, and what it refuses is no
 * handler. The very object where nothing of it is odd; undefined where there is none.
 */
export function lifecycleOf(value: unknown): Lifecycle | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const raw = recordOf(value);
  const odd = HOOKS.filter((hook) => hook in raw && !isPlainHandler(raw[hook]));
  if (odd.length === 0) {
    return raw;
  }
  const decoded: Record<string, unknown> = { ...raw };
  for (const hook of odd) {
    const handler = decodedHandler(raw[hook]);
    if (handler === undefined) {
      delete decoded[hook];
    } else {
      decoded[hook] = handler;
    }
  }
  return decoded;
}

const HOOKS = ['preStop', 'postStart'] as const;

function isPlainHandler(value: unknown): boolean {
  const found = new Problems();
  HANDLER(value, found);
  return !isUnset(value) && found.list.length === 0 && Object.values(value).every((member) => !isUnset(member));
}

function decodedHandler(value: unknown): Raw | undefined {
  const raw = recordOf(value);
  const present = HANDLERS.filter((name) => !isUnset(raw[name])).map((name) => [name, raw[name]] as const);
  const handler = Object.fromEntries(present);
  return isPlainHandler(handler) ? handler : undefined;
}
