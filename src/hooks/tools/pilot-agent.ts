import type { Shell } from '../shell/run-state.ts';
import { advanceTo, NotUnderstood, step, write, whyNotUnderstood } from '../shell/run-state.ts';
import type { Target } from './endpoints.ts';
import { localTarget, request } from './endpoints.ts';
import type { Tool } from './tool.ts';
import { notUnderstood, runUnknown } from './tool.ts';

/** istio/istio pilot/cmd/pilot-agent/app/request.go */
const ALLOWED_PORTS = new Set([15000, 15004, 15020, 15021]);
const DEFAULT_PORT = 15000;
const FAILED = 1;

interface Flags {
  readonly operands: readonly string[];
  readonly values: ReadonlyMap<string, string>;
}

/** Flags of cobra: `--name=value` or `--name value`; `undefined` for an unknown one, at which pilot-agent fails. */
function parseFlags(words: readonly string[], known: readonly string[]): Flags | undefined {
  const operands: string[] = [];
  const values = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (!word.startsWith('--')) {
      operands.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    if (name.startsWith('log_')) {
      if (equals < 0) {
        index += 1;
      }
      continue;
    }
    if (!known.includes(name)) {
      return undefined;
    }
    if (equals < 0) {
      index += 1;
    }
    values.set(name, equals < 0 ? (words[index] ?? '') : word.slice(equals + 1));
  }
  return { operands, values };
}

const pilotAgent: Tool = (shell, words) => {
  const [, command] = words;
  if (command === 'request') {
    return requestCommand(shell, words);
  }
  if (command === 'wait') {
    return waitCommand(shell, words);
  }
  if (command === 'version' || command === 'help' || command === undefined) {
    return 0;
  }
  throw notUnderstood(words);
};

function requestCommand(shell: Shell, words: readonly string[]): number {
  const flags = parseFlags(words.slice(2), ['debug-port']);
  const [method, path] = flags?.operands ?? [];
  const port = Number(flags?.values.get('debug-port') ?? DEFAULT_PORT);
  if (method === undefined || path === undefined || !ALLOWED_PORTS.has(port)) {
    write(shell.errors, 'Error: pilot-agent request\n');
    return FAILED;
  }
  const answer = request(shell, method, port, path);
  if (answer === 'refused' || (answer.status > 399 && answer.status !== 404)) {
    write(shell.errors, 'Error: the request failed\n');
    return FAILED;
  }
  // The agent prints the body with fmt.Println, so that even an empty one is a line.
  write(shell.output, `${answer.body}\n`);
  return 0;
}

const MILLIS = 1000;

/**
 * istio/istio pilot/cmd/pilot-agent/app/wait.go: asks every period, first after one period, until the answer is 200,
 * and fails when the time is up [measured].
 */
function waitCommand(shell: Shell, words: readonly string[]): number {
  const { run } = shell;
  const flags = parseFlags(words.slice(2), ['url', 'timeoutSeconds', 'periodMillis', 'requestTimeoutMillis']);
  const limit = Number(flags?.values.get('timeoutSeconds') ?? 60);
  const period = Number(flags?.values.get('periodMillis') ?? 500) / MILLIS;
  if (flags === undefined || !Number.isInteger(limit) || !(period > 0)) {
    write(shell.errors, 'Error: pilot-agent wait\n');
    return FAILED;
  }
  const url = flags.values.get('url') ?? 'http://localhost:15021/healthz/ready';
  const target = localTarget(url);
  if (target === undefined) {
    throw new NotUnderstood(`pilot-agent wait --url ${url}`);
  }
  const end = run.now + limit;
  const lastRequest = Number(flags.values.get('requestTimeoutMillis') ?? 500) / MILLIS;
  for (;;) {
    const next = run.now + period;
    if (next >= end) {
      advanceTo(run, end);
      return FAILED;
    }
    advanceTo(run, next);
    const ready = isReady(shell, target);
    if (typeof ready === 'string') {
      return runUnknown(shell, ready, end - run.now + (lastRequest > 0 ? lastRequest : 0));
    }
    if (ready) {
      return 0;
    }
  }
}

/** A text where nobody knows. */
function isReady(shell: Shell, target: Target): boolean | string {
  step(shell.run);
  try {
    const answer = request(shell, 'GET', target.port, target.path);
    return answer !== 'refused' && answer.status === 200;
  } catch (error) {
    return whyNotUnderstood(error);
  }
}

export const pilotAgentTools: readonly (readonly [string, Tool])[] = [
  ['pilot-agent', pilotAgent],
  [
    'envoy',
    (_, words) => {
      if (words[1] === '--version' || words[1] === '--help') {
        return 0;
      }
      throw notUnderstood(words);
    },
  ],
];
