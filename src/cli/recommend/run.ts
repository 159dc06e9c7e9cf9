import { stringify } from 'yaml';
import { EXIT_CANNOT, EXIT_OK, UsageError, type Invocation } from '../command.ts';
import { inputPaths, policyFiles, secondsOf, statedBy } from '../facts/flags.ts';
import { load, reportProblems } from '../facts/load.ts';
import { styleFor } from '../output/style.ts';
import { windowOf } from '../prometheus/access.ts';
import { DEFAULT_MARGIN_SECONDS, DEFAULT_MAXIMUM_SECONDS, observe } from '../prometheus/observe.ts';
import { PRODUCT_VERSION } from '../version/product.ts';
import type { RecommendOutput } from './command.ts';
import { makeRecommendations, type Recommendations } from './model.ts';
import { recommendationsText } from './text.ts';

/** Raised only when a reader of the old form would be wrong; new members may come at any time. */
export const RECOMMEND_SCHEMA_VERSION = 'sidecardrain.io/recommend/v1';

export async function runRecommend(invocation: Invocation): Promise<number> {
  const { flags, io } = invocation;
  if (!flags.has('prometheus')) {
    throw new UsageError('--prometheus URL is missing, for example --prometheus http://127.0.0.1:9090');
  }
  const window = windowOf(invocation).text;
  const maximum = secondsOf(flags, 'maximum', DEFAULT_MAXIMUM_SECONDS);
  const limits = { maximum, endpointDelay: statedBy(flags).endpointDelay, margin: DEFAULT_MARGIN_SECONDS };
  const namespace = flags.string('namespace');
  const observations = await observe(invocation, namespace);
  const judgesWorkloads = flags.boolean('cluster') || inputPaths(invocation).length > 0;
  const loaded = judgesWorkloads
    ? await load(invocation, { positionalFiles: true, alsoFiles: policyFiles(flags) })
    : undefined;
  if (loaded !== undefined) {
    reportProblems(loaded, invocation);
  }
  const result = makeRecommendations(observations, limits, loaded, namespace);
  io.stdout.write(await printed(result, (flags.string('output') ?? 'text') as RecommendOutput, window, invocation));
  if (result.policies.length > 0 || result.workloads.some(({ state }) => state === 'Covered')) {
    return EXIT_OK;
  }
  io.stderr.write(
    'nothing could be proposed: no workload had enough requests of a length that a grace period covers\n',
  );
  return EXIT_CANNOT;
}

async function printed(
  result: Recommendations,
  format: RecommendOutput,
  window: string,
  { io }: Invocation,
): Promise<string> {
  switch (format) {
    case 'text':
      return recommendationsText(result, window, styleFor(io));
    case 'json':
      return recommendationsJson(result, window);
    case 'yaml':
      return policiesYaml(result);
    case 'html': {
      const { recommendationsHtml } = await import('./html.ts');
      return recommendationsHtml(result, window);
    }
  }
}

export function policiesYaml({ policies }: Pick<Recommendations, 'policies'>): string {
  return policies.map((policy) => stringify(policy)).join('---\n');
}

/** docs/reference/recommend-output.schema.json says what stands in it. JSON has no Infinity: a length without a bound is null. */
function recommendationsJson(result: Recommendations, window: string): string {
  const document = { schema: RECOMMEND_SCHEMA_VERSION, version: PRODUCT_VERSION, window, ...result };
  return `${JSON.stringify(document, (_, value: unknown) => (value === Infinity ? null : value), 2)}\n`;
}
