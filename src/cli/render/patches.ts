import { withValue } from './documents.ts';
import type { EditValue, PathStep } from './edit.ts';
import { CliError } from '../command.ts';
import { nameInRoot } from '../repository/kustomization.ts';
import type { ManifestShape, RenderedWorkload } from './run.ts';
import { yamlText } from './yaml-text.ts';

/**
 * A Kustomize component with a strategic merge patch for each workload: overlays name it under `components`. What comes
 * from a build is named as it is inside of it, before the overlay puts its own prefix and namespace on it.
 */
export function kustomizeComponent(rendered: readonly RenderedWorkload[]): string {
  const patches = rendered.map(({ workload, edits, shape: { statesNamespace }, root }) => {
    const { apiVersion, kind, namespace } = workload;
    const name = root === undefined ? workload.name : nameInRoot(workload.name, root);
    const isIn = root === undefined && statesNamespace;
    const head = { apiVersion, kind, metadata: isIn ? { name, namespace } : { name } };
    const object = edits.reduce<unknown>((value, edit) => withValue(value, edit.path, edit.value), head);
    const patch = yamlText(object);
    return root === undefined ? { patch } : { patch, target: { kind, name: name.replaceAll('.', '\\.') } };
  });
  const distinct = [...new Map(patches.map((each) => [JSON.stringify(each), each])).values()];
  const targets = distinct.map(({ target }) => JSON.stringify(target)).filter((each) => each !== undefined);
  const twice = targets.find((each, index) => targets.indexOf(each) !== index);
  if (twice !== undefined) {
    throw new CliError(
      `the kustomizations want different values for ${twice}, and a component would give all of them the same: render one of them`,
    );
  }
  return yamlText({ apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind: 'Component', patches: distinct });
}

/** JSON patches (RFC 6902), each with the object that it is for. */
export function jsonPatches(rendered: readonly RenderedWorkload[]): string {
  const patches = rendered.map(({ workload, edits, shape }) => {
    const { apiVersion, kind, namespace, name, template } = workload;
    const present = {
      pointers: presence(
        shape,
        edits.map((edit) => edit.path),
      ),
      containers: template.spec.containers,
    };
    return {
      target: { apiVersion, kind, name, ...(shape.statesNamespace ? { namespace } : {}) },
      patch: edits.flatMap((edit) => operations(edit.path, edit.value, present)),
    };
  });
  return `${JSON.stringify(patches, null, 2)}\n`;
}

interface Presence {
  /** JSON pointers of what is there, so that parents are added where they are missing and only there. */
  readonly pointers: Set<string>;
  readonly containers: readonly { readonly name: string; readonly lifecycle?: unknown }[];
}

function presence(shape: ManifestShape, paths: readonly (readonly PathStep[])[]): Set<string> {
  const prefix = paths[0]?.slice(0, paths[0].findLastIndex((step) => step === 'template') + 1) ?? [];
  const base = pointer(prefix);
  const pointers = new Set<string>();
  if (shape.hasTemplateMetadata) {
    pointers.add(`${base}/metadata`);
  }
  if (shape.hasTemplateAnnotations) {
    pointers.add(`${base}/metadata/annotations`);
  }
  return pointers;
}

function pointer(path: readonly (PathStep | number)[]): string {
  return path
    .map(
      (step) => `/${(typeof step === 'object' ? step.name : String(step)).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    )
    .join('');
}

function operations(
  path: readonly PathStep[],
  value: EditValue,
  { pointers, containers }: Presence,
): { op: 'add'; path: string; value: unknown }[] {
  const named = path.findIndex((step) => typeof step === 'object');
  if (named !== -1) {
    const { name } = path[named] as { name: string };
    const index = containers.findIndex((container) => container.name === name);
    const list = path.slice(0, named);
    if (index === -1) {
      return [{ op: 'add', path: `${pointer(list)}/-`, value: { name, ...(value as object) } }];
    }
    const inside = path.slice(named + 1);
    return containers[index]?.lifecycle === undefined
      ? [{ op: 'add', path: pointer([...list, index, 'lifecycle']), value: { preStop: value } }]
      : [{ op: 'add', path: pointer([...list, index, ...inside]), value }];
  }
  for (let length = 1; length < path.length; length++) {
    const parent = pointer(path.slice(0, length));
    if (parent.includes('/metadata') && !pointers.has(parent)) {
      pointers.add(parent);
      const rest = path.slice(length) as string[];
      return [
        { op: 'add', path: parent, value: rest.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value) },
      ];
    }
  }
  return [{ op: 'add', path: pointer(path), value }];
}
