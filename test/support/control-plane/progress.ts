/** Says what a long step is doing: one line that is rewritten on a terminal, a line every 15 seconds elsewhere. */
export interface Progress {
  detail(text: string): void;
  done(text: string): void;
}

export function seconds(milliseconds: number): string {
  const whole = Math.round(milliseconds / 1000);
  return whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
}

export function startProgress(title: string, out: NodeJS.WriteStream = process.stderr): Progress {
  const started = Date.now();
  let detail = '';
  const line = (): string => `${title}: ${seconds(Date.now() - started)}${detail === '' ? '' : `, ${detail}`}`;
  const draw = (): void => {
    out.write(out.isTTY ? `\r\u001b[2K${line()}` : `${line()}\n`);
  };
  out.write(out.isTTY ? title : `${title}\n`);
  const timer = setInterval(draw, out.isTTY ? 500 : 15_000);
  timer.unref();
  return {
    detail(text) {
      detail = text;
    },
    done(text) {
      clearInterval(timer);
      out.write(`${out.isTTY ? '\r\u001b[2K' : ''}${title}: ${text} (${seconds(Date.now() - started)})\n`);
    },
  };
}
