import { PROXY_CONFIG_ANNOTATION, PROXY_CONTAINER } from '../../api/names.ts';
import type { SourceLocation } from '../../drain/model/workload.ts';
import type { InputDocument } from './documents.ts';
import { lineOf, positionAt, type Position } from './yaml/positions.ts';

/**
 * Where a manifest stands, with the lines of the fields that findings name, under the paths by which they name them.
 * @param graceField the field of the template's spec that decides about the grace period
 */
export function sourceOf(
  document: InputDocument,
  templatePath: readonly string[],
  graceField = 'terminationGracePeriodSeconds',
): SourceLocation {
  const template = positionAt(document.position, templatePath);
  const fieldLines: Record<string, number> = {};
  const add = (path: string, position: Position | undefined): void => {
    if (position !== undefined) {
      fieldLines[path] = lineOf(position);
    }
  };
  const addAnnotations = (prefix: string, annotations: Position | undefined, values: unknown): void => {
    if (annotations === undefined || typeof annotations === 'number') {
      return;
    }
    for (const [name, position] of annotations.keys ?? []) {
      if (!/(^|\.)(istio|sidecardrain)\.io\//.test(name)) {
        continue;
      }
      const path = `${prefix}annotations["${name}"]`;
      fieldLines[path] = lineOf(position);
      const text = (values as Record<string, unknown> | undefined)?.[name];
      if (name === PROXY_CONFIG_ANNOTATION && typeof text === 'string' && text.includes('\n')) {
        addKeysOfText(fieldLines, path, text, lineOf(position) + 1);
      }
    }
  };
  add('spec.template.metadata', positionAt(template, ['metadata']));
  add('spec.template.metadata.annotations', positionAt(template, ['metadata', 'annotations']));
  add('spec.template.spec', positionAt(template, ['spec']));
  add('spec.template.spec.terminationGracePeriodSeconds', positionAt(template, ['spec', graceField]));
  addAnnotations(
    'metadata.',
    positionAt(document.position, ['metadata', 'annotations']),
    valueAt(document.value, ['metadata', 'annotations']),
  );
  addAnnotations(
    'spec.template.metadata.',
    positionAt(template, ['metadata', 'annotations']),
    valueAt(document.value, [...templatePath, 'metadata', 'annotations']),
  );
  for (const list of ['containers', 'initContainers']) {
    addContainers(
      add,
      list,
      positionAt(template, ['spec', list]),
      valueAt(document.value, [...templatePath, 'spec', list]),
    );
  }
  return { file: document.file, line: document.line, fieldLines };
}

function addContainers(
  add: (path: string, position: Position | undefined) => void,
  list: string,
  containers: Position | undefined,
  values: unknown,
): void {
  if (!Array.isArray(values)) {
    return;
  }
  for (const [index, value] of values.entries()) {
    const name = (value as { name?: unknown } | null)?.name;
    const container = positionAt(containers, [index]);
    const hooks = positionAt(container, ['lifecycle']);
    if (typeof name !== 'string' || (hooks === undefined && name !== PROXY_CONTAINER)) {
      continue;
    }
    const path = `spec.template.spec.${list}[${name}]`;
    add(path, container);
    add(`${path}.lifecycle`, hooks);
    add(`${path}.lifecycle.preStop`, positionAt(hooks, ['preStop']));
    add(`${path}.lifecycle.postStart`, positionAt(hooks, ['postStart']));
    if (name === PROXY_CONTAINER) {
      // The domain names the parts of the proxy's container in words.
      add(`lifecycle of container ${name}`, hooks ?? container);
      add(`lifecycle of container ${name}.preStop`, positionAt(hooks, ['preStop']));
      add(`lifecycle of container ${name}.postStart`, positionAt(hooks, ['postStart']));
      add(`image of container ${name}`, positionAt(container, ['image']) ?? container);
      add(`env of container ${name}`, positionAt(container, ['env']) ?? container);
    }
  }
}

/** The annotation is YAML in a block scalar: its keys have lines of their own. */
function addKeysOfText(fieldLines: Record<string, number>, path: string, text: string, firstLine: number): void {
  for (const [index, line] of text.split('\n').entries()) {
    const key = /^\s*["']?([A-Za-z_][\w]*)["']?\s*:/.exec(line)?.[1];
    if (key !== undefined) {
      fieldLines[`${path}.${key}`] ??= firstLine + index;
      fieldLines[`${path}.proxyMetadata.${key}`] ??= firstLine + index;
    }
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    current = typeof current === 'object' && current !== null ? (current as Record<string, unknown>)[key] : undefined;
  }
  return current;
}

/** The place of a field, else of the nearest parent that has one, else of the document. */
export function placeOfPath(
  source: SourceLocation | undefined,
  path: string | undefined,
): { readonly file: string; readonly line: number } | undefined {
  if (source === undefined) {
    return undefined;
  }
  const best = nearestKnown(path ?? '', source.fieldLines ?? {});
  return { file: source.fieldFiles?.[best] ?? source.file, line: source.fieldLines?.[best] ?? source.line };
}

/** The longest beginning of the path that is known, so that the cost does not grow with all fields of the object. */
function nearestKnown(path: string, lines: Readonly<Record<string, number>>): string {
  for (let end = path.length; end > 0; end -= 1) {
    const parent = path.slice(0, end);
    if (isWholePath(path, parent) && Object.hasOwn(lines, parent)) {
      return parent;
    }
  }
  return '';
}

function isWholePath(path: string, parent: string): boolean {
  const next = path.charAt(parent.length);
  return next === '' || next === '.' || next === '[' || next === ' ';
}
