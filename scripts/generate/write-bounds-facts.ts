// Prints, as JSON, what the bounds of the operator's writes take from the source: names, keys, and the hook as a pattern of RE2.
import { ANNOTATION_OF, DRAIN_VARIABLES, PROXY_CONFIG_KEYS } from '../../src/drain/model/managed.ts';
import { SYSTEM_NAMESPACES } from '../../src/api/names.ts';
import { productHook, type WaitFor } from '../../src/hooks/product-hook.ts';
import { CURE_COMMANDS } from '../../src/drain/plan/hook-cure.ts';

const OWN_SETTINGS = [...PROXY_CONFIG_KEYS, ...DRAIN_VARIABLES];
const NAME = `^["']?(${OWN_SETTINGS.join('|')})["']?\\s*:`;
/** Durations and booleans, with a comment behind; no other line break of YAML hides in it. */
const SETTING = `${NAME}[ \\t]*["']?[0-9A-Za-z.]*["']?[ \\t]*(#[^\\r\\x{85}\\x{2028}\\x{2029}]*)?$`;

const WAITS: readonly WaitFor[] = ['EstablishedConnections', 'ActiveRequests'];
/** Numbers that stand nowhere else in the text. */
const [DURATION, MAX_WAIT] = [7_000_003, 9_000_001];

function hookPattern(waitFor: WaitFor): string {
  const script = productHook({ duration: DURATION, maxWait: MAX_WAIT, waitFor }).exec?.command?.[2] ?? '';
  const escaped = script.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('\n', '\\n');
  const numbers = [DURATION, DURATION * 100, MAX_WAIT, MAX_WAIT * 100 - 100].sort((a, b) => b - a);
  return `^${numbers.reduce((text, number) => text.replaceAll(String(number), '[0-9]+(\\.[0-9]+)?'), escaped)}$`;
}

process.stdout.write(
  JSON.stringify({
    systemNamespaces: SYSTEM_NAMESPACES,
    annotations: Object.values(ANNOTATION_OF),
    setting: SETTING,
    settingName: NAME,
    hooks: WAITS.map(hookPattern),
    cures: CURE_COMMANDS,
  }),
);
