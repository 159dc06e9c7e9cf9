import { lengthToCover, requestLengths } from '../../drain/recommend/observed.ts';
import { mostThatFits, type NeedLimits } from '../../drain/recommend/need.ts';
import type { Invocation } from '../command.ts';
import type { Loaded } from '../facts/load.ts';
import { progressOn } from '../output/progress.ts';
import { count } from '../output/text.ts';
import { metricNames, prometheusAccess, windowOf } from './access.ts';
import { PrometheusClient } from './client.ts';
import { readObservations, type Observations } from './read.ts';

/** The grace period of a policy that says nothing: its maximum and its margin, in seconds. */
export const DEFAULT_MAXIMUM_SECONDS = 600;
export const DEFAULT_MARGIN_SECONDS = 5;

/** Asks the Prometheus that the flags name, for the namespace of -n or for all. */
export async function observe(
  invocation: Pick<Invocation, 'flags' | 'io'>,
  namespace: string | undefined,
): Promise<Observations> {
  const client = new PrometheusClient(prometheusAccess(invocation));
  const progress = progressOn(invocation.io.stderr);
  try {
    return await readObservations(client, {
      names: metricNames(invocation),
      namespace,
      windowSeconds: windowOf(invocation).seconds,
      now: Math.floor(Date.now() / 1000),
      onNamespace: (name, index, of) => {
        progress.update(`asking for the requests of ${name}`, index, of);
      },
    });
  } finally {
    progress.done();
    await client.close();
  }
}

/** The same input, with what Prometheus has seen in the place of --longest-request. */
export async function withObservedLengths(loaded: Loaded, invocation: Invocation): Promise<Loaded> {
  const { stated } = loaded.context;
  const { requests, gaps } = await observe(invocation, undefined);
  const limits: NeedLimits = {
    maximum: DEFAULT_MAXIMUM_SECONDS,
    endpointDelay: stated.endpointDelay,
    margin: DEFAULT_MARGIN_SECONDS,
  };
  const observed = new Map<string, number>();
  for (const [key, one] of requests) {
    const lengths = requestLengths(one);
    const cover = lengths === undefined ? undefined : lengthToCover(lengths, mostThatFits(limits));
    if (cover?.kind === 'All' || cover?.kind === 'AllButOneInThousand') {
      observed.set(key, cover.seconds);
    }
  }
  const known = loaded.collected.workloads.filter(({ namespace, name }) => observed.has(`${namespace}/${name}`)).length;
  return {
    ...loaded,
    context: { ...loaded.context, observed },
    notes: [
      ...loaded.notes,
      `observed: the longest requests of ${count(known, 'workload')} of ${loaded.collected.workloads.length}, in the last ${windowOf(invocation).text}; the others are judged by --longest-request`,
      ...gaps.map((gap) => `not known: ${gap}`),
    ],
  };
}
