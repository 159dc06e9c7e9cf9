// What recommend says of a Prometheus that cannot be asked, or that does not know: one line each, with what to set, and exit code 2.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { CLASSIC, cli, deployment, folderWith, policy, removeFolders } from './support.ts';

let server: Server | undefined;

async function serving(answer: (path: string, response: ServerResponse) => void): Promise<string> {
  const started = createServer((request, response) => {
    answer(request.url ?? '', response);
  });
  server = started;
  await new Promise<void>((resolve) => {
    started.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
});

const data = (value: unknown): string => JSON.stringify({ status: 'success', data: value });

describe('recommend, where there is', () => {
  it.each<[string, (path: string, response: ServerResponse) => void, RegExp]>([
    [
      'an HTML page',
      (_, r) => r.end('<!doctype html><title>Grafana</title>'),
      /answers an HTML page instead of the API's JSON: give the address of Prometheus itself/,
    ],
    [
      'a login by redirect',
      (_, r) => r.writeHead(302, { location: 'https://login.example/?next=x' }).end(),
      /sends on to login\.example, .*--prometheus-token-file/,
    ],
    ['a login', (_, r) => r.writeHead(401).end(), /answers 401, it asks for a login: .*--prometheus-token-file/],
    [
      'nothing at that path',
      (_, r) => r.writeHead(404).end('404 page not found'),
      /answers 404: .*add the prefix of its path/,
    ],
    [
      'a gateway without it',
      (_, r) => r.writeHead(502).end('<h1>Bad Gateway</h1>'),
      /answers 502: Prometheus, or a proxy in front of it, is failing/,
    ],
    ['no answer', () => undefined, /no answer within 1 s: set --prometheus-timeout higher/],
    ['no mesh', (_, r) => r.end(data([])), /no metrics of Istio in the window: .*--metric/],
    [
      'another label scheme',
      (path, r) => r.end(data(path.includes('/labels') ? ['__name__', 'app', 'le'] : [])),
      /has no label destination_workload_namespace; its labels are app, le: set --workload-label and --namespace-label/,
    ],
    [
      'another metric',
      (path, r) => r.end(data(path.includes('__name__') ? ['istio_requests_total'] : [])),
      /no istio_request_duration_milliseconds, only istio_requests_total: give the histogram's name with --metric/,
    ],
    [
      'a query that it refuses',
      (path, r) =>
        path.includes('/query')
          ? r.writeHead(422).end(JSON.stringify({ status: 'error', error: 'bad matcher' }))
          : r.end(data(['depot'])),
      /namespace|bad matcher/,
    ],
  ])('%s', async (_, answer, message) => {
    const url = await serving(answer);
    const { code, out, err } = await cli(['recommend', '--prometheus', url, '--prometheus-timeout', '1s']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('nobody who listens', async () => {
    const { code, err } = await cli(['recommend', '--prometheus', 'http://127.0.0.1:9']);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('nothing listens there') });
  });

  it('says the same of it where lint asks', async () => {
    const folder = folderWith({ 'w.yaml': deployment({ name: 'till', namespace: 'market' }) });
    const { code, err } = await cli(['lint', folder, '--prometheus', 'http://127.0.0.1:9']);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('nothing listens there') });
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each([
    [[], /--prometheus URL is missing/],
    [['--prometheus', 'prometheus:9090'], /has to begin with http/],
    [['--prometheus', 'http://x', '--window', '7 days'], /--window 7 days: write minutes, hours, days or weeks/],
    [['--prometheus', 'http://x', '--prometheus-header', 'nothing'], /write NAME=VALUE/],
    [['--prometheus', 'http://x', '--prometheus-token-file', '/no/such'], /--prometheus-token-file \/no\/such/],
    [['--prometheus', 'http://x', '--workload-label', 'a-b'], /a-b is not the name of a label/],
  ] as [string[], RegExp][])('a wrong flag: %j', async (args, message) => {
    const { code, err } = await cli(['recommend', ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

it('halves a window that is too much, and adds the halves up', async () => {
  const seen: string[] = [];
  const url = await serving((path, response) => {
    const query = new URL(path, 'http://x').searchParams.get('query') ?? '';
    if (!path.includes('/query')) {
      response.end(data(path.includes('_bucket') ? ['depot'] : []));
      return;
    }
    if (query.includes('_bucket') && query.includes('[604800s]')) {
      response
        .writeHead(422)
        .end(JSON.stringify({ status: 'error', error: 'query processing would load too many samples into memory' }));
      return;
    }
    seen.push(query);
    const metric = { destination_workload_namespace: 'depot', destination_workload: 'api', reporter: 'destination' };
    const result = query.includes('_bucket')
      ? [
          { metric: { ...metric, le: '30000' }, value: [0, '60'] },
          { metric: { ...metric, le: '+Inf' }, value: [0, '60'] },
        ]
      : [];
    response.end(data({ resultType: 'vector', result }));
  });
  const { code, out } = await cli(['recommend', '--prometheus', url]);
  expect(code).toBe(0);
  expect(seen.filter((query) => query.includes('[302400s]'))).toHaveLength(2);
  expect(out).toContain('requests   120:');
  expect(out).toContain('Fixed, duration 30s');
});

it('proposes nothing for what a policy of -p covers', async () => {
  const url = await serving((path, response) => {
    const query = new URL(path, 'http://x').searchParams.get('query') ?? '';
    const metric = { destination_workload_namespace: 'depot', destination_workload: 'api', reporter: 'destination' };
    const buckets = ['20000', '+Inf'].map((le) => ({ metric: { ...metric, le }, value: [0, '500'] }));
    const result = query.includes('_bucket') ? buckets : [];
    response.end(
      data(path.includes('/query') ? { resultType: 'vector', result } : path.includes('_bucket') ? ['depot'] : []),
    );
  });
  const folder = folderWith({
    'w.yaml': deployment({ name: 'api', namespace: 'depot' }),
    'long.yaml': policy('long', 'mode: Fixed, duration: 40s'),
    'short.yaml': policy('short', 'mode: Fixed, duration: 2s'),
  });
  const args = [
    'recommend',
    '--prometheus',
    url,
    '-f',
    join(folder, 'w.yaml'),
    ...CLASSIC,
    '--assume',
    'injected=true',
  ];
  const states = async (file: string): Promise<unknown> => {
    const { out } = await cli([...args, '-p', join(folder, file), '-o', 'json']);
    const { workloads, policies } = JSON.parse(out) as {
      workloads: { state: string; message: string }[];
      policies: unknown[];
    };
    return [workloads.map(({ state, message }) => `${state}: ${message}`), policies.length];
  };

  expect(await states('long.yaml')).toEqual([['Covered: the policy long covers this already'], 0]);
  expect(await states('short.yaml')).toEqual([['Proposed: covers every request that was seen'], 1]);
  removeFolders();
});

describe('recommend, of TCP connections', () => {
  it('tells those that are open, although a single scrape has no increase yet', async () => {
    const metric = { destination_workload_namespace: 'depot', destination_workload: 'store' };
    const url = await serving((path, r) => {
      const asked = decodeURIComponent(path);
      const isOpen = asked.includes('/query') && asked.includes('connections_closed_total');
      r.end(
        data(
          asked.includes('/query')
            ? { resultType: 'vector', result: isOpen ? [{ metric, value: [0, '2'] }] : [] }
            : ['depot'],
        ),
      );
    });

    const { out } = await cli(['recommend', '--prometheus', url, '-o', 'json']);

    expect(JSON.parse(out || '{"workloads":[]}').workloads).toEqual([
      expect.objectContaining({ name: 'store', state: 'TcpOnly' }),
    ]);
  });
});
