import { drawText, secondsWords, wrapWords } from '../../drain/timeline/draw/index.ts';
import { nameOf } from '../output/text.ts';
import type { Style } from '../output/style.ts';
import type { ExplainedTimeline, Explanation } from './explanation.ts';
import { LANE_WORDS } from './lane-words.ts';

export interface TextExplainOptions {
  readonly width: number;
  readonly unicode: boolean;
  readonly style: Style;
}

/** For a person at a terminal: the verdict first, then the picture, then what is behind it. */
export function explainText(explanation: Explanation, notes: readonly string[], options: TextExplainOptions): string {
  const { style, width, unicode } = options;
  const drawing = drawText(explanation.timelines, { width, unicode, color: style.colours });
  const blocks = [
    headLines(explanation, notes, options),
    verdictLines(explanation, options),
    drawing === '' ? [] : [drawing],
    ...explanation.timelines
      .filter((timeline) => timeline.timeline.events.length > 0)
      .map((timeline) => eventLines(timeline, explanation, options)),
    policyLines(explanation, options),
    settingLines(explanation, options),
    findingLines(explanation, options),
    [style.bold('Assumed'), ...explanation.assumptions.flatMap((text) => wrapped(text, width, '  '))],
  ];
  const text = blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => line.trimEnd()).join('\n'))
    .join('\n\n');
  return `${unicode ? text : asciiOnly(text)}\n`;
}

/** Texts of users may hold anything; what is ours has three signs beyond ASCII. */
function asciiOnly(text: string): string {
  return text
    .replaceAll('…', '...')
    .replaceAll('→', '->')
    .replaceAll('·', '.')
    .replace(/[^\n\u001b\x20-\x7e]/g, '?');
}

function headLines(
  { workload, exempt, proxyBecause }: Explanation,
  notes: readonly string[],
  { style, width }: TextExplainOptions,
): string[] {
  const { source } = workload;
  const place = source === undefined ? '' : style.dim(`  ${source.file}:${source.line}`);
  return [
    style.bold(nameOf(workload)) + place,
    ...(exempt === undefined ? [] : [`exempt: ${exempt === '' ? 'no reason given' : exempt}`]),
    ...proxyBecause.flatMap((text) => wrapped(text, width, '  ')).map((line) => style.dim(line)),
    ...notes.flatMap((note) => wrapped(note, width, '  ')).map((line) => style.dim(line)),
  ];
}

function verdictLines({ timelines }: Explanation, { style, width }: TextExplainOptions): string[] {
  return timelines.flatMap(({ heading, timeline: { verdict } }) => {
    const paint = (text: string): string =>
      !verdict.survives ? style.red(text) : verdict.slack > 0 ? style.green(text) : style.severity('warning', text);
    return [style.bold(heading), ...wrapped(`${verdict.sentence} ${verdict.slackSentence}`, width, '  ').map(paint)];
  });
}

function eventLines(
  { heading, timeline, when }: ExplainedTimeline,
  { timelines }: Explanation,
  { style, width }: TextExplainOptions,
): string[] {
  const title =
    timelines.length === 1
      ? 'What happens'
      : `What happens ${when === 'Now' ? 'now' : 'with the policy'}${heading.includes(', if ') ? heading.slice(heading.indexOf(', if ')) : ''}`;
  const times = timeline.events.map((event) => secondsWords(event.at));
  const widest = Math.max(...times.map((time) => time.length));
  const lanes = Math.max(...timeline.events.map((event) => LANE_WORDS[event.lane].length));
  return [
    style.bold(title),
    ...timeline.events.flatMap((event, index) => {
      const time = times[index] === times[index - 1] ? '' : (times[index] ?? '');
      const margin = `  ${time.padStart(widest)}  ${LANE_WORDS[event.lane].padEnd(lanes)}  `;
      return hanging(margin, event.sentence, width);
    }),
  ];
}

function policyLines({ policy, otherPolicies }: Explanation, { style, width }: TextExplainOptions): string[] {
  const others = otherPolicies.flatMap(({ name, why }) =>
    wrapped(`policy ${name} is not for this workload: ${why}`, width, '  '),
  );
  if (policy === undefined) {
    return others.length === 0 ? [] : [style.bold('No policy governs'), ...others];
  }
  return [
    `${style.bold(`Policy ${policy.name}`)} (${policy.enforcement}): ${policy.outcome}`,
    ...wrapped(policy.message, width, '  '),
    ...policy.changes.flatMap((change) => [
      ...wrapped(`${change.path}: ${change.why}`, width, '  - '),
      ...(change.before === undefined ? [] : valueLines('    now   ', change.before)),
      ...(change.after === undefined ? [] : valueLines('    then  ', change.after)),
    ]),
    ...policy.overridden.map(({ name, by }) => `  policy ${name} is overridden by ${by}`),
    ...others,
  ];
}

function valueLines(margin: string, value: string): string[] {
  const lines = value.trimEnd().split('\n');
  return lines.map((line, index) => (index === 0 ? margin : ' '.repeat(margin.length)) + line);
}

function settingLines({ settings, policy }: Explanation, { style, width }: TextExplainOptions): string[] {
  const names = Math.max(...settings.map((row) => row.name.length));
  const widestValue = Math.min(WIDEST_VALUE, Math.max(...settings.map((row) => row.value.length)));
  const margin = ' '.repeat(names + 4);
  // A hook's command is longer than any column should be: its origin then stands below it.
  const valueAndOrigin = (value: string, origin: string): string[] =>
    value.length > WIDEST_VALUE
      ? [value, `${margin}${style.dim(origin)}`]
      : [`${value.padEnd(widestValue)}  ${style.dim(origin)}`];
  return [
    style.bold('Settings that count, and where they come from'),
    ...settings.flatMap((row) => [
      ...indentFirst(`  ${row.name.padEnd(names)}  `, valueAndOrigin(row.value, row.originWords)),
      ...(row.withPolicy === undefined
        ? []
        : indentFirst(margin, valueAndOrigin(row.withPolicy, `with policy ${policy?.name ?? ''}`))),
      ...(row.note === undefined ? [] : hanging(margin, row.note, width).map((line) => style.dim(line))),
    ]),
  ];
}

const WIDEST_VALUE = 14;

function indentFirst(margin: string, [first = '', ...others]: readonly string[]): string[] {
  return [margin + first, ...others];
}

function findingLines({ findings }: Explanation, { style, width }: TextExplainOptions): string[] {
  if (findings.length === 0) {
    return [style.bold('Findings'), '  none'];
  }
  return [
    style.bold('Findings'),
    ...findings.flatMap((finding) => {
      const place = finding.file === undefined ? '' : `${finding.file}:${finding.line ?? 1}: `;
      const [first = '', ...more] = hanging(
        '  ',
        `${place}${finding.severity} ${finding.code}: ${finding.message}`,
        width,
        '      ',
      );
      return [
        first.replace(` ${finding.severity} `, ` ${style.severity(finding.severity)} `),
        ...more,
        ...hanging('      ', `${finding.action}  [${finding.docs}]`, width).map((line) => style.dim(line)),
      ];
    }),
  ];
}

function wrapped(text: string, width: number, margin: string): string[] {
  return hanging(margin, text, width);
}

/** `margin` before the first line, and as much room (or `rest`) before the others. */
function hanging(margin: string, text: string, width: number, rest: string = ' '.repeat(margin.length)): string[] {
  const [first = '', ...others] = wrapWords(text, width - Math.max(margin.length, rest.length));
  return [margin + first, ...others.map((line) => rest + line)];
}
