import { resolvePlain } from '../../drain/template/istio-yaml.ts';

const SAFE_PLAIN = /^[A-Za-z0-9_/.][A-Za-z0-9_/.@+=,;() -]*$/;

/** A string as a plain scalar where every YAML reader takes it for a string, else in double quotes. */
export function plainOrQuoted(text: string): string {
  const plain = SAFE_PLAIN.test(text) && !text.endsWith(' ') && resolvePlain(text) === text && !text.includes(' #');
  return plain ? text : JSON.stringify(text);
}

/**
 * A literal block scalar behind its header, one line each; undefined where the text does not need one (a single line)
 * or cannot be one (control characters, a blank at the start of the first line, which would be taken for indentation).
 */
export function blockText(text: string, indent: string): string[] | undefined {
  const body = text.replace(/\n+$/, '');
  const trailing = text.length - body.length;

  const cannot =
    body === '' ||
    /^[ \n]/.test(body) ||
    /[\u0000-\u0008\u000b-\u001f\u007f\u0085\u2028\u2029\ufeff]/.test(body) ||
    trailing > 1;
  if (cannot || (trailing === 0 && !body.includes('\n'))) {
    return undefined;
  }
  const header = trailing === 0 ? '|-' : '|';
  return [header, ...body.split('\n').map((line) => (line === '' ? '' : `${indent}  ${line}`))];
}
