import { drawSvg } from '../../drain/timeline/draw/index.ts';
import { nameOf } from '../output/text.ts';
import type { Explanation } from './explanation.ts';

export function explainSvg({ workload, timelines }: Explanation, theme: 'auto' | 'light' | 'dark'): string {
  return `${drawSvg(timelines, { title: `Termination of ${nameOf(workload)}`, theme })}\n`;
}
