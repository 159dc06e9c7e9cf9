import type { Schema, SchemaProblem } from './schema.ts';
import { isRecord } from './schema.ts';

/**
 * What the API server would say to a value, in its words: unknown fields (as `kubectl` asks for), types, bounds, list keys, and then the rules.
 * Like there, no rule is asked while a type, a bound of size or a required field is wrong, because rules rely on them.
 * The value must have its defaults.
 */
export function validateAgainst(schema: Schema, value: unknown, path = ''): readonly SchemaProblem[] {
  const found: Findings = { problems: [], blocked: false };
  checkShape(schema, value, path, found);
  if (!found.blocked) {
    checkRules(schema, value, path, found.problems);
  }
  return found.problems;
}

interface Findings {
  readonly problems: SchemaProblem[];
  /** A problem was found under which the API server asks no rule. */
  blocked: boolean;
}

function block(found: Findings, path: string, message: string): void {
  found.problems.push({ path, message });
  found.blocked = true;
}

function checkShape(schema: Schema, value: unknown, path: string, found: Findings): void {
  const type = typeName(value);
  if (type !== schema.type && !(schema.type === 'number' && type === 'integer')) {
    // A number with a fraction is told apart by its format, in the API server's own terms.
    const [wanted, got] = type === 'number' ? [schema.format ?? schema.type, 'float64'] : [schema.type, type];
    block(found, path, `must be of type ${wanted}: "${got}"`);
    return;
  }
  if (typeof value === 'string') {
    checkString(schema, value, path, found);
  } else if (typeof value === 'number') {
    checkNumber(schema, value, path, found);
  } else if (Array.isArray(value)) {
    checkArray(schema, value, path, found);
  } else if (isRecord(value)) {
    checkObject(schema, value, path, found);
  }
}

/** JSON Schema's name for the type of a value. */
function typeName(value: unknown): string {
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return 'array';
  }
  if (typeof value === 'number') {
    return Number.isInteger(value) ? 'integer' : 'number';
  }
  return typeof value;
}

function checkString(schema: Schema, value: string, path: string, found: Findings): void {
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    const supported = schema.enum.map((one) => `"${one}"`).join(', ');
    block(found, path, `Unsupported value: "${value}": supported values: ${supported}`);
  }
  const length = [...value].length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    block(found, path, `Too long: may not be more than ${schema.maxLength} bytes`);
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    found.problems.push({ path, message: `should be at least ${schema.minLength} chars long` });
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) {
    found.problems.push({ path, message: `should match '${schema.pattern}'` });
  }
}

function checkNumber(schema: Schema, value: number, path: string, found: Findings): void {
  if (schema.minimum !== undefined && value < schema.minimum) {
    found.problems.push({ path, message: `should be greater than or equal to ${schema.minimum}` });
  }
  if (schema.maximum !== undefined && value > schema.maximum) {
    found.problems.push({ path, message: `should be less than or equal to ${schema.maximum}` });
  }
}

function checkArray(schema: Schema, value: readonly unknown[], path: string, found: Findings): void {
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    block(found, path, `Too many: ${value.length}: must have at most ${schema.maxItems} items`);
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    found.problems.push({ path, message: `should have at least ${schema.minItems} items` });
  }
  const { items } = schema;
  if (items !== undefined) {
    for (const [index, item] of value.entries()) {
      checkShape(items, item, `${path}[${index}]`, found);
    }
  }
  const keyOf = listKey(schema);
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const key = keyOf?.(item);
    if (key !== undefined && seen.has(key)) {
      found.problems.push({ path: `${path}[${index}]`, message: `Duplicate value: ${key}` });
    }
    if (key !== undefined) {
      seen.add(key);
    }
  }
}

/** What makes an item of a list the same as another one, where the schema forbids that. */
function listKey(schema: Schema): ((item: unknown) => string) | undefined {
  if (schema.listType === 'set') {
    return (item) => JSON.stringify(item);
  }
  if (schema.listType === 'map') {
    const keys = [...(schema.listMapKeys ?? [])].sort();
    return (item) =>
      JSON.stringify(Object.fromEntries(keys.map((key) => [key, isRecord(item) ? item[key] : undefined])));
  }
  return undefined;
}

function checkObject(schema: Schema, value: Readonly<Record<string, unknown>>, path: string, found: Findings): void {
  const { properties, additionalProperties } = schema;
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) {
      block(found, join(path, key), 'Required value');
    }
  }
  if (schema.maxProperties !== undefined && Object.keys(value).length > schema.maxProperties) {
    block(found, path, `Too many: ${Object.keys(value).length}: must have at most ${schema.maxProperties} items`);
  }
  for (const [key, field] of Object.entries(value)) {
    const child = properties?.[key] ?? additionalProperties;
    if (field === undefined) {
      continue;
    }
    if (child !== undefined) {
      checkShape(child, field, join(path, key), found);
    } else if (properties !== undefined) {
      found.problems.push({
        path: join(path, key),
        message: `unknown field "${join(path, key)}"${suggestion(key, Object.keys(properties))}`,
      });
    }
  }
}

function checkRules(schema: Schema, value: unknown, path: string, problems: SchemaProblem[]): void {
  for (const rule of schema.rules ?? []) {
    if (!rule.holds(value)) {
      problems.push({ path: `${path}${rule.fieldPath ?? ''}`, message: rule.message(value) });
    }
  }
  if (Array.isArray(value) && schema.items !== undefined) {
    for (const [index, item] of value.entries()) {
      checkRules(schema.items, item, `${path}[${index}]`, problems);
    }
  }
  if (isRecord(value)) {
    for (const [key, field] of Object.entries(value)) {
      const child = schema.properties?.[key] ?? schema.additionalProperties;
      if (child !== undefined && field !== undefined) {
        checkRules(child, field, join(path, key), problems);
      }
    }
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** `, did you mean "maxWait"?` where one known name is at most two letters away. */
function suggestion(key: string, known: readonly string[]): string {
  const near = known.filter((name) => distance(key.toLowerCase(), name.toLowerCase()) <= 2);
  return near.length === 1 ? `, did you mean "${near[0]}"?` : '';
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
