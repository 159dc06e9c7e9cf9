// Functions that run inside the page of lint's report: plain JavaScript, so that the types of the DOM stay out of the project.

/** The code and the name of the workload of each row that can be seen. */
export function rowsOf(rows) {
  return rows.map((row) => `${row.dataset.code} ${row.dataset.workload.split('/')[1]}`);
}

export function openAll(details) {
  for (const one of details) {
    one.open = true;
  }
}

export function focused() {
  return { text: document.activeElement?.textContent, id: document.activeElement?.id };
}

export function goTo(hash) {
  location.hash = hash;
}

/** What a screen reader and a link need of the page. */
export function structure() {
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  const unnamed = [...document.querySelectorAll('input, select, button, a, svg[role=img], figure[tabindex]')].filter(
    (element) =>
      element.textContent.trim() === '' &&
      element.getAttribute('aria-label') === null &&
      element.closest('label') === null,
  );
  return {
    language: document.documentElement.lang,
    headings: document.querySelectorAll('h1').length,
    mains: document.querySelectorAll('main').length,
    unnamed: unnamed.map((element) => element.outerHTML.slice(0, 80)),
    repeatedIds: ids.filter((id, index) => ids.indexOf(id) !== index),
    deadLinks: [...document.querySelectorAll('a[href^="#"]')]
      .map((link) => link.getAttribute('href').slice(1))
      .filter((id) => document.getElementById(id) === null),
  };
}
