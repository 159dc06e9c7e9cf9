import type { Seconds } from '../../api/duration.ts';
import type { Shell } from '../shell/run-state.ts';
import {
  advanceTo,
  isUnknown,
  lookAt,
  NotUnderstood,
  setFile,
  step,
  UNKNOWN_STATUS,
  unknownText,
  write,
  whyNotUnderstood,
} from '../shell/run-state.ts';
import type { Answer, Target } from './endpoints.ts';
import { localTarget, request } from './endpoints.ts';
import type { Tool } from './tool.ts';
import { notUnderstood, parseOptions, runUnknown } from './tool.ts';

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
/** Options that change nothing that is modelled; those with a value end in "=". */
const CURL_IGNORED = [
  '--cacert=',
  '--cert=',
  '--key=',
  '--user=',
  '--url=',
  '--json=',
  '--data-urlencode=',
  '--unix-socket=',
  '--resolve=',
  '--http2',
  '--http1.0',
  '--tlsv1.2',
  '--ipv4',
  '--ipv6',
  '--proxy=',
  '--progress-bar',
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
  const parsed = parseOptions(words, 'sSfkLviIgGN4jnq#0', 'XowmHdAEbceTFux', [
    ...Object.keys(CURL_LONG),
    ...CURL_IGNORED,
  ]);
  const urls = parsed?.operands ?? words.slice(1).filter((word) => !word.startsWith('-'));
  const values = new Map([...(parsed?.values ?? [])].map(([name, value]) => [CURL_LONG[`${name}=`] ?? name, value]));
  const target = parsed !== undefined && urls.length === 1 ? localTarget(urls[0] ?? '') : undefined;
  const transfers = transfersOf(words, urls);
  const limit = transfers * curlLimit(shell, parsed === undefined ? looseValues(words) : values);
  if (parsed === undefined || target === undefined) {
    return askNobodyKnows(shell, words, limit);
  }
  const letters = new Set([...parsed.letters].map((letter) => CURL_LONG[letter] ?? letter));
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
    () => requestIfKnown(shell, method, target),
  );
  if (typeof answer === 'object' && 'unknown' in answer) {
    return askNobodyKnows(shell, words, answer.atOnce ? 0 : limit, answer.unknown);
  }
  const status = answer === 'refused' ? 0 : answer.status;
  const failed = fails && status >= 400;
  const output = values.get('o');
  if (answer !== 'refused' && (!failed || letters.has('--fail-with-body'))) {
    const body =
      letters.has('i') || letters.has('v') || letters.has('I') ? unknownText('the headers of an answer') : answer.body;
    if (output === undefined || output === '-') {
      write(shell.output, body);
    } else if (output !== '/dev/null') {
      setFile(shell.run, output, shell.run.container === 'Proxy' || isUnknown(body) ? undefined : body);
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

/** At most so many; in an address `[1-9]` and `{a,b}` stand for many, and so may a configuration file. */
function transfersOf(words: readonly string[], urls: readonly string[]): number {
  if (words.some((word) => /^(-K.*|--config(=.*)?|--next|-:|-Z|--parallel)$/.test(word) || /:\/\/.*[[{]/.test(word))) {
    return Infinity;
  }
  return Math.max(1, urls.length + words.filter((word) => /^--url(=|$)/.test(word)).length);
}

/** A request whose answer only somebody else knows: it takes up to its own limit. */
function askNobodyKnows(shell: Shell, words: readonly string[], limit: Seconds, reason?: string): number {
  return runUnknown(shell, reason ?? words.join(' ').slice(0, 120), limit);
}

interface NobodyKnows {
  readonly unknown: string;
  readonly atOnce: boolean;
}

/** Another Envoy's own endpoints: whoever listens there, the answer (or that there is none) comes at once. */
const AT_ONCE = /^\/healthcheck\/(fail|ok)$/;

function requestIfKnown(shell: Shell, method: string, { port, path }: Target): Answer | 'refused' | NobodyKnows {
  try {
    return request(shell, method, port, path);
  } catch (error) {
    return { unknown: whyNotUnderstood(error), atOnce: AT_ONCE.test(path) };
  }
}

/** The limits among words of which not all are understood. */
function looseValues(words: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [index, word] of words.entries()) {
    const next = words[index + 1] ?? '';
    const glued = /^-[a-zA-Z]*m(\d[\d.]*)$/.exec(word)?.[1];
    if (word === '--max-time' || /^-[sSfkLviIgGN4]*m$/.test(word)) {
      values.set('m', next);
    } else if (glued !== undefined) {
      values.set('m', glued);
    } else if (word.startsWith('--retry')) {
      const [name = '', value = next] = word.split('=');
      values.set(name, value);
    }
  }
  return values;
}

/**
 * How long curl can take for a URL (man curl): `--max-time` bounds each attempt as a whole, name resolution among it;
 * `--connect-timeout` bounds the connecting alone, so that it bounds nothing here. Between attempts it waits 1, 2, 4 ...
 * up to 600 s or its `--retry-delay`, or what the server asks for by Retry-After. Only `--retry-max-time` bounds that:
 * no attempt begins after it, and no Retry-After that is longer is waited for; a wait of curl's own may still be under way.
 */
function curlLimit(shell: Shell, values: ReadonlyMap<string, string>): Seconds {
  const one = Number(values.get('m') ?? 0);
  const retries = Number(values.get('--retry') ?? 0);
  const delay = Number(values.get('--retry-delay') ?? 0);
  const total = Number(values.get('--retry-max-time') ?? 0);
  if (!(one > 0) || !Number.isInteger(retries) || retries < 0 || retries > MAXIMUM_RETRIES || !(delay >= 0)) {
    return Infinity;
  }
  if (retries === 0) {
    return one;
  }
  if (total > 0) {
    // The waits before it add up to less than the bound, so that it is no longer than they are, and a second.
    const lastWait = delay > 0 ? delay : Math.min(MAXIMUM_WAIT, 2 ** (retries - 1), total + 1);
    return total + lastWait + one;
  }
  shell.run.reasons.add('how long the server asks curl to wait between retries (--retry-max-time bounds it)');
  return Infinity;
}

const MAXIMUM_RETRIES = 1000;
const MAXIMUM_WAIT = 600;

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
function withRetries(
  shell: Shell,
  policy: Retries,
  attempt: () => Answer | 'refused' | NobodyKnows,
): Answer | 'refused' | NobodyKnows {
  if (!Number.isInteger(policy.retries) || !(policy.delay >= 0)) {
    throw new NotUnderstood('curl --retry');
  }
  let wait = 1;
  for (let left = policy.retries; ; left -= 1) {
    step(shell.run);
    const answer = attempt();
    if (left <= 0 || !isWorthAnother(answer, policy)) {
      return answer;
    }
    advanceTo(shell.run, shell.run.now + (policy.delay > 0 ? policy.delay : wait));
    wait = Math.min(MAXIMUM_WAIT, wait * 2);
  }
}

function isWorthAnother(answer: Answer | 'refused' | NobodyKnows, policy: Retries): boolean {
  if (answer === 'refused') {
    return policy.refused;
  }
  return (
    'status' in answer && (TRANSIENT.has(answer.status) || (policy.always && policy.fails && answer.status >= 400))
  );
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
  const url = parsed.operands[0] ?? '';
  const target = localTarget(url);
  const method =
    parsed.values.get('--method') ??
    (parsed.values.has('--post-data') ? 'POST' : parsed.letters.has('--spider') ? 'HEAD' : 'GET');
  const answer = target === undefined ? undefined : requestIfKnown(shell, method, target);
  if (answer === undefined || (typeof answer === 'object' && 'unknown' in answer)) {
    if (answer?.atOnce !== true && (parsed.values.has('T') || parsed.values.has('--timeout'))) {
      shell.run.reasons.add('how often wget waits: its timeout bounds each wait, and `timeout` all of them');
    }
    return askNobodyKnows(shell, words, answer?.atOnce === true ? 0 : Infinity, answer?.unknown);
  }
  if (answer === 'refused') {
    return 4;
  }
  const output = parsed.values.get('O') ?? parsed.values.get('--output-document') ?? url.split('/').at(-1) ?? '';
  if (answer.status >= 400) {
    return 8;
  }
  if (output === '-') {
    write(shell.output, answer.body);
  } else if (!parsed.letters.has('--spider') && output !== '/dev/null') {
    setFile(shell.run, output, isUnknown(answer.body) ? undefined : answer.body);
  }
  return 0;
};

/** `nc -z host port`: is the port open? Everything else that nc does is a conversation. */
const nc: Tool = (shell, words) => {
  const options = parseOptions(words, 'zvn46', 'wG');
  const [host = '', port = ''] = options?.operands ?? [];
  if (options?.letters.has('z') !== true || !/^\d+$/.test(port)) {
    throw notUnderstood(words);
  }
  if (!/^(localhost|127\.0\.0\.1|::1|0\.0\.0\.0)$/.test(host)) {
    // -w bounds the connecting, which is all that -z does; a name is looked up before.
    const wait = /^[\d.]+$/.test(host) ? Number(options.values.get('w') ?? 0) : 0;
    return askNobodyKnows(shell, words, wait > 0 ? wait : Infinity);
  }
  const { run } = shell;
  const at = lookAt(run);
  if (run.world.listeners(at).some((listener) => listener.port === Number(port))) {
    return 0;
  }
  if (run.world.http(at, 'GET', Number(port), '/') !== 'unknown') {
    return 1;
  }
  run.unknownStatus = `whether something listens on port ${port}, which no container declares`;
  return UNKNOWN_STATUS;
};

export const httpTools: readonly (readonly [string, Tool])[] = [
  ['curl', curl],
  ['wget', wget],
  ['nc', nc],
  ['netcat', nc],
];
