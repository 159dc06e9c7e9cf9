// src/api/policy.gen.ts: TypeScript types of the kinds in crds/. A structural schema is so small a part of JSON Schema
// (no references, no unions but enums) that a short emitter gives better types than a general converter: one name
// per type, readonly, and a second family in which every field that has a default is there.
import { readKinds, typeNames } from './crds.mjs';

export const apiTypes = {
  name: 'api-types',
  async outputs() {
    const kinds = await readKinds();
    const out = [
      `// Generated from ${[...new Set(kinds.map((k) => k.file))].join(', ')} by npm run generate. Do not edit.`,
      "import type { ObjectMeta } from './kubernetes.ts';",
    ];
    // Kinds share types: what has the same name and the same text is declared once.
    const declared = new Map();
    for (const kind of kinds) {
      declareKind(kind, declared);
    }
    out.push(...declared.values());
    return new Map([['src/api/policy.gen.ts', `${out.join('\n')}\n`]]);
  },
};

function declareKind({ kind, group, version, schema }, declared) {
  const names = typeNames[kind];
  if (names === undefined) {
    throw new Error(`scripts/generate/crds.mjs has no type names for ${kind}`);
  }
  const used = new Set();
  const context = { names, used, declared, group, version, kind };
  declare(schema, '', context);
  declareDefaulted(schema.properties.spec, 'spec', context);
  for (const path of Object.keys(names)) {
    if (!used.has(path)) {
      throw new Error(`scripts/generate/crds.mjs names ${kind} ${path}, which the schema does not have`);
    }
  }
}

/** Declares the type that stands at `path` under its name, once, and gives the name. */
function declare(schema, path, context) {
  const name = context.names[path];
  context.used.add(path);
  const text = schema.enum === undefined ? members(schema, path, name, context, false) : union(name, schema.enum);
  return keep(name, text, schema.enum === undefined ? schema.description : undefined, context);
}

/** The same for an object that has defaults inside, with the name `Defaulted...`; undefined where it has none. */
function declareDefaulted(schema, path, context) {
  if (schema.type !== 'object' || schema.properties === undefined || !hasDefault(schema)) {
    return undefined;
  }
  const name = `Defaulted${context.names[path]}`;
  return keep(name, members(schema, path, name, context, true), 'The same with every default filled in.', context);
}

function keep(name, text, description, context) {
  const comment = description === undefined ? '' : `${doc(description, '')}\n`;
  const whole = `\n${comment}${text}`;
  const present = context.declared.get(name);
  const body = (value) => value.slice(value.indexOf('export '));
  if (present !== undefined && body(present) !== body(whole)) {
    throw new Error(`two different types have the name ${name}`);
  }
  if (present === undefined) {
    context.declared.set(name, whole);
  }
  return name;
}

function members(schema, path, name, context, defaulted) {
  const lines = [`export interface ${name} {`];
  for (const [key, field] of Object.entries(schema.properties)) {
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

function typeOf(schema, path, context, defaulted) {
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
      const item = typeOf(schema.items, `${path}[]`, context, false);
      return `readonly ${item.includes('|') ? `(${item})` : item}[]`;
    }
    case 'object':
      if (schema.additionalProperties !== undefined) {
        return `Readonly<Record<string, ${typeOf(schema.additionalProperties, `${path}{}`, context, false)}>>`;
      }
  }
  throw new Error(`${path}: an object needs a type name in scripts/generate/crds.mjs, anything else a plain type`);
}

function hasDefault(schema) {
  return Object.values(schema.properties ?? {}).some((field) => field.default !== undefined || hasDefault(field));
}

function union(name, values) {
  return `export type ${name} = ${literals(values)};`;
}

function literals(values) {
  return values.map((value) => `'${value}'`).join(' | ');
}

/** A doc comment; a line break in the text begins a paragraph. */
function doc(text, indent) {
  const paragraphs = text
    .replaceAll('*/', '* /')
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => wrap(one, 116 - indent.length));
  if (paragraphs.length === 1 && paragraphs[0].length === 1) {
    return `${indent}/** ${paragraphs[0][0]} */`;
  }
  const lines = paragraphs.flatMap((one, index) => (index === 0 ? one : ['', ...one]));
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`].join('\n');
}

function wrap(text, width) {
  const lines = [];
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
