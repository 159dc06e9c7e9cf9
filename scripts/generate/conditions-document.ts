// Prints {path: content} of docs/reference/conditions.md, made from src/api/conditions.ts, exemption.ts and events.ts.
import { CONDITION_TYPES } from '../../src/api/conditions.ts';
import { EVENTS, type EventMeaning } from '../../src/api/events.ts';
import { EXEMPTION_CONDITION_TYPES } from '../../src/api/exemption.ts';
import { CONDITION_MEANINGS, type ConditionMeaning } from '../../src/api/meanings.ts';
import { cell } from './markdown.ts';

function conditions(of: ConditionMeaning['of'], types: readonly string[]): string[] {
  return types.flatMap((type) => [
    `### ${type}`,
    '',
    '| status | reason | what it says |',
    '|---|---|---|',
    ...CONDITION_MEANINGS.filter((one) => one.of === of && one.type === type).map(
      ({ status, code, sentence }) => `| ${status} | \`${code}\` | ${cell(sentence)} |`,
    ),
    '',
  ]);
}

const events: [string, EventMeaning][] = Object.entries(EVENTS);
const page = [
  '<!-- Generated from src/api/conditions.ts, exemption.ts and events.ts by npm run generate. Do not edit. -->',
  '# Conditions and Events',
  '',
  'The message of a condition or an Event tells the case at hand; this page tells what its reason stands for. `sidecar-drain explain-finding CODE` prints the same.',
  '',
  '## Conditions of a policy',
  '',
  '`kubectl get sdp NAME -o yaml`, and `kubectl get nsdp -n NAMESPACE NAME -o yaml` of a namespaced one. Ready, Reconciling and Stalled mean what kstatus means by them.',
  '',
  ...conditions('policy', CONDITION_TYPES),
  '## Conditions of a DrainExemption',
  '',
  ...conditions('DrainExemption', EXEMPTION_CONDITION_TYPES),
  '## Events',
  '',
  '`kubectl events --for sdp/NAME` (a policy or an exemption) and `kubectl events -n NAMESPACE --for deployment/NAME` (a workload). Those of policies and exemptions have the reason of the condition that turned,',
  'those of workloads a code of the [findings](findings.md) where one stands in the way. The rest:',
  '',
  '| reason | on | type | what it says | what to do |',
  '|---|---|---|---|---|',
  ...events.map(
    ([code, { on, type, sentence, action = '' }]) =>
      `| \`${code}\` | ${on} | ${type} | ${cell(sentence)} | ${cell(action)} |`,
  ),
];
process.stdout.write(JSON.stringify({ 'docs/reference/conditions.md': `${page.join('\n')}\n` }));
