// src/api/policy-schema.gen.ts: the schema of crds/ as a constant: types, bounds, defaults, and the rules as functions.
// Descriptions are left out; they are on the reference page.
import { toTypeScript } from './cel.ts';
import { readKinds } from './crds.ts';
import type { Generator, StructuralSchema, ValidationRule } from './types.ts';

const KEPT = [
  'type',
  'format',
  'enum',
  'default',
  'required',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'maxProperties',
] as const;
const KNOWN = new Set<string>([
  ...KEPT,
  'description',
  'properties',
  'items',
  'additionalProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
]);

export const apiSchema: Generator = {
  name: 'api-schema',
  async outputs() {
    const kinds = await readKinds();
    const out = [
      `// Generated from ${[...new Set(kinds.map((k) => k.file))].join(', ')} by npm run generate. Do not edit.`,
      "import { parsePolicyDuration } from './duration.ts';",
      "import type { Schema } from './schema.ts';",
    ];
    for (const { kind, schema } of kinds) {
      const name = `${kind.charAt(0).toLowerCase()}${kind.slice(1)}Schema`;
      out.push('', `export const ${name}: Schema = ${node(schema, '')};`);
    }
    return new Map([['src/api/policy-schema.gen.ts', `${out.join('\n')}\n`]]);
  },
};

function node(schema: StructuralSchema, indent: string): string {
  for (const key of Object.keys(schema)) {
    if (!KNOWN.has(key)) {
      throw new Error(`scripts/generate/api-schema.ts does not know the schema keyword ${key}`);
    }
  }
  const inner = `${indent}  `;
  const lines = KEPT.filter((key) => schema[key] !== undefined).map((key) => `${key}: ${JSON.stringify(schema[key])},`);
  if (schema['x-kubernetes-list-type'] !== undefined) {
    lines.push(`listType: ${JSON.stringify(schema['x-kubernetes-list-type'])},`);
  }
  if (schema['x-kubernetes-list-map-keys'] !== undefined) {
    lines.push(`listMapKeys: ${JSON.stringify(schema['x-kubernetes-list-map-keys'])},`);
  }
  if (schema.properties !== undefined) {
    lines.push('properties: {');
    for (const [key, value] of Object.entries(schema.properties)) {
      lines.push(`  ${key}: ${node(value, `${inner}  `)},`);
    }
    lines.push('},');
  }
  if (schema.items !== undefined) {
    lines.push(`items: ${node(schema.items, inner)},`);
  }
  if (schema.additionalProperties !== undefined) {
    lines.push(`additionalProperties: ${node(schema.additionalProperties, inner)},`);
  }
  if (schema['x-kubernetes-validations'] !== undefined) {
    lines.push('rules: [');
    for (const entry of schema['x-kubernetes-validations']) {
      lines.push('  {', ...rule(entry).map((line) => `    ${line}`), '  },');
    }
    lines.push('],');
  }
  return `{\n${lines.map((line) => `${inner}${line}`).join('\n')}\n${indent}}`;
}

function rule({
  rule: condition,
  message,
  messageExpression,
  reason,
  fieldPath,
  ...unknown
}: ValidationRule): string[] {
  if (Object.keys(unknown).length > 0) {
    throw new Error(`scripts/generate/api-schema.ts does not know ${Object.keys(unknown).join(', ')} of a rule`);
  }
  return [
    `holds: (self) => ${toTypeScript(condition)},`,
    `message: (${messageExpression === undefined ? '' : 'self'}) => ${messageExpression === undefined ? JSON.stringify(message) : toTypeScript(messageExpression)},`,
    `reason: ${JSON.stringify(reason ?? 'FieldValueInvalid')},`,
    ...(fieldPath === undefined ? [] : [`fieldPath: ${JSON.stringify(fieldPath)},`]),
  ];
}
