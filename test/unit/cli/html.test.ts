import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launchBrowser } from '../../support/browser.ts';
import { inspectPage, sidewaysScroll } from '../../support/in-page/page.mjs';
import { focused, goTo, openAll, rowsOf, structure } from '../../support/in-page/report.mjs';
import { CLASSIC, cli, deployment, folderWith, policy, removeFolders } from './support.ts';

jest.setTimeout(120_000);

let browser: Browser;
let address: string;

beforeAll(async () => {
  const files = folderWith({
    'a.yaml': deployment({ name: 'checkout', namespace: 'shop', grace: 5 }),
    'b.yaml': deployment({ name: 'cart', namespace: 'shop', grace: 90, config: 'terminationDrainDuration: 60s' }),
    'c.yaml': deployment({ name: 'search', namespace: 'catalog', grace: 60, config: 'terminationDrainDuratoin: 30s' }),
    'd.yaml': deployment({
      name: 'batch',
      namespace: 'catalog',
      grace: 5,
      annotations: { 'sidecardrain.io/exempt': '<script>alert(1)</script>' },
    }),
    'e.yaml': deployment({ name: 'fine', namespace: 'shop', grace: 90, config: 'terminationDrainDuration: 45s' }),
    'p.yaml': policy('slow', 'mode: Fixed, duration: 30s').replace(
      'namespaceSelector: {}',
      'namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}',
    ),
    'broken.yaml': 'a: [\n',
  });
  const report = join(folderWith({}), 'report.html');
  const { code } = await cli(['lint', '-f', files, ...CLASSIC, '-o', 'html', '--output-file', report]);
  expect(code).toBe(1);
  address = pathToFileURL(report).href;
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  removeFolders();
});

interface Opened {
  readonly page: Page;
  readonly asked: string[];
  readonly errors: string[];
}

async function open(hash = '', width = 1240, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const asked: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => (message.type() === 'error' ? errors.push(message.text()) : undefined));
  page.on('dialog', (dialog) => errors.push(`dialog: ${dialog.message()}`));
  await page.goto(`${address}${hash}`);
  return { page, asked, errors };
}

async function visible(page: Page): Promise<string[]> {
  return page.locator('#table tbody tr:visible').evaluateAll(rowsOf);
}

const ALL = [
  'GraceTooShort checkout',
  'DrainTooShort checkout',
  'DrainTooShort search',
  'AnnotationKeyUnknown search',
  'ListenerClosesBeforeDrainEnds cart',
  'GraceTooShort batch',
  'DrainTooShort batch',
];

describe('the report as a page', () => {
  it.each([
    [1240, 'light'],
    [1240, 'dark'],
    [390, 'light'],
    [390, 'dark'],
    [760, 'light'],
  ] as const)('%i pixels wide, %s: fits, is readable, asks the network for nothing', async (width, scheme) => {
    const { page, asked, errors } = await open('', width, scheme);
    await page.locator('details').evaluateAll(openAll);

    expect(await page.evaluate(sidewaysScroll)).toBe(0);
    expect(await page.evaluate(inspectPage)).toEqual({ pale: [], broken: [] });
    expect([asked, errors]).toEqual([[address], []]);
    await page.close();
  });

  it('shows every finding, the worst first, the known ones last, and a timeline for each workload', async () => {
    const { page } = await open();

    expect(await visible(page)).toEqual(ALL);
    expect(await page.locator('#shown').textContent()).toBe('7 findings');
    expect(await page.locator('details svg').count()).toBe(5);
    expect(await page.locator('.card').allInnerTexts()).toEqual(
      ['5\nworkloads', '3\nclean', '3\nerrors', '1\nwarnings', '1\nnotes', '2\nexempt'].map((text) =>
        expect.stringMatching(new RegExp(`^${text.split('\n')[0]}\\s*${text.split('\n')[1]}$`)),
      ),
    );
    expect(await page.getByText('broken.yaml:2: cannot be read').count()).toBe(1);
    await page.close();
  });

  it('sorts by a heading, with the keyboard, and says so', async () => {
    const { page } = await open();
    const heading = page.getByRole('columnheader', { name: 'Workload' });

    await heading.getByRole('button').focus();
    await page.keyboard.press('Enter');
    const up = (await visible(page)).map((row) => row.split(' ')[1]);
    const ascending = await heading.getAttribute('aria-sort');
    await page.keyboard.press('Enter');
    const down = (await visible(page)).map((row) => row.split(' ')[1]);

    expect([ascending, await heading.getAttribute('aria-sort')]).toEqual(['ascending', 'descending']);
    expect(up).toEqual(['batch', 'batch', 'search', 'search', 'cart', 'checkout', 'checkout']);
    expect(down).toEqual(['checkout', 'checkout', 'cart', 'search', 'search', 'batch', 'batch']);
    await page.close();
  });

  it('filters by words, severity, code and namespace, announces how many, and resets', async () => {
    const { page } = await open();

    await page.getByRole('searchbox', { name: 'Search' }).fill('search drain');
    const words = await visible(page);
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.getByLabel('warning').uncheck();
    const withoutWarnings = await visible(page);
    await page.locator('select[name=code]').selectOption('GraceTooShort');
    await page.getByLabel('known and exempt too').uncheck();
    const grace = await visible(page);
    const status = await page.getByRole('status').textContent();
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.locator('select[name=namespace]').selectOption('catalog');
    const catalog = await visible(page);

    expect(words).toEqual(['DrainTooShort search', 'AnnotationKeyUnknown search']);
    expect(withoutWarnings).toEqual(ALL.filter((row) => !row.startsWith('Annotation')));
    expect([grace, status]).toEqual([['GraceTooShort checkout'], '1 of 7 findings']);
    expect(catalog).toEqual(ALL.filter((row) => /search|batch/.test(row)));
    await page.close();
  });

  it('keeps the filter in its address', async () => {
    const { page } = await open();
    await page.getByRole('searchbox', { name: 'Search' }).fill('checkout');
    await page.getByLabel('warning').uncheck();
    const hash = new URL(page.url()).hash;
    await page.close();

    const again = await open(hash);

    expect(await visible(again.page)).toEqual(['GraceTooShort checkout', 'DrainTooShort checkout']);
    expect(await again.page.getByLabel('warning').isChecked()).toBe(false);
    await again.page.close();
  });

  it('follows links to findings, codes and workloads, also into what is closed or filtered away', async () => {
    const { page } = await open();
    await page.locator('#f-1 th a').click();
    const workload = page.locator('details:target');
    await page.locator('details:target[open]').waitFor();
    const opened = [await workload.getAttribute('open'), await workload.locator('summary .name').textContent()];
    await page.close();
    const code = await open('#code-GraceTooShort');
    const heading = await code.page.locator(':target').innerText();
    await code.page.getByRole('searchbox', { name: 'Search' }).fill('nothing like this');
    const none = await visible(code.page);
    await code.page.evaluate(goTo, '#f-2');
    await code.page.locator('#f-2').waitFor({ state: 'visible' });

    expect(opened).toEqual(['', 'Deployment shop/checkout']);
    expect(heading).toContain('GraceTooShort');
    expect(none).toEqual([]);
    expect(await visible(code.page)).toEqual(ALL);
    await code.page.close();
  });

  it('can be used without a mouse and read aloud', async () => {
    const { page } = await open();

    await page.keyboard.press('Tab');
    const first = await page.evaluate(focused);
    await page.keyboard.press('Enter');
    const target = await page.evaluate(focused);

    expect([first.text, target.id]).toEqual(['Skip to the findings', 'findings']);
    expect(await page.evaluate(structure)).toEqual({
      language: 'en',
      headings: 1,
      mains: 1,
      unnamed: [],
      repeatedIds: [],
      deadLinks: [],
    });
    await page.close();
  });

  it('takes no text of the input for markup', async () => {
    const { page, errors } = await open('#?q=batch');

    expect(await page.locator('#table tbody tr:visible .tag').first().textContent()).toBe(
      'exempt: <script>alert(1)</script>',
    );
    expect(errors).toEqual([]);
    await page.close();
  });
});
