import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../../../support/browser.ts';
import { inspectPage, outlineOfPage, sidewaysScroll } from '../../../support/in-page/page.mjs';
import { inspectSvg } from '../../../support/in-page/svg.mjs';
import { example, EXAMPLES, MESH, runExplain } from './run.ts';

jest.setTimeout(120_000);

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
});

async function open(
  html: string,
  width: number,
  colorScheme: 'light' | 'dark',
): Promise<{ page: Page; asked: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.setContent(html);
  return { page, asked };
}

async function pageOf(name: string): Promise<string> {
  const { code, out } = await runExplain([
    'deployment/checkout',
    ...example(name),
    '--policy',
    `${EXAMPLES}/policy.yaml`,
    ...MESH,
    '-o',
    'html',
  ]);
  expect(code).toBe(0);
  return out;
}

describe('explain as a page', () => {
  it.each([
    ['classic-default', 1100, 'light'],
    ['classic-default', 390, 'dark'],
    ['literal-hook', 1100, 'dark'],
    ['literal-hook', 390, 'light'],
    ['exit-on-zero', 700, 'light'],
  ] as const)(
    '%s, %i pixels wide, %s: fits, is readable, asks the network for nothing',
    async (name, width, scheme) => {
      const { page, asked } = await open(await pageOf(name), width, scheme);

      expect(await page.evaluate(sidewaysScroll)).toBe(0);
      expect(await page.evaluate(inspectPage)).toEqual({ pale: [], broken: [] });
      expect(asked).toEqual([]);
      await page.close();
    },
  );

  it('shows the picture as readable as it is alone', async () => {
    const { page } = await open(await pageOf('classic-default'), 1100, 'dark');

    expect(await page.evaluate(inspectSvg)).toMatchObject({ outside: [], overflowing: [], pale: [], overlapping: [] });
    await page.close();
  });

  it('has a title, a language, headings, and tables with heads', async () => {
    const { page } = await open(await pageOf('classic-default'), 1100, 'light');
    const outline = await page.evaluate(outlineOfPage);
    await page.close();

    expect(outline).toMatchObject({
      title: 'Termination of Deployment shop/checkout',
      language: 'en',
      tablesWithoutHeads: 0,
      pictures: ['Termination of Deployment shop/checkout'],
    });
    expect(outline.headings).toEqual([
      'Termination of Deployment shop/checkout',
      'Now: classic sidecar',
      'With policy slow-requests: classic sidecar',
      'Policy slow-requests',
      'Settings that count, and where they come from',
      'Findings',
      'Assumed',
    ]);
  });

  it('shows what manifests say as text, never as markup', async () => {
    const manifest = [
      'apiVersion: apps/v1',
      'kind: Deployment',
      'metadata: {name: checkout, namespace: shop, annotations: {sidecardrain.io/exempt: "<b>why</b>"}}',
      'spec:',
      '  template:',
      '    spec:',
      '      containers:',
      '        - name: app',
      '          image: example/server:1',
      '          lifecycle: {preStop: {exec: {command: [sh, -c, "echo <img src=x onerror=alert(1)> & sleep 3"]}}}',
    ].join('\n');
    const { out } = await runExplain(['-f', '-', ...MESH, '-o', 'html'], { stdin: manifest });
    const { page } = await open(out, 1100, 'light');
    const images = await page.locator('img').count();
    const bold = await page.locator('b').count();
    await page.close();

    expect({ images, bold }).toEqual({ images: 0, bold: 0 });
    expect(out).toContain('&lt;img src=x');
  });
});
