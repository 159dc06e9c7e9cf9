// Functions that run inside a page of the tests' browser: plain JavaScript, so that the types of the DOM stay out of the project.

/** How much wider the page is than its window; 0 where nobody has to scroll sideways. */
export function sidewaysScroll() {
  return document.documentElement.scrollWidth - document.documentElement.clientWidth;
}

/** Words that overlap other cells of a table, texts with a contrast below 4.5 to 1 (WCAG AA). */
export function inspectPage() {
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (color) => {
    const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => channel(Number(part) / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (backgroundColor !== 'rgba(0, 0, 0, 0)') {
        return backgroundColor;
      }
    }
    return 'rgb(255, 255, 255)';
  };
  const pale = [];
  const broken = [];
  for (const element of document.querySelectorAll(
    'main h1, main h2, main p, main li, main td, main th, main code, main strong, main dt',
  )) {
    const words = (element.textContent ?? '').trim();
    const found = contrast(getComputedStyle(element).color, behind(element));
    if (words !== '' && found < 4.5) {
      pale.push(`${words.slice(0, 40)} (${found.toFixed(1)})`);
    }
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline') {
      broken.push(words.slice(0, 40));
    }
  }
  return { pale, broken };
}

export function outlineOfPage() {
  return {
    title: document.title,
    language: document.documentElement.lang,
    headings: [...document.querySelectorAll('h1, h2')].map((heading) => heading.textContent),
    tablesWithoutHeads: [...document.querySelectorAll('table')].filter(
      (table) => table.querySelector('thead th[scope=col]') === null,
    ).length,
    pictures: [...document.querySelectorAll('svg[role=img] > title')].map((title) => title.textContent),
  };
}
