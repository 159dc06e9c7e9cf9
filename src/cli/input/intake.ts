import {
  EXEMPTION_KIND,
  NAMESPACED_POLICY_KIND,
  POLICY_KIND,
  validateObject,
  type DrainExemption,
  type NamespacedSidecarDrainPolicy,
  type SidecarDrainPolicy,
} from '../../api/policy.ts';
import { DEFAULT_ROOT_NAMESPACE, GATEWAY_API_GROUP, LINKERD_INJECT, PROXY_CONFIG_ANNOTATION } from '../../api/names.ts';
import {
  isIstiod,
  readInjectorWebhooks,
  readIstioConfigMap,
  readIstiod,
  readProxyConfig,
  unknownProxyConfigFields,
} from '../../drain/mesh/facts.ts';
import { readMeshSource, type MeshSettings, type ValueTexts } from '../../drain/mesh/git-sources.ts';
import { deploymentOf } from '../../drain/gateways/deployment.ts';
import { readGateway, readGatewayClass, readOverlay } from '../../drain/gateways/records.ts';
import { workloadKey, type GatewayOverlay, type SourceLocation, type Workload } from '../../drain/model/workload.ts';
import { withKnownKinds } from '../../drain/plan/known-kinds.ts';
import { readNamespacedPolicy, readPolicy, type PolicyRecord } from '../../drain/plan/policies.ts';
import { readBudgetSpec } from '../../drain/price/budgets.ts';
import { readExemption, type ExemptionRecord } from '../../drain/selection/exemptions.ts';
import { at, listOf, recordOf, textOf, type RawObject } from '../../drain/template/raw.ts';
import { groupOf, projectWorkload, shapeProblems, type WorkloadKindAdapter } from '../../drain/template/index.ts';
import { inDestination } from '../repository/destinations.ts';
import { repositoryFile } from '../repository/releases.ts';
import { variableIn } from '../repository/substitution.ts';
import type { Collected } from './collected.ts';
import { templateParts } from './file-kinds.ts';
import type { InputDocument } from './documents.ts';
import { sourceOf } from './lines.ts';
import { takeNodeFact } from './node-facts.ts';
import type { InputProblem } from './problems.ts';
import { lineOf, nearestPosition } from './yaml/positions.ts';

type Value = Readonly<Record<string, unknown>>;

export const OUR_KINDS = [POLICY_KIND, NAMESPACED_POLICY_KIND, EXEMPTION_KIND] as const;
type OurKind = (typeof OUR_KINDS)[number];

function isOurKind(kind: string): kind is OurKind {
  return (OUR_KINDS as readonly string[]).includes(kind);
}

/** Tells of an object that states facts what is wrong with it; `steps` lead to the place. */
type ReportProblem = (kind: InputProblem['kind'], message: string, steps?: readonly string[]) => void;

/** An object that installs istiod, until all was read that it may take values from. */
interface MeshRelease {
  readonly group: string;
  readonly kind: string;
  readonly raw: Value;
  readonly file?: string;
  readonly problem: ReportProblem;
}

export interface IntakeOptions {
  /** Namespace of manifests that state none. */
  readonly namespace: string;
  readonly onWorkload?: (document: InputDocument, workload: Workload) => void;
}

/** Sorts Kubernetes objects into what is kept of them. What is there already (from files) wins over what comes later (from a cluster). */
export class ObjectIntake {
  private readonly into: Collected;
  private readonly options: IntakeOptions;
  private readonly releases: MeshRelease[] = [];

  constructor(into: Collected, options: IntakeOptions) {
    this.into = into;
    this.options = options;
  }

  /** An object of a file. False where it is of no interest. */
  document(document: InputDocument): boolean {
    if (this.into.kinds.has(document.kind) && this.workloadDocument(document)) {
      return true;
    }
    if (isOurKind(document.kind) && document.apiVersion.startsWith('sidecardrain.io/')) {
      this.ourDocument(document, document.kind);
      return true;
    }
    if (this.gatewayDocument(document)) {
      return true;
    }
    const { apiVersion, kind, value, position, file } = document;
    const problem: ReportProblem = (about, message, steps = []) => {
      this.problem({ kind: about, file, line: lineOf(nearestPosition(position, steps)), message });
    };
    const isFact = this.fact(apiVersion, kind, value, problem, file);
    if (!isFact) {
      this.leaveAside(document);
    }
    return isFact;
  }

  /** An object of a cluster, which has vouched for its form. With `judged` a workload is judged and not only asked for facts. */
  object(apiVersion: string, kind: string, value: Value, judged: boolean): void {
    const adapter = this.into.kinds.get(kind, apiVersion);
    if (adapter?.apiVersion === apiVersion) {
      if (judged) {
        this.into.workloads.push(projectWorkload(value, adapter));
      } else if (kind === 'Pod') {
        this.into.livePods.push(projectWorkload(value, adapter));
      }
      this.istiod(kind, value);
      takeNodeFact(this.into.nodes, groupOf(apiVersion), kind, value);
    } else if (kind === EXEMPTION_KIND) {
      this.addExemption(readExemption(value as unknown as DrainExemption));
    } else if (kind === POLICY_KIND || kind === NAMESPACED_POLICY_KIND) {
      const { raw, record } = this.policy(value, kind);
      if (!this.into.policies.some((policy) => policy.record.name === record.name)) {
        this.into.policies.push({ record, raw });
      }
    } else {
      this.fact(apiVersion, kind, value, () => undefined);
    }
  }

  /** What istiod would make from the Gateways of the input, once all of it was read. What it has made is nearer to the truth. */
  gatewayDeployments(): void {
    const into = this.into;
    const adapter = into.kinds.get('Deployment');
    const found = this.controlPlaneNamespaces();
    const systemNamespaces = found.length > 0 ? found : [DEFAULT_ROOT_NAMESPACE];
    for (const { record, document } of adapter === undefined ? [] : into.gateways) {
      const made = deploymentOf(record, { classes: into.gatewayClasses, overlays: into.overlays, systemNamespaces });
      const { file, line } = document;
      if (made.kind === 'NotIstio' || adapter === undefined) {
        continue;
      }
      if (made.kind === 'Refused') {
        const message = `Gateway ${record.name}: istiod makes nothing from it, so it is not judged: ${made.why}`;
        this.problem({ kind: 'Refused', file, line, message });
        continue;
      }
      const workload = projectWorkload(made.deployment, adapter, { source: document.source ?? sourceOf(document, []) });
      if (into.workloads.some((known) => workloadKey(known) === workloadKey(workload))) {
        continue;
      }
      if (made.note !== undefined) {
        this.problem({ kind: 'Incomplete', file, line, message: made.note });
      }
      const own = into.overlays.find((overlay) => overlay === made.own);
      const overlay: GatewayOverlay = {
        gateway: record.name,
        configMap: record.parameters,
        text: own?.deployment,
        at: own?.built === false ? own.at : undefined,
      };
      const judged = { ...workload, overlay };
      into.workloads.push(judged);
      this.options.onWorkload?.(document, judged);
    }
  }

  get sawKarpenter(): boolean {
    return this.into.nodes.karpenter;
  }

  /** Where istiod runs, as far as it was seen; its ConfigMaps stand beside it. */
  controlPlaneNamespaces(): readonly string[] {
    return [...new Set(this.into.istiods.map((istiod) => istiod.namespace))].sort();
  }

  /** False for an object of another group that has no pod template and only the name of its kind in common. */
  private workloadDocument(document: InputDocument): boolean {
    const { kind, apiVersion, value, file, line } = document;
    const adapter = this.into.kinds.get(kind, apiVersion);
    if (adapter === undefined) {
      return false;
    }
    const isKnown = adapter.apiVersion === apiVersion || adapter.manifestVersions?.includes(apiVersion) === true;
    // Kinds of apps come from extensions; a template of another group's kind counts among what is left aside.
    if (!isKnown && ![groupOf(adapter.apiVersion), 'extensions'].includes(groupOf(apiVersion))) {
      return false;
    }
    if (!isKnown) {
      this.problem({
        kind: 'UnknownVersion',
        file,
        line,
        message: `${kind} ${nameOf(value)} has apiVersion ${apiVersion}, which is not known (${adapter.apiVersion} is); not judged`,
      });
      return true;
    }
    if (adapter.templates === undefined) {
      this.oneTemplate(document, adapter);
      return true;
    }
    for (const { steps, part } of templateParts(value, adapter.templates)) {
      this.oneTemplate(document, { ...adapter, templatePath: steps.map(String) }, part);
    }
    return true;
  }

  /** @param part what tells this template from the others of its object; no name of an object has a colon */
  private oneTemplate(document: InputDocument, adapter: WorkloadKindAdapter, part?: string): void {
    const { kind, value, file, line } = document;
    const name = nameOf(value);
    const patch = document.source === undefined ? patchSign(value, adapter) : undefined;
    if (patch !== undefined && !hasItsTemplateElsewhere(value, adapter)) {
      this.problem({
        kind: 'Incomplete',
        file,
        line,
        message: `${name === '' ? `a ${kind}` : `${kind} ${name}`} ${patch}: a patch or a part of one; not judged`,
      });
      return;
    }
    const variable = openVariable(value, adapter);
    if (variable !== undefined) {
      this.problem({ kind: 'Incomplete', file, line, message: `${kind} ${name} is not judged: ${variable}` });
      return;
    }
    // What a chart or a tree has built without containers has none because nothing runs in it.
    if (name === '' || !hasContainers(value, adapter.templatePath) || this.refused(document, adapter)) {
      return;
    }
    const options = {
      namespace: this.options.namespace,
      source: appliedBy(
        document.source ?? sourceOf(document, adapter.templatePath, adapter.graceFrom?.key),
        document.appliedBy,
      ),
    };
    const projected = withMisplacedLines(
      projectWorkload(inDestination(value, document.destination), adapter, options),
      document,
    );
    const workload = part === undefined ? projected : { ...projected, name: `${name}:${part}` };
    this.into.workloads.push(workload);
    this.options.onWorkload?.(document, workload);
    this.istiod(kind, value);
    takeNodeFact(this.into.nodes, groupOf(adapter.apiVersion), kind, value);
  }

  /** A Gateway, or a ConfigMap with overlays for what is made from Gateways. */
  private gatewayDocument(document: InputDocument): boolean {
    const { apiVersion, kind, value, file, line } = document;
    const raw = withNamespace(value, this.options.namespace) as RawObject;
    if (kind === 'Gateway' && groupOf(apiVersion) === GATEWAY_API_GROUP) {
      this.into.gateways.push({ record: readGateway(raw), document });
      return true;
    }
    const overlay = kind === 'ConfigMap' && apiVersion === 'v1' ? readOverlay(raw) : undefined;
    if (overlay !== undefined) {
      this.into.overlays.push({ ...overlay, at: { file, line }, built: document.source !== undefined });
    }
    return overlay !== undefined;
  }

  private leaveAside({ kind, apiVersion, value }: InputDocument): void {
    if (hasPodTemplate(value, TEMPLATE_DEPTH)) {
      const { aside } = this.into.stats;
      const key = `${kind} (${apiVersion})`;
      aside.set(key, (aside.get(key) ?? 0) + 1);
    }
  }

  /** What the API server would not take has no termination to speak of, and no edit of ours makes it right. */
  private refused(document: InputDocument, adapter: WorkloadKindAdapter): boolean {
    const problems = shapeProblems(document.value, adapter);
    for (const { steps, path, message } of problems) {
      this.problem({
        kind: 'Refused',
        file: document.file,
        line: document.source === undefined ? lineOf(nearestPosition(document.position, steps)) : document.line,
        message: `${document.kind} ${nameOf(document.value)} is refused by the API server, so it is not judged: ${path} ${message}`,
      });
    }
    return problems.length > 0;
  }

  /** What an installation is made from; of each revision the first is kept. */
  private meshSettings({ mesh, injector, istiod, notes }: MeshSettings, problem: ReportProblem): void {
    const into = this.into;
    if (into.istiods.some((known) => known.planned === true && known.revision === istiod.revision)) {
      return;
    }
    into.configMaps.push(mesh, injector);
    into.istiods.push(istiod);
    for (const note of notes) {
      problem('MeshSettings', note);
    }
    if (mesh.unreadable !== undefined) {
      problem(
        'MeshSettings',
        `${mesh.from}: istiod would not read its mesh config (${mesh.unreadable}) and runs without it`,
      );
    }
  }

  private istiod(kind: string, value: Value): void {
    const raw = value as Parameters<typeof readIstiod>[0];
    if (kind !== 'Deployment' || !isIstiod(raw)) {
      return;
    }
    const record = readIstiod(raw);
    if (!this.into.istiods.some((known) => known.namespace === record.namespace && known.name === record.name)) {
      this.into.istiods.push(record);
    }
  }

  /** What releases of Istio say, once all was read that they may take values from. */
  meshReleases(): void {
    for (const { group, kind, raw, file, problem } of this.releases.splice(0)) {
      const texts: ValueTexts = (reference) => {
        if (reference.kind === 'File') {
          return file === undefined ? undefined : repositoryFile(file, reference.path);
        }
        return textOf(this.into.valueMaps.get(`${reference.namespace}/${reference.name}`)?.[reference.key]);
      };
      const settings = readMeshSource(group, kind, raw, texts);
      if (settings !== undefined) {
        this.meshSettings(settings, problem);
      }
    }
  }

  /** @param file where the object stands, if it does in one */
  private fact(apiVersion: string, kind: string, value: Value, problem: ReportProblem, file?: string): boolean {
    const group = groupOf(apiVersion);
    const raw = withNamespace(value, this.options.namespace);
    const into = this.into;
    switch (`${group}/${kind}`) {
      case '/Namespace':
        if (!into.namespaces.has(nameOf(value))) {
          into.namespaces.set(nameOf(value), labelsOf(value));
          if (['enabled', 'ingress'].includes(String(annotationsOf(value)[LINKERD_INJECT]))) {
            into.linkerdNamespaces.add(nameOf(value));
          }
          if (annotationsOf(value)[PROXY_CONFIG_ANNOTATION] !== undefined) {
            problem(
              'Misplaced',
              `Namespace ${nameOf(value)} has the annotation ${PROXY_CONFIG_ANNOTATION}, which Istio reads on pods only`,
              ['metadata', 'annotations', PROXY_CONFIG_ANNOTATION],
            );
          }
        }
        return true;
      case 'networking.istio.io/ProxyConfig': {
        const record = readProxyConfig(raw);
        for (const field of unknownProxyConfigFields(value)) {
          problem(
            'Misplaced',
            `ProxyConfig ${record.namespace}/${record.name} has spec.${field}, which this resource does not have: it is dropped or refused; durations stand in the annotation ${PROXY_CONFIG_ANNOTATION} or in meshConfig.defaultConfig`,
            ['spec', field],
          );
        }
        if (!into.proxyConfigs.some((known) => known.namespace === record.namespace && known.name === record.name)) {
          into.proxyConfigs.push(record);
        }
        return true;
      }
      case 'admissionregistration.k8s.io/MutatingWebhookConfiguration':
        if (
          labelsOf(value)['app'] === 'sidecar-injector' &&
          !into.webhooks.some((known) => known.configuration === nameOf(value))
        ) {
          into.webhooks.push(...readInjectorWebhooks(raw));
        }
        return true;
      case '/ConfigMap': {
        const record = readIstioConfigMap(raw);
        if (record === undefined) {
          if (file !== undefined) {
            into.valueMaps.set(
              `${textOf(recordOf(raw['metadata'])['namespace']) ?? ''}/${nameOf(value)}`,
              recordOf(value['data']),
            );
          }
          return takeNodeFact(into.nodes, group, kind, value);
        }
        if (!into.configMaps.some((known) => isSameRecord(known, record))) {
          into.configMaps.push(record);
          if (record.unreadable !== undefined) {
            problem(
              'MeshSettings',
              isSubstituted(value)
                ? `ConfigMap ${nameOf(value)} has variables that are put in when it is applied (\${NAME}, as Flux' postBuild.substitute does): what the mesh is set to is not known`
                : `ConfigMap ${nameOf(value)} cannot be read by istiod, which then runs with its defaults or what it read before: ${record.unreadable}`,
            );
          }
        }
        return true;
      }
      case `${GATEWAY_API_GROUP}/GatewayClass`:
        into.gatewayClasses.push(readGatewayClass(raw));
        return true;
      case 'maistra.io/ServiceMeshControlPlane':
        problem('MeshSettings', `${kind} ${nameOf(value)} holds settings of a mesh that are not read`);
        return true;
      case 'policy/PodDisruptionBudget': {
        const budget = readBudgetSpec(raw);
        if (!into.budgets.some(({ namespace, name }) => namespace === budget.namespace && name === budget.name)) {
          into.budgets.push(budget);
        }
        return true;
      }
      default: {
        if (takeNodeFact(into.nodes, group, kind, value)) {
          return true;
        }
        const settings = readMeshSource(group, kind, raw);
        if (settings !== undefined) {
          this.releases.push({ group, kind, raw, file, problem });
        }
        return settings !== undefined;
      }
    }
  }

  private ourDocument(document: InputDocument, kind: OurKind): void {
    const { file, position, value } = document;
    const line = lineOf(position);
    const problems = validateObject(value, kind);
    for (const problem of problems) {
      this.problem({
        kind: 'Policy',
        file,
        line: lineOf(nearestPosition(document.position, stepsOf(problem.path))),
        message: `${kind} ${nameOf(value)} is refused: ${problem.path}: ${problem.message}`,
      });
    }
    if (problems.length > 0) {
      return;
    }
    const read =
      kind === EXEMPTION_KIND
        ? readExemption(value as unknown as DrainExemption, this.options.namespace)
        : this.policy(value, kind);
    const record = 'record' in read ? read.record : read;
    if (record.stalled !== undefined) {
      this.problem({
        kind: 'Policy',
        file,
        line,
        message: `${kind} ${record.name} cannot be evaluated: ${record.stalled.message}`,
      });
    }
    if ('record' in read) {
      this.into.policies.push({ ...read, file, line });
    } else {
      this.addExemption(read);
    }
  }

  private policy(
    value: Value,
    kind: Exclude<OurKind, typeof EXEMPTION_KIND>,
  ): { readonly raw: SidecarDrainPolicy | NamespacedSidecarDrainPolicy; readonly record: PolicyRecord } {
    if (kind === NAMESPACED_POLICY_KIND) {
      const raw = value as unknown as NamespacedSidecarDrainPolicy;
      return { raw, record: this.known(readNamespacedPolicy(raw, this.options.namespace)) };
    }
    const raw = value as unknown as SidecarDrainPolicy;
    return { raw, record: this.known(readPolicy(raw)) };
  }

  private addExemption(record: ExemptionRecord): void {
    if (!this.into.exemptions.some(({ name }) => name === record.name)) {
      this.into.exemptions.push(record);
    }
  }

  private known(record: PolicyRecord): PolicyRecord {
    return withKnownKinds(record, this.into.kinds.governed);
  }

  private problem(problem: InputProblem): void {
    this.into.problems.push(problem);
  }
}

function stepsOf(path: string): (string | number)[] {
  return path
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

/** Where several apply the same manifest, each in its way, every finding tells whose it is. */
function appliedBy(source: SourceLocation, by: string | undefined): SourceLocation {
  return by === undefined
    ? source
    : { ...source, builtFrom: [source.builtFrom, by].filter(Boolean).join(', applied by ') };
}

/** The lines of what stands in the wrong place, which are not among those that every source has. */
function withMisplacedLines(workload: Workload, document: InputDocument): Workload {
  const { source, misplaced } = workload;
  // What a tree has built has its lines elsewhere.
  if (source === undefined || misplaced === undefined || document.source !== undefined) {
    return workload;
  }
  const lines = misplaced.map(({ path, steps }) => [path, lineOf(nearestPosition(document.position, steps))] as const);
  return { ...workload, source: { ...source, fieldLines: { ...source.fieldLines, ...Object.fromEntries(lines) } } };
}

/** A Rollout with workloadRef: the Deployment that it names is judged. */
function hasItsTemplateElsewhere(value: Value, adapter: WorkloadKindAdapter): boolean {
  return adapter.limit?.(value)?.reason === 'TemplateElsewhere';
}

/** A variable that something puts in when it applies the object (Flux, envsubst), in a value that decides and that nothing else is. */
function openVariable(value: unknown, { templatePath, graceFrom }: WorkloadKindAdapter): string | undefined {
  const grace = graceFrom?.key ?? 'terminationGracePeriodSeconds';
  const annotations = recordOf(at(value, [...templatePath, 'metadata', 'annotations']));
  const found = [
    [grace, at(value, [...templatePath, 'spec', grace])],
    [PROXY_CONFIG_ANNOTATION, annotations[PROXY_CONFIG_ANNOTATION]],
  ].find(([, each]) => variableIn(each) !== undefined);
  return found === undefined
    ? undefined
    : `${String(found[0])} has the variable \${${variableIn(found[1]) ?? ''}}, and nothing in the input tells what is put in when it is applied`;
}

/**
 * What tells a patch from a workload: a directive of strategic merge, or what every workload has and the patch leaves
 * out. Only workloads have an image for every container and a selector.
 */
function patchSign(value: unknown, adapter: WorkloadKindAdapter): string | undefined {
  if (nameOf(value) === '') {
    return 'without a name';
  }
  if (hasDirective(value, adapter.templatePath)) {
    return 'has a $patch directive';
  }
  const containers = containersOf(value, adapter.templatePath);
  if (containers.length === 0) {
    return `has no containers in ${[...adapter.templatePath, 'spec'].join('.')}`;
  }
  const withoutImage = containers.map(recordOf).find(({ image }) => typeof image !== 'string');
  const hasSelector =
    recordOf(value)['spec'] !== undefined && recordOf(recordOf(value)['spec'])['selector'] !== undefined;
  return withoutImage !== undefined && !hasSelector && adapter.templatePath.length > 0
    ? `has no selector, and no image for the container ${nameOf({ metadata: withoutImage })}`.trimEnd()
    : undefined;
}

/** A pod template stands at most this deep in an object. */
const TEMPLATE_DEPTH = 10;

/** Directives stand beside what they are about: in one of the maps down to the pod, or in an entry of one of its lists. */
function hasDirective(value: unknown, templatePath: readonly string[]): boolean {
  const path = [...templatePath, 'spec'];
  for (let length = 0; length <= path.length; length++) {
    if (hasDirectiveKey(recordOf(at(value, path.slice(0, length))))) {
      return true;
    }
  }
  return Object.values(recordOf(at(value, path))).some(
    (list) => Array.isArray(list) && list.some((item) => hasDirectiveKey(recordOf(item))),
  );
}

/** https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md */
function hasDirectiveKey(map: Value): boolean {
  return Object.keys(map).some((key) => key.startsWith('$') && DIRECTIVE.test(key));
}

const DIRECTIVE = /^\$(patch$|retainKeys$|setElementOrder\/|deleteFromPrimitiveList\/)/;

/** Anything with `spec.containers` below it that is a list of maps with a name or an image. */
function hasPodTemplate(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth === 0) {
    return false;
  }
  const containers = recordOf(recordOf(value)['spec'])['containers'];
  if (Array.isArray(containers) && containers.some((each) => recordOf(each)['image'] !== undefined)) {
    return true;
  }
  return Object.values(value).some((child) => hasPodTemplate(child, depth - 1));
}

/** https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution */
function isSubstituted(value: Value): boolean {
  return Object.values(recordOf(value['data'])).some((text) => typeof text === 'string' && /\$\{\w+\b/.test(text));
}

type IstioRecord = Collected['configMaps'][number];

/** The same object, or another one that says the same of the same revision. */
function isSameRecord(a: IstioRecord, b: IstioRecord): boolean {
  const shared = (each: IstioRecord): boolean => each.kind === 'MeshConfig' && each.shared === true;
  return a.kind === b.kind && a.revision === b.revision && a.planned === b.planned && shared(a) === shared(b);
}

function hasContainers(value: unknown, templatePath: readonly string[]): boolean {
  return containersOf(value, templatePath).length > 0;
}

function containersOf(value: unknown, templatePath: readonly string[]): readonly unknown[] {
  return listOf(recordOf(recordOf(at(value, templatePath))['spec'])['containers']);
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
