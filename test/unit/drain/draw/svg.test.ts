import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { drawSvg, svgStyle, type Panel } from '../../../../src/drain/timeline/draw/index.ts';
import { launchBrowser } from '../../../support/browser.ts';
import {
  accessibleSvg,
  cutOfSvg,
  inspectSvg,
  pageFill,
  panelsOfSvg,
  xmlProblem,
} from '../../../support/in-page/svg.mjs';
import { PODS, timelineFor } from './timelines.ts';

const PAIR: readonly Panel[] = [
  { heading: 'Now', timeline: timelineFor(PODS.classicDefault) },
  { heading: 'With policy slow', timeline: timelineFor(PODS.exitOnZero) },
];

jest.setTimeout(120_000);

let browser: Browser;
const pages = new Map<string, Page>();
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
});

async function show(svg: string, colorScheme: 'light' | 'dark', around = '%'): Promise<Page> {
  const page =
    pages.get(colorScheme) ?? (await browser.newPage({ colorScheme, viewport: { width: 1000, height: 1000 } }));
  pages.set(colorScheme, page);
  await page.setContent(
    `<!doctype html><html lang="en"><body style="margin:0">${around.replace('%', () => svg)}</body></html>`,
  );
  return page;
}

const NOTHING = { outside: [], overflowing: [], small: [], pale: [], overlapping: [] };

describe('SVG drawing', () => {
  it.each(
    Object.entries(PODS).flatMap(
      ([name, pod]) =>
        [
          [name, pod, 'light'],
          [name, pod, 'dark'],
        ] as const,
    ),
  )(
    '%s is readable in %3$s: nothing outside, cut off, too small, too pale or on top of other text',
    async (name, pod, scheme) => {
      const page = await show(drawSvg([{ heading: name, timeline: timelineFor(pod) }], { title: name }), scheme);

      expect(await page.evaluate(inspectSvg)).toEqual(NOTHING);
    },
  );

  it('the checks above find what they look for', async () => {
    const bad =
      '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="60"><rect class="page" width="100" height="60" fill="rgb(255,255,255)"/>' +
      '<g><rect x="0" y="0" width="20" height="20" fill="rgb(250,250,250)"/><text x="2" y="14" font-size="9" fill="rgb(200,200,200)">much too long for it</text></g>' +
      '<text x="4" y="15" font-size="14">on top</text></svg>';
    const page = await show(bad, 'light');
    const found = await page.evaluate(inspectSvg);

    expect(found.overflowing).toEqual(['much too long for it']);
    expect(found.small).toEqual(['much too long for it']);
    expect(found.pale).toHaveLength(1);
    expect(found.overlapping).toHaveLength(1);
  });

  it('stacks before and after on one time scale', async () => {
    const page = await show(drawSvg(PAIR, { title: 'Deployment checkout' }), 'light');
    const panels = await page.evaluate(panelsOfSvg);

    expect(panels).toHaveLength(2);
    expect(panels[0]?.ticks).toEqual(panels[1]?.ticks);
    expect(panels[0]?.ticks.length).toBeGreaterThan(4);
    expect(panels[0]?.lanes).toEqual(['kubelet', 'endpoints', 'application', 'proxy', 'inbound', 'outbound']);
    expect(panels[1]?.top).toBeGreaterThan(panels[0]?.bottom ?? Infinity);
  });

  it('draws the cut through every lane at the moment of the loss', async () => {
    const page = await show(drawSvg(PAIR.slice(0, 1), { title: 'cut' }), 'light');
    const seen = await page.evaluate(cutOfSvg);

    expect(seen.cut.x).toBeCloseTo(seen.lost.x + seen.lost.width / 2, 0);
    expect(seen.cut.top).toBeLessThanOrEqual(seen.first.top);
    expect(seen.cut.bottom).toBeGreaterThanOrEqual(seen.last.bottom);
  });

  it('has a name and a description that tell all that is drawn', async () => {
    const page = await show(drawSvg(PAIR, { title: 'Termination of <checkout> & others' }), 'light');
    const accessible = await page.evaluate(accessibleSvg);

    expect(accessible).toMatchObject({ role: 'img', title: 'Termination of <checkout> & others' });
    for (const { heading, timeline } of PAIR) {
      expect(accessible.desc).toContain(`${heading}: ${timeline.verdict.sentence}`);
      expect(accessible.desc).toContain(timeline.events.at(-1)?.sentence);
    }
  });

  it.each([
    ['follows a light system', 'auto', 'light', '%', 'rgb(255, 255, 255)'],
    ['follows a dark system', 'auto', 'dark', '%', 'rgb(13, 17, 23)'],
    ['can be forced to dark', 'dark', 'light', '%', 'rgb(13, 17, 23)'],
    ['can be forced to light', 'light', 'dark', '%', 'rgb(255, 255, 255)'],
    ['follows a page that is dark', 'auto', 'light', '<main data-theme="dark">%</main>', 'rgb(13, 17, 23)'],
    ['follows a page that is light', 'auto', 'dark', '<main data-theme="light">%</main>', 'rgb(255, 255, 255)'],
  ] as const)('%s', async (_, theme, system, around, expected) => {
    const page = await show(drawSvg(PAIR, { title: 'theme', theme }), system, around);
    const fill = await page.evaluate(pageFill);

    expect(fill).toBe(expected);
  });

  it('is well-formed XML whatever names it carries', async () => {
    const panel: Panel = { heading: 'a & b < c > "d" \u0007', timeline: timelineFor({ moreApps: ['<script>&'] }) };
    const page = await show('', 'light');
    const problem = await page.evaluate(xmlProblem, drawSvg([panel], { title: 'x ]]> <y>' }));

    expect(problem).toBeNull();
  });

  it('is self-contained: no address but the namespace, no script', () => {
    const svg = drawSvg(PAIR, { title: 'alone' });

    expect(svg.match(/https?:[^"]*/g)).toEqual(['http://www.w3.org/2000/svg']);
    expect(svg).not.toMatch(/<script|@import|<image|href=/);
  });

  it('can share one style and keep its ids apart on a page with several', () => {
    const one = drawSvg(PAIR, { title: 'one', idPrefix: 'w1', embedStyle: false });
    const ids = [...one.matchAll(/ id="([^"]+)"/g)].map((match) => match[1] ?? '');

    expect(one).not.toContain('<style>');
    expect(svgStyle()).toContain('prefers-color-scheme: dark');
    expect(ids.length).toBeGreaterThan(2);
    expect(ids.every((id) => id.startsWith('w1-'))).toBe(true);
  });

  it('still says why where there is nothing to draw', () => {
    const svg = drawSvg([{ heading: 'Now', timeline: timelineFor({ config: '{' }) }], { title: 'refused' });

    expect(svg).toContain('No pod of this template is created');
    expect(svg).not.toContain('data-lane');
  });
});
