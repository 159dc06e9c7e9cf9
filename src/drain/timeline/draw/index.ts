export { type Panel } from './panel.ts';
export { drawSvg, type SvgOptions } from './svg.ts';
export { SVG_CLASS, svgStyle } from './svg-style.ts';
export { drawText, NARROWEST_DRAWING, WIDEST_DRAWING, type TextOptions } from './text.ts';
export { originWords, secondsWords, wrapWords } from './words.ts';
