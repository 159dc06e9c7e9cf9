// src/api/policy.gen.ts: TypeScript types of the kinds in crds/. A structural schema is so small a part of JSON Schema
// (no references, no unions but enums) that a short emitter gives better types than a general converter: one name
// per type, readonly, and a second family in which every field that has a default is there.
import { readKinds, typeNames, type Kind, type TypeNames } from './crds.ts';
import { propertyOf, type Generator, type StructuralSchema } from './types.ts';

interface Context extends Pick<Kind, 'group' | 'version' | 'kind'> {
  readonly names: TypeNames;
  readonly used: Set<string>;
  /** name -> text */
  readonly declared: Map<string, string>;
}

export const apiTypes: Generator = {
  name: 'api-types',
  async outputs() {
    const kinds = await readKinds();
    const out = [
      `// Generated from ${[...new Set(kinds.map((k) => k.file))].join(', ')} by npm run generate. Do not edit.`,
      "import type { ObjectMeta } from './kubernetes.ts';",
    ];
    // Kinds share types: what has the same name and the same text is declared once.
    const declared = new Map<string, string>();
    for (const kind of kinds) {
      declareKind(kind, declared);
    }
    out.push(...declared.values());
    return new Map([['src/api/policy.gen.ts', `${out.join('\n')}\n`]]);
  },
};

function declareKind({ kind, group, version, schema }: Kind, declared: Map<string, string>): void {
  const names = typeNames[kind];
  if (names === undefined) {
    throw new Error(`scripts/generate/crds.ts has no type names for ${kind}`);
  }
  const used = new Set<string>();
  const context: Context = { names, used, declared, group, version, kind };
  declare(schema, '', context);
  declareDefaulted(propertyOf(schema, 'spec'), 'spec', context);
  for (const path of Object.keys(names)) {
    if (!used.has(path)) {
      throw new Error(`scripts/generate/crds.ts names ${kind} ${path}, which the schema does not have`);
    }
  }
}

function nameAt(path: string, { names }: Context): string {
  const name = names[path];
  if (name === undefined) {
    throw new Error(`${path}: an object needs a type name in scripts/generate/crds.ts`);
  }
  return name;
}

/** Declares the type that stands at `path` under its name, once, and gives the name. */
function declare(schema: StructuralSchema, path: string, context: Context): string {
  const name = nameAt(path, context);
  context.used.add(path);
  const text = schema.enum === undefined ? members(schema, path, name, context, false) : union(name, schema.enum);
  return keep(name, text, schema.enum === undefined ? schema.description : undefined, context);
}

/** The same for an object that has defaults inside, with the name `Defaulted...`; undefined where it has none. */
function declareDefaulted(schema: StructuralSchema, path: string, context: Context): string | undefined {
  if (schema.type !== 'object' || schema.properties === undefined || !hasDefault(schema)) {
    return undefined;
  }
  const name = `Defaulted${nameAt(path, context)}`;
  return keep(name, members(schema, path, name, context, true), 'The same with every default filled in.', context);
}

function keep(name: string, text: string, description: string | undefined, context: Context): string {
  const comment = description === undefined ? '' : `${doc(description, '')}\n`;
  const whole = `\n${comment}${text}`;
  const present = context.declared.get(name);
  const body = (value: string): string => value.slice(value.indexOf('export '));
  if (present !== undefined && body(present) !== body(whole)) {
    throw new Error(`two different types have the name ${name}`);
  }
  if (present === undefined) {
    context.declared.set(name, whole);
  }
  return name;
}

function members(schema: StructuralSchema, path: string, name: string, context: Context, defaulted: boolean): string {
  const lines = [`export interface ${name} {`];
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    const child = path === '' ? key : `${path}.${key}`;
    const always =
      (schema.required ?? []).includes(key) ||
      ['apiVersion', 'kind', 'metadata'].includes(child) ||
      (defaulted && field.default !== undefined);
    if (field.description !== undefined) {
      lines.push(doc(field.description, '  '));
    }
    lines.push(`  readonly ${key}${always ? '' : '?'}: ${typeOf(field, child, context, defaulted)};`);
  }
  lines.push('}');
  return lines.join('\n');
}

function typeOf(schema: StructuralSchema, path: string, context: Context, defaulted: boolean): string {
  switch (path) {
    case 'apiVersion':
      return `'${context.group}/${context.version}'`;
    case 'kind':
      return `'${context.kind}'`;
    case 'metadata':
      return 'ObjectMeta';
  }
  if (context.names[path] !== undefined) {
    const plain = declare(schema, path, context);
    return (defaulted ? declareDefaulted(schema, path, context) : undefined) ?? plain;
  }
  if (schema.enum !== undefined) {
    return literals(schema.enum);
  }
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'integer':
      return 'number';
    case 'array': {
      if (schema.items === undefined) {
        break;
      }
      const item = typeOf(schema.items, `${path}[]`, context, false);
      return `readonly ${item.includes('|') ? `(${item})` : item}[]`;
    }
    case 'object':
      if (schema.additionalProperties !== undefined) {
        return `Readonly<Record<string, ${typeOf(schema.additionalProperties, `${path}{}`, context, false)}>>`;
      }
  }
  throw new Error(`${path}: an object needs a type name in scripts/generate/crds.ts, anything else a plain type`);
}

function hasDefault(schema: StructuralSchema): boolean {
  return Object.values(schema.properties ?? {}).some((field) => field.default !== undefined || hasDefault(field));
}

function union(name: string, values: readonly string[]): string {
  return `export type ${name} = ${literals(values)};`;
}

function literals(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(' | ');
}

/** A doc comment; a line break in the text begins a paragraph. */
function doc(text: string, indent: string): string {
  const paragraphs = text
    .replaceAll('*/', '* /')
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => wrap(one, 116 - indent.length));
  const lines = paragraphs.flatMap((one, index) => (index === 0 ? one : ['', ...one]));
  if (lines.length === 1) {
    return `${indent}/** ${lines[0] ?? ''} */`;
  }
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`].join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
