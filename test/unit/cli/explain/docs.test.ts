import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { REASON_CODES } from '../../../../src/api/reasons.ts';
import { docsOf } from '../../../../src/cli/output/report.ts';

const PAGE = 'docs/termination.md';
const page = readFileSync(PAGE, 'utf8');
const links = [...page.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
  .map((match) => match[1] ?? '')
  .filter((link) => !link.startsWith('http'));

describe('the page on termination', () => {
  it('links to things that are there', () => {
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((link) => !existsSync(join(dirname(PAGE), link)))).toEqual([]);
  });

  it('shows every picture, each with words for those who cannot see it', () => {
    const pictures = [...page.matchAll(/!\[([^\]]+)\]\(images\/termination\/([^)]+)\)/g)];

    expect(pictures.map((match) => match[2]).sort()).toEqual(readdirSync('docs/images/termination').sort());
    expect(pictures.filter((match) => (match[1] ?? '').length < 30)).toEqual([]);
  });
});

describe('the page of findings', () => {
  const anchors = new Set(
    [...readFileSync('docs/reference/findings.md', 'utf8').matchAll(/^### (.+)$/gm)].map((match) =>
      (match[1] ?? '').toLowerCase(),
    ),
  );

  it.each(REASON_CODES)('has the place that findings of %s point to', (code) => {
    const [file, anchor] = docsOf(code).split('#');

    expect(file).toBe('docs/reference/findings.md');
    expect(anchors).toContain(anchor);
  });
});
