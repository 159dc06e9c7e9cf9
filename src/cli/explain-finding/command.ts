import { REASON_CODES, REASONS, type ReasonCode } from '../../api/reasons.ts';
import { EXIT_OK, UsageError, type Command } from '../command.ts';
import { CANNOT_EXIT, TEXT_OR_JSON_FLAG } from '../facts/flags.ts';
import { wrap } from '../help.ts';
import { nearest } from '../suggest.ts';

const WIDTH = 100;

export const explainFindingCommand: Command = {
  name: 'explain-finding',
  summary: 'Say what a code of a finding means, and what to do.',
  description:
    'Prints what the page of findings says of a code: what is the matter, what to do, and where the fact behind it is known from. ' +
    'The codes are those of lint, of conditions and Events, of reports and of metric labels. Without a code it lists all of them.',
  positionals: [{ name: 'CODE', description: 'For example GraceTooShort; upper and lower case are the same.' }],
  flags: [TEXT_OR_JSON_FLAG],
  exitCodes: [{ code: EXIT_OK, meaning: 'it was printed' }, CANNOT_EXIT],
  examples: [
    { arguments: 'explain-finding GraceTooShort', text: 'What it means, and what to do.' },
    { arguments: 'explain-finding', text: 'All codes.' },
  ],
  run({ flags, positionals, io }) {
    const [wanted] = positionals;
    const codes = wanted === undefined ? REASON_CODES : [codeOf(wanted)];
    if (flags.string('output') === 'json') {
      const all = codes.map((code) => ({ code, ...REASONS[code] }));
      io.stdout.write(`${JSON.stringify(wanted === undefined ? all : all[0], null, 2)}\n`);
    } else {
      io.stdout.write(wanted === undefined ? listText(codes) : codes.map(codeText).join('\n'));
    }
    return Promise.resolve(EXIT_OK);
  },
};

function codeOf(wanted: string): ReasonCode {
  const code = REASON_CODES.find((one) => one.toLowerCase() === wanted.toLowerCase());
  if (code === undefined) {
    const meant = nearest(wanted, REASON_CODES);
    throw new UsageError(`${wanted} is no code of a finding${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }
  return code;
}

function codeText(code: ReasonCode): string {
  const { severity, sentence, action, source } = REASONS[code];
  return [
    `${code} (${severity})`,
    ...wrap(sentence, WIDTH, '  '),
    ...wrap(`What to do: ${action}`, WIDTH, '  '),
    ...wrap(`Known from: ${source}.`, WIDTH, '  '),
    '',
  ].join('\n');
}

function listText(codes: readonly ReasonCode[]): string {
  const width = Math.max(...codes.map((code) => code.length));
  return codes
    .map((code) => `${code.padEnd(width)}  ${REASONS[code].severity.padEnd(7)}  ${REASONS[code].sentence}\n`)
    .join('');
}
