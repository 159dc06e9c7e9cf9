// Cuts a stream of chunks into lines. A watch is one JSON document per line; a line may span many chunks, and a chunk
// may hold many lines. Each byte is looked at once and joined at most once, whatever the size of the list.

export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
  readonly code = 'KUBE_LINE_TOO_LONG';
}

const newline = 0x0a;

export class LineSplitter {
  private parts: Buffer[] = [];
  private pendingBytes = 0;

  constructor(
    private readonly onLine: (line: string) => void,
    private readonly maxLineBytes: number,
  ) {}

  /** Bytes of a line that has no end yet; more than 0 at the end of a stream means that it was torn. */
  get pending(): number {
    return this.pendingBytes;
  }

  write(chunk: Buffer): void {
    let start = 0;
    let end = chunk.indexOf(newline);
    while (end !== -1) {
      this.emit(chunk, start, end);
      start = end + 1;
      end = chunk.indexOf(newline, start);
    }
    if (start === chunk.length) {
      return;
    }
    this.keep(start === 0 ? chunk : chunk.subarray(start));
  }

  private keep(part: Buffer): void {
    this.pendingBytes += part.length;
    this.refuseTooLong(this.pendingBytes);
    this.parts.push(part);
  }

  private emit(chunk: Buffer, start: number, end: number): void {
    this.refuseTooLong(this.pendingBytes + end - start);
    if (this.pendingBytes === 0) {
      if (end > start) {
        this.onLine(chunk.toString('utf8', start, end));
      }
      return;
    }
    const parts = this.parts;
    const bytes = this.pendingBytes + end - start;
    parts.push(chunk.subarray(start, end));
    this.parts = [];
    this.pendingBytes = 0;
    // Joined as bytes: a character may be cut in two by the border of a chunk.
    this.onLine(Buffer.concat(parts, bytes).toString('utf8'));
  }

  private refuseTooLong(bytes: number): void {
    if (bytes <= this.maxLineBytes) {
      return;
    }
    throw new LineTooLongError(`A line of the stream is longer than ${this.maxLineBytes} bytes.`);
  }
}
