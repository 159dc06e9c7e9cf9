import { PROXY_CONTAINER } from '../../api/names.ts';
import { at, listOf, numberOf, recordOf } from '../template/raw.ts';

/** The grace period from before us is not valid any more: the least that is. */
export interface NearestGrace {
  /** What it goes to. */
  readonly seconds: number;
  /** What it was before us. */
  readonly before: number;
  readonly because: string;
}

/**
 * The API server refuses a template whose `sleep` hook is longer than the grace period (validateSleepAction of
 * Kubernetes). Somebody who put one in while ours was longer would keep all of the workload from being restored.
 * @param template the raw pod template
 * @param proxyPreStop what the preStop of `istio-proxy` will be; undefined where it stays as it is
 */
export function nearestGrace(
  template: unknown,
  before: number,
  proxyPreStop: { readonly value: unknown } | undefined,
): NearestGrace | undefined {
  let longest = { seconds: 0, hook: '' };
  for (const list of ['containers', 'initContainers']) {
    for (const container of listOf(at(template, ['spec', list])).map(recordOf)) {
      for (const hook of ['preStop', 'postStart']) {
        const replaced = hook === 'preStop' && container['name'] === PROXY_CONTAINER ? proxyPreStop : undefined;
        const handler = replaced === undefined ? at(container, ['lifecycle', hook]) : replaced.value;
        const seconds = numberOf(at(handler, ['sleep', 'seconds'])) ?? 0;
        longest = seconds > longest.seconds ? { seconds, hook: `${hook} of ${String(container['name'])}` } : longest;
      }
    }
  }
  return longest.seconds > before
    ? { seconds: longest.seconds, before, because: `the ${longest.hook} sleeps ${longest.seconds} s` }
    : undefined;
}
