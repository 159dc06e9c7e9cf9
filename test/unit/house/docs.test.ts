// What a reader of the documentation clicks and types: links lead somewhere, pages can be found, commands exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Command } from '../../../src/cli/command.ts';
import { cliCommands } from '../../../src/cli/commands.ts';
import { controllerCommand } from '../../../src/controller-command.ts';
import { projectRoot } from '../../support/control-plane/index.ts';

const root = projectRoot();
/** Not ours, or made by a run. */
const PASSED_OVER = new Set(['node_modules', '.git', '.cache', 'dist', 'out', 'coverage']);
const FENCE = /^( *)(`{3,}|~{3,})([^\n`]*)\n([\s\S]*?)^ *\2 *$/gm;
const INLINE_CODE = /(`+)(?!`)([\s\S]*?[^`])\1(?!`)/g;

function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return PASSED_OVER.has(entry.name) ? [] : pagesBelow(path);
    }
    return entry.isFile() && entry.name.endsWith('.md') ? [path] : [];
  });
}

const pages = pagesBelow('.').sort();
const textOf = new Map(pages.map((page) => [page, readFileSync(join(root, page), 'utf8')]));

/** Links and images of a page that lead to a file or a heading of this repository. */
function linksOf(page: string): string[] {
  const prose = (textOf.get(page) ?? '').replace(FENCE, '').replace(INLINE_CODE, 'code');
  const found = [
    ...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)/gm),
    ...prose.matchAll(/<(?:a|img|source)\s[^>]*(?:href|src|srcset)="([^"\s]+)/g),
  ];
  return found.map(([, target = '']) => target).filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** The anchors that GitHub gives a page's headings, and those that are written out. */
function anchorsOf(page: string): Set<string> {
  const text = (textOf.get(page) ?? '').replace(FENCE, '');
  const anchors = new Set([...text.matchAll(/<a\s[^>]*(?:id|name)="([^"]+)"/g)].map(([, name = '']) => name));
  const times = new Map<string, number>();
  for (const [, heading = ''] of text.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const shown = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]+>/g, '');
    const slug = shown
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const before = times.get(slug) ?? 0;
    times.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
}

/** Where a link of a page leads, as a path from the root. */
function goalOf(page: string, link: string): { path: string; anchor: string } {
  const [path = '', anchor = ''] = link.split('#', 2).map(decodeURIComponent);
  return { path: path === '' ? page : normalize(join(dirname(page), path)), anchor };
}

function brokenBecause(page: string, link: string): string | undefined {
  const { path, anchor } = goalOf(page, link);
  if (link.startsWith('/') || path.startsWith('..')) {
    return 'leads out of the repository';
  }
  if (!existsSync(join(root, path))) {
    return `there is no ${path}`;
  }
  return anchor !== '' && extname(path) === '.md' && !anchorsOf(path).has(anchor)
    ? `${path} has no heading #${anchor}`
    : undefined;
}

describe('links', () => {
  it.each(pages)('of %s lead somewhere', (page) => {
    const broken = linksOf(page)
      .map((link) => ({ link, why: brokenBecause(page, link) }))
      .filter(({ why }) => why !== undefined);

    expect(broken).toEqual([]);
  });

  it.each([
    ['docs/termination.md', undefined],
    ['docs/termination.md#what-explain-assumes', undefined],
    ['#see-it', undefined],
    ['docs/none.md', `there is no ${join('docs', 'none.md')}`],
    ['docs/termination.md#none', `${join('docs', 'termination.md')} has no heading #none`],
    ['../outside.md', 'leads out of the repository'],
    ['/README.md', 'leads out of the repository'],
  ])('are tried: %s in README.md', (link, why) => {
    expect(brokenBecause('README.md', link)).toBe(why);
  });

  it('make every page of docs/ to be found from README.md or docs/README.md', () => {
    const reached = new Set(['README.md', join('docs', 'README.md')]);
    for (const page of reached) {
      for (const link of linksOf(page)) {
        const { path } = goalOf(page, link);
        if (textOf.has(path)) {
          reached.add(path);
        }
      }
    }

    const lost = pages.filter((page) => page.startsWith(`docs${normalize('/')}`) && !reached.has(page));

    expect(lost).toEqual([]);
  });
});

interface Call {
  readonly line: string;
  readonly words: readonly string[];
}

/** The simple commands of shell text: a comment is none, and a line may go on below or hold several. */
function callsIn(shell: string): Call[] {
  return shell
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((whole) => {
      const line = whole.replace(/(^|\s)#.*$/, '').trim();
      const parts = line.match(/(?:"[^"]*"|'[^']*'|[^|;&"'])+/g) ?? [];
      return parts.map((part) => ({ line, words: part.match(/(?:"[^"]*"|'[^']*'|\S)+/g) ?? [] }));
    });
}

function shellOf(text: string): string[] {
  const blocks = [...text.matchAll(FENCE)]
    .filter(([, , , language = '']) => ['sh', 'bash', 'shell', 'console'].includes(language.trim()))
    .map(([, , , , body = '']) => body);
  const inline = [...text.replace(FENCE, '').matchAll(INLINE_CODE)].map(([, , code = '']) => code);
  return [...blocks, ...inline];
}

const PROGRAMS = ['sidecar-drain', 'npx sidecar-drain-operator', 'node dist/main.js', 'kubectl sidecar-drain'];

/** What follows the name of our program; undefined for another program. */
function argumentsOf({ words }: Call): readonly string[] | undefined {
  const text = words.filter((word) => word !== '$').join(' ');
  const program = PROGRAMS.find((name) => text.startsWith(`${name} `));
  return program === undefined ? undefined : text.slice(program.length + 1).split(' ');
}

const commands: readonly Command[] = cliCommands([controllerCommand]);

function wrongWith(given: readonly string[]): string | undefined {
  const [name = '', ...rest] = given;
  if (/^(--help|-h|--version|COMMAND|X|\[.*)$/.test(name)) {
    return undefined;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    return `there is no command ${name}`;
  }
  const known = new Set([
    '--help',
    '-h',
    ...command.flags.flatMap((flag) => [`--${flag.name}`, ...(flag.short === undefined ? [] : [`-${flag.short}`])]),
  ]);
  const wrong = rest
    .filter((word) => /^-{1,2}[a-z]/i.test(word))
    .map((word) => word.split('=', 1)[0] ?? '')
    .find((flag) => !known.has(flag));
  return wrong === undefined ? undefined : `${name} has no flag ${wrong}`;
}

const calls = pages.flatMap((page) =>
  shellOf(textOf.get(page) ?? '')
    .flatMap(callsIn)
    .map((call) => ({ page: relative('.', page), ...call })),
);

describe('what a page tells to type', () => {
  it('names commands and flags that the program has', () => {
    const ours = calls.flatMap((call) => {
      const given = argumentsOf(call);
      return given === undefined ? [] : [{ page: call.page, line: call.line, wrong: wrongWith(given) }];
    });

    expect(ours.length).toBeGreaterThan(50);
    expect(ours.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
  });

  it('names targets that the Makefile has', () => {
    const makefile = readFileSync(join(root, 'Makefile'), 'utf8');
    const targets = new Set([...makefile.matchAll(/^([a-z][a-z0-9-]*):/gm)].map(([, target = '']) => target));
    const asked = calls
      .filter(({ words }) => words[0] === 'make')
      .flatMap(({ page, line, words }) =>
        words
          .slice(1)
          .filter((word) => /^[a-z][a-z0-9-]*$/.test(word))
          .map((target) => ({ page, line, target })),
      );

    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter(({ target }) => !targets.has(target))).toEqual([]);
  });

  it('is read as a shell reads it', () => {
    const text =
      '```sh\n# sidecar-drain not-this\nhelm template x | sidecar-drain lint - \\\n  --nope=1\n```\nand `kubectl sidecar-drain plna`';

    const found = shellOf(text)
      .flatMap(callsIn)
      .flatMap((call) => argumentsOf(call) ?? [])
      .join(' ');
    const wrong = shellOf(text)
      .flatMap(callsIn)
      .map(argumentsOf)
      .flatMap((given) => (given === undefined ? [] : (wrongWith(given) ?? [])));

    expect(found).toBe('lint - --nope=1 plna');
    expect(wrong).toEqual(['lint has no flag --nope', 'there is no command plna']);
  });
});
