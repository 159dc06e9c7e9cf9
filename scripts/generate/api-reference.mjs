// docs/reference/api.md: every field of the kinds in crds/, with types, defaults, bounds and the messages of its rules.
import { readKinds, typeNames } from './crds.mjs';

export const apiReference = {
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
    const described = new Map();
    for (const [index, kind] of kinds.entries()) {
      out.push(
        '',
        ...page(kind, { prefix: index === 0 ? '' : `${kind.kind} `, described, names: typeNames[kind.kind] }),
      );
    }
    return new Map([['docs/reference/api.md', `${out.join('\n')}\n`]]);
  },
};

function page({ kind, group, version, scope, plural, shortNames, schema, columns }, context) {
  const { names, described, prefix } = context;
  const out = [
    `## ${kind}`,
    '',
    ...paragraphs(schema.description),
    '',
    `\`apiVersion: ${group}/${version}\`, ${scope === 'Cluster' ? 'cluster-scoped' : 'namespaced'}, \`kubectl get ${plural}\`${shortNames.length === 0 ? '' : ` or \`kubectl get ${shortNames.join('`, `')}\``}.`,
  ];
  const queue = [
    ['spec', schema.properties.spec],
    ['status', schema.properties.status],
  ];
  while (queue.length > 0) {
    const [path, node] = queue.shift();
    const type = names[path] ?? path;
    if (described.has(type) && described.get(type) !== anchor(path, context)) {
      continue;
    }
    described.set(type, anchor(path, context));
    const inner = [];
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
        `| ${one.name} | ${one.description ?? ''} | \`${one.jsonPath}\`${one.priority > 0 ? ', with `-o wide`' : ''} |`,
    ),
  );
  return out;
}

function heading(path) {
  return path.replaceAll('[]', ' items');
}

/** A table of an object's fields; `inner` gets the objects that need a table of their own. */
function object(path, node, context, inner) {
  const out = node.description === undefined ? [] : [...paragraphs(node.description), ''];
  out.push('| field | type | default | |', '|---|---|---|---|');
  const rules = [...rulesOf(node, '')];
  for (const [key, field] of Object.entries(node.properties)) {
    const child = `${path}.${key}`;
    const target =
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

function rulesOf(node, key) {
  return (node['x-kubernetes-validations'] ?? [])
    .filter((one) => !isDurationRule(one))
    .map(({ fieldPath = '', message }) => ({ field: `${key}${fieldPath}`.replace(/^\./, ''), message }));
}

function typeOf(field, target, context) {
  const { names, described } = context;
  const link = () =>
    `[${names[target[0]]}](#${described.get(names[target[0]]) ?? anchor(firstOf(target[0], names), context)})`;
  if (field.type === 'array') {
    return target === undefined ? `list of ${typeOf(field.items, undefined, context)}` : `list of ${link()}`;
  }
  if (target !== undefined) {
    return link();
  }
  if (field.enum !== undefined) {
    return field.enum.map((one) => `\`${one}\``).join(', ');
  }
  if (field.additionalProperties !== undefined) {
    return `map of ${typeOf(field.additionalProperties, undefined, context)}`;
  }
  return isDuration(field) ? 'duration' : field.type;
}

function anchor(path, { prefix }) {
  return `${prefix}${heading(path)}`.toLowerCase().replaceAll('.', '').replaceAll(' ', '-');
}

/** A type that stands in several places is described where it stands first. */
function firstOf(path, names) {
  return Object.keys(names).find((one) => names[one] === names[path]);
}

function isDuration(field) {
  return (field['x-kubernetes-validations'] ?? []).some(isDurationRule);
}

/** The rule that every duration has; it is said once, at the top of the page. */
function isDurationRule({ message }) {
  return message.startsWith('write a duration');
}

function defaultOf(field) {
  if (field.default === undefined || field.type === 'object') {
    return '';
  }
  return `\`${Array.isArray(field.default) ? field.default.join('`, `') : field.default}\``;
}

function boundsOf(field) {
  const { minimum, maximum, minItems, maxItems, maxLength, maxProperties } = field;
  const said = [];
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

function paragraphs(text) {
  return text
    .split('\n')
    .filter((one) => one !== '')
    .flatMap((one, index) => (index === 0 ? [one] : ['', one]));
}

function escape(text) {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
