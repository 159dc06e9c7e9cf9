import type { EffectiveSettings, Origin, Sourced } from '../../model/settings.ts';
import type { Seconds } from '../../model/workload.ts';
import type { ContainerEnd } from '../termination.ts';

/** `20 s`, `12.5 s`; a tenth is as fine as anything here is known. */
export function secondsWords(seconds: Seconds): string {
  return Number.isFinite(seconds) ? `${roundSeconds(seconds)} s` : 'no limit';
}

export function roundSeconds(seconds: Seconds): number {
  return Math.round(seconds * 10) / 10;
}

/** Where a value came from, short enough to stand behind it in a sentence. */
export function originWords(origin: Origin): string {
  switch (origin.level) {
    case 'BuiltIn':
      return 'the default';
    case 'MeshConfig':
      return `mesh config${origin.object === undefined ? '' : `, ${origin.object}`}`;
    case 'Injector':
      return `the injector's values${origin.object === undefined ? '' : `, ${origin.object}`}`;
    case 'RootProxyConfig':
    case 'NamespaceProxyConfig':
    case 'SelectorProxyConfig':
      return origin.object ?? 'a ProxyConfig';
    case 'LivePod':
      return origin.object ?? 'a live pod';
    case 'Annotation':
      return 'annotation';
    case 'Template':
      return 'pod template';
    case 'Delete':
      return 'the delete call';
  }
}

export function valueWords(name: string, value: Sourced<Seconds>): string {
  return `${name} is ${secondsWords(value.value)} (${originWords(value.origin)})`;
}

/** What the proxy does between its SIGTERM and its end. */
export function drainWords(end: ContainerEnd, settings: EffectiveSettings): string {
  if (settings.exitOnZeroActiveConnections.value && end.how !== 'DrainOver') {
    return end.how === 'Sigkill' ? 'waits for connections that stay open' : 'drains until no connection is open';
  }
  return `drains ${secondsWords(Math.max(0, settings.terminationDrainDuration.value))}`;
}

export function list(words: readonly string[]): string {
  return words.length <= 1 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Breaks a text into lines of at most `most` characters; a number and its unit stay together. */
export function wrapWords(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.replace(/(\d) (?=s\b)/g, '$1\u00A0').split(/[ \n\t]+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.map((line) => line.replaceAll('\u00A0', ' '));
}
