import { writeFileSync } from 'node:fs';
import { DEFAULT_APPLICATION, type Application } from '../../drain/timeline/application.ts';
import { NARROWEST_DRAWING, WIDEST_DRAWING } from '../../drain/timeline/draw/index.ts';
import { CliError, EXIT_OK, UsageError, type FlagValues, type Invocation } from '../command.ts';
import { secondsOf, policyFiles } from '../facts/flags.ts';
import { judge } from '../facts/judge.ts';
import { load, reportProblems, requireWorkloads } from '../facts/load.ts';
import { pickWorkload } from '../facts/target.ts';
import { styleFor } from '../output/style.ts';
import type { ExplainOutput } from './command.ts';
import { explain, type Explanation, type ExplainOptions } from './explanation.ts';
import { explainText } from './text.ts';

const DEFAULT_WIDTH = 100;

const ON_SIGTERM: Readonly<Record<string, Application['onSigterm']>> = {
  close: 'CloseListenerFinishInFlight',
  keep: 'KeepListeningUntilIdle',
  exit: 'ExitAtOnce',
};

export async function runExplain(invocation: Invocation): Promise<number> {
  const { flags, io, positionals } = invocation;
  const options = optionsOf(flags);
  const width = widthOf(invocation);
  const loaded = await load(invocation, { alsoFiles: policyFiles(flags) });
  reportProblems(loaded, invocation);
  requireWorkloads(loaded);
  const workload = pickWorkload(loaded.collected.workloads, positionals[0], flags.string('namespace'));
  const explanation = explain(judge(workload, loaded.context), loaded.context, options);
  const notes = loaded.notes;
  const file = flags.string('output-file');
  const output = await render(explanation, notes, invocation, width, file !== undefined);
  if (file === undefined) {
    io.stdout.write(output);
    return EXIT_OK;
  }
  try {
    writeFileSync(file, output);
  } catch (error) {
    throw new CliError(`--output-file ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return EXIT_OK;
}

async function render(
  explanation: Explanation,
  notes: readonly string[],
  { flags, io }: Invocation,
  width: number,
  toFile: boolean,
): Promise<string> {
  const format = (flags.string('output') ?? 'text') as ExplainOutput;
  const theme = (flags.string('theme') ?? 'auto') as 'auto' | 'light' | 'dark';
  switch (format) {
    case 'text':
      return explainText(explanation, notes, {
        width,
        unicode: !flags.boolean('ascii') && speaksUnicode(io.env),
        style: styleFor(toFile ? undefined : io),
      });
    case 'json': {
      const { explainJson } = await import('./json.ts');
      return explainJson(explanation, notes);
    }
    case 'svg': {
      const { explainSvg } = await import('./svg.ts');
      return explainSvg(explanation, theme);
    }
    case 'html': {
      const { explainHtml } = await import('./html.ts');
      return explainHtml(explanation, notes, theme);
    }
  }
}

function optionsOf(flags: FlagValues): ExplainOptions {
  const grace = flags.string('grace-period');
  if (grace !== undefined && !/^[0-9]{1,9}$/.test(grace)) {
    throw new UsageError(`--grace-period ${grace}: a whole number of seconds`);
  }
  return {
    application: {
      ...DEFAULT_APPLICATION,
      onSigterm: ON_SIGTERM[flags.string('application') ?? 'close'] ?? DEFAULT_APPLICATION.onSigterm,
      runsOnAfterSigterm: secondsOf(flags, 'runs-on', 0),
      idleKeepAliveClient: flags.boolean('idle-client'),
    },
    ...(flags.has('longest-request') ? { longestRequest: secondsOf(flags, 'longest-request', 0) } : {}),
    ...(flags.has('endpoint-delay') ? { endpointDelay: secondsOf(flags, 'endpoint-delay', 0) } : {}),
    ...(grace === undefined ? {} : { deletedWithGracePeriod: Number(grace) }),
  };
}

function widthOf({ flags, io }: Invocation): number {
  const text = flags.string('width');
  if (text === undefined) {
    return io.stdout.isTTY === true ? (io.stdout.columns ?? DEFAULT_WIDTH) : DEFAULT_WIDTH;
  }
  const width = Number(text);
  if (!Number.isInteger(width) || width < NARROWEST_DRAWING || width > WIDEST_DRAWING) {
    throw new UsageError(`--width ${text}: a whole number from ${NARROWEST_DRAWING} to ${WIDEST_DRAWING}`);
  }
  return width;
}

/** No locale at all is what containers and CI systems have: their logs show UTF-8. */
function speaksUnicode(env: Invocation['io']['env']): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '');
  return locale === undefined || /utf-?8/i.test(locale) || locale === 'C' || locale === 'POSIX';
}
