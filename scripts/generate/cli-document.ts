// Prints {path: content} of docs/reference/cli.md, made from the commands' own definitions: what --help prints, as a page.
import { flagsOf } from '../../src/cli/arguments.ts';
import { cliCommands } from '../../src/cli/commands.ts';
import type { Command } from '../../src/cli/command.ts';
import { flagColumn, flagText, usageOf } from '../../src/cli/help.ts';
import { controllerCommand } from '../../src/controller-command.ts';

const PROGRAM = 'sidecar-drain';

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}

function table(heads: readonly [string, string], rows: readonly (readonly [string, string])[]): string[] {
  return rows.length === 0
    ? []
    : [`| ${heads[0]} | ${heads[1]} |`, '|---|---|', ...rows.map(([left, right]) => `| ${left} | ${right} |`), ''];
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function section(command: Command): string[] {
  return [
    `## ${command.name}`,
    '',
    ...command.description.split('\n').flatMap((paragraph) => [paragraph.replaceAll('<', '&lt;'), '']),
    '```',
    usageOf(PROGRAM, command),
    '```',
    '',
    ...table(
      ['argument', ''],
      (command.positionals ?? []).map((one) => [
        code(one.name),
        cell(`${one.description}${one.choices === undefined ? '' : ` One of ${one.choices.join(', ')}.`}`),
      ]),
    ),
    ...table(
      ['flag', ''],
      flagsOf(command).map((flag) => [code(flagColumn(flag)), cell(flagText(flag))]),
    ),
    ...table(
      ['environment variable', ''],
      (command.environment ?? []).map((one) => [code(one.name), cell(one.description)]),
    ),
    ...table(
      ['exit code', ''],
      (command.exitCodes ?? []).map((one) => [String(one.code), cell(one.meaning)]),
    ),
    ...(command.examples ?? []).flatMap((one) => [one.text, '', '```sh', `${PROGRAM} ${one.arguments}`, '```', '']),
  ];
}

const commands = cliCommands([controllerCommand]);
const page = [
  '# The CLI',
  '',
  '<!-- Generated from the definitions of the commands by npm run generate. Do not edit. -->',
  '',
  `One program: \`node dist/main.js\` of a built clone (no package is published yet), the container image, or \`kubectl sidecar-drain\` (as \`kubectl-sidecar_drain\` on the PATH). \`${PROGRAM} COMMAND --help\` prints the same as this page.`,
  'How to use it in CI: [Check pull requests](../how-to/ci.md). What the findings mean: [Findings](findings.md). The JSON of lint: [schema](lint-output.schema.json).',
  '',
  ...commands.map((command) => `- [${command.name}](#${command.name}): ${command.summary}`),
  '',
  ...commands.flatMap(section),
];
process.stdout.write(JSON.stringify({ 'docs/reference/cli.md': `${page.join('\n').trimEnd()}\n` }));
