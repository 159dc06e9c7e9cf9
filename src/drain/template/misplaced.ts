import { EXIT_ON_ZERO_VARIABLE, INJECT_KEY, MINIMUM_DRAIN_VARIABLE, PROXY_CONTAINER } from '../../api/names.ts';
import type { Misplaced } from '../model/workload.ts';
import type { TemplatePlace } from './kinds.ts';
import { listOf, recordOf, textOf } from './raw.ts';
import type { Raw, RawObject } from './raw.ts';
import { pathText } from './shape.ts';

/**
 * Settings that stand where neither Kubernetes nor Istio reads them: an annotation beside or above the pod template's,
 * a variable of the proxy on an application's container, a grace period in a container. Undefined where there are none.
 */
export function misplacedSettings(raw: RawObject, place: MisplacedPlace): readonly Misplaced[] | undefined {
  const search = new Search(raw, place);
  search.parents();
  search.template();
  search.containers();
  return search.found.length === 0 ? undefined : search.found;
}

interface MisplacedPlace extends TemplatePlace {
  readonly kind: string;
  /** Its own fields may bear any name. */
  readonly custom?: true;
}

type Steps = readonly (string | number)[];

/** On a container of the application they tell the proxy nothing. */
const PROXY_VARIABLES: ReadonlySet<string> = new Set([EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE]);
const GRACE = 'terminationGracePeriodSeconds';
const MOST_FOUND = 20;

class Search {
  readonly found: Misplaced[] = [];
  private readonly raw: Raw;
  private readonly place: MisplacedPlace;
  private readonly podTemplate: Raw;

  constructor(raw: RawObject, place: MisplacedPlace) {
    this.raw = recordOf(raw);
    this.place = place;
    this.podTemplate = place.templatePath.reduce<Raw>((value, key) => recordOf(value[key]), this.raw);
  }

  /** From the object down to what holds the template. */
  parents(): void {
    let object = this.raw;
    const steps: string[] = [];
    for (const key of this.place.templatePath) {
      if (isSet(object['metadata'])) {
        const metadata = recordOf(object['metadata']);
        const inside = [...steps, 'metadata'];
        this.strayKeys(metadata, inside);
        this.annotations(metadata, inside);
        this.inject(metadata, inside);
      }
      if (this.place.custom !== true) {
        this.strayKeys(object, steps);
        this.annotations(object, steps);
        this.grace(object, steps);
      }
      object = recordOf(object[key]);
      steps.push(key);
    }
  }

  template(): void {
    const { templatePath } = this.place;
    const metadata = recordOf(this.podTemplate['metadata']);
    const spec = recordOf(this.podTemplate['spec']);
    const inMetadata = [...templatePath, 'metadata'];
    const inSpec = [...templatePath, 'spec'];
    this.strayKeys(metadata, inMetadata);
    this.strayKeys(this.podTemplate, templatePath);
    this.strayKeys(spec, inSpec);
    this.annotations(this.podTemplate, templatePath);
    this.annotations(spec, inSpec);
    this.grace(metadata, inMetadata);
    this.grace(this.podTemplate, templatePath);
    for (const hook of ['lifecycle', 'preStop']) {
      this.other(spec, hook, inSpec, 'hooks belong in a container, below its lifecycle');
    }
  }

  containers(): void {
    const spec = recordOf(this.podTemplate['spec']);
    for (const list of ['containers', 'initContainers']) {
      for (const [index, value] of listOf(spec[list]).entries()) {
        const container = recordOf(value);
        const variables = listOf(container['env']).some(isForProxy);
        if (!variables && !isSet(container[GRACE]) && !isSet(container['preStop'])) {
          continue;
        }
        const steps = [...this.place.templatePath, 'spec', list, index];
        this.grace(container, steps);
        this.other(container, 'preStop', steps, 'a hook belongs below the lifecycle of its container');
        if (variables && container['name'] !== PROXY_CONTAINER && !isProxyImage(container['image'])) {
          this.variables(container, steps);
        }
      }
    }
  }

  private add(code: Misplaced['code'], steps: Steps, message: string): void {
    if (this.found.length < MOST_FOUND) {
      this.found.push({ code, steps, path: pathText(steps), message });
    }
  }

  /** `proxy.istio.io/config` as a field of metadata, of the template: a level is missing. */
  private strayKeys(object: Raw, steps: Steps): void {
    for (const key of Object.keys(object)) {
      if (key.includes('istio.io/')) {
        this.add(
          'AnnotationMisplaced',
          [...steps, key],
          `${key} is in ${pathText(steps)}, which has no such field; it is an annotation of the pod template`,
        );
      }
    }
  }

  /** Those that stand directly in an object. */
  private annotations(object: Raw, place: Steps): void {
    const value = object['annotations'];
    if (!isSet(value)) {
      return;
    }
    const steps = [...place, 'annotations'];
    const own = recordOf(recordOf(this.podTemplate['metadata'])['annotations']);
    for (const key of Object.keys(recordOf(value))) {
      // Tools that set an annotation everywhere set it on the template too.
      if (isForPods(key) && (own[key] === undefined || key === 'proxy.istio.io/config')) {
        const where =
          steps.length === 2 && steps[0] === 'metadata' ? `on the ${this.place.kind} itself` : `in ${pathText(steps)}`;
        this.add('AnnotationMisplaced', [...steps, key], `${key} is ${where}; Istio reads it only on the pod template`);
      }
    }
  }

  private inject(metadata: Raw, place: Steps): void {
    const own = recordOf(recordOf(this.podTemplate['metadata'])['labels']);
    if (recordOf(metadata['labels'])[INJECT_KEY] !== undefined && own[INJECT_KEY] === undefined) {
      const steps = [...place, 'labels'];
      this.add(
        'AnnotationMisplaced',
        [...steps, INJECT_KEY],
        `the label ${INJECT_KEY} is in ${pathText(steps)}; Istio reads it only on the pod template`,
      );
    }
  }

  private grace(object: Raw, steps: Steps): void {
    if (isSet(object[GRACE])) {
      const place = pathText([...this.place.templatePath, 'spec']);
      this.other(object, GRACE, steps, `the grace period of the pods belongs in ${place}`);
    }
  }

  private other(object: Raw, field: string, steps: Steps, right: string): void {
    if (isSet(object[field])) {
      const where = steps.length === 0 ? `the ${this.place.kind} itself` : pathText(steps);
      this.add('SettingMisplaced', [...steps, field], `${field} is in ${where}, where nothing reads it; ${right}`);
    }
  }

  private variables(container: Raw, steps: Steps): void {
    for (const [index, variable] of listOf(container['env']).entries()) {
      if (isForProxy(variable)) {
        const name = textOf(recordOf(variable)['name']) ?? '';
        this.add(
          'SettingMisplaced',
          [...steps, 'env', index],
          `${name} is set on container ${textOf(container['name']) ?? ''}; the proxy reads it from its own environment (proxyMetadata of proxy.istio.io/config)`,
        );
      }
    }
  }
}

function isForProxy(variable: unknown): boolean {
  const name = recordOf(variable)['name'];
  return typeof name === 'string' && PROXY_VARIABLES.has(name);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The groups of annotations that the injector and the proxy read from pods. */
function isForPods(key: string): boolean {
  return key.includes('istio.io/') && /^(proxy|sidecar|inject)\.istio\.io\//.test(key);
}

/** Gateways run the proxy in containers of any name. */
function isProxyImage(image: unknown): boolean {
  return typeof image === 'string' && /(^|\/)(proxyv2|proxy_init|pilot-agent)\b|^auto$/.test(image);
}
