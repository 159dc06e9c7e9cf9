// Functions that run inside the dashboard's page: plain JavaScript, so that the types of the DOM stay out of the project.

/** Each moment of the rollout that can be scrolled to, in words, the oldest first. */
export function scrollThrough() {
  const slider = document.querySelector('#history-moment');
  const words = [];
  for (let index = 0; index <= Number(slider.max); index++) {
    slider.value = String(index);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    words.push(document.querySelector('#history-words').textContent);
  }
  return words;
}

/** The workloads on the screen, by key, with their states. */
export function rowsOnScreen() {
  return [...document.querySelectorAll('#list [data-key]')].map(
    (row) => `${row.dataset.key} ${row.querySelector('.badge').textContent}`,
  );
}

/** How many rows of the list exist, and how many are told to a screen reader. */
export function rowCounts() {
  const rows = [...document.querySelectorAll('#list [role=option]')];
  return { existing: rows.length, told: Number(rows[0]?.getAttribute('aria-setsize') ?? 0) };
}

export function markedRow() {
  const id = document.querySelector('#list').getAttribute('aria-activedescendant');
  return id === null ? undefined : document.getElementById(id)?.dataset.key;
}

export function focusedText() {
  return document.activeElement?.textContent ?? '';
}
