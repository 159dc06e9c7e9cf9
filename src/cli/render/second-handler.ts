// Taking our hook of istio-proxy out from beside one that its owner adds, as CEL: for clusters without the webhook, which does the
// same (src/drain/admit/second-handler.ts). Both are held to one table, test/fixtures/drain/second-handlers.ts.
import { FIELD_MANAGER, PROXY_CONTAINER, STATE_ANNOTATION } from '../../api/names.ts';
import { NOT_WRITTEN_BY_US, PROXY_HOOKS, type MatchCondition, type ProxyHook } from '../../drain/admit/index.ts';
import { SPEC_TEMPLATE, WORKLOAD_KINDS } from '../../drain/template/index.ts';
import { LIFECYCLE_FIELDS, NOTE_PATH } from '../../drain/template/ownership.ts';
import { allOf, type Variable } from './cel.ts';

/** In our note: what stood in the hook before us. A text inside of it has its quotes escaped, so it cannot look like the end. */
const BEFORE = '"proxyContainer":\\{"before":(null|\\{"lifecycle":(?s:.*?)\\}),"wrote":"';

/** In our note: the number of characters of the handler that we wrote. */
const LENGTH: Readonly<Record<ProxyHook, string>> = {
  preStop: `${BEFORE}[0-9]+-`,
  postStart: `${BEFORE}[^"]*","postStart":"[0-9]+-`,
};

/** The API server's own kinds: of others the containers are one value to it, or it does not look into them. */
const GROUPS = ['apps', 'batch'];
const RULES = GROUPS.map((group) => ({
  apiGroups: [group],
  apiVersions: ['v1'],
  operations: ['UPDATE'],
  resources: WORKLOAD_KINDS.filter(
    ({ apiVersion, reportedOnly }) => apiVersion === `${group}/v1` && reportedOnly !== true,
  ).map(({ plural }) => plural),
}));

/** Where pod templates stand: a CronJob's, and those of the other kinds. */
const PATHS = [['spec', 'jobTemplate', 'spec', 'template'], SPEC_TEMPLATE] as const;
const IS_CRON_JOB = 'has(object.spec.jobTemplate)';

function templateOf(object: string): string {
  return `(${IS_CRON_JOB} ? ${PATHS.map((path) => [object, ...path].join('.')).join(' : ')})`;
}

const PROXIES = `${templateOf('object')}.spec.containers.filter(c, c.name == "${PROXY_CONTAINER}")`;
const TWO_HANDLERS: MatchCondition = {
  name: 'two-handlers',
  expression: `${PROXIES}.exists(c, has(c.lifecycle) && (${PROXY_HOOKS.map((hook) => `(has(c.lifecycle.${hook}) && c.lifecycle.${hook}.size() > 1)`).join(' || ')}))`,
};

const NOTED: MatchCondition = {
  name: 'noted',
  expression: `oldObject.metadata.?annotations[?${text(STATE_ANNOTATION)}].orValue("").contains(${text('"proxyContainer":')})`,
};

const VARIABLES: readonly Variable[] = [
  { name: 'note', expression: `oldObject.metadata.annotations[${text(STATE_ANNOTATION)}]` },
  { name: 'containers', expression: `dyn(${templateOf('object')}.spec.containers)` },
  {
    name: 'index',
    expression: `lists.range(variables.containers.size()).filter(i, variables.containers[i].name == "${PROXY_CONTAINER}")[0]`,
  },
  { name: 'lifecycle', expression: 'variables.containers[variables.index].lifecycle' },
  {
    name: 'oldLifecycle',
    expression: `dyn(${templateOf('oldObject')}.spec.containers).filter(c, c.name == "${PROXY_CONTAINER}" && has(c.lifecycle)).map(c, c.lifecycle)`,
  },
  {
    name: 'stated',
    expression: `oldObject.metadata.?managedFields.orValue([]).filter(m, m.operation == "Apply" && m.manager != "${FIELD_MANAGER}" && !${within('m.?fieldsV1', NOTE_PATH)}.hasValue()).map(m, ${lifecycleFields()})`,
  },
  ...PROXY_HOOKS.map(oursOf),
];

/** Which handlers of a hook are ours: they stood there before the request, are as long as our note says, and nobody else states them. */
function oursOf(hook: ProxyHook): Variable {
  const stood = `variables.oldLifecycle.exists(l, has(l.${hook}) && l.${hook}.size() == 1 && t in l.${hook} && l.${hook}[t] == h[t])`;
  const noted = `variables.note.find(${text(LENGTH[hook])}).endsWith("\\"" + string(${noteText('h', 't')}.size()) + "-")`;
  const stated = `variables.stated.exists(f, "f:${hook}" in f && ("f:" + t) in f["f:${hook}"])`;
  return {
    name: hook,
    expression: `!has(variables.lifecycle.${hook}) || variables.lifecycle.${hook}.size() < 2 ? [] : [variables.lifecycle.${hook}].map(h, h.map(t, t).filter(t, ${allOf([stood, noted, `!${stated}`])}))[0]`,
  };
}

/** A handler as the note measures it: its canonical JSON. Of the types that a policy can state. */
function noteText(handler: string, type: string): string {
  const escaped = ['\\', '"', '\n', '\t', '\r', '\b', '\f'].reduce(
    (left, character) => `${left}.replace(${text(character)}, ${text(JSON.stringify(character).slice(1, -1))})`,
    'a',
  );
  const exec = `"{\\"exec\\":{\\"command\\":[" + ${handler}.exec.command.map(a, "\\"" + ${escaped} + "\\"").join(",") + "]}}"`;
  const sleep = `"{\\"sleep\\":{\\"seconds\\":" + string(int(${handler}.sleep.seconds)) + "}}"`;
  return `(${type} == "exec" ? ${exec} : ${type} == "sleep" ? ${sleep} : "")`;
}

/** What goes, and which entries of managedFields book it to us: else it would look as if we held a part of the owner's hook. */
const HELD: readonly Variable[] = [
  {
    name: 'goes',
    expression: PROXY_HOOKS.map((hook) => `(variables.${hook}.size() > 0 ? ["f:${hook}"] : [])`).join(' + '),
  },
  {
    name: 'managed',
    expression: `object.metadata.?managedFields.orValue([]).map(m, m.operation == "Apply" && m.manager == "${FIELD_MANAGER}" ? ${lifecycleFields()} : dyn({}))`,
  },
  {
    name: 'held',
    expression: 'lists.range(variables.managed.size()).filter(i, variables.managed[i].exists(k, k in variables.goes))',
  },
];

const LIFECYCLE = `${pathOf((path) => `/${path.join('/')}/spec/containers/`)} + string(variables.index) + "/lifecycle/"`;
/** Where nothing of it is left the whole goes: an empty map of fields would mean that all below is held. */
const WHOLLY = 'variables.managed[i].all(k, k in variables.goes)';

const MUTATION = [
  ...PROXY_HOOKS.map((hook) => `variables.${hook}.map(t, ${removal(`${LIFECYCLE} + "${hook}/" + t`)})`),
  `variables.held.filter(i, ${WHOLLY}).map(i, ${removal(booked())})`,
  ...PROXY_HOOKS.map(
    (hook) =>
      `variables.held.filter(i, !${WHOLLY} && "f:${hook}" in variables.goes && "f:${hook}" in variables.managed[i]).map(i, ${removal(booked(`f:${hook}`))})`,
  ),
].join(' + ');

/** Where the entry `i` of managedFields books it. No key on the way has a character that a JSON pointer escapes. */
function booked(...below: readonly string[]): string {
  const fields = pathOf((path) =>
    ['/fieldsV1', ...path.map((key) => `f:${key}`), ...LIFECYCLE_FIELDS, ...below].join('/'),
  );
  return `"/metadata/managedFields/" + string(i) + ${fields}`;
}

function pathOf(form: (path: readonly string[]) => string): string {
  return `(${IS_CRON_JOB} ? ${PATHS.map((path) => text(form(path))).join(' : ')})`;
}

function removal(path: string): string {
  return `JSONPatch{op: "remove", path: ${path}}`;
}

export function secondHandlerPolicy(name: string): readonly object[] {
  const object = (kind: string, spec: object): object => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name },
    spec,
  });
  return [
    object('MutatingAdmissionPolicy', {
      // Who changes a workload must never be kept from it because this cannot be evaluated.
      failurePolicy: 'Ignore',
      reinvocationPolicy: 'Never',
      matchConstraints: { resourceRules: RULES },
      matchConditions: [NOT_WRITTEN_BY_US, TWO_HANDLERS, NOTED],
      variables: [...VARIABLES, ...HELD],
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: MUTATION } }],
    }),
    object('MutatingAdmissionPolicyBinding', { policyName: name }),
  ];
}

function within(object: string, path: readonly string[]): string {
  return `${object}${path.map((key) => `[?${text(key)}]`).join('')}`;
}

/** What an entry `m` of managedFields holds of the hooks. */
function lifecycleFields(): string {
  const [ofCronJob, ofOthers] = PATHS.map((path) =>
    within(
      'm.?fieldsV1',
      path.map((key) => `f:${key}`),
    ),
  );
  return `dyn(${within(`${ofCronJob}.or(${ofOthers})`, LIFECYCLE_FIELDS)}.orValue({}))`;
}

/** A string of CEL. */
function text(value: string): string {
  return JSON.stringify(value);
}
