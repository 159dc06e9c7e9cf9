/**
 * What the page does in the browser: sort, filter, follow links. Plain JavaScript as text, because it is shipped inside
 * the page. Without it the page still shows everything.
 */
export const SCRIPT = `
(() => {
  'use strict';
  const form = document.querySelector('.filters');
  const body = document.querySelector('#table tbody');
  const shown = document.querySelector('#shown');
  const rows = [...body.rows];
  const all = rows.length;
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const severities = ['error', 'warning', 'info'];

  function apply() {
    const data = new FormData(form);
    const words = String(data.get('q')).toLowerCase().split(/\\s+/).filter(Boolean);
    const wanted = data.getAll('severity');
    const code = data.get('code');
    const namespace = data.get('namespace');
    const known = data.has('known');
    let count = 0;
    for (const row of rows) {
      const { severity, code: ofCode, namespace: ofNamespace, known: isKnown } = row.dataset;
      const text = texts.get(row);
      const visible = wanted.includes(severity) && (!code || code === ofCode) && (!namespace || namespace === ofNamespace)
        && (known || isKnown === '0') && words.every((word) => text.includes(word));
      row.hidden = !visible;
      count += visible ? 1 : 0;
    }
    shown.textContent = count === all ? all + (all === 1 ? ' finding' : ' findings') : count + ' of ' + all + ' findings';
  }

  // The filter is part of the address, so that a link shows what its sender saw.
  function remember() {
    const data = new FormData(form);
    const parts = new URLSearchParams();
    if (data.get('q')) parts.set('q', data.get('q'));
    const wanted = data.getAll('severity');
    if (wanted.length < severities.length) parts.set('severity', wanted.join(','));
    if (data.get('code')) parts.set('code', data.get('code'));
    if (data.get('namespace')) parts.set('namespace', data.get('namespace'));
    if (!data.has('known')) parts.set('known', 'no');
    const text = parts.toString();
    history.replaceState(null, '', text === '' ? location.pathname + location.search : '#?' + text);
  }

  function recall() {
    const parts = new URLSearchParams(location.hash.slice(2));
    form.elements.q.value = parts.get('q') ?? '';
    const wanted = parts.has('severity') ? parts.get('severity').split(',') : severities;
    for (const box of form.querySelectorAll('[name=severity]')) box.checked = wanted.includes(box.value);
    form.elements.code.value = parts.get('code') ?? '';
    form.elements.namespace.value = parts.get('namespace') ?? '';
    form.elements.known.checked = parts.get('known') !== 'no';
    apply();
  }

  function valueOf(row, key) {
    switch (key) {
      case 'severity': return severities.indexOf(row.dataset.severity);
      case 'place': return row.dataset.place + ' ' + row.dataset.line.padStart(9, '0');
      case 'code': return row.dataset.code;
      case 'workload': return row.dataset.workload;
      default: return texts.get(row);
    }
  }

  function sortBy(button) {
    const heading = button.closest('th');
    const ascending = heading.getAttribute('aria-sort') !== 'ascending';
    for (const other of document.querySelectorAll('#table thead th')) other.setAttribute('aria-sort', 'none');
    heading.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
    const key = button.dataset.sort;
    const sign = ascending ? 1 : -1;
    rows.sort((a, b) => {
      const left = valueOf(a, key);
      const right = valueOf(b, key);
      return left < right ? -sign : left > right ? sign : 0;
    });
    body.append(...rows);
  }

  // A link into something closed or filtered away must still arrive.
  function follow() {
    if (location.hash.startsWith('#?')) return recall();
    const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (!target) return;
    if (target.tagName === 'DETAILS') {
      target.open = true;
      target.querySelector('summary').focus({ preventScroll: true });
    }
    if (target.hidden) {
      form.reset();
      apply();
    }
    target.scrollIntoView();
  }

  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', () => { apply(); remember(); });
  form.addEventListener('reset', () => setTimeout(() => { apply(); remember(); }));
  for (const button of document.querySelectorAll('[data-sort]')) button.addEventListener('click', () => sortBy(button));
  addEventListener('hashchange', follow);
  follow();
})();
`;
