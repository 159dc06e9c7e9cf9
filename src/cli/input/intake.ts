import { POLICY_KIND, validatePolicy, type SidecarDrainPolicy } from '../../api/policy.ts';
import { PROXY_CONFIG_ANNOTATION } from '../../api/names.ts';
import {
  isIstiod, readInjectorWebhooks, readIstioConfigMap, readIstiod, readKubeletMinor, readProxyConfig,
} from '../../drain/mesh/facts.ts';
import type { Workload } from '../../drain/model/workload.ts';
import { readPolicy } from '../../drain/plan/policies.ts';
import { projectWorkload, type WorkloadKindAdapter } from '../../drain/template/index.ts';
import type { Collected } from './collected.ts';
import type { InputDocument } from './documents.ts';
import { judgedKind } from './kinds.ts';
import { sourceOf } from './lines.ts';
import type { InputProblem } from './problems.ts';
import { lineOf, positionAt } from './yaml/positions.ts';

type Value = Readonly<Record<string, unknown>>;

export interface IntakeOptions {
  /** Namespace of manifests that state none. */
  readonly namespace: string;
  readonly onWorkload?: (document: InputDocument, workload: Workload) => void;
}

/** Sorts Kubernetes objects into what is kept of them. What is there already (from files) wins over what comes later (from a cluster). */
export class ObjectIntake {
  readonly #into: Collected;
  readonly #options: IntakeOptions;

  constructor(into: Collected, options: IntakeOptions) {
    this.#into = into;
    this.#options = options;
  }

  /** An object of a file. False where it is of no interest. */
  document(document: InputDocument): boolean {
    if (judgedKind(document.kind) !== undefined) {
      this.#workloadDocument(document);
      return true;
    }
    if (document.kind === POLICY_KIND && document.apiVersion.startsWith('sidecardrain.io/')) {
      this.#policyDocument(document);
      return true;
    }
    return this.#fact(document.apiVersion, document.kind, document.value, (message) => {
      this.#problem({ kind: 'Syntax', file: document.file, line: document.line, message });
    });
  }

  /** An object of a cluster, which has vouched for its form. With `judged` a workload is judged and not only asked for facts. */
  object(apiVersion: string, kind: string, value: Value, judged: boolean): void {
    const adapter = judgedKind(kind);
    if (adapter !== undefined) {
      if (judged) {
        this.#into.workloads.push(withMisplaced(projectWorkload(value, adapter), value, adapter));
      }
      this.#istiod(kind, value);
    } else if (kind === POLICY_KIND) {
      const raw = value as unknown as SidecarDrainPolicy;
      if (!this.#into.policies.some((policy) => policy.record.name === nameOf(value))) {
        this.#into.policies.push({ record: readPolicy(raw), raw });
      }
    } else {
      this.#fact(apiVersion, kind, value, () => undefined);
    }
  }

  /** Where istiod runs, as far as it was seen; its ConfigMaps stand beside it. */
  controlPlaneNamespaces(): readonly string[] {
    return [...new Set(this.#into.istiods.map((istiod) => istiod.namespace))].sort();
  }

  #workloadDocument(document: InputDocument): void {
    const { kind, apiVersion, value, file, line } = document;
    const adapter = judgedKind(kind);
    if (adapter === undefined) {
      return;
    }
    const name = nameOf(value);
    if (adapter.apiVersion !== apiVersion) {
      this.#problem({ kind: 'UnknownVersion', file, line, message: `${kind} ${name} has apiVersion ${apiVersion}, which is not known (${adapter.apiVersion} is); not judged` });
      return;
    }
    if (name === '' || !hasContainers(value, adapter.templatePath)) {
      const what = name === '' ? `a ${kind} without a name` : `${kind} ${name} has no containers in ${[...adapter.templatePath, 'spec'].join('.')}`;
      this.#problem({ kind: 'Incomplete', file, line, message: `${what}: a patch or a part of one, perhaps; not judged` });
      return;
    }
    const options = { namespace: this.#options.namespace, source: sourceOf(document, adapter.templatePath) };
    const workload = withMisplaced(projectWorkload(value, adapter, options), value, adapter);
    this.#into.workloads.push(workload);
    this.#options.onWorkload?.(document, workload);
    this.#istiod(kind, value);
  }

  #istiod(kind: string, value: Value): void {
    const raw = value as Parameters<typeof readIstiod>[0];
    if (kind !== 'Deployment' || !isIstiod(raw)) {
      return;
    }
    const record = readIstiod(raw);
    if (!this.#into.istiods.some((known) => known.namespace === record.namespace && known.name === record.name)) {
      this.#into.istiods.push(record);
    }
  }

  #fact(apiVersion: string, kind: string, value: Value, problem: (message: string) => void): boolean {
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const raw = withNamespace(value, this.#options.namespace);
    const into = this.#into;
    switch (`${group}/${kind}`) {
      case '/Namespace':
        if (!into.namespaces.has(nameOf(value))) {
          into.namespaces.set(nameOf(value), labelsOf(value));
        }
        return true;
      case 'networking.istio.io/ProxyConfig': {
        const record = readProxyConfig(raw);
        if (!into.proxyConfigs.some((known) => known.namespace === record.namespace && known.name === record.name)) {
          into.proxyConfigs.push(record);
        }
        return true;
      }
      case 'admissionregistration.k8s.io/MutatingWebhookConfiguration':
        if (labelsOf(value)['app'] === 'sidecar-injector' && !into.webhooks.some((known) => known.configuration === nameOf(value))) {
          into.webhooks.push(...readInjectorWebhooks(raw));
        }
        return true;
      case '/ConfigMap': {
        const record = readIstioConfigMap(raw);
        if (record !== undefined && !into.configMaps.some((known) => known.kind === record.kind && known.revision === record.revision)) {
          into.configMaps.push(record);
          if (record.unreadable !== undefined) {
            problem(`ConfigMap ${nameOf(value)} cannot be read as Istio's: ${record.unreadable}`);
          }
        }
        return record !== undefined;
      }
      case '/Node': {
        const minor = readKubeletMinor(value);
        if (minor !== undefined && !into.kubeletMinors.has(nameOf(value))) {
          into.kubeletMinors.set(nameOf(value), minor);
        }
        return true;
      }
      default:
        return false;
    }
  }

  #policyDocument(document: InputDocument): void {
    const { file, position, value } = document;
    const problems = validatePolicy(value);
    for (const problem of problems) {
      const line = lineOf(nearestPosition(document, problem.path));
      this.#problem({ kind: 'Policy', file, line, message: `SidecarDrainPolicy ${nameOf(value)} is refused: ${problem.path}: ${problem.message}` });
    }
    if (problems.length > 0) {
      return;
    }
    const raw = value as unknown as SidecarDrainPolicy;
    const record = readPolicy(raw);
    if (record.stalled !== undefined) {
      this.#problem({ kind: 'Policy', file, line: lineOf(position), message: `SidecarDrainPolicy ${record.name} cannot be evaluated: ${record.stalled.message}` });
    }
    this.#into.policies.push({ record, raw, file, line: lineOf(position) });
  }

  #problem(problem: InputProblem): void {
    this.#into.problems.push(problem);
  }
}

function nearestPosition(document: InputDocument, path: string): InputDocument['position'] {
  const steps = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  for (let length = steps.length; length > 0; length--) {
    const position = positionAt(document.position, steps.slice(0, length));
    if (position !== undefined) {
      return position;
    }
  }
  return document.position;
}

/** Istio reads this annotation on pods only; on the workload itself it is a mistake that a finding names. */
function withMisplaced(workload: Workload, value: unknown, adapter: WorkloadKindAdapter): Workload {
  if (adapter.templatePath.length === 0 || workload.misplaced !== undefined || annotationsOf(value)[PROXY_CONFIG_ANNOTATION] === undefined) {
    return workload;
  }
  return { ...workload, misplaced: [PROXY_CONFIG_ANNOTATION] };
}

function hasContainers(value: unknown, templatePath: readonly string[]): boolean {
  let current = value;
  for (const key of [...templatePath, 'spec', 'containers']) {
    current = recordOf(current)[key];
  }
  return Array.isArray(current) && current.length > 0;
}

function withNamespace(value: Readonly<Record<string, unknown>>, namespace: string): Readonly<Record<string, unknown>> {
  const metadata = recordOf(value['metadata']);
  return { ...value, metadata: { ...metadata, namespace: metadata['namespace'] ?? namespace } };
}

function nameOf(value: unknown): string {
  const name = recordOf(recordOf(value)['metadata'])['name'];
  return typeof name === 'string' ? name : '';
}

function labelsOf(value: unknown): Readonly<Record<string, string>> {
  return recordOf(recordOf(recordOf(value)['metadata'])['labels']) as Record<string, string>;
}

function annotationsOf(value: unknown): Readonly<Record<string, unknown>> {
  return recordOf(recordOf(recordOf(value)['metadata'])['annotations']);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
}
