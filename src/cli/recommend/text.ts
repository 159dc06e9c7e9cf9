import type { Style } from '../output/style.ts';
import { count } from '../output/text.ts';
import { costText } from '../plan/text.ts';
import type { Recommendation, Recommendations } from './model.ts';
import { drainWords, needWords, rangeWords, secondsWords } from './words.ts';

export function recommendationsText(
  { workloads, policies, notes }: Recommendations,
  window: string,
  style: Style,
): string {
  const out = notes.map((note) => style.dim(note));
  if (out.length > 0) {
    out.push('');
  }
  for (const one of workloads) {
    out.push(...workloadLines(one, style), '');
  }
  for (const { metadata, spec } of policies) {
    const names = spec.match.names ?? [];
    out.push(`${style.bold(`policy ${metadata.name ?? ''}`)}  ${drainWords(spec.drain)}: ${names.join(', ')}`);
  }
  const proposed = workloads.filter(({ policy }) => policy !== undefined).length;
  const quiet = workloads.length - proposed;
  out.push(
    ...(policies.length > 0 ? [''] : []),
    `${count(proposed, 'workload')} in ${count(policies.length, 'policy', 'policies')}, from the requests of the last ${window}${quiet === 0 ? '' : `; nothing proposed for ${quiet}`}`,
  );
  if (policies.length > 0) {
    out.push(
      style.dim('-o yaml prints the policies, in Audit: they change nothing until you write enforcement: Enforce'),
    );
  }
  return `${out.join('\n')}\n`;
}

function workloadLines(one: Recommendation, style: Style): string[] {
  const { lengths, need, state } = one;
  const name = `${one.kind === undefined ? '' : `${one.kind} `}${one.namespace}/${one.name}`;
  const out = [`${style.bold(name)}${one.policy === undefined ? '' : style.dim(`  policy ${one.policy}`)}`];
  if (lengths !== undefined) {
    out.push(
      `  requests   ${Math.round(lengths.requests)}: 99 % ${rangeWords(lengths.p99)}, 99.9 % ${rangeWords(lengths.p999)}, the longest ${rangeWords(lengths.longest)}${lengths.longestBy === 'source' ? ' (as clients measured it, retries included)' : ''}`,
    );
  }
  if (one.survivesToday !== undefined) {
    out.push(`  today      a request survives its pod's deletion by ${secondsWords(one.survivesToday)}`);
  }
  if (need !== undefined) {
    out.push(`  proposal   ${needWords(need)}: ${state === 'Proposed' ? one.message : style.dim(one.message)}`);
  } else {
    out.push(style.dim(`  nothing    ${one.message}`));
  }
  if (one.price !== undefined && state !== 'Covered') {
    out.push(style.dim(`  price      ${costText(one.price)}`));
  }
  return out;
}
