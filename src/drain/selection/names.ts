/** Patterns over workload names: `*` stands for any number of characters, `?` for one. */

export type CompiledPattern =
  { readonly ok: true; readonly matches: (name: string) => boolean } | { readonly ok: false; readonly why: string };

const LONGEST_NAME = 253;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Refuses what no workload can ever be called, because such a pattern is a slip that would go unnoticed. */
export function compileNamePattern(pattern: string): CompiledPattern {
  const why = patternProblem(pattern);
  if (why !== undefined) {
    return { ok: false, why };
  }
  if (!/[*?]/.test(pattern)) {
    return { ok: true, matches: (name) => name === pattern };
  }
  return { ok: true, matches: (name) => matchesGlob(pattern, name) };
}

function patternProblem(pattern: string): string | undefined {
  const shown = JSON.stringify(pattern);
  if (pattern === '') {
    return 'a name pattern must not be empty; leave names out to select every name';
  }
  if (pattern.length > LONGEST_NAME) {
    return `${shown} is longer than any name (${LONGEST_NAME} characters)`;
  }
  const strange = /[^-a-z0-9.*?]/u.exec(pattern)?.[0];
  if (strange !== undefined) {
    return `${shown} has ${JSON.stringify(strange)}, which no name has: names are lower case letters, digits, '-' and '.', and a pattern may have * and ?`;
  }
  // A wildcard can stand for a letter or digit, so only what is written out can be wrong.
  if (/^[-.]/.test(pattern) || /[-.]$/.test(pattern)) {
    return `${shown} begins or ends with '-' or '.', which no name does`;
  }
  if (/\.[-.]|-\./.test(pattern)) {
    return `${shown} has a '.' next to '-' or another '.', which no name has`;
  }
  return /[*?]/.test(pattern) || DNS_SUBDOMAIN.test(pattern) ? undefined : `${shown} is not a name of a workload`;
}

/** In one pass with one place to go back to, so that no pattern can make it slow as a regular expression could be. */
function matchesGlob(pattern: string, name: string): boolean {
  let inPattern = 0;
  let inName = 0;
  let star = -1;
  let retryFrom = 0;
  while (inName < name.length) {
    const expected = pattern[inPattern];
    if (expected === '*') {
      star = inPattern;
      retryFrom = inName;
      inPattern += 1;
    } else if (expected === '?' || expected === name[inName]) {
      inPattern += 1;
      inName += 1;
    } else if (star !== -1) {
      retryFrom += 1;
      inName = retryFrom;
      inPattern = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[inPattern] === '*') {
    inPattern += 1;
  }
  return inPattern === pattern.length;
}
