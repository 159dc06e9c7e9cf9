import type { Shell } from '../shell/run-state.ts';
import { advanceTo, NotUnderstood, step, unknownText, write } from '../shell/run-state.ts';
import type { Answer } from './endpoints.ts';
import { localTarget, request } from './endpoints.ts';
import type { Tool } from './tool.ts';
import { notUnderstood, parseOptions } from './tool.ts';

const REFUSED = 7;
const HTTP_ERROR = 22;

const CURL_LONG: Readonly<Record<string, string>> = {
  '--silent': 's',
  '--show-error': 'S',
  '--fail': 'f',
  '--insecure': 'k',
  '--location': 'L',
  '--verbose': 'v',
  '--include': 'i',
  '--head': 'I',
  '--request=': 'X',
  '--output=': 'o',
  '--write-out=': 'w',
  '--max-time=': 'm',
  '--header=': 'H',
  '--data=': 'd',
  '--user-agent=': 'A',
};
const CURL_IGNORED = [
  '--connect-timeout=',
  '--retry=',
  '--retry-delay=',
  '--retry-max-time=',
  '--retry-connrefused',
  '--retry-all-errors',
  '--fail-with-body',
  '--no-progress-meter',
  '--http1.1',
  '--noproxy=',
  '--globoff',
  '--data-binary=',
  '--data-raw=',
  '--compressed',
  '--no-keepalive',
];

const curl: Tool = (shell, words) => {
  const parsed = parseOptions(words, 'sSfkLviIgGN4', 'XowmHdA', [...Object.keys(CURL_LONG), ...CURL_IGNORED]);
  if (parsed === undefined || parsed.operands.length !== 1) {
    throw notUnderstood(words);
  }
  const letters = new Set([...parsed.letters].map((letter) => CURL_LONG[letter] ?? letter));
  const values = new Map([...parsed.values].map(([name, value]) => [CURL_LONG[`${name}=`] ?? name, value]));
  const target = localTarget(parsed.operands[0] ?? '');
  if (target === undefined) {
    throw notUnderstood(words);
  }
  const posts = values.has('d') || values.has('--data-binary') || values.has('--data-raw');
  const method = values.get('X') ?? (posts ? 'POST' : letters.has('I') ? 'HEAD' : 'GET');
  const fails = letters.has('f') || letters.has('--fail-with-body');
  const answer = withRetries(
    shell,
    {
      retries: Number(values.get('--retry') ?? 0),
      delay: Number(values.get('--retry-delay') ?? 0),
      always: letters.has('--retry-all-errors'),
      refused: letters.has('--retry-connrefused') || letters.has('--retry-all-errors'),
      fails,
    },
    () => request(shell, method, target.port, target.path),
  );
  const status = answer === 'refused' ? 0 : answer.status;
  const failed = fails && status >= 400;
  const output = values.get('o');
  if (answer !== 'refused' && (!failed || letters.has('--fail-with-body'))) {
    const body =
      letters.has('i') || letters.has('v') || letters.has('I') ? unknownText('the headers of an answer') : answer.body;
    if (output === undefined || output === '-') {
      write(shell.output, body);
    } else if (output !== '/dev/null') {
      shell.run.files.set(output, shell.run.container === 'Proxy' ? undefined : body);
    }
  }
  const format = values.get('w');
  if (format !== undefined) {
    step(shell.run, format.length);
    write(shell.output, writeOut(format, status));
  }
  if (answer === 'refused') {
    return REFUSED;
  }
  return failed ? HTTP_ERROR : 0;
};

function writeOut(format: string, status: number): string {
  return format.replace(/\\n/g, '\n').replace(/%\{(\w+)\}/g, (_, name: string) => {
    if (name === 'http_code' || name === 'response_code') {
      return String(status).padStart(3, '0');
    }
    return unknownText(`curl's ${name}`);
  });
}

interface Retries {
  readonly retries: number;
  readonly delay: number;
  readonly always: boolean;
  readonly refused: boolean;
  readonly fails: boolean;
}

const TRANSIENT = new Set([408, 429, 500, 502, 503, 504]);

/** curl waits 1, 2, 4 ... s between attempts, or the delay that was asked for. */
function withRetries(shell: Shell, policy: Retries, attempt: () => Answer | 'refused'): Answer | 'refused' {
  if (!Number.isInteger(policy.retries) || !(policy.delay >= 0)) {
    throw new NotUnderstood('curl --retry');
  }
  let wait = 1;
  for (let left = policy.retries; ; left -= 1) {
    step(shell.run);
    const answer = attempt();
    const again =
      answer === 'refused'
        ? policy.refused
        : TRANSIENT.has(answer.status) || (policy.always && policy.fails && answer.status >= 400);
    if (left <= 0 || !again) {
      return answer;
    }
    advanceTo(shell.run, shell.run.now + (policy.delay > 0 ? policy.delay : wait));
    wait = Math.min(600, wait * 2);
  }
}

const WGET_LONG = [
  '--quiet',
  '--spider',
  '--post-data=',
  '--method=',
  '--timeout=',
  '--tries=',
  '--output-document=',
  '--no-check-certificate',
  '--header=',
  '--no-verbose',
  '--server-response',
  '--body-data=',
];

const wget: Tool = (shell, words) => {
  const glued = words.map((word) => (word === '-nv' || word === '-qs' ? '-q' : word));
  const parsed = parseOptions(glued, 'qSsc', 'OTtUY', WGET_LONG);
  if (parsed === undefined || parsed.operands.length !== 1) {
    throw notUnderstood(words);
  }
  const target = localTarget(parsed.operands[0] ?? '');
  if (target === undefined) {
    throw notUnderstood(words);
  }
  const method =
    parsed.values.get('--method') ??
    (parsed.values.has('--post-data') ? 'POST' : parsed.letters.has('--spider') ? 'HEAD' : 'GET');
  const answer = request(shell, method, target.port, target.path);
  if (answer === 'refused') {
    return 4;
  }
  const output =
    parsed.values.get('O') ??
    parsed.values.get('--output-document') ??
    (parsed.operands[0] ?? '').split('/').at(-1) ??
    '';
  if (answer.status >= 400) {
    return 8;
  }
  if (output === '-') {
    write(shell.output, answer.body);
  } else if (!parsed.letters.has('--spider') && output !== '/dev/null') {
    shell.run.files.set(output, answer.body);
  }
  return 0;
};

/** `nc -z host port`: is the port open? Everything else that nc does is a conversation. */
const nc: Tool = (shell, words) => {
  const options = parseOptions(words, 'zvn46', 'wG');
  const [host = '', port = ''] = options?.operands ?? [];
  if (
    options?.letters.has('z') !== true ||
    !/^\d+$/.test(port) ||
    !/^(localhost|127\.0\.0\.1|::1|0\.0\.0\.0)$/.test(host)
  ) {
    throw notUnderstood(words);
  }
  const { run } = shell;
  return run.world.listeners(run.now).some((listener) => listener.port === Number(port)) ? 0 : 1;
};

export const httpTools: readonly (readonly [string, Tool])[] = [
  ['curl', curl],
  ['wget', wget],
  ['nc', nc],
  ['netcat', nc],
];
