import type { Shell } from '../shell/run-state.ts';
import {
  demandKnown,
  isUnknown,
  NotUnderstood,
  step,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
} from '../shell/run-state.ts';
import { awkTool } from '../awk/index.ts';
import { clockTools } from './clock.ts';
import { fileTools } from './files.ts';
import { httpTools } from './http.ts';
import { bareName, QUICK_TOOLS, SLOW_TOOLS } from './image.ts';
import { netstat } from './netstat.ts';
import { pilotAgentTools } from './pilot-agent.ts';
import { processTools } from './processes.ts';
import { sed } from './sed.ts';
import { ss } from './ss.ts';
import { textTools } from './text.ts';
import type { Tool } from './tool.ts';
import { wordTools } from './words.ts';

const tools: ReadonlyMap<string, Tool> = new Map<string, Tool>([
  ...clockTools,
  ...fileTools,
  ...httpTools,
  ...pilotAgentTools,
  ...processTools,
  ...textTools,
  ...wordTools,
  ['netstat', netstat],
  ['ss', ss],
  ['sed', sed],
  ['awk', awkTool],
  ['mawk', awkTool],
  ['gawk', awkTool],
  ['nawk', awkTool],
]);

/** Modelled for app containers, but not in the proxy image. */
const NOT_IN_PROXY = new Set([
  'wget',
  'gawk',
  'nginx',
  'apachectl',
  'apache2ctl',
  'httpd',
  'apache2',
  'killall',
  'busybox',
  'ash',
]);
const NOT_IN_APP = new Set(['pilot-agent', 'envoy']);

const NOT_FOUND = 127;

type Presence = 'modelled' | 'quick' | 'slow' | 'missing' | 'unknown';

function presence(shell: Shell, path: string): Presence {
  const name = bareName(path);
  if (shell.run.container === 'Proxy') {
    if (name === undefined || NOT_IN_PROXY.has(name)) {
      return 'missing';
    }
    if (tools.has(name)) {
      return 'modelled';
    }
    if (QUICK_TOOLS.has(name)) {
      return 'quick';
    }
    return SLOW_TOOLS.has(name) ? 'slow' : 'missing';
  }
  const bare = path.slice(path.lastIndexOf('/') + 1);
  if (NOT_IN_APP.has(bare)) {
    return 'missing';
  }
  if (tools.has(bare)) {
    return 'modelled';
  }
  return QUICK_TOOLS.has(bare) ? 'quick' : 'unknown';
}

/** Whether the image has this program. For an app image, which nobody has looked into, usual programs are assumed. */
export function isPresent(shell: Shell, path: string): boolean {
  const found = presence(shell, path);
  shell.run.seen.tools.add(path.slice(path.lastIndexOf('/') + 1));
  if (found === 'unknown') {
    throw new NotUnderstood(path);
  }
  if (shell.run.container === 'App' && found !== 'missing') {
    noteAssumed(shell, path);
  }
  return found !== 'missing';
}

function noteAssumed(shell: Shell, name: string): void {
  shell.run.seen.assumed.add(`the image has ${name}`);
}

/** These only repeat their words, so that unknown ones do no harm. */
const REPEATERS = new Set(['echo', 'printf', 'logger', 'touch', 'mkdir', 'rm']);

/** Runs a program of the image; returns its status. */
export function runTool(shell: Shell, words: readonly string[]): number {
  step(shell.run);
  const path = demandKnown(words[0] ?? '');
  const known = presence(shell, path);
  const name = path.slice(path.lastIndexOf('/') + 1);
  shell.run.seen.tools.add(name);
  switch (known) {
    case 'missing':
      write(shell.errors, `${shell.name}: 1: ${path}: not found\n`);
      return NOT_FOUND;
    case 'unknown':
    case 'slow':
      if (!tools.has(name)) {
        throw new NotUnderstood(shorten(words));
      }
      break;
    case 'quick':
      if (words.includes('|')) {
        throw new NotUnderstood(shorten(words));
      }
      write(shell.output, unknownText(`the output of ${shorten(words)}`));
      shell.run.unknownStatus = `the result of ${shorten(words)}`;
      return UNKNOWN_STATUS;
    case 'modelled':
      break;
  }
  if (shell.run.container === 'App') {
    noteAssumed(shell, name);
  }
  if (!REPEATERS.has(name)) {
    for (const word of words) {
      if (isUnknown(word)) {
        throw new NotUnderstood(unknownWords(word));
      }
    }
  }
  const tool = tools.get(name);
  if (tool === undefined) {
    throw new NotUnderstood(shorten(words));
  }
  const status = tool(shell, words);
  if (status === UNKNOWN_STATUS) {
    shell.run.unknownStatus = `the result of ${shorten(words)}`;
  }
  return status;
}

function shorten(words: readonly string[]): string {
  return words.join(' ').slice(0, 120);
}
