import type { Container, EnvVar } from '../../api/kubernetes.ts';

/** Variables of a container by name; undefined as value: it is set, but to what is not in the pod template. */
export type HookEnvironment = Readonly<Record<string, string | undefined>>;

/** More than a container has, and than anybody's hook reads. */
const MAXIMUM_VARIABLES = 1000;
const MAXIMUM_VALUE = 1000;

/** A variable that a script reads, whatever its letters: a ConfigMap has keys of any. */
const VARIABLE = /\$\{?([A-Za-z_][A-Za-z0-9_]*)/g;

const REFERENCE = /\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g;

/**
 * The variables of a container that its preStop names. A later entry replaces an earlier one; `$(NAME)` in a value
 * stands for an earlier variable of the container, `$$` for a dollar sign (k8s.io/kubernetes/third_party/forked/golang/expansion).
 * With `envFrom` each variable that the hook reads may be set, and to what is not known. Undefined where the hook names none.
 */
export function hookEnvironment(container: Container): HookEnvironment | undefined {
  const text = container.lifecycle?.preStop?.exec?.command?.join(' ');
  const { env = [], envFrom = [] } = container;
  if (text === undefined || (env.length === 0 && envFrom.length === 0)) {
    return undefined;
  }
  const values = new Map<string, string | undefined>();
  for (const variable of env.slice(0, MAXIMUM_VARIABLES)) {
    values.set(variable.name, valueOf(variable, values));
  }
  const named = [...values].filter(([name]) => text.includes(name));
  if (envFrom.length > 0) {
    const others = [...text.matchAll(VARIABLE)].map(([, name = '']) => name).filter((name) => !values.has(name));
    named.push(...others.map((name): [string, undefined] => [name, undefined]));
  }
  return named.length === 0 ? undefined : Object.fromEntries(named);
}

function valueOf(variable: EnvVar, before: ReadonlyMap<string, string | undefined>): string | undefined {
  // Files hold what their authors wrote: null, and numbers without quotes.
  const { value = null, valueFrom = null } = variable as { readonly value?: unknown; readonly valueFrom?: unknown };
  if (valueFrom !== null) {
    return undefined;
  }
  if (value === null) {
    return '';
  }
  if (typeof value !== 'string' || value.length > MAXIMUM_VALUE) {
    return undefined;
  }
  let unknown = false;
  const expanded = value.replace(REFERENCE, (whole, name: string | undefined) => {
    if (name === undefined) {
      return '$';
    }
    const other = before.get(name);
    unknown ||= other === undefined;
    return other ?? whole;
  });
  return unknown || expanded.length > MAXIMUM_VALUE ? undefined : expanded;
}
