import { UsageError } from './cli/command.ts';

const NAMESPACE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/u;

/**
 * The namespaces of `--watch-namespaces`, sorted; undefined for all.
 * @param texts each of one name, or of several with commas between them
 * @param admission whether the webhook is asked for
 * @throws UsageError
 */
export function watchedNamespaces(texts: readonly string[], admission: boolean): readonly string[] | undefined {
  const names = texts.flatMap((text) => text.split(','));
  const wrong = names.find((name) => !NAMESPACE_NAME.test(name));
  if (wrong !== undefined) {
    throw new UsageError(
      `--watch-namespaces must be names of namespaces with commas between them, and "${wrong}" is none`,
    );
  }
  if (names.length === 0) {
    return undefined;
  }
  if (admission) {
    throw new UsageError(
      '--watch-namespaces cannot be used with --admission=on: the webhook needs a MutatingWebhookConfiguration, which is of the whole cluster',
    );
  }
  return [...new Set(names)].sort();
}
