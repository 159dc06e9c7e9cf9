import { isDeepStrictEqual } from 'node:util';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { parse } from 'yaml';
import { withValue } from './documents.ts';
import { CannotEdit, editDocument, type EditValue, type FieldEdit } from './edit.ts';
import type { RenderedWorkload } from './run.ts';
import { yamlText } from './yaml-text.ts';

/** What is written for Deployments that istiod makes: the Gateways' overlays in place of the Deployments. */
export interface OverlayChanges {
  readonly rendered: readonly RenderedWorkload[];
  /** Manifests of ConfigMaps that are new, by the file of the Gateway that names them. */
  readonly added: readonly { readonly file: string; readonly text: string }[];
  readonly blocked: readonly string[];
}

interface Draft {
  readonly at: { readonly file: string; readonly line: number };
  readonly one: RenderedWorkload;
  readonly name: string;
  text: string;
  readonly edits: FieldEdit[];
}

/**
 * Puts the edits of Deployments that istiod makes into the overlay that each Gateway names. A ConfigMap that several
 * Gateways name is changed once, and only where they want the same of it.
 * @param mayAdd new ConfigMaps can be written, and named in their Gateways
 */
export function overlayChanges(rendered: readonly RenderedWorkload[], mayAdd: boolean): OverlayChanges {
  const drafts = new Map<string, Draft>();
  const named: RenderedWorkload[] = [];
  const added: { file: string; text: string }[] = [];
  const blocked: string[] = [];
  for (const one of rendered) {
    const { workload, edits } = one;
    const overlay = workload.overlay;
    if (overlay === undefined || edits.length === 0) {
      continue;
    }
    if (overlay.configMap === undefined && mayAdd && workload.source?.builtFrom === undefined) {
      const name = `${overlay.gateway}-sidecar-drain`;
      const ref: EditValue = { group: '', kind: 'ConfigMap', name };
      named.push({
        ...one,
        workload: { ...workload, kind: 'Gateway', name: overlay.gateway },
        edits: [{ path: ['spec', 'infrastructure', 'parametersRef'], value: ref }],
      });
      added.push({ file: workload.source?.file ?? '', text: newConfigMap(workload, name, edits, one) });
      continue;
    }
    if (overlay.configMap === undefined || overlay.at === undefined) {
      blocked.push(byHand(workload, edits));
      continue;
    }
    const key = `${workload.namespace}/${overlay.configMap}`;
    const draft = drafts.get(key) ?? {
      at: overlay.at,
      one,
      name: overlay.configMap,
      text: overlay.text ?? '',
      edits: [],
    };
    const why = addTo(draft, edits);
    if (why === undefined) {
      drafts.set(key, draft);
    } else {
      blocked.push(`${placeOf(workload)}${workloadKey(workload)} is not rendered: ConfigMap ${key} ${why}`);
    }
  }
  return { rendered: [...[...drafts.values()].map(configMapEdit), ...named], added, blocked };
}

function addTo(draft: Draft, edits: readonly FieldEdit[]): string | undefined {
  const other = draft.edits.find((known) =>
    edits.some(({ path, value }) => isDeepStrictEqual(path, known.path) && !isDeepStrictEqual(value, known.value)),
  );
  if (other !== undefined) {
    return 'is named by several Gateways that need different values: give each one of its own';
  }
  try {
    draft.text = edited(draft.text, edits);
  } catch (error) {
    if (!(error instanceof CannotEdit)) {
      throw error;
    }
    return `cannot be changed in place (${error.message}): put this under its deployment by hand:\n${yamlText(patchOf(edits))}`;
  }
  draft.edits.push(...edits);
  return undefined;
}

/** Byte by byte where the text can be edited so; written anew where that loses nothing, because it has no comments. */
function edited(text: string, edits: readonly FieldEdit[]): string {
  const before = parse(text, { version: '1.1' }) as unknown;
  const wanted = edits.reduce<unknown>((value, edit) => withValue(value, edit.path, edit.value), before ?? {});
  try {
    const result = text.trim() === '' ? yamlText(wanted) : editDocument(text, [], edits);
    if (isDeepStrictEqual(parse(result, { version: '1.1' }), wanted)) {
      return result;
    }
  } catch (error) {
    if (!(error instanceof CannotEdit)) {
      throw error;
    }
  }
  if (/(^|\s)#/.test(text)) {
    throw new CannotEdit('it has comments that would be lost');
  }
  return yamlText(wanted);
}

function configMapEdit({ one, name, at, text }: Draft): RenderedWorkload {
  return {
    ...one,
    workload: { ...one.workload, apiVersion: 'v1', kind: 'ConfigMap', name, source: at },
    edits: [{ path: ['data', 'deployment'], value: text }],
  };
}

function newConfigMap(
  { namespace }: Workload,
  name: string,
  edits: readonly FieldEdit[],
  { shape }: RenderedWorkload,
): string {
  const metadata = shape.statesNamespace ? { name, namespace } : { name };
  return yamlText({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { deployment: yamlText(patchOf(edits)) } });
}

function patchOf(edits: readonly FieldEdit[]): unknown {
  return edits.reduce<unknown>((value, edit) => withValue(value, edit.path, edit.value), {});
}

function byHand(workload: Workload, edits: readonly FieldEdit[]): string {
  const { gateway = '', configMap } = workload.overlay ?? {};
  const where =
    configMap === undefined
      ? `a ConfigMap that Gateway ${gateway} names in spec.infrastructure.parametersRef (it names none yet; --output manifests or diff writes both)`
      : `ConfigMap ${workload.namespace}/${configMap}, which is not among the manifests that can be changed`;
  return `${placeOf(workload)}${workloadKey(workload)} is not rendered: put this under deployment of ${where}:\n${yamlText(patchOf(edits))}`.trimEnd();
}

function placeOf({ source }: Workload): string {
  return source === undefined ? '' : `${source.file}:${source.line}: `;
}
