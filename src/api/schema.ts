/**
 * The part of Kubernetes' structural schemas that our kinds use, as plain values: what it takes to fill in defaults and
 * to judge a manifest where there is no API server.
 */
export interface Schema {
  readonly type: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly listType?: string;
  readonly listMapKeys?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly rules?: readonly Rule[];
}

/** A rule over several fields (`x-kubernetes-validations`). It sees a value whose types, bounds and defaults are in order. */
export interface Rule {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the schema has vouched for the shape, as it does for CEL
  readonly holds: (self: any) => boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly message: (self: any) => string;
  readonly reason: string;
  readonly fieldPath?: string;
}

/** Something that the API server would refuse. `message` is its message, without the field path. */
export interface SchemaProblem {
  readonly path: string;
  readonly message: string;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy with the schema's defaults, as the API server stores it: a null is as good as absent, also as a value of a map. */
export function fillDefaults(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => fillDefaults(items, item));
  }
  if (!isRecord(value)) {
    return value;
  }
  const filled: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const child = schema.properties?.[key] ?? schema.additionalProperties;
    if (child !== undefined && field === null) {
      continue;
    }
    filled[key] = child === undefined ? field : fillDefaults(child, field);
  }
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    if (filled[key] === undefined && child.default !== undefined) {
      filled[key] = fillDefaults(child, structuredCloneOf(child.default));
    }
  }
  return filled;
}

/** Defaults are JSON. */
function structuredCloneOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
