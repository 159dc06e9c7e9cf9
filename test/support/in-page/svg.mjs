// Functions that run inside a page of the tests' browser: plain JavaScript, so that the types of the DOM stay out of the project.

/** Runs in the page: everything a reader could stumble over. Text needs 13 px and a contrast of 4.5 (WCAG AA). */
export function inspectSvg() {
  const svg = document.querySelector('svg');
  const frame = svg.getBoundingClientRect();
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (color) => {
    const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => channel(Number(part) / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = [...svg.querySelectorAll('text')];
  const page = getComputedStyle(svg.querySelector('.page')).fill;
  const result = { outside: [], overflowing: [], small: [], pale: [], overlapping: [] };
  for (const text of texts) {
    const words = text.textContent ?? '';
    const box = text.getBoundingClientRect();
    const style = getComputedStyle(text);
    if (box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom) {
      result.outside.push(words);
    }
    if (Number.parseFloat(style.fontSize) < 13) {
      result.small.push(words);
    }
    const bar = text.parentElement?.querySelector(':scope > rect')?.getBoundingClientRect();
    const within = bar !== undefined && box.left < bar.right;
    if (within && box.right > bar.right) {
      result.overflowing.push(words);
    }
    const behind = within ? getComputedStyle(text.parentElement.querySelector(':scope > rect')).fill : page;
    if (contrast(style.fill, behind) < 4.5) {
      result.pale.push(`${words} (${contrast(style.fill, behind).toFixed(1)})`);
    }
  }
  for (const [index, one] of texts.entries()) {
    const a = one.getBoundingClientRect();
    for (const other of texts.slice(index + 1)) {
      const b = other.getBoundingClientRect();
      // Line boxes are higher than letters: two lines of text may touch by a few pixels.
      if (a.left < b.right && b.left < a.right && a.top + 5 < b.bottom && b.top + 5 < a.bottom) {
        result.overlapping.push(`${one.textContent} / ${other.textContent}`);
      }
    }
  }
  return result;
}

export function panelsOfSvg() {
  return [...document.querySelectorAll('svg .panel')].map((panel) => ({
    lanes: [...panel.querySelectorAll('.lane')].map((lane) => lane.getAttribute('data-lane')),
    ticks: [...panel.querySelectorAll('text.muted')].map((text) => `${text.textContent} at ${text.getAttribute('x')}`),
    top: panel.getBoundingClientRect().top,
    bottom: panel.getBoundingClientRect().bottom,
  }));
}

export function cutOfSvg() {
  const place = (selector) => {
    const { x, width, top, bottom } = document.querySelector(selector).getBoundingClientRect();
    return { x, width, top, bottom };
  };
  return {
    cut: place('line.cut'),
    lost: place('[data-lane=inbound] [data-mark=Lost]'),
    first: place('[data-lane=kubelet]'),
    last: place('[data-lane=outbound]'),
  };
}

export function accessibleSvg() {
  const svg = document.querySelector('svg');
  const [title, desc] = svg
    .getAttribute('aria-labelledby')
    .split(' ')
    .map((id) => document.getElementById(id)?.textContent ?? '');
  return { role: svg.getAttribute('role'), title, desc };
}

export function pageFill() {
  return getComputedStyle(document.querySelector('.page')).fill;
}

/** What the browser's own XML parser says against it; null where nothing. */
export function xmlProblem(text) {
  return new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror')?.textContent ?? null;
}
