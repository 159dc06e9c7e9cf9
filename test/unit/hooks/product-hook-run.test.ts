import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productHook, runHook } from '../../../src/hooks/index.ts';
import type { ProductHookParameters } from '../../../src/hooks/index.ts';
import { pod } from './worlds.ts';
import type { PodShape } from './worlds.ts';

/**
 * The hook that the product writes, run for real: by the machine's own sh, awk and sleep, against sockets that are opened
 * and closed as a pod's are. Envoy's port 15006 is replaced in the script by a free port of this machine. `pilot-agent`
 * is a stand-in that writes down how it was called. `netstat` is the machine's own; where it has none, a stand-in prints
 * /proc/net/tcp in netstat's columns (the test names say which). The clock is the machine's /proc/uptime.
 */
const NETSTAT = find('netstat');
const SHELLS = [
  ['dash', ['dash']],
  ['bash', ['bash']],
  ['busybox ash', ['busybox', 'ash']],
] as const;

function find(tool: string): string | undefined {
  const path = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
  return path === '' ? undefined : path;
}

const STAND_IN_NETSTAT = `#!/bin/sh
echo 'Active Internet connections (w/o servers)'
echo 'Proto Recv-Q Send-Q Local Address           Foreign Address         State      '
while read -r _ local remote state _; do
  [ "$state" = 01 ] && echo "tcp 0 0 127.0.0.1:$((0x\${local#*:})) 127.0.0.1:$((0x\${remote#*:})) ESTABLISHED"
done </proc/net/tcp
exit 0
`;

interface Scenario {
  readonly name: string;
  readonly parameters: ProductHookParameters;
  /** The connection to the hook's port is closed then; Infinity: it stays; undefined: there is none. */
  readonly inFlightUntil?: number;
  /** Tools that the image does not have. */
  readonly missing?: readonly string[];
  /** netstat: `breaks` at that time (exit 1), or is `silent` from the start (exit 0 without output). */
  readonly netstatBreaksAt?: number;
  readonly netstatIsSilent?: boolean;
  readonly drainFails?: boolean;
  /** What `pilot-agent request GET stats` prints at first, and after `inFlightUntil`. */
  readonly stats?: readonly [string, string];
  /** A `date` that jumps an hour at each call and writes down that it was called. */
  readonly wallClockJumps?: boolean;
  readonly exitCode: 0 | 1;
  readonly drainCalls: 0 | 1;
  readonly endsBetween: readonly [number, number];
  /** The pod in which the interpreter has to come to the same end. */
  readonly simulated: PodShape;
}

const SHORT: ProductHookParameters = { duration: 1, maxWait: 3, waitFor: 'EstablishedConnections' };
const SHORT_REQUESTS: ProductHookParameters = { ...SHORT, waitFor: 'ActiveRequests' };
/** A loaded machine may need long to start a process; what the hook promises is a lower and an upper bound. */
const LATE = 6;
const STAT = 'http.inbound_0.0.0.0_8080;.downstream_rq_active';
const REFUSED: PodShape = { http: () => 'refused' };

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'netstat is missing',
    parameters: SHORT,
    missing: ['netstat'],
    exitCode: 1,
    drainCalls: 0,
    endsBetween: [0, LATE],
    simulated: { image: 'distroless' },
  },
  {
    name: 'awk is missing',
    parameters: SHORT,
    missing: ['awk'],
    exitCode: 1,
    drainCalls: 0,
    endsBetween: [0, LATE],
    simulated: { image: 'distroless' },
  },
  {
    name: 'pilot-agent is missing',
    parameters: SHORT,
    missing: ['pilot-agent'],
    exitCode: 1,
    drainCalls: 0,
    endsBetween: [0, LATE],
    simulated: REFUSED,
  },
  {
    name: 'the drain call fails',
    parameters: SHORT,
    drainFails: true,
    exitCode: 1,
    drainCalls: 1,
    endsBetween: [0, LATE],
    simulated: REFUSED,
  },
  { name: 'quiet at once', parameters: SHORT, exitCode: 0, drainCalls: 1, endsBetween: [1, 1 + LATE], simulated: {} },
  {
    name: 'quiet before its duration is over',
    parameters: { ...SHORT, duration: 2, maxWait: 9 },
    inFlightUntil: 0.5,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2, 2 + LATE],
    simulated: { inFlightUntil: 0.5 },
  },
  {
    name: 'quiet later',
    parameters: { ...SHORT, maxWait: 12 },
    inFlightUntil: 2.5,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2.5, 2.5 + LATE],
    simulated: { inFlightUntil: 2.5 },
  },
  {
    name: 'never quiet',
    parameters: SHORT,
    inFlightUntil: Infinity,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2, 3 + LATE],
    simulated: { inFlightUntil: Infinity },
  },
  {
    name: 'never quiet, duration equal to maxWait',
    parameters: { ...SHORT, duration: 3 },
    inFlightUntil: Infinity,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [3, 3 + LATE],
    simulated: { inFlightUntil: Infinity },
  },
  {
    name: 'the wall clock jumps',
    parameters: SHORT,
    wallClockJumps: true,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [1, 1 + LATE],
    simulated: {},
  },
  // A netstat that fails tells the hook nothing, so that it goes on as if the connection were still there.
  {
    name: 'netstat begins to fail, and the connection ends after that',
    parameters: { ...SHORT, maxWait: 4 },
    inFlightUntil: 2,
    netstatBreaksAt: 0.5,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [3, 4 + LATE],
    simulated: { inFlightUntil: Infinity },
  },
  {
    name: 'netstat prints nothing',
    parameters: SHORT,
    netstatIsSilent: true,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2, 3 + LATE],
    simulated: { inFlightUntil: Infinity },
  },
  {
    name: 'ActiveRequests: quiet at once',
    parameters: SHORT_REQUESTS,
    stats: [`${STAT}: 0`, ''],
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [1, 1 + LATE],
    simulated: { exportsStats: true },
  },
  {
    name: 'ActiveRequests: quiet later',
    parameters: { ...SHORT_REQUESTS, maxWait: 12 },
    stats: [`${STAT}: 2`, `${STAT}: 0`],
    inFlightUntil: 2.5,
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2.5, 2.5 + LATE],
    simulated: { exportsStats: true, inFlightUntil: 2.5 },
  },
  {
    name: 'ActiveRequests: never quiet',
    parameters: SHORT_REQUESTS,
    stats: [`${STAT}: 1`, ''],
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2, 3 + LATE],
    simulated: { exportsStats: true, inFlightUntil: Infinity },
  },
  {
    name: 'ActiveRequests: the stats are not exported',
    parameters: SHORT_REQUESTS,
    stats: ['', ''],
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [2, 3 + LATE],
    simulated: { exportsStats: false },
  },
  {
    name: 'ActiveRequests needs no netstat',
    parameters: SHORT_REQUESTS,
    stats: [`${STAT}: 0`, ''],
    missing: ['netstat'],
    exitCode: 0,
    drainCalls: 1,
    endsBetween: [1, 1 + LATE],
    simulated: { exportsStats: true },
  },
];

interface RealRun {
  readonly exitCode: number | null;
  readonly seconds: number;
  readonly agentCalls: readonly string[];
  readonly dateCalls: number;
}

const folders: string[] = [];

function program(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

/** A folder that is the hook's whole PATH. */
function makeImage(scenario: Scenario): string {
  const folder = mkdtempSync(join(tmpdir(), 'product-hook-'));
  folders.push(folder);
  const has = (tool: string): boolean => scenario.missing?.includes(tool) !== true;
  for (const tool of ['awk', 'sleep', 'cat']) {
    const path = find(tool);
    if (path !== undefined && has(tool)) {
      symlinkSync(path, join(folder, tool));
    }
  }
  if (NETSTAT === undefined) {
    program(folder, 'real-netstat', STAND_IN_NETSTAT);
  } else {
    symlinkSync(NETSTAT, join(folder, 'real-netstat'));
  }
  const silent = scenario.netstatIsSilent === true ? 'exit 0\n' : '';
  if (has('netstat')) {
    program(
      folder,
      'netstat',
      `#!/bin/sh\n${silent}[ -e ${folder}/broken ] && exit 1\nexec ${folder}/real-netstat "$@"\n`,
    );
  }
  const answer = scenario.drainFails === true ? 'exit 1' : 'echo OK';
  if (has('pilot-agent')) {
    program(
      folder,
      'pilot-agent',
      `#!/bin/sh\necho "$*" >>${folder}/calls\ncase "$*" in *POST*) ${answer};; *) cat ${folder}/stats; echo;; esac\n`,
    );
  }
  if (scenario.wallClockJumps === true) {
    program(
      folder,
      'date',
      `#!/bin/sh\necho called >>${folder}/dates\nn=$(cat ${folder}/dates | wc -l)\necho $((1700000000 + n * 3600))\n`,
    );
  }
  writeFileSync(join(folder, 'stats'), scenario.stats?.[0] ?? '');
  return folder;
}

function linesOf(path: string): readonly string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

async function runForReal(shell: readonly string[], scenario: Scenario): Promise<RealRun> {
  const folder = makeImage(scenario);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client =
    scenario.inFlightUntil === undefined || scenario.stats !== undefined ? undefined : connect(port, '127.0.0.1');
  if (client !== undefined) {
    await new Promise<void>((resolve) =>
      server.once('connection', (socket) => {
        socket.once('end', () => socket.end());
        resolve();
      }),
    );
  }
  const script = productHook(scenario.parameters).exec?.command?.[2]?.replaceAll('15006', String(port)) ?? '';
  const [binary = '', ...words] = shell;
  const start = performance.now();
  const child = spawn(find(binary) ?? binary, [...words, '-c', script], { stdio: 'ignore', env: { PATH: folder } });
  const timers = [
    ...(Number.isFinite(scenario.inFlightUntil)
      ? [
          setTimeout(
            () => {
              client?.end();
              writeFileSync(join(folder, 'stats'), scenario.stats?.[1] ?? '');
            },
            (scenario.inFlightUntil ?? 0) * 1000,
          ),
        ]
      : []),
    ...(scenario.netstatBreaksAt === undefined
      ? []
      : [
          setTimeout(() => {
            writeFileSync(join(folder, 'broken'), '');
          }, scenario.netstatBreaksAt * 1000),
        ]),
  ];
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const seconds = (performance.now() - start) / 1000;
  for (const timer of timers) {
    clearTimeout(timer);
  }
  client?.destroy();
  server.close();
  return {
    exitCode,
    seconds,
    agentCalls: linesOf(join(folder, 'calls')),
    dateCalls: linesOf(join(folder, 'dates')).length,
  };
}

const netstatSays = NETSTAT === undefined ? 'a stand-in for netstat' : 'the real netstat';

describe.each(SHELLS)(`the product's hook in %s, with ${netstatSays}`, (_name, shell) => {
  const present = find(shell[0]) !== undefined;
  const results = new Map<string, RealRun>();

  beforeAll(async () => {
    if (!present) {
      return;
    }
    await Promise.all(
      SCENARIOS.map(async (scenario) => {
        results.set(scenario.name, await runForReal(shell, scenario));
      }),
    );
  }, 60_000);

  afterAll(() => {
    for (const folder of folders.splice(0)) {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  (present ? it : it.skip).each(SCENARIOS)('$name', (scenario) => {
    const real = results.get(scenario.name);
    const simulated = runHook(productHook(scenario.parameters), pod(scenario.simulated), {
      container: 'Proxy',
      start: 0,
      until: 60,
    });

    expect(real?.exitCode).toBe(scenario.exitCode);
    expect(real?.agentCalls.filter((call) => call === 'request --debug-port=15020 POST drain')).toHaveLength(
      scenario.drainCalls,
    );
    expect(real?.dateCalls).toBe(0);
    expect(real?.seconds).toBeGreaterThanOrEqual(scenario.endsBetween[0]);
    expect(real?.seconds).toBeLessThanOrEqual(scenario.endsBetween[1]);
    // The interpreter comes to the same end, but for what starting processes costs.
    expect(simulated.how === 'Completed' ? 0 : 1).toBe(scenario.exitCode);
    expect(simulated.endsAt).toBeGreaterThanOrEqual(scenario.endsBetween[0]);
    expect(simulated.endsAt).toBeLessThanOrEqual((real?.seconds ?? 0) + 1);
  });
});
