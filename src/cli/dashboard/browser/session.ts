import { byId } from './dom.ts';

const KEPT_AS = 'sidecar-drain-token';

/**
 * Asks the server that the page came from. Where that reviews tokens it gets the one that was typed in, which this tab keeps
 * until it is closed; a proxy in between may send one of its own.
 */
export function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const token = sessionStorage.getItem(KEPT_AS);
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  return fetch(path, { headers, signal });
}

/** Resolves once somebody has typed in a token. @param why the server's own words */
export function askForToken(why: string): Promise<void> {
  sessionStorage.removeItem(KEPT_AS);
  const form = byId<HTMLFormElement>('login');
  const field = form.elements.namedItem('token') as HTMLInputElement;
  byId('login-why').textContent = why;
  form.hidden = false;
  field.focus();
  return new Promise((resolve) => {
    form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        sessionStorage.setItem(KEPT_AS, field.value.trim());
        field.value = '';
        form.hidden = true;
        resolve();
      },
      { once: true },
    );
  });
}
