// Logs: JSON lines for machines, one readable line for people. Messages are constant, the rest stands in fields; an
// Error is written as its code, its message and, where it is a bug of ours, its stack. winston does the writing.

import winston from 'winston';
import { errorText, oneLine } from '../kube/index.ts';
import type { LogFields, Logger } from '../kube/index.ts';
import { LineWriter } from './line-writer.ts';

export { silentLogger } from '../kube/index.ts';
export type { LogFields, Logger } from '../kube/index.ts';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

export const logFormats = ['auto', 'json', 'text'] as const;
export type LogFormat = (typeof logFormats)[number];

export interface LoggingOptions {
  level?: LogLevel;
  /** `auto`: text on a terminal, JSON otherwise. */
  format?: LogFormat;
  /** Standard error where none is given: standard output belongs to the results of commands. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean };
  colors?: boolean;
  /** Fields of every line. */
  fields?: LogFields;
  now?: () => number;
  /** Lines below `warn` may wait this long and are then written together. 0, the default, writes each at once. */
  batchMs?: number;
}

export function createLogger(options: LoggingOptions = {}): Logger {
  const stream = options.stream ?? process.stderr;
  const terminal = stream.isTTY === true;
  const text = options.format === 'text' || (options.format !== 'json' && terminal);
  const colors = options.colors ?? (terminal && !process.env.NO_COLOR);
  const now = options.now ?? Date.now;
  const line = winston.format.printf((info) => {
    const { level, message, fields } = info as unknown as Line;
    const time = new Date(now()).toISOString();
    return text ? textLine(time, level, message, fields, colors) : jsonLine(time, level, message, fields);
  });
  const backend = winston.createLogger({
    level: options.level ?? 'info',
    levels: winston.config.npm.levels,
    format: line,
    transports: [new LineWriter({ stream, batchMs: options.batchMs ?? 0 })],
    exitOnError: false,
  });
  return new WinstonLogger(backend, options.fields ?? {});
}

interface Line {
  level: string;
  message: string;
  fields: LogFields;
}

class WinstonLogger implements Logger {
  constructor(
    private readonly backend: winston.Logger,
    private readonly bound: LogFields,
  ) {}

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  child(fields: LogFields): Logger {
    return new WinstonLogger(this.backend, { ...this.bound, ...fields });
  }

  private write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    // Debug lines stand on hot paths: nothing is built for a line that nobody will see.
    if (!this.backend.isLevelEnabled(level)) {
      return;
    }
    this.backend.log({ level, message, fields: fields === undefined ? this.bound : { ...this.bound, ...fields } });
  }
}

function jsonLine(time: string, level: string, message: string, fields: LogFields): string {
  const line: Record<string, unknown> = { time, level, message };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) {
      continue;
    }
    // The three names of the line itself are taken.
    line[name in line ? `${name}_` : name] = value instanceof Error ? describeError(value) : value;
  }
  try {
    return JSON.stringify(line, jsonValue);
  } catch (error) {
    return JSON.stringify({ time, level, message, logError: errorText(error) });
  }
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value.toString();
  }
  if (value instanceof Error) {
    return describeError(value);
  }
  if (value instanceof Map) {
    return Object.fromEntries(value as Map<string, unknown>);
  }
  if (value instanceof Set) {
    return [...(value as Set<unknown>)];
  }
  return value;
}

export interface DescribedError {
  code?: string;
  status?: number;
  reason?: string;
  message: string;
  stack?: string;
  cause?: string;
}

export function describeError(error: Error): DescribedError {
  const { code, status, reason } = error as { code?: unknown; status?: unknown; reason?: unknown };
  const described: DescribedError = { message: oneLine(error.message === '' ? errorText(error) : error.message) };
  if (typeof code === 'string') {
    described.code = code;
  }
  if (typeof status === 'number') {
    described.status = status;
  }
  if (typeof reason === 'string' && reason !== '') {
    described.reason = reason;
  }
  // An error with a code says what happened; one without is unexpected, and the stack is all there is.
  if (described.code === undefined && error.stack !== undefined) {
    described.stack = error.stack;
  }
  if (error.cause instanceof Error && !described.message.includes(error.cause.message)) {
    described.cause = oneLine(error.cause.message);
  }
  return described;
}

const colorOf: Record<string, string> = {
  error: '\u001b[31m',
  warn: '\u001b[33m',
  info: '\u001b[32m',
  debug: '\u001b[90m',
};

function textLine(time: string, level: string, message: string, fields: LogFields, colors: boolean): string {
  const label = level.toUpperCase().padEnd(5);
  const head = colors
    ? `\u001b[90m${time.slice(11, 23)}\u001b[0m ${colorOf[level] ?? ''}${label}\u001b[0m`
    : `${time.slice(11, 23)} ${label}`;
  let line = `${head} ${message}`;
  let stack = '';
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) {
      continue;
    }
    if (value instanceof Error) {
      const described = describeError(value);
      line += `  ${name}=${described.code === undefined ? '' : `[${described.code}] `}${described.message}`;
      if (described.cause !== undefined) {
        line += ` (${described.cause})`;
      }
      if (described.stack !== undefined) {
        stack += `\n${described.stack}`;
      }
      continue;
    }
    line += `  ${colors ? `\u001b[90m${name}=\u001b[0m` : `${name}=`}${textValue(value)}`;
  }
  return line + stack;
}

function textValue(value: unknown): string {
  if (typeof value === 'string') {
    return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value;
  }
  if (typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  try {
    return JSON.stringify(value, jsonValue);
  } catch {
    return '(cannot be shown)';
  }
}
