import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../support/control-plane/index.ts';

/** What the validators of the Operator Lifecycle Manager say of bundle/, as lines of a page. Throws where they call it an error. */
export async function olmVerdict(program: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(program, [join(projectRoot(), 'bundle')]);
  const said = [...new Set(stdout.split(/\n(?=Warning|Error)/).map((text) => text.replaceAll(/\s+/g, ' ').trim()))];
  const warnings = said.filter((text) => text !== '');
  return [
    `The validators of operator-framework/api 0.37.0, all of them, on bundle/: no error, ${warnings.length} warnings.`,
    '',
    ...warnings.map((text) => `- ${shortened(text)}`),
  ];
}

function shortened(text: string): string {
  const words = text.replace(/^Warning: Value \S+: /, '');
  return words.length <= 160 ? words : `${words.slice(0, 157)}...`;
}
