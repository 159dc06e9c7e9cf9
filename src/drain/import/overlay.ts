import { NATIVE_SIDECAR_ANNOTATION, PROXY_CONFIG_ANNOTATION, PROXY_CONTAINER } from '../../api/names.ts';
import { DRAIN_VARIABLES, PROXY_CONFIG_KEYS } from '../model/managed.ts';
import { parseProxyConfigAnnotation, readIstioYaml } from '../template/annotation.ts';
import { lifecycleOf } from '../template/shape.ts';
import { recordOf } from '../template/raw.ts';
import type { Remarks, Steps } from './remarks.ts';
import { mergeWanted, type WantedValues } from './wanted.ts';

/** A value that a patch puts somewhere, whatever language the patch is written in. */
export interface Setting {
  /** Keys from the root of the object; entries of a list of containers by `[name]`, others by `[index]`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** Where it stands in the source. */
  readonly steps: Steps;
  /** Only where nothing is there yet. */
  readonly ifAbsent?: true;
}

/** The ways to a pod from the root of an object, the longest first. */
const TEMPLATE_PATHS: readonly (readonly string[])[] = [
  ['spec', 'jobTemplate', 'spec', 'template'],
  ['spec', 'template'],
  [],
];

export interface ReadSettings {
  readonly wanted: WantedValues;
  /** Where the pod stands in the objects that the patch is for; absent where it sets nothing of terminations. */
  readonly templatePath?: readonly string[];
  /** Where the first of them stands in the source. */
  readonly steps: Steps;
  /** It speaks of terminations, though perhaps in a way that no policy can follow. */
  readonly relevant: boolean;
}

/** Stands for a value that was computed. */
export const UNKNOWN_VALUE = Symbol('a value that is computed');

/** Sorts what a patch sets into what a policy can say and what it cannot. */
export function readSettings(settings: readonly Setting[], steps: Steps, remarks: Remarks): ReadSettings {
  let wanted: WantedValues = {};
  let templatePath: readonly string[] | undefined;
  let first: Steps | undefined;
  const own: Setting[] = [];
  const others: Setting[] = [];
  const pending: (() => void)[] = [];
  for (const setting of settings) {
    const place = placeOf(setting.path);
    const read = place === undefined ? undefined : READERS.find(({ fits }) => fits(place.rest));
    if (place === undefined || read === undefined) {
      others.push(setting);
      continue;
    }
    own.push(setting);
    first ??= setting.steps;
    if (templatePath !== undefined && templatePath.join() !== place.template.join()) {
      remarks.notCarried(setting.steps, `it is in another pod template than the rest of the patch`);
      continue;
    }
    if (isComputed(setting.value)) {
      remarks.notCarried(
        setting.steps,
        `${read.what} is computed when the rule runs, so that its value is not known here`,
      );
      continue;
    }
    const problem = (message: string): void => remarks.notCarried(setting.steps, message);
    const value = setting.value === null ? undefined : read.read(setting.value, problem, place.rest);
    if (setting.value === null) {
      problem(`it removes ${read.what}: a policy removes nothing that is not its own`);
    }
    if (value === undefined) {
      continue;
    }
    templatePath ??= place.template;
    wanted = mergeWanted(wanted, value);
    pending.push(() => exactness(setting, read.what, value, remarks));
  }
  for (const tell of pending) {
    tell();
  }
  if (own.length > 0 && others.length > 0) {
    const names = others.map(({ path }) => path.join('.'));
    remarks.notCarried(
      others[0]?.steps ?? steps,
      `it also sets ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}, which is not about terminations: keep a rule for that`,
    );
  }
  return { wanted, templatePath, steps: first ?? steps, relevant: own.length > 0 };
}

/** What every patch does otherwise than a policy, which raises and never lowers. */
function exactness({ ifAbsent, steps }: Setting, what: string, { grace }: WantedValues, remarks: Remarks): void {
  if (ifAbsent === true) {
    remarks.differs(
      steps,
      grace === undefined
        ? `the source writes ${what} only where there is none; the policy also raises what is there and too short`
        : `the source writes ${what} only where there is none, and the API server has filled in 30 before admission, so that it never does for Kubernetes' own kinds; the policy raises every one that is shorter than ${grace} s`,
    );
    return;
  }
  if (grace !== undefined) {
    remarks.differs(steps, `the source also lowers ${what} to ${grace} s where it is longer; the policy never does`);
  }
}

interface Place {
  readonly template: readonly string[];
  readonly rest: readonly string[];
}

/** Metadata right below the root may be that of a pod or that of a workload: the kinds decide. */
function placeOf(path: readonly string[]): Place | undefined {
  const template = TEMPLATE_PATHS.find((start) => start.every((step, index) => path[index] === step));
  return template === undefined ? undefined : { template, rest: path.slice(template.length) };
}

interface SettingReader {
  readonly what: string;
  readonly fits: (path: readonly string[]) => boolean;
  /** Undefined, with the reason told, where no policy can say it. */
  read(value: unknown, problem: (message: string) => void, path: readonly string[]): WantedValues | undefined;
}

const isAnnotation =
  (name: string) =>
  (path: readonly string[]): boolean =>
    path.length === 3 && path[0] === 'metadata' && path[1] === 'annotations' && path[2] === name;

const isPreStop = (path: readonly string[], ofProxy: boolean): boolean =>
  path.length === 5 &&
  path[0] === 'spec' &&
  (path[1] === 'containers' || path[1] === 'initContainers') &&
  path[3] === 'lifecycle' &&
  path[4] === 'preStop' &&
  (path[2] === `[${PROXY_CONTAINER}]`) === ofProxy;

const READERS: readonly SettingReader[] = [
  {
    what: 'terminationGracePeriodSeconds',
    fits: (path) => path.join('.') === 'spec.terminationGracePeriodSeconds',
    read(value, problem) {
      const seconds = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
      if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 0) {
        return { grace: seconds };
      }
      problem('terminationGracePeriodSeconds is a whole number of seconds');
      return undefined;
    },
  },
  { what: `the annotation ${PROXY_CONFIG_ANNOTATION}`, fits: isAnnotation(PROXY_CONFIG_ANNOTATION), read: readConfig },
  {
    what: `the annotation ${NATIVE_SIDECAR_ANNOTATION}`,
    fits: isAnnotation(NATIVE_SIDECAR_ANNOTATION),
    read(value, problem) {
      if (value === 'true') {
        return { native: true };
      }
      problem(
        `a policy asks for native sidecars (proxy.form: Native) or leaves the form alone; it never asks for classic ones`,
      );
      return undefined;
    },
  },
  {
    what: `the preStop of ${PROXY_CONTAINER}`,
    fits: (path) => isPreStop(path, true),
    read(value, problem) {
      const { preStop } = lifecycleOf({ preStop: value }) ?? {};
      if (preStop === undefined) {
        problem('a preStop is a map with one handler, such as exec or sleep');
        return undefined;
      }
      return { proxyPreStop: preStop };
    },
  },
  {
    what: 'the preStop of an application',
    fits: (path) => isPreStop(path, false),
    read(value, problem) {
      const { preStop } = lifecycleOf({ preStop: value }) ?? {};
      const seconds = preStop?.sleep?.seconds;
      problem(
        `the preStop of an application is its own: a policy writes none but a sleep that waits for late requests (drain.application: Delay${seconds === undefined ? '' : ` with endpointDelay: ${seconds}s`} and delivery: Admission), where there is none`,
      );
      return undefined;
    },
  },
];

function readConfig(value: unknown, problem: (message: string) => void): WantedValues | undefined {
  if (typeof value !== 'string') {
    problem(
      `${PROXY_CONFIG_ANNOTATION} is text; a ${Array.isArray(value) ? 'list' : typeof value} is there, which the API server refuses`,
    );
    return undefined;
  }
  const read = parseProxyConfigAnnotation(value);
  if (!read.ok) {
    problem(`Istio cannot read this value of ${PROXY_CONFIG_ANNOTATION}: ${read.malformed.message}`);
    return undefined;
  }
  const others = otherKeys(value);
  if (others.length > 0) {
    problem(`the annotation also has ${others.join(', ')}, which no policy writes: keep a rule for that`);
  }
  return { config: read.values };
}

/** Keys of the annotation that a policy does not write, and variables of its proxyMetadata. */
function otherKeys(text: string): string[] {
  const read = readIstioYaml(text);
  const root = recordOf(read.ok ? read.value : undefined);
  const metadata = recordOf(root['proxyMetadata'] ?? root['proxy_metadata']);
  return [
    ...Object.keys(root).filter((key) => !PROXY_CONFIG_KEYS.includes(key)),
    ...Object.keys(metadata)
      .filter((name) => !DRAIN_VARIABLES.includes(name))
      .map((name) => `proxyMetadata.${name}`),
  ];
}

function isComputed(value: unknown): boolean {
  if (value === UNKNOWN_VALUE) {
    return true;
  }
  if (typeof value === 'string') {
    return value.includes('{{');
  }
  if (Array.isArray(value)) {
    return value.some(isComputed);
  }
  return Object.values(recordOf(value)).some(isComputed);
}

/** Takes a plain value (a patch without any language of its own) apart into settings. */
export function settingsIn(
  value: unknown,
  path: readonly string[],
  stepsOf: (below: readonly (string | number)[]) => Steps,
  below: readonly (string | number)[] = [],
): Setting[] {
  const here = (): Setting[] => [{ path, value, steps: stepsOf(below) }];
  if (isWhole(path)) {
    return here();
  }
  if (Array.isArray(value)) {
    return isContainerList(path)
      ? value.flatMap((item: unknown, index) => {
          const { name, ...rest } = recordOf(item);
          const label = typeof name === 'string' ? name : `${index}`;
          return settingsIn(rest, [...path, `[${label}]`], stepsOf, [...below, index]);
        })
      : here();
  }
  const entries = Object.entries(recordOf(value));
  return entries.length === 0 && typeof value !== 'object'
    ? here()
    : entries.flatMap(([key, child]) => settingsIn(child, [...path, key], stepsOf, [...below, key]));
}

/** What is read as a whole, although it is a map. */
export function isWhole(path: readonly string[]): boolean {
  return path.at(-1) === 'preStop' && path.at(-2) === 'lifecycle';
}

export function isContainerList(path: readonly string[]): boolean {
  return (path.at(-1) === 'containers' || path.at(-1) === 'initContainers') && path.at(-2) === 'spec';
}
