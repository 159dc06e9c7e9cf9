import { PRODUCT_VERSION } from '../version/product.ts';
import type { ExplainedTimeline, Explanation } from './explanation.ts';

/** Raised only when a reader of the old form would be wrong; new members may come at any time. */
export const EXPLAIN_SCHEMA_VERSION = 'sidecardrain.io/explain/v1';

/** docs/reference/explain-output.schema.json says what stands in it. All times are seconds after the deletion. */
export function explainJson(explanation: Explanation, notes: readonly string[]): string {
  const { workload, scenario, policy } = explanation;
  const { apiVersion, kind, namespace, name, source } = workload;
  return `${JSON.stringify(
    {
      schema: EXPLAIN_SCHEMA_VERSION,
      version: PRODUCT_VERSION,
      workload: {
        apiVersion,
        kind,
        namespace,
        name,
        ...(source === undefined ? {} : { file: source.file, line: source.line }),
      },
      exempt: explanation.exempt,
      notes,
      assumptions: explanation.assumptions,
      scenario: {
        application: scenario.application,
        longestRequest: scenario.longestRequest,
        endpointDelay: scenario.endpointDelay,
      },
      timelines: explanation.timelines.map(timelineJson),
      policy,
      otherPolicies: explanation.otherPolicies,
      settings: explanation.settings.map(({ originWords, ...row }) => ({
        ...row,
        origin: { ...row.origin, words: originWords },
      })),
      findings: explanation.findings.map((finding) => ({ ...finding, workload: undefined })),
    },
    null,
    2,
  )}\n`;
}

function timelineJson({
  when,
  heading,
  assumedForm,
  assumedImage,
  timeline,
}: ExplainedTimeline): Record<string, unknown> {
  const { settings, verdict, termination, lanes, events, cuts } = timeline;
  return {
    when,
    heading,
    proxy: { kind: settings.proxy.kind, container: settings.proxy.container, image: settings.proxyImage.value },
    assumed: { form: assumedForm, image: assumedImage },
    verdict,
    gracePeriod: termination.gracePeriod,
    podGoneAt: termination.podGoneAt,
    outboundUntil: termination.outboundUntil,
    newInboundConnections: termination.newInboundConnections,
    containers: [...termination.apps, ...(termination.proxy === undefined ? [] : [termination.proxy])].map((end) => ({
      name: end.name,
      role: end.role,
      sigtermAt: end.sigtermAt,
      exitAt: end.exitAt,
      exitCode: end.exitCode,
      how: end.how,
    })),
    lanes,
    events,
    cuts,
  };
}
