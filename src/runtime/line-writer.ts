// Where log lines leave the process. A write to a pipe blocks until the kernel has it and wakes its reader: in a burst, one
// for each line took more processor time than the decisions themselves. So lines that can wait are written together.

import winston from 'winston';

export interface LineWriterOptions {
  readonly stream: NodeJS.WritableStream;
  /** Lines below `warn` wait for company for up to this long; 0 writes each at once. */
  readonly batchMs: number;
}

const MESSAGE = Symbol.for('message');
const LEVEL = Symbol.for('level');
/** More than this does not wait; it is also about what a pipe takes in one go. */
const MOST_WAITING = 32 * 1024;

/** What winston hands over once a line is formatted. */
interface FormattedLine {
  readonly [LEVEL]?: string;
  readonly [MESSAGE]?: string;
}

/** winston's own stream transport writes each line by itself and wakes the event loop for each. */
export class LineWriter extends winston.transports.Stream {
  private readonly target: NodeJS.WritableStream;
  private readonly batchMs: number;
  private waiting = '';
  private timer: NodeJS.Timeout | undefined;

  constructor({ stream, batchMs }: LineWriterOptions) {
    super({ stream });
    this.target = stream;
    this.batchMs = batchMs;
    if (batchMs > 0) {
      // Pipes, files and terminals are written synchronously on POSIX, so the last lines are out before the process is gone.
      process.on('exit', () => {
        this.flush();
      });
    }
  }

  override log(line: FormattedLine, next: () => void): void {
    this.waiting += `${line[MESSAGE] ?? ''}\n`;
    const level = line[LEVEL];
    if (this.batchMs === 0 || level === 'error' || level === 'warn' || this.waiting.length >= MOST_WAITING) {
      this.flush();
    } else {
      this.timer ??= setTimeout(() => {
        this.flush();
      }, this.batchMs).unref();
    }
    next();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const text = this.waiting;
    this.waiting = '';
    if (text !== '') {
      this.target.write(text);
    }
  }
}
