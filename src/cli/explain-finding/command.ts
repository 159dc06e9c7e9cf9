import { MEANINGS, type Meanings } from '../../api/meanings.ts';
import { EXIT_OK, UsageError, type Command } from '../command.ts';
import { CANNOT_EXIT, TEXT_OR_JSON_FLAG } from '../facts/flags.ts';
import { wrap } from '../help.ts';
import { nearest } from '../suggest.ts';

const WIDTH = 100;

export const explainFindingCommand: Command = {
  name: 'explain-finding',
  summary: 'Say what the code of a finding, a condition or an Event means, and what to do.',
  description:
    'Prints what the reference pages say of a code: what is the matter, what to do, and where the fact behind it is known from. ' +
    'The codes are those of lint, of conditions and Events, of reports and of metric labels. Without a code it lists all of them.',
  positionals: [{ name: 'CODE', description: 'For example GraceTooShort; upper and lower case are the same.' }],
  flags: [TEXT_OR_JSON_FLAG],
  exitCodes: [{ code: EXIT_OK, meaning: 'it was printed' }, CANNOT_EXIT],
  examples: [
    { arguments: 'explain-finding GraceTooShort', text: 'What it means, and what to do.' },
    { arguments: 'explain-finding WithdrawalHeld', text: "What a policy's condition says with it." },
    { arguments: 'explain-finding', text: 'All codes.' },
  ],
  run({ flags, positionals, io }) {
    const [wanted] = positionals;
    const found = wanted === undefined ? MEANINGS : [meaningOf(wanted)];
    if (flags.string('output') === 'json') {
      const all = found.map(asJson);
      io.stdout.write(`${JSON.stringify(wanted === undefined ? all : all[0], null, 2)}\n`);
    } else {
      io.stdout.write(wanted === undefined ? listText(found) : found.map(text).join('\n'));
    }
    return Promise.resolve(EXIT_OK);
  },
};

function meaningOf(wanted: string): Meanings {
  const found = MEANINGS.find(({ code }) => code.toLowerCase() === wanted.toLowerCase());
  if (found === undefined) {
    const meant = nearest(
      wanted,
      MEANINGS.map(({ code }) => code),
    );
    throw new UsageError(
      `${wanted} is not a code of a finding, a condition or an Event${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  }
  return found;
}

function text({ code, finding, conditions, event }: Meanings): string {
  const lines: string[] = [];
  if (finding !== undefined) {
    lines.push(
      `${code} (finding, ${finding.severity})`,
      ...wrap(finding.sentence, WIDTH, '  '),
      ...wrap(`What to do: ${finding.action}`, WIDTH, '  '),
      ...wrap(`Known from: ${finding.source}.`, WIDTH, '  '),
    );
  }
  // One sentence may stand in several conditions.
  for (const sentence of new Set(conditions.map((one) => one.sentence))) {
    const where = conditions
      .filter((one) => one.sentence === sentence)
      .map(({ of, type, status }) => `${type}=${status} of a ${of}`);
    lines.push(`${code} (condition ${where.join(', ')})`, ...wrap(sentence, WIDTH, '  '));
  }
  if (event !== undefined) {
    lines.push(`${code} (${event.type} Event on a ${event.on})`, ...wrap(event.sentence, WIDTH, '  '));
    if (event.action !== undefined) {
      lines.push(...wrap(`What to do: ${event.action}`, WIDTH, '  '));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The finding's own fields stand at the top, as they did when only findings were known here. */
function asJson({ code, finding, conditions, event }: Meanings): object {
  return {
    code,
    ...finding,
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(event === undefined ? {} : { event }),
  };
}

/** The severity of a finding; else where the code stands. */
function kindOf({ finding, conditions }: Meanings): string {
  return finding?.severity ?? (conditions.length > 0 ? 'condition' : 'Event');
}

function listText(all: readonly Meanings[]): string {
  const width = Math.max(...all.map(({ code }) => code.length));
  return all
    .map((one) => {
      const sentence = (one.finding ?? one.conditions[0] ?? one.event)?.sentence ?? '';
      return `${one.code.padEnd(width)}  ${kindOf(one).padEnd(9)}  ${sentence}\n`;
    })
    .join('');
}
