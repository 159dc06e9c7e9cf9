import { describe, expect, it } from '@jest/globals';
import { fc } from '../../support/fast-check.ts';
import { LineSplitter, LineTooLongError } from '../../../src/kube/lines.ts';

function split(text: string, cuts: number[], maxLineBytes = 1_000_000): { lines: string[]; pending: number } {
  const bytes = Buffer.from(text);
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), maxLineBytes);
  const borders = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const border of [...borders, bytes.length]) {
    splitter.write(bytes.subarray(start, border));
    start = border;
  }
  return { lines, pending: splitter.pending };
}

describe('LineSplitter', () => {
  it('gives the same lines wherever the stream is cut, also inside a character', () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (lines, cuts) => {
        const result = split(lines.map((one) => `${one}\n`).join(''), cuts);
        expect(result.lines).toEqual(lines.filter((one) => one !== ''));
        expect(result.pending).toBe(0);
      }),
    );
  });

  it('keeps what has no end yet, and says how much that is', () => {
    expect(split('{"a":1}\n{"b"', [3, 9])).toEqual({ lines: ['{"a":1}'], pending: 4 });
  });

  it.each([
    ['in one chunk', []],
    ['over several chunks', [4, 8]],
  ])('refuses a line that is too long, %s', (_name, cuts) => {
    expect(() => split(`ok\n${'x'.repeat(20)}\n`, cuts, 10)).toThrow(LineTooLongError);
  });

  it('refuses a line that never ends before it has filled the memory', () => {
    expect(() => split('x'.repeat(11), [5], 10)).toThrow('longer than 10 bytes');
  });
});
