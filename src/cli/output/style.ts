import type { Severity } from '../../api/reasons.ts';
import type { Io } from '../command.ts';

/** Colours and weight on a terminal; plain text everywhere else. */
export interface Style {
  readonly colours: boolean;
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  severity(severity: Severity, text?: string): string;
}

const SEVERITY_CODES: Readonly<Record<Severity, string>> = { error: '31', warning: '33', info: '36' };

/** Colours only where standard output is a terminal and NO_COLOR (no-color.org) is not set. */
export function styleFor(io: Pick<Io, 'stdout' | 'env'> | undefined): Style {
  const colours = io?.stdout.isTTY === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb';
  const paint = (code: string, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    colours,
    bold: (text) => paint('1', text),
    dim: (text) => paint('2', text),
    green: (text) => paint('32', text),
    red: (text) => paint('31', text),
    severity: (severity, text = severity) => paint(SEVERITY_CODES[severity], text),
  };
}
