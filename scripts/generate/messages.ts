// docs/contributing/messages.txt: every sentence of the product that a person may read, file by file, so that they can be
// reviewed at a glance, and so that a changed message stands in the diff of the change.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './root.ts';
import type { Generator } from './types.ts';

/** Two words or more, the first of which is not a value that was put in. */
const SENTENCE = /[A-Za-z]{2,}[,:;]? [a-z(]/;
/** Markup, style sheets and programs of the pages and completion scripts. */
const MARKUP = /[<>{};]\s*$|^\s*[<.@#}]|=>|<\/|\$\{[A-Z]/m;

export const messages: Generator = {
  name: 'messages',
  async outputs() {
    const sections: string[] = [];
    for (const file of await sources('src')) {
      const sentences = sentencesOf(file, await readFile(join(root, file), 'utf8'));
      if (sentences.length > 0) {
        sections.push(`${file}\n${sentences.map((one) => `  ${one}\n`).join('')}`);
      }
    }
    const head = 'Every sentence that a person may read. Generated from src/ by npm run generate. Do not edit.\n';
    return new Map([['docs/contributing/messages.txt', `${head}\n${sections.join('\n')}`]]);
  },
};

async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const all = await Promise.all(
    entries.map(async (entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory()
        ? await sources(path)
        : path.endsWith('.ts') && !path.endsWith('.gen.ts')
          ? [path]
          : [];
    }),
  );
  return all.flat().sort();
}

/** What is put in stands as `{expression}`. */
function sentencesOf(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    const words = wordsOf(node, source);
    if (words !== undefined && SENTENCE.test(words.replaceAll(/\{[^}]*\}/g, 'X')) && !MARKUP.test(words)) {
      found.add(words.replaceAll('\n', '\\n').trim());
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found];
}

function wordsOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
    return ts.isImportDeclaration(node.parent) || ts.isLiteralTypeNode(node.parent) ? undefined : node.text;
  }
  if (!ts.isTemplateExpression(node)) {
    return undefined;
  }
  const spans = node.templateSpans.map(({ expression, literal }) => {
    const inner = expression.getText(source).replaceAll(/\s+/g, ' ');
    return `{${inner.length > 40 ? '...' : inner.replaceAll(/[{}]/g, '')}}${literal.text}`;
  });
  return node.head.text + spans.join('');
}
