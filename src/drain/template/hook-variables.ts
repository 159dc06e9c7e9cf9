import type { Container, EnvVar, Lifecycle } from '../../api/kubernetes.ts';
import { listOf, recordOf, textOf } from './raw.ts';
import type { Raw } from './raw.ts';

const FROM_ELSEWHERE: readonly object[] = Object.freeze([Object.freeze({})]);
const SOMETHING: object = Object.freeze({});

/** A reference in the value of a variable, to one that stands before it. */
const REFERENCE = /\$\(([^()]+)\)/g;

/** An entry of `env`. Of `valueFrom`, and of a value that is no string, only that it is there: what it gives is not known. */
export function envOf(entry: unknown): EnvVar {
  const raw = recordOf(entry);
  const name = textOf(raw['name']) ?? '';
  const value = raw['value'] ?? null;
  const isKnown = (raw['valueFrom'] ?? null) === null && (value === null || typeof value === 'string');
  return isKnown ? { name, value: textOf(value) } : { name, value: textOf(value), valueFrom: SOMETHING };
}

/**
 * The environment as far as the preStop of a container depends on it: the variables that its command names, and those that
 * stand in their values. A container may have hundreds, and most have nothing to do with it.
 */
export function hookVariables(raw: Raw, lifecycle: Lifecycle | undefined): Pick<Container, 'env' | 'envFrom'> {
  const command = lifecycle?.preStop?.exec?.command;
  if (command === undefined || (raw['env'] === undefined && raw['envFrom'] === undefined)) {
    return {};
  }
  const text = command.join(' ');
  const wanted = new Set<string>();
  const kept: EnvVar[] = [];
  // A value refers to what stands before it.
  for (const entry of [...listOf(raw['env'])].reverse()) {
    const variable = envOf(entry);
    if (text.includes(variable.name) || wanted.has(variable.name)) {
      kept.unshift(variable);
      for (const [, name = ''] of (variable.value ?? '').matchAll(REFERENCE)) {
        wanted.add(name);
      }
    }
  }
  return {
    env: kept.length === 0 ? undefined : kept,
    envFrom: listOf(raw['envFrom']).length === 0 ? undefined : FROM_ELSEWHERE,
  };
}
