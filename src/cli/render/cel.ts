// What admission policies of the API server compute and write, as CEL: the same for a policy whose numbers are known when the text is
// made (`render -o map`) and for one that the API server reads with each request (config/admission-policies).
import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import {
  EXIT_ON_ZERO_VARIABLE,
  MINIMUM_DRAIN_VARIABLE,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONTAINER,
} from '../../api/names.ts';
import { NETWORK_PROBES, PROBES } from '../../drain/model/serving.ts';
import { LEAST_MINIMUM_DRAIN_SECONDS } from '../../drain/promise/compile.ts';

/** Known when the text is made, or an expression that tells it. */
export type Choice = boolean | string;

/** What a policy says. Numbers are expressions of whole seconds. */
export interface Terms {
  readonly endpointDelay: string;
  readonly duration: string;
  /** What requests in flight are promised, and the margin. */
  readonly promised: string;
  readonly graceMaximum: string;
  readonly raisesGrace: Choice;
  /** The proxy's settings go into the annotation: not those of a hook, nor of `environment: ProxyConfig`. */
  readonly writesConfig: Choice;
  readonly isFixed: Choice;
  readonly delaysApplications: Choice;
}

/** Where the pod's parts stand in the object, and the CEL types of the way there. */
export interface Place {
  readonly spec: string;
  readonly metadata: string;
  readonly wrap: (metadata: string, spec: string) => string;
  readonly specType: string;
  readonly metadataType: string;
}

export const POD: Place = {
  spec: 'object.spec',
  metadata: 'object.?metadata',
  wrap: (metadata, spec) => `Object{${[metadata, spec].filter((part) => part !== '').join(', ')}}`,
  specType: 'Object.spec',
  metadataType: 'Object.metadata',
};

export const WORKLOAD: Place = {
  spec: 'object.spec.template.spec',
  metadata: 'object.spec.template.?metadata',
  wrap: (metadata, spec) =>
    `Object{spec: Object.spec{template: Object.spec.template{${[metadata, spec].filter((part) => part !== '').join(', ')}}}}`,
  specType: 'Object.spec.template.spec',
  metadataType: 'Object.spec.template.metadata',
};

export interface Variable {
  readonly name: string;
  readonly expression: string;
}

/** The grace period that is there, and the one that the promise needs. */
export function graceVariables(terms: Terms, { spec }: Place): Variable[] {
  return [
    { name: 'grace', expression: `${spec}.?terminationGracePeriodSeconds.orValue(${DEFAULT_GRACE_PERIOD_SECONDS})` },
    {
      name: 'delay',
      expression: `([${terms.endpointDelay}] + ${spec}.containers.filter(c, c.name != "${PROXY_CONTAINER}" && has(c.lifecycle) && has(c.lifecycle.preStop) && has(c.lifecycle.preStop.sleep)).map(c, c.lifecycle.preStop.sleep.seconds)).max()`,
    },
    { name: 'needed', expression: `variables.delay + ${terms.promised}` },
  ];
}

/** What mutations need besides. Where the grace period would stay too short, nothing else is written either. */
export function writeVariables(terms: Terms, { spec }: Place): Variable[] {
  const withinMaximum = `variables.needed <= ${terms.graceMaximum}`;
  const mayRaise =
    terms.raisesGrace === false ? '' : ` || ${allOf([...conditionOf(terms.raisesGrace), withinMaximum])}`;
  return [
    { name: 'fits', expression: `variables.grace >= variables.needed${mayRaise}` },
    ...(terms.delaysApplications === false
      ? []
      : [
          { name: 'apps', expression: `${spec}.containers.filter(c, c.name != "${PROXY_CONTAINER}")` },
          { name: 'serving', expression: `variables.apps.filter(c, ${SERVES})` },
          {
            name: 'late',
            expression:
              '(variables.serving.size() > 0 ? variables.serving : variables.apps).filter(c, !(has(c.lifecycle) && has(c.lifecycle.preStop)))',
          },
        ]),
  ];
}

/** `declaresServing` as CEL. */
const SERVES = [
  '(has(c.ports) && c.ports.size() > 0)',
  ...PROBES.flatMap((probe) => NETWORK_PROBES.map((way) => `(has(c.${probe}) && has(c.${probe}.${way}))`)),
].join(' || ');

/** @param where what has to hold for anything to be written, besides the match conditions */
export function mutationsOf(terms: Terms, place: Place, where: readonly string[] = []): object[] {
  const { specType: spec, metadataType: metadata } = place;
  const container = `${spec}.containers`;
  const all: readonly (readonly [Choice, string, string])[] = [
    [
      terms.raisesGrace,
      'variables.grace < variables.needed',
      place.wrap('', `spec: ${spec}{terminationGracePeriodSeconds: variables.needed}`),
    ],
    [
      terms.writesConfig,
      `!("${PROXY_CONFIG_ANNOTATION}" in ${place.metadata}.?annotations.orValue({}))`,
      place.wrap(`metadata: ${metadata}{annotations: {"${PROXY_CONFIG_ANNOTATION}": ${configText(terms)}}}`, ''),
    ],
    [
      terms.delaysApplications,
      'variables.late.size() > 0',
      place.wrap(
        '',
        `spec: ${spec}{containers: variables.late.map(c, ${container}{name: c.name, lifecycle: ${container}.lifecycle{preStop: ${container}.lifecycle.preStop{sleep: ${container}.lifecycle.preStop.sleep{seconds: ${terms.endpointDelay}}}}})}`,
      ),
    ],
  ];
  return all
    .filter(([choice]) => choice !== false)
    .map(([choice, unlessThere, written]) => ({
      patchType: 'ApplyConfiguration',
      applyConfiguration: {
        expression: `${allOf([...where, 'variables.fits', ...conditionOf(choice), unlessThere])} ? ${written} : Object{}`,
      },
    }));
}

/** The text of the annotation. */
function configText({ duration, isFixed }: Terms): string {
  const fixed = `"terminationDrainDuration: " + string(variables.delay + ${duration}) + "s\\n"`;
  const floor = `variables.delay + ${duration}`;
  const minimum = `${floor} > ${LEAST_MINIMUM_DRAIN_SECONDS} ? "  ${MINIMUM_DRAIN_VARIABLE}: " + string(${floor}) + "s\\n" : ""`;
  const adaptive = `"proxyMetadata:\\n  ${EXIT_ON_ZERO_VARIABLE}: \\"true\\"\\n" + (${minimum})`;
  return typeof isFixed === 'string' ? `(${isFixed} ? ${fixed} : ${adaptive})` : isFixed ? fixed : adaptive;
}

function conditionOf(choice: Choice): string[] {
  return typeof choice === 'string' ? [choice] : [];
}

export function allOf(conditions: readonly string[]): string {
  return conditions.join(' && ');
}
