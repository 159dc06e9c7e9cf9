import type { Command } from './command.ts';
import { completionCommand } from './completion/command.ts';
import { dashboardCommand } from './dashboard/command.ts';
import { explainCommand } from './explain/index.ts';
import { restoreCommand } from './restore/command.ts';
import { importCommand } from './import/command.ts';
import { explainFindingCommand } from './explain-finding/command.ts';
import { lintCommand } from './lint/command.ts';
import { planCommand } from './plan/command.ts';
import { recommendCommand } from './recommend/command.ts';
import { renderCommand } from './render/command.ts';
import { testCommand } from './test/command.ts';
import { verifyCommand } from './verify/command.ts';
import { versionCommand } from './version/command.ts';

/** Every command, in the order of the help; `others` are those of rooms that this one may not import. */
export function cliCommands(others: readonly Command[] = []): readonly Command[] {
  const commands = [
    lintCommand,
    planCommand,
    recommendCommand,
    explainCommand,
    explainFindingCommand,
    renderCommand,
    testCommand,
    importCommand,
    verifyCommand,
    dashboardCommand,
    restoreCommand,
    ...others,
    versionCommand,
  ];
  return [...commands, completionCommand(commands)];
}
