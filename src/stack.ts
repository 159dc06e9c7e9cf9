import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/**
 * The stack of an error with files and lines of src/ instead of the bundle's one long line. Read from the source map beside
 * the bundle only now, when something has gone wrong: `--enable-source-maps` would keep megabytes for it in every process.
 * The stack is returned as it is where there is no map.
 */
export function readableStack(error: Error, bundle: string): string {
  const stack = error.stack ?? error.message;
  const map = sourceMapOf(bundle);
  if (map === undefined) {
    return stack;
  }
  return stack.replace(/[^\s(]*main\.js:(\d+):(\d+)/g, (place, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    return 'originalSource' in entry
      ? `${entry.originalSource.replace(/^(\.\.\/)+/, '')}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : place;
  });
}

function sourceMapOf(bundle: string): SourceMap | undefined {
  try {
    return new SourceMap(
      JSON.parse(readFileSync(`${bundle}.map`, 'utf8')) as ConstructorParameters<typeof SourceMap>[0],
    );
  } catch {
    return undefined;
  }
}
