import { momentOf, putAside } from '../shell/branches.ts';
import type { Shell } from '../shell/run-state.ts';
import {
  disturb,
  isUnknown,
  mayTake,
  NotUnderstood,
  readable,
  step,
  UNKNOWN_STATUS,
  unknownText,
  unknownWords,
  write,
  whyNotUnderstood,
} from '../shell/run-state.ts';
import { awkTool } from '../awk/index.ts';
import { clockTools } from './clock.ts';
import { fileTools } from './files.ts';
import { httpTools } from './http.ts';
import { bareName, isInEveryImage, isWhatItIsCalled, QUICK_TOOLS, SLOW_TOOLS, takesAsLongAsData } from './image.ts';
import { netstat } from './netstat.ts';
import { pilotAgentTools } from './pilot-agent.ts';
import { processTools } from './processes.ts';
import { sed } from './sed.ts';
import { ss } from './ss.ts';
import { scriptTools } from './script-languages.ts';
import { textTools } from './text.ts';
import type { Tool } from './tool.ts';
import { runUnknown } from './tool.ts';
import { wordTools } from './words.ts';
import { wrappers } from './wrappers.ts';

const tools: ReadonlyMap<string, Tool> = new Map<string, Tool>([
  ...clockTools,
  ...fileTools,
  ...httpTools,
  ...pilotAgentTools,
  ...processTools,
  ...scriptTools,
  ...textTools,
  ...wordTools,
  ...wrappers,
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
  'gosu',
  'su-exec',
  'tini',
  'dumb-init',
  'catatonit',
  'ionice',
  'time',
  'usleep',
  'python',
  'python3',
  'node',
  'ruby',
  'php',
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
  if (!isWhatItIsCalled(path)) {
    return 'unknown';
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

/** What `which` and `command -v` see: whether a program is there that is only asked for, and not run. */
export function isFound(shell: Shell, path: string): boolean {
  if (shell.run.container === 'App' && !isInEveryImage(path.slice(path.lastIndexOf('/') + 1))) {
    throw new NotUnderstood(`whether the image has ${path}`);
  }
  return isPresent(shell, path);
}

/** Nobody has looked into the images of applications. */
export function noteMissing(shell: Shell, path: string): void {
  if (shell.run.container === 'Proxy') {
    shell.run.seen.missing.add(path.slice(path.lastIndexOf('/') + 1));
  }
}

function noteAssumed(shell: Shell, name: string): void {
  shell.run.seen.assumed.add(`the image has ${name}`);
}

/** These only repeat their words, so that unknown ones do no harm. */
const REPEATERS = new Set(['echo', 'printf', 'logger', 'touch', 'mkdir', 'rm']);

/** These are done within a moment whatever their words are, and change nothing in the pod. */
const QUICK_WHATEVER = new Set([
  'grep',
  'egrep',
  'fgrep',
  'wc',
  'sort',
  'uniq',
  'cut',
  'tr',
  'head',
  'expr',
  'basename',
  'dirname',
  'echo',
  'printf',
  'seq',
  'date',
  'netstat',
  'ss',
  'cat',
  'tee',
  'which',
  'test',
  '[',
  'pgrep',
  'pidof',
]);

/** These send a signal and return; what it does is not known. */
const SIGNALLING = new Set(['kill', 'pkill', 'killall']);

/** Programs that run another one, and look at their own words. */
const LOOK_AT_WORDS = new Set(['timeout', ...wrappers.keys()]);

/** Runs a program of the image; returns its status. Of a program that nobody knows, length and status are unknown. */
export function runTool(shell: Shell, words: readonly string[]): number {
  step(shell.run);
  const [path = ''] = words;
  if (isUnknown(path)) {
    return runUnknown(shell, unknownWords(path));
  }
  const known = presence(shell, path);
  const name = path.slice(path.lastIndexOf('/') + 1);
  shell.run.seen.tools.add(name);
  if (known === 'missing' || isVariableReference(shell, path)) {
    noteMissing(shell, path);
    write(shell.errors, `${shell.name}: 1: ${path}: not found\n`);
    return NOT_FOUND;
  }
  if (known === 'quick' && shell.run.container === 'App' && takesAsLongAsData(words)) {
    return runUnknown(shell, shorten(words));
  }
  if (known === 'quick') {
    return unknownResult(shell, shorten(words));
  }
  const tool = known === 'unknown' ? undefined : tools.get(name);
  if (tool === undefined) {
    return runUnknown(shell, LOOKS_LIKE_VARIABLE.test(words.join(' ')) ? notVariable(path) : shorten(words));
  }
  if (shell.run.container === 'App') {
    noteAssumed(shell, name);
  }
  const unknown = REPEATERS.has(name) || LOOK_AT_WORDS.has(name) ? undefined : words.find(isUnknown);
  if (unknown !== undefined) {
    return runDoubtful(shell, name, unknownWords(unknown));
  }
  shell.run.unknownStatus = '';
  try {
    const status = tool(shell, words);
    if (status === UNKNOWN_STATUS && shell.run.unknownStatus === '') {
      shell.run.unknownStatus = `the result of ${shorten(words)}`;
    }
    return status;
  } catch (error) {
    return runDoubtful(shell, name, whyNotUnderstood(error));
  }
}

const LOOKS_LIKE_VARIABLE = /^[A-Z_][A-Z0-9_]*$/;

function notVariable(name: string): string {
  return `a program ${name}: a shell runs $(${name}), and reads a variable as $${name}`;
}

/** `$(NAME)` is how Kubernetes refers to a variable elsewhere; a shell takes the name for a program, which is not there. */
function isVariableReference(shell: Shell, path: string): boolean {
  const { environment } = shell.run;
  return LOOKS_LIKE_VARIABLE.test(path) && environment !== undefined && Object.hasOwn(environment, path);
}

/** A known program with words that are not understood. */
function runDoubtful(shell: Shell, name: string, reason: string): number {
  if (name === 'sleep') {
    mayTake(shell.run, Infinity, reason);
    return unknownResult(shell, reason, reason);
  }
  if (QUICK_WHATEVER.has(name)) {
    return unknownResult(shell, reason, reason);
  }
  if (SIGNALLING.has(name)) {
    disturb(shell.run, reason);
    shell.run.jobs = shell.run.jobs.map((job) => ({ ...job, endsAt: Math.min(job.endsAt, shell.run.now) }));
    if (shell.run.container === 'Proxy') {
      shell.run.reasons.add(reason);
      putAside(shell, { kind: 'ended' }, momentOf(shell));
    }
    return unknownResult(shell, reason, reason);
  }
  return runUnknown(shell, reason);
}

/** No time passes, but nobody knows what comes out. */
function unknownResult(shell: Shell, words: string, status = `the result of ${words}`): number {
  write(shell.output, unknownText(status === words ? words : `the output of ${words}`));
  shell.run.unknownStatus = status;
  return UNKNOWN_STATUS;
}

function shorten(words: readonly string[]): string {
  return readable(words.join(' ').slice(0, 120));
}
