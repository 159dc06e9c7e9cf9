import type { Shell } from '../shell/run-state.ts';
import { disturb, NotUnderstood, UNKNOWN_STATUS, write } from '../shell/run-state.ts';
import type { Tool } from './tool.ts';
import { notUnderstood } from './tool.ts';

/** Signals at which servers begin to stop; others may mean anything to an app. */
const STOP_SIGNALS = /^(SIG)?(TERM|QUIT|INT|WINCH)$|^(15|3|2|28)$/;

/**
 * Tells the app to stop, or something else that only it knows. In the proxy container a signal would end Envoy or the
 * agent in ways that are not modelled.
 */
function signalApp(shell: Shell, words: readonly string[], signal: string): number {
  if (shell.run.container === 'Proxy') {
    throw notUnderstood(words);
  }
  if (!STOP_SIGNALS.test(signal)) {
    disturb(shell.run, `what the application does at ${words.join(' ').slice(0, 120)}`);
    return 0;
  }
  shell.run.toldAppToStopAt ??= shell.run.now;
  disturb(shell.run, 'how long the app needs to stop');
  shell.run.version += 1;
  return 0;
}

interface Signalled {
  readonly signal: string;
  readonly targets: readonly string[];
}

function parseSignal(words: readonly string[]): Signalled {
  let signal = 'TERM';
  const targets: string[] = [];
  for (let index = 1; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '-s' || word === '-n' || word === '--signal') {
      index += 1;
      signal = words[index] ?? '';
    } else if (/^-([A-Z0-9]+)$/.test(word)) {
      signal = word.slice(1);
    } else if (word.startsWith('-')) {
      if (!/^-[fxo-]/.test(word)) {
        throw notUnderstood(words);
      }
    } else {
      targets.push(word);
    }
  }
  return { signal, targets };
}

/** Whether the app still runs is known as long as nothing has told it to stop. */
function demandUndisturbed(shell: Shell): void {
  const { disturbedBy } = shell.run;
  if (disturbedBy !== undefined) {
    throw new NotUnderstood(disturbedBy);
  }
}

const kill: Tool = (shell, words) => {
  const { signal, targets } = parseSignal(words);
  if (targets.length !== 1 || targets[0] !== '1') {
    // "kill -0" of a job that the script has started itself is answered by the shell.
    throw notUnderstood(words);
  }
  if (signal === '0') {
    demandUndisturbed(shell);
    return 0;
  }
  return signalApp(shell, words, signal);
};

const killByName: Tool = (shell, words) => {
  const { signal, targets } = parseSignal(words);
  if (targets.length !== 1) {
    throw notUnderstood(words);
  }
  if (signal === '0') {
    return pgrep(shell, words);
  }
  signalApp(shell, words, signal);
  // Whether there is such a process, only the pod knows.
  shell.run.unknownStatus = `the result of ${words.join(' ').slice(0, 120)}`;
  return UNKNOWN_STATUS;
};

const PROXY_PROCESSES: Readonly<Record<string, number>> = { 'pilot-agent': 1, envoy: 17 };

/**
 * In an app container the process that a hook asks for is taken for the app itself where a signal goes to what is found. Whether
 * there is one of that name, and how long it takes once it has been told to stop, only the pod knows.
 */
const pgrep: Tool = (shell, words) => {
  const { run } = shell;
  const name =
    words
      .slice(1)
      .filter((word) => !word.startsWith('-'))
      .at(-1) ?? '';
  let pid = PROXY_PROCESSES[name];
  if (run.container === 'App') {
    demandUndisturbed(shell);
    run.seen.assumed.add(`the process ${name} is the app`);
    pid = 1;
  }
  if (pid === undefined) {
    throw notUnderstood(words);
  }
  if (!words.some((word) => /^-[a-z]*q/.test(word))) {
    write(shell.output, `${pid}\n`);
  }
  run.unknownStatus = `whether a process ${name} runs`;
  return run.container === 'App' ? UNKNOWN_STATUS : 0;
};

/** `nginx -s quit`, `apachectl -k graceful-stop`: they send the signal and return at once. */
const serverControl: Tool = (shell, words) => {
  const action = words.at(-1) ?? '';
  if (/^(quit|stop|graceful-stop)$/.test(action)) {
    return signalApp(shell, words, 'TERM');
  }
  if (/^(-t|-v|-V|reload|configtest)$/.test(action)) {
    return 0;
  }
  throw notUnderstood(words);
};

export const processTools: readonly (readonly [string, Tool])[] = [
  ['kill', kill],
  ['pkill', killByName],
  ['killall', killByName],
  ['pgrep', pgrep],
  ['pidof', pgrep],
  ['nginx', serverControl],
  ['apachectl', serverControl],
  ['apache2ctl', serverControl],
  ['httpd', serverControl],
  ['apache2', serverControl],
];
