import { describe, expect, it } from '@jest/globals';
import { drawText, type TextOptions } from '../../../../src/drain/timeline/draw/index.ts';
import { PODS, timelineFor, type Pod } from './timelines.ts';

const PLAIN: TextOptions = { width: 100, unicode: true, color: false };

function draw(pod: Pod, options: Partial<TextOptions> = {}): string[] {
  return drawText([{ heading: 'now', timeline: timelineFor(pod) }], { ...PLAIN, ...options }).split('\n');
}

function lineOf(lines: readonly string[], title: string): string {
  return lines.find((line) => line.startsWith(`${title} `)) ?? '';
}

/** Where a time stands on the axis: the column of its tick. */
function columnOf(lines: readonly string[], label: string): number {
  const axis = lines[1] ?? '';
  return axis.search(new RegExp(`(?<![0-9])${label}(?![0-9])`)) + Math.floor(label.length / 2);
}

describe('text drawing', () => {
  it.each(Object.entries(PODS))('%s: one line a lane, under a heading and an axis', (_, pod) => {
    const lines = draw(pod);

    expect(lines[0]).toBe('now');
    expect(lines.slice(3, 9).map((line) => line.slice(0, 14).trim())).toEqual([
      'kubelet',
      'new requests',
      'checkout',
      'istio-proxy',
      'in flight',
      'calls out',
    ]);
  });

  it.each([60, 80, 100, 120, 160, 200])('fits into %i columns and uses them', (width) => {
    const lines = Object.values(PODS).flatMap((pod) => draw(pod, { width }));
    const longest = Math.max(...lines.map((line) => line.length));

    expect(longest).toBeLessThanOrEqual(width);
    expect(longest).toBeGreaterThan(width - 8);
  });

  it('stays between 60 and 200 columns whatever the terminal says', () => {
    const longest = (width: number): number =>
      Math.max(...draw(PODS.classicDefault, { width }).map((line) => line.length));

    expect(longest(20)).toBeLessThanOrEqual(60);
    expect(longest(20)).toBeGreaterThan(50);
    expect(longest(500)).toBeLessThanOrEqual(200);
  });

  it('puts the cut where it happens, through all lanes, and says what is cut', () => {
    const lines = draw(PODS.classicDefault);
    const cut = columnOf(lines, '5');

    expect(lineOf(lines, 'in flight')[cut]).toBe('╳');
    expect(lineOf(lines, 'calls out')[cut]).toBe('╳');
    expect(lineOf(lines, 'istio-proxy')[cut]).toBe('●');
    expect(lines.find((line) => line.includes('requests in flight are lost'))?.indexOf('└')).toBe(cut);
  });

  it('marks SIGTERM and SIGKILL of a hook that never ends', () => {
    const lines = draw(PODS.neverEndingHook);
    const proxy = lineOf(lines, 'istio-proxy');

    expect(proxy[columnOf(lines, '30')]).toBe('▼');
    expect(proxy.trimEnd().endsWith('╳')).toBe(true);
    expect(lines.join('\n')).toContain('32 s: SIGKILL ends istio-proxy ┘');
  });

  it('draws no cut where nothing is cut', () => {
    const text = draw(PODS.nativeDefault).join('\n');

    expect(text).not.toContain('╳');
    expect(text).not.toContain('┊');
  });

  it('can be drawn with ASCII only', () => {
    for (const pod of Object.values(PODS)) {
      expect(draw(pod, { unicode: false }).join('\n')).toMatch(/^[\n\x20-\x7e]*$/);
    }
  });

  it('uses no escape sequences unless colours are asked for, and the same characters with them', () => {
    const plain = draw(PODS.classicDefault).join('\n');
    const coloured = draw(PODS.classicDefault, { color: true }).join('\n');
    const escapes = /\u001B\[[0-9;]*m/g;

    expect(plain).not.toMatch(escapes);
    expect(coloured).toMatch(escapes);
    expect(
      coloured
        .replace(escapes, '')
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual(plain.split('\n'));
  });

  it('explains every sign that it uses, and none that it does not', () => {
    const legend = (pod: Pod): string => draw(pod).join('\n').split('\n\n').at(-1) ?? '';

    expect(legend(PODS.classicDefault)).toMatch(/▼ SIGTERM.*╳ cut/s);
    expect(legend(PODS.classicDefault)).not.toContain('preStop');
    expect(legend(PODS.neverEndingHook)).toContain('░ preStop');
    expect(legend(PODS.nativeDefault)).not.toContain('╳');
  });

  it('puts before and after on one time scale', () => {
    const text = drawText(
      [
        { heading: 'now', timeline: timelineFor(PODS.classicDefault) },
        { heading: 'with policy slow', timeline: timelineFor(PODS.exitOnZero) },
      ],
      PLAIN,
    );
    const axes = text.split('\n').filter((line) => /^ +0 .* s$/.test(line));

    expect(axes).toHaveLength(2);
    expect(axes[0]).toBe(axes[1]);
  });

  it('shortens container names that are very long', () => {
    const lines = draw({ moreApps: ['a-container-whose-name-takes-all-the-room-there-is'] });
    expect(lines.join('\n')).toContain('a-container-whose-name-…');
  });

  it('shows that a grace period goes on beyond the picture', () => {
    expect(lineOf(draw({ grace: 600 }), 'kubelet').endsWith('→')).toBe(true);
  });

  it('is empty where no pod is created', () => {
    expect(draw({ config: '{' })).toEqual(['']);
  });
});
