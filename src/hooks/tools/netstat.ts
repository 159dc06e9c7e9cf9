import type { ListeningSocket } from '../world.ts';
import type { Shell } from '../shell/run-state.ts';
import { unknownText, write } from '../shell/run-state.ts';
import { followForEver } from './clock.ts';
import type { Sockets } from './sockets.ts';
import { printTable } from './sockets.ts';
import type { Tool } from './tool.ts';
import { parseOptions } from './tool.ts';

const LONG: Readonly<Record<string, string>> = {
  '--tcp': 't',
  '--udp': 'u',
  '--listening': 'l',
  '--all': 'a',
  '--numeric': 'n',
  '--numeric-ports': 'n',
  '--numeric-hosts': 'n',
  '--program': 'p',
  '--programs': 'p',
  '--inet': '4',
  '--wide': 'W',
  '--extend': 'e',
  '--continuous': 'c',
};

const SHOWS_PROGRAMS = /^(-[a-zA-Z46]*p|--programs?$)/;
const NOT_ROOT =
  '(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n';

/**
 * netstat of net-tools 2.10, column by column. From inside a container it can name only that container's processes:
 * others are shown as `-`, which is why a filter for program names never removes the app's socket [measured].
 */
export const netstat: Tool = (shell, words) => {
  if (words.some((word) => SHOWS_PROGRAMS.test(word))) {
    write(shell.errors, NOT_ROOT);
  }
  return printTable(shell, words, (sockets) => table(shell, words, sockets));
};

/** What netstat prints; `undefined` for options that are not modelled. */
function table(shell: Shell, words: readonly string[], sockets: Sockets): string | undefined {
  const options = parseOptions(words, 'tuwxlanpeoWv46cFi', '', Object.keys(LONG));
  if (options === undefined || options.operands.length > 0 || options.letters.has('i')) {
    return undefined;
  }
  const letters = new Set([...options.letters].map((letter) => LONG[letter] ?? letter));
  if (letters.has('c')) {
    return followForEver(shell, words);
  }
  const inet = letters.has('4') || letters.has('6');
  const families = letters.has('t') || letters.has('u') || letters.has('w') || letters.has('x');
  const kind = { listening: letters.has('a') || letters.has('l'), established: letters.has('a') || !letters.has('l') };
  const programs = letters.has('p');
  const numeric = letters.has('n');
  // Without -n addresses of connections are shown as names, and nobody knows the resolver of the pod. Listeners keep
  // their numbers: the proxy image has no /etc/services (package netbase).
  const known = numeric || (!kind.established && shell.run.container === 'Proxy');
  const hidden = known ? '' : unknownText('netstat without -n shows names');
  let text = '';
  if (letters.has('t') || letters.has('u') || letters.has('w') || inet || !families) {
    text +=
      inetTable(
        shell,
        kind,
        {
          programs,
          tcp: letters.has('t') || !(letters.has('u') || letters.has('w')),
          four: !letters.has('6') || letters.has('4'),
          six: !letters.has('4') || letters.has('6'),
          extended: letters.has('e'),
          timers: letters.has('o'),
          numeric,
        },
        sockets,
      ) + hidden;
  }
  return letters.has('x') || (!families && !inet) ? text + unixTable(kind) : text;
}

interface Kind {
  readonly listening: boolean;
  readonly established: boolean;
}

interface Columns {
  readonly programs: boolean;
  readonly tcp: boolean;
  readonly four: boolean;
  readonly six: boolean;
  readonly extended: boolean;
  readonly timers: boolean;
  readonly numeric: boolean;
}

function scope(kind: Kind): string {
  if (!kind.listening) {
    return 'w/o servers';
  }
  return kind.established ? 'servers and established' : 'only servers';
}

function inetTable(shell: Shell, kind: Kind, columns: Columns, sockets: Sockets): string {
  let text = `Active Internet connections (${scope(kind)})\nProto Recv-Q Send-Q Local Address           Foreign Address         State      ${
    columns.extended ? ' User       Inode     ' : ''
  }${columns.programs ? ' PID/Program name    ' : ''}${columns.timers ? ' Timer' : ''}\n`;
  if (!columns.tcp) {
    return text;
  }
  const row = (six: boolean, local: string, remote: string, state: string, program: Program): void => {
    if (six ? !columns.six : !columns.four) {
      return;
    }
    text += `${six ? 'tcp6' : 'tcp '}       0      0 ${local.padEnd(23)} ${remote.padEnd(23)} ${state.padEnd(11)}${
      columns.extended ? ' 1337       20000     ' : ''
    }${columns.programs ? ` ${programName(shell, program).padEnd(20)}` : ''}${
      columns.timers ? ' off (0.00/0/0)' : ''
    }\n`;
  };
  if (kind.listening) {
    for (const { address, port, program } of sockets.listeners) {
      const any = columns.numeric ? '::' : '[::]';
      const shown = address === '::' ? any : address === '127.0.0.1' && !columns.numeric ? 'localhost' : address;
      row(address === '::', `${shown}:${port}`, address === '::' ? `${any}:*` : '0.0.0.0:*', 'LISTEN', program);
    }
  }
  if (kind.established) {
    for (const one of sockets.connections) {
      row(
        one.localAddress.includes(':'),
        `${one.localAddress}:${one.localPort}`,
        `${one.remoteAddress}:${one.remotePort}`,
        'ESTABLISHED',
        one.program,
      );
    }
  }
  return text;
}

type Program = ListeningSocket['program'];

const PIDS = { envoy: '17/envoy', 'pilot-agent': '1/pilot-agent' } as const;

function programName(shell: Shell, program: Program): string {
  if (shell.run.container === 'Proxy') {
    return program === undefined ? '-' : PIDS[program];
  }
  return program === undefined ? unknownText("the name of the app's process") : '-';
}

/** The sockets between agent and Envoy; what matters of them is that their listeners say LISTENING. */
function unixTable(kind: Kind): string {
  let text = `Active UNIX domain sockets (${scope(kind)})\nProto RefCnt Flags       Type       State         I-Node   Path\n`;
  if (kind.listening) {
    text += 'unix  2      [ ACC ]     STREAM     LISTENING     30001    var/run/secrets/workload-spiffe-uds/socket\n';
    text += 'unix  2      [ ACC ]     STREAM     LISTENING     30002    etc/istio/proxy/XDS\n';
  }
  if (kind.established) {
    text += 'unix  3      [ ]         STREAM     CONNECTED     30003    etc/istio/proxy/XDS\n';
    text += 'unix  3      [ ]         STREAM     CONNECTED     30004    \n';
  }
  return text;
}
