// docs/reference/api.md: every field of the kinds in crds/, with types, defaults, bounds and the messages of its rules.
import { readKinds, typeNames, type Kind, type TypeNames } from './crds.ts';
import { propertyOf, type Generator, type StructuralSchema, type ValidationRule } from './types.ts';

interface Context {
  /** Before each heading, so that headings of several kinds differ. */
  readonly prefix: string;
  /** type -> anchor of the heading where it is described */
  readonly described: Map<string, string>;
  readonly names: TypeNames;
}

interface Rule {
  readonly field: string;
  readonly message: string;
}

/** An object that has a table of its own, at its path. */
type Described = readonly [path: string, schema: StructuralSchema];

export const apiReference: Generator = {
  name: 'api-reference',
  async outputs() {
    const kinds = await readKinds();
    const out = [
      '# API reference',
      '',
      `<!-- Generated from ${[...new Set(kinds.map((k) => k.file))].join(', ')} by npm run generate. Do not edit. -->`,
      '',
      'Every field of every kind. `kubectl explain sdp.spec --recursive` shows the same in a terminal. Durations are whole hours, minutes and',
      'seconds, in this order: `30s`, `5m`, `1h30m`. What is said to be refused below is refused by the API server itself, with the message that',
      'stands there; no webhook is needed. A misspelt field is refused by `kubectl` and by every client that asks for strict validation.',
    ];
    // A type that several kinds or fields share is described once, where it stands first.
    const described = new Map<string, string>();
    for (const [index, kind] of kinds.entries()) {
      out.push(
        '',
        ...page(kind, { prefix: index === 0 ? '' : `${kind.kind} `, described, names: typeNames[kind.kind] ?? {} }),
      );
    }
    return new Map([['docs/reference/api.md', `${out.join('\n')}\n`]]);
  },
};

function page({ kind, group, version, scope, plural, shortNames, schema, columns }: Kind, context: Context): string[] {
  const { names, described, prefix } = context;
  const out = [
    `## ${kind}`,
    '',
    ...paragraphs(schema.description ?? ''),
    '',
    `\`apiVersion: ${group}/${version}\`, ${scope === 'Cluster' ? 'cluster-scoped' : 'namespaced'}, \`kubectl get ${plural}\`${shortNames.length === 0 ? '' : ` or \`kubectl get ${shortNames.join('`, `')}\``}.`,
  ];
  const queue: Described[] = [
    ['spec', propertyOf(schema, 'spec')],
    ['status', propertyOf(schema, 'status')],
  ];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [path, node] = next;
    const type = names[path] ?? path;
    if (described.has(type) && described.get(type) !== anchor(path, context)) {
      continue;
    }
    described.set(type, anchor(path, context));
    const inner: Described[] = [];
    out.push('', `### ${prefix}${heading(path)}`, '', ...object(path, node, context, inner));
    queue.unshift(...inner);
  }
  out.push(
    '',
    `### ${prefix}${prefix === '' ? 'Columns' : 'columns'}`,
    '',
    '| column | shows | |',
    '|---|---|---|',
    ...columns.map(
      (one) =>
        `| ${one.name} | ${one.description ?? ''} | \`${one.jsonPath}\`${(one.priority ?? 0) > 0 ? ', with `-o wide`' : ''} |`,
    ),
  );
  return out;
}

function heading(path: string): string {
  return path.replaceAll('[]', ' items');
}

/** A table of an object's fields; `inner` gets the objects that need a table of their own. */
function object(path: string, node: StructuralSchema, context: Context, inner: Described[]): string[] {
  const out = node.description === undefined ? [] : [...paragraphs(node.description), ''];
  out.push('| field | type | default | |', '|---|---|---|---|');
  const rules = [...rulesOf(node, '')];
  for (const [key, field] of Object.entries(node.properties ?? {})) {
    const child = `${path}.${key}`;
    const target: Described | undefined =
      field.items?.properties !== undefined
        ? [`${child}[]`, field.items]
        : field.properties !== undefined
          ? [child, field]
          : undefined;
    if (target !== undefined) {
      inner.push(target);
    }
    const required = (node.required ?? []).includes(key);
    const described = paragraphs(field.description ?? '')
      .filter((one) => one !== '')
      .join('<br>');
    const bounds = boundsOf(field);
    out.push(
      `| \`${key}\` | ${typeOf(field, target, context)} | ${required ? '**required**' : defaultOf(field)} | ${escape([described, bounds].filter((one) => one !== '').join('<br>'))} |`,
    );
    if (target === undefined) {
      rules.push(...rulesOf(field, key));
    }
  }
  if (rules.length > 0) {
    out.push(
      '',
      'Refused, with these messages:',
      '',
      '| field | message |',
      '|---|---|',
      ...rules.map(({ field, message }) => `| ${field === '' ? '' : `\`${field}\``} | ${escape(message)} |`),
    );
  }
  return out;
}

function rulesOf(node: StructuralSchema, key: string): Rule[] {
  return (node['x-kubernetes-validations'] ?? [])
    .filter((one) => !isDurationRule(one))
    .map(({ fieldPath = '', message }) => ({ field: `${key}${fieldPath}`.replace(/^\./, ''), message }));
}

function linkTo(path: string, context: Context): string {
  const { names, described } = context;
  const name = names[path] ?? path;
  return `[${name}](#${described.get(name) ?? anchor(firstOf(path, names), context)})`;
}

function typeOf(field: StructuralSchema, target: Described | undefined, context: Context): string {
  if (field.type === 'array') {
    return `list of ${target === undefined ? typeOf(field.items ?? { type: 'anything' }, undefined, context) : linkTo(target[0], context)}`;
  }
  if (target !== undefined) {
    return linkTo(target[0], context);
  }
  if (field.enum !== undefined) {
    return field.enum.map((one) => `\`${one}\``).join(', ');
  }
  if (field.additionalProperties !== undefined) {
    return `map of ${typeOf(field.additionalProperties, undefined, context)}`;
  }
  return isDuration(field) ? 'duration' : field.type;
}

function anchor(path: string, { prefix }: Context): string {
  return `${prefix}${heading(path)}`.toLowerCase().replaceAll('.', '').replaceAll(' ', '-');
}

/** A type that stands in several places is described where it stands first. */
function firstOf(path: string, names: TypeNames): string {
  return Object.keys(names).find((one) => names[one] === names[path]) ?? path;
}

function isDuration(field: StructuralSchema): boolean {
  return (field['x-kubernetes-validations'] ?? []).some(isDurationRule);
}

/** The rule that every duration has; it is said once, at the top of the page. */
function isDurationRule({ message }: ValidationRule): boolean {
  return message.startsWith('write a duration');
}

function defaultOf(field: StructuralSchema): string {
  if (field.default === undefined || field.type === 'object') {
    return '';
  }
  return `\`${Array.isArray(field.default) ? field.default.join('`, `') : JSON.stringify(field.default).replaceAll('"', '')}\``;
}

function boundsOf(field: StructuralSchema): string {
  const { minimum, maximum, minItems, maxItems, maxLength, maxProperties } = field;
  const said: string[] = [];
  if (minimum !== undefined && maximum !== undefined) {
    said.push(`${minimum} to ${maximum}`);
  } else if (minimum !== undefined && minimum !== 0) {
    said.push(`at least ${minimum}`);
  }
  if (maxItems !== undefined) {
    said.push(minItems === undefined ? `at most ${maxItems} items` : `${minItems} to ${maxItems} items`);
  }
  if (maxProperties !== undefined) {
    said.push(`at most ${maxProperties} entries`);
  }
  if (maxLength !== undefined && field.enum === undefined && !isDuration(field)) {
    said.push(`at most ${maxLength} characters`);
  }
  return said.length === 0 ? '' : `Bounds: ${said.join(', ')}.`;
}

function paragraphs(text: string): string[] {
  return text
    .split('\n')
    .filter((one) => one !== '')
    .flatMap((one, index) => (index === 0 ? [one] : ['', one]));
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
