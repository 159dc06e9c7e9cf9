import { flagsOf } from '../arguments.ts';
import type { Command, Flag } from '../command.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const PROGRAM = 'sidecar-drain';

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return zsh(commands);
    case 'fish':
      return fish(commands);
  }
}

function takesFile(flag: Flag): boolean {
  return /FILE|DIR/.test(flag.value ?? '');
}

function words(flag: Flag): string[] {
  return [`--${flag.name}`, ...(flag.short === undefined ? [] : [`-${flag.short}`])];
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const flags = flagsOf(command);
    const values = flags
      .filter((flag) => flag.type === 'string')
      .map((flag) => {
        const reply =
          flag.choices !== undefined
            ? `COMPREPLY=($(compgen -W "${flag.choices.join(' ')}" -- "$cur"))`
            : takesFile(flag)
              ? 'COMPREPLY=($(compgen -f -- "$cur"))'
              : 'COMPREPLY=()';
        return `        ${words(flag).join('|')}) ${reply}; return ;;`;
      });
    const rest = [...flags.flatMap(words), ...(command.positionals?.flatMap((one) => one.choices ?? []) ?? [])];
    return `    ${command.name})
      case "$prev" in
${values.join('\n')}
      esac
      COMPREPLY=($(compgen -W "${rest.join(' ')}" -- "$cur")) ;;`;
  });
  return `# bash completion for ${PROGRAM}
_sidecar_drain() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(' ')}" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
}
complete -o filenames -o default -F _sidecar_drain ${PROGRAM}
`;
}

function zsh(commands: readonly Command[]): string {
  const quoted = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''");
  const cases = commands.map((command) => {
    const specs = flagsOf(command).flatMap((flag) =>
      words(flag).map((word) => {
        const action =
          flag.type === 'boolean'
            ? ''
            : `:${quoted(flag.name)}:${flag.choices !== undefined ? `(${flag.choices.join(' ')})` : takesFile(flag) ? '_files' : ''}`;
        return `        '${flag.multiple === true ? '*' : ''}${word}[${quoted(flag.description)}]${action}'`;
      }),
    );
    const positionals = (command.positionals ?? []).map(
      (one, index) =>
        `        '${index + 1}:${quoted(one.name)}:${one.choices === undefined ? '' : `(${one.choices.join(' ')})`}'`,
    );
    return `      ${command.name})\n        _arguments \\\n${[...specs, ...positionals].join(' \\\n')} ;;`;
  });
  return `#compdef ${PROGRAM}
_sidecar_drain() {
  local context state line
  _arguments -C '1: :->command' '*:: :->rest'
  case $state in
    command)
      local -a commands
      commands=(
${commands.map((command) => `        '${command.name}:${quoted(command.summary)}'`).join('\n')}
      )
      _describe command commands ;;
    rest)
      case $line[1] in
${cases.join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_sidecar_drain" ]; then _sidecar_drain "$@"; else compdef _sidecar_drain ${PROGRAM}; fi
`;
}

function fish(commands: readonly Command[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = commands.flatMap((command) => [
    `complete -c ${PROGRAM} -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
    ...flagsOf(command).map((flag) => {
      const condition = quoted(`__fish_seen_subcommand_from ${command.name}`);
      const short = flag.short === undefined ? '' : ` -s ${flag.short}`;
      const value =
        flag.type === 'boolean'
          ? ''
          : flag.choices !== undefined
            ? ` -x -a ${quoted(flag.choices.join(' '))}`
            : takesFile(flag)
              ? ' -r -F'
              : ' -x';
      return `complete -c ${PROGRAM} -n ${condition} -l ${flag.name}${short}${value} -d ${quoted(flag.description)}`;
    }),
    ...(command.positionals ?? [])
      .filter((one) => one.choices !== undefined)
      .map(
        (one) =>
          `complete -c ${PROGRAM} -n ${quoted(`__fish_seen_subcommand_from ${command.name}`)} -f -a ${quoted(one.choices?.join(' ') ?? '')}`,
      ),
  ]);
  return `# fish completion for ${PROGRAM}\n${lines.join('\n')}\n`;
}
