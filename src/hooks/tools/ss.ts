import type { Shell } from '../shell/run-state.ts';
import { unknownText } from '../shell/run-state.ts';
import type { Sockets } from './sockets.ts';
import { printTable } from './sockets.ts';
import type { Tool } from './tool.ts';
import { notUnderstood } from './tool.ts';

interface Socket {
  readonly family: 'tcp' | 'u_str';
  readonly state: 'LISTEN' | 'ESTAB';
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly program: 'envoy' | 'pilot-agent' | undefined;
}

/** Without -t or -u ss shows more than TCP; the agent and Envoy talk through these. */
const UNIX_SOCKETS: readonly Socket[] = [
  {
    family: 'u_str',
    state: 'LISTEN',
    local: 'etc/istio/proxy/XDS',
    localPort: 30002,
    remote: '*',
    remotePort: 0,
    program: undefined,
  },
  { family: 'u_str', state: 'ESTAB', local: '*', localPort: 30003, remote: '*', remotePort: 30004, program: undefined },
  { family: 'u_str', state: 'ESTAB', local: '*', localPort: 30004, remote: '*', remotePort: 30003, program: undefined },
];

type Test = (socket: Socket) => boolean;

const LONG: Readonly<Record<string, string>> = {
  '--tcp': 't',
  '--udp': 'u',
  '--listening': 'l',
  '--all': 'a',
  '--numeric': 'n',
  '--processes': 'p',
  '--no-header': 'H',
  '--oneline': 'O',
};

/** ss of iproute2. */
export const ss: Tool = (shell, words) => printTable(shell, words, (sockets) => listing(shell, words, sockets));

/** What ss prints; `undefined` for options that are not modelled. */
function listing(shell: Shell, words: readonly string[], { listeners, connections }: Sockets): string | undefined {
  const letters = new Set<string>();
  let rest: string[] = [];
  for (const [index, word] of words.entries()) {
    if (index === 0) {
      continue;
    }
    if (!word.startsWith('-')) {
      rest = words.slice(index);
      break;
    }
    const long = LONG[word];
    for (const letter of long ?? word.slice(1)) {
      letters.add(letter);
    }
  }
  if ([...letters].some((letter) => !'tulanpHO4e'.includes(letter))) {
    return undefined;
  }
  const state = takeState(rest);
  if (state === undefined) {
    throw notUnderstood(words);
  }
  const tokens = state.rest
    .flatMap((word) =>
      word
        .replace(/([()])/g, ' $1 ')
        .trim()
        .split(/\s+/),
    )
    .filter((token) => token !== '');
  const filter = parseFilter(tokens);
  if (filter === undefined) {
    throw notUnderstood(words);
  }
  // The proxy image has no /etc/services (package netbase), so that ports stay numbers there.
  const hidden = letters.has('n') || shell.run.container === 'Proxy' ? '' : unknownText('ss without -n shows names');
  const families = letters.has('t') || letters.has('u');
  const all = [
    ...(letters.has('t') || !families ? tcpSockets(listeners, connections) : []),
    ...(families ? [] : UNIX_SOCKETS),
  ];
  const shown = all.filter((socket) => isShown(socket, letters, state.name) && filter(socket));
  return (
    table(shown, {
      letters,
      named: state.name !== 'default',
      proto: !families || (letters.has('t') && letters.has('u')),
    }) + hidden
  );
}

type StateName = 'default' | 'established' | 'listening' | 'all' | 'none';

const STATES: Readonly<Record<string, StateName>> = {
  established: 'established',
  ESTAB: 'established',
  connected: 'established',
  synchronized: 'established',
  listening: 'listening',
  listen: 'listening',
  all: 'all',
  'close-wait': 'none',
  'time-wait': 'none',
  'fin-wait-1': 'none',
  'syn-sent': 'none',
};

function takeState(
  words: readonly string[],
): { readonly name: StateName; readonly rest: readonly string[] } | undefined {
  if (words[0] !== 'state' && words[0] !== 'exclude') {
    return { name: 'default', rest: words };
  }
  if (words[0] === 'exclude') {
    return words[1] === 'listening' ? { name: 'established', rest: words.slice(2) } : undefined;
  }
  const name = STATES[words[1] ?? ''];
  return name === undefined ? undefined : { name, rest: words.slice(2) };
}

function isShown(socket: Socket, letters: ReadonlySet<string>, state: StateName): boolean {
  if (state === 'none') {
    return false;
  }
  if (state !== 'default') {
    return state === 'all' || (state === 'listening') === (socket.state === 'LISTEN');
  }
  if (letters.has('a')) {
    return true;
  }
  return letters.has('l') === (socket.state === 'LISTEN');
}

function tcpSockets(listening: Sockets['listeners'], established: Sockets['connections']): Socket[] {
  const listeners = listening.map((one): Socket => ({
    family: 'tcp',
    state: 'LISTEN',
    local: one.address === '::' ? '*' : one.address,
    localPort: one.port,
    remote: one.address === '::' ? '*' : '0.0.0.0',
    remotePort: 0,
    program: one.program,
  }));
  const connections = established.map((one): Socket => ({
    family: 'tcp',
    state: 'ESTAB',
    local: one.localAddress,
    localPort: one.localPort,
    remote: one.remoteAddress,
    remotePort: one.remotePort,
    program: one.program,
  }));
  return [...listeners, ...connections];
}

interface Layout {
  readonly letters: ReadonlySet<string>;
  /** A state that was asked for by name has no column. */
  readonly named: boolean;
  readonly proto: boolean;
}

function table(shown: readonly Socket[], layout: Layout): string {
  const processes = layout.letters.has('p');
  const lines = shown.map((socket) =>
    [
      ...(layout.proto ? [socket.family.padEnd(5)] : []),
      ...(layout.named ? [] : [socket.state.padEnd(6)]),
      '0      ',
      socket.state === 'LISTEN' ? '4096  ' : '0     ',
      address(socket.local, socket.localPort).padStart(18),
      address(socket.remote, socket.remotePort).padStart(20),
      ...(processes && socket.program !== undefined ? [`users:(("${socket.program}",pid=17,fd=21))`] : []),
    ].join(' '),
  );
  if (layout.letters.has('H')) {
    return lines.map((line) => `${line}\n`).join('');
  }
  const header = `${layout.proto ? 'Netid ' : ''}${layout.named ? '' : 'State  '}Recv-Q Send-Q Local Address:Port Peer Address:PortProcess`;
  return [header, ...lines].map((line) => `${line}\n`).join('');
}

function address(host: string, port: number): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  return `${shown}:${port === 0 ? '*' : port}`;
}

/** `( sport = :15006 or dport = :15001 )`; `undefined` where the expression is another. */
function parseFilter(tokens: readonly string[]): Test | undefined {
  if (tokens.length === 0) {
    return () => true;
  }
  const reader = { tokens, position: 0 };
  const filter = parseOr(reader);
  return reader.position === tokens.length ? filter : undefined;
}

interface Reader {
  readonly tokens: readonly string[];
  position: number;
}

function parseOr(reader: Reader): Test | undefined {
  let left = parseAnd(reader);
  while (left !== undefined && /^(or|\|\|?)$/.test(reader.tokens[reader.position] ?? '')) {
    reader.position += 1;
    const first = left;
    const right = parseAnd(reader);
    left = right === undefined ? undefined : (socket) => first(socket) || right(socket);
  }
  return left;
}

function parseAnd(reader: Reader): Test | undefined {
  let left = parsePrimary(reader);
  for (;;) {
    const token = reader.tokens[reader.position];
    if (left === undefined || token === undefined || token === ')' || /^(or|\|\|?)$/.test(token)) {
      return left;
    }
    if (/^(and|&&?)$/.test(token)) {
      reader.position += 1;
    }
    const first = left;
    const right = parsePrimary(reader);
    left = right === undefined ? undefined : (socket) => first(socket) && right(socket);
  }
}

function parsePrimary(reader: Reader): Test | undefined {
  const token = reader.tokens[reader.position];
  reader.position += 1;
  if (token === '(') {
    const inner = parseOr(reader);
    if (reader.tokens[reader.position] !== ')') {
      return undefined;
    }
    reader.position += 1;
    return inner;
  }
  if (token === 'not' || token === '!') {
    const inner = parsePrimary(reader);
    return inner === undefined ? undefined : (socket) => !inner(socket);
  }
  if (token === 'src' || token === 'dst') {
    return addressTest(token, reader.tokens[reader.position++]);
  }
  if (token !== 'sport' && token !== 'dport') {
    return undefined;
  }
  let operator = reader.tokens[reader.position] ?? '';
  const glued = /^(==?|!=|eq|neq?|ne|[<>]=?)?:?(\d+)$/.exec(operator);
  reader.position += 1;
  let port = glued?.[2];
  if (port === undefined) {
    port = /^:?(\d+)$/.exec(reader.tokens[reader.position] ?? '')?.[1];
    reader.position += 1;
  } else {
    operator = glued?.[1] ?? '=';
  }
  return port === undefined ? undefined : portTest(token, operator, Number(port));
}

function portTest(side: 'sport' | 'dport', operator: string, port: number): Test | undefined {
  const value = (socket: Socket): number => (side === 'sport' ? socket.localPort : socket.remotePort);
  switch (operator) {
    case '=':
    case '==':
    case 'eq':
      return (socket) => value(socket) === port;
    case '!=':
    case 'ne':
    case 'neq':
      return (socket) => value(socket) !== port;
    case '>=':
    case 'ge':
      return (socket) => value(socket) >= port;
    case '<=':
    case 'le':
      return (socket) => value(socket) <= port;
    case '>':
    case 'gt':
      return (socket) => value(socket) > port;
    case '<':
    case 'lt':
      return (socket) => value(socket) < port;
    default:
      return undefined;
  }
}

function addressTest(side: 'src' | 'dst', operand: string | undefined): Test | undefined {
  const match = /^([\d.]*|\*)(?::(\d+))?$/.exec(operand ?? '');
  if (match === null || operand === undefined || operand === '') {
    return undefined;
  }
  const [, host = '', port] = match;
  return (socket) => {
    const actual =
      side === 'src'
        ? { host: socket.local, port: socket.localPort }
        : { host: socket.remote, port: socket.remotePort };
    return (
      (host === '' || host === '*' || host === actual.host) && (port === undefined || Number(port) === actual.port)
    );
  };
}
