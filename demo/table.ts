/** A plain table whose last column is wrapped to what is left of the width. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const fixed = widths.slice(0, -1).reduce((sum, each) => sum + each + 2, 0);
  const last = Math.max(30, width - fixed);
  const line = (cells: readonly string[]): string[] =>
    wrap(cells[cells.length - 1] ?? '', last).map((text, index) =>
      [...cells.slice(0, -1).map((cell, column) => (index === 0 ? cell : '').padEnd(widths[column] ?? 0)), text]
        .join('  ')
        .trimEnd(),
    );
  const rule = widths
    .map((each, column) => '-'.repeat(column === widths.length - 1 ? Math.min(each, last) : each))
    .join('  ');
  return [...line(head), rule, ...rows.flatMap(line)].join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/)) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}
