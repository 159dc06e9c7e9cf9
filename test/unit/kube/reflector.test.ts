// The faults that a real API server cannot be made to show. What it does show is in test/integration.
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { errorText, KubeClient, Reflector, Transport, defineResource, silentLogger } from '../../../src/kube/index.ts';
import type { KubernetesObject } from '../../../src/api/kubernetes.ts';
import type { LogFields, Logger, ReflectorOptions, ReflectorState } from '../../../src/kube/index.ts';
import { answer, eventually, FakeServer, status } from './fake-server.ts';
import type { Handler, SeenRequest } from './fake-server.ts';

const widgets = defineResource({
  group: 'example.io',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
});
const cleanups: (() => Promise<void>)[] = [];
const timings = {
  forbiddenConfirmMs: 60,
  backoffBaseMs: 20,
  backoffMaxMs: 60,
  absentMaxMs: 40,
  forbiddenMs: 40,
  absentConfirmMs: 30,
  relistJitterMs: 10,
  idleTimeoutMs: 5_000,
  headersTimeoutMs: 2_000,
  confirmMs: 30,
};

interface Widget extends KubernetesObject {
  size?: number;
}

interface Log {
  states: ReflectorState[];
  changes: string[];
  torn: number;
  handlerErrors: number;
  relists: string[];
  messages: string[];
}

async function setup(
  handler: Handler,
  options: Partial<ReflectorOptions<Widget, number>> = {},
): Promise<{ server: FakeServer; reflector: Reflector<Widget, number>; log: Log }> {
  const server = await FakeServer.start(handler);
  const transport = new Transport({ config: server.config, userAgent: 'test' });
  const log: Log = { states: [], changes: [], torn: 0, handlerErrors: 0, relists: [], messages: [] };
  const reflector = new Reflector<Widget, number>({
    client: new KubeClient(transport),
    resource: widgets,
    project: (raw) => raw.size ?? 0,
    handlers: {
      onAdd: (key, record, initial) => {
        log.changes.push(`+${key}=${record}${initial ? '*' : ''}`);
      },
      onUpdate: (key, record) => {
        log.changes.push(`~${key}=${record}`);
      },
      onDelete: (key) => {
        log.changes.push(`-${key}`);
      },
    },
    onStateChange: (state) => {
      log.states.push(state);
    },
    metrics: {
      onTornStream: () => {
        log.torn += 1;
      },
      onHandlerError: () => {
        log.handlerErrors += 1;
      },
      onRelist: (_resource, reason) => {
        log.relists.push(reason);
      },
    },
    logger: recording(log.messages),
    timings,
    ...options,
  });
  cleanups.push(
    () => reflector.stop(),
    () => transport.close(),
    () => server.stop(),
  );
  return { server, reflector, log };
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

function recording(messages: string[]): Logger {
  const write = (message: string, fields?: LogFields) => {
    messages.push(`${message} ${errorText(fields?.error ?? fields?.detail ?? '')}`);
  };
  const logger: Logger = { ...silentLogger, info: write, warn: write, error: write, child: () => logger };
  return logger;
}

function widget(name: string, size: number, resourceVersion: string): Widget {
  return { metadata: { name, namespace: 'ns', resourceVersion }, size };
}

function open(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function bookmark(resourceVersion: string, end = false): string {
  return line('BOOKMARK', {
    metadata: { resourceVersion, ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}) },
  });
}

const isInitial = (request: SeenRequest) => request.query.get('sendInitialEvents') === 'true';

/** Streams the list, then leaves the watch open. */
function initial(response: ServerResponse, resourceVersion: string, ...items: Widget[]): void {
  open(response);
  response.write(items.map((item) => line('ADDED', item)).join('') + bookmark(resourceVersion, true));
}

describe('a stream that breaks', () => {
  it.each([
    ['in the middle of a line', '{"type":"MODIF'],
    ['after a line that is not JSON', '{"type":"MODIFIED","object":}\n'],
    ['after an event of an unknown type', '{"type":"SURPRISE","object":{}}\n'],
  ])('%s is counted, and the watch goes on where it was', async (_name, garbage) => {
    const { server, reflector, log } = await setup((request, response, count) => {
      if (isInitial(request)) {
        initial(response, '10', widget('a', 1, '5'));
        response.write(line('ADDED', widget('b', 1, '11')));
        response.end(garbage);
        return;
      }
      open(response);
      if (count === 2) {
        response.write(line('MODIFIED', widget('a', 2, '12')));
      }
    });
    reflector.start();
    await eventually(() => reflector.store.get('ns/a') === 2, 'the change after the fault');

    expect(log.torn).toBe(1);
    expect(server.requests.filter(isInitial)).toHaveLength(1);
    expect(server.requests[1]!.query.get('resourceVersion')).toBe('11');
    expect(log.states).toEqual(['Synced', 'Disconnected', 'Synced']);
    expect(log.changes).toEqual(['+ns/a=1*', '+ns/b=1', '~ns/a=2']);
    expect(log.messages).toEqual([expect.stringMatching(/^the watch broke, retrying The watch /)]);
  });

  it('by the connection in the middle of the list starts the list over, and deletes nothing meanwhile', async () => {
    const { reflector, log } = await setup((_request, response, count) => {
      if (count === 1) {
        initial(response, '10', widget('a', 1, '5'), widget('b', 1, '6'));
        setTimeout(() => {
          response.end(line('ERROR', status(410, 'Expired', 'too old')));
        }, 20);
      } else if (count === 2) {
        open(response);
        response.write(line('ADDED', widget('a', 1, '5')), () => {
          response.destroy();
        });
      } else {
        initial(response, '20', widget('b', 2, '15'));
      }
    });
    reflector.start();
    await eventually(() => log.changes.includes('-ns/a'), 'the second list is whole');

    expect(log.changes).toEqual(['+ns/a=1*', '+ns/b=1*', '~ns/a=1', '~ns/b=2', '-ns/a']);
    expect(log.relists).toEqual(['start', 'expired', 'recovered']);
    expect([...reflector.store.entries()]).toEqual([['ns/b', 2]]);
  });

  it('by silence is opened again by the watchdog', async () => {
    const { server, reflector } = await setup(
      (request, response) => {
        if (isInitial(request)) {
          initial(response, '10');
        } else {
          open(response);
        }
      },
      { timings: { ...timings, idleTimeoutMs: 100 } },
    );
    reflector.start();

    await eventually(() => server.requests.length >= 3, 'the silent watches were given up');
    expect(server.requests[2]!.query.get('resourceVersion')).toBe('10');
  });

  it('before its headers is tried again', async () => {
    const { reflector, log } = await setup(
      (_request, response, count) => {
        if (count > 1) {
          initial(response, '10', widget('a', 1, '5'));
        }
      },
      { timings: { ...timings, headersTimeoutMs: 60 } },
    );
    reflector.start();
    await reflector.waitForSync();

    expect(reflector.store.size).toBe(1);
    expect(log.messages[0]).toContain('no answer within 60 ms');
  });

  it('with a line that is longer than allowed is counted, not kept in memory', async () => {
    const { reflector, log } = await setup(
      (request, response, count) => {
        if (isInitial(request)) {
          initial(response, '10');
        } else {
          open(response);
        }
        if (count === 1) {
          response.write(line('ADDED', { ...widget('big', 1, '11'), text: 'x'.repeat(5_000) }));
        }
      },
      { maxLineBytes: 2_000 },
    );
    reflector.start();

    await eventually(() => log.torn === 1, 'the line was refused');
    expect(reflector.store.size).toBe(0);
  });
});

describe('errors inside of the stream', () => {
  it('410 lists again', async () => {
    const { reflector, log } = await setup((request, response, count) => {
      if (count === 1) {
        initial(response, '10', widget('a', 1, '5'), widget('gone', 1, '6'));
        response.end();
      } else if (isInitial(request)) {
        initial(response, '30', widget('a', 3, '25'));
      } else {
        open(response);
        response.end(line('ERROR', status(410, 'Expired', 'too old resource version: 10 (20)')));
      }
    });
    reflector.start();
    await eventually(() => reflector.store.get('ns/a') === 3, 'the new list');

    expect(log.changes).toEqual(['+ns/a=1*', '+ns/gone=1*', '~ns/a=3', '-ns/gone']);
    expect(log.relists).toEqual(['start', 'expired']);
    expect(log.states).toEqual(['Synced', 'Disconnected', 'Synced']);
    expect(log.torn).toBe(0);
  });

  it('410 as the first line of a watch after a lost connection: not synced before the new list', async () => {
    const { server, reflector, log } = await setup(
      (request, response, count) => {
        if (count === 1) {
          initial(response, '10', widget('a', 1, '5'));
        } else if (isInitial(request)) {
          initial(response, '30', widget('a', 3, '25'));
        } else {
          open(response);
          response.flushHeaders();
          setTimeout(() => {
            response.end(line('ERROR', status(410, 'Expired', 'too old')));
          }, 10);
        }
      },
      { timings: { ...timings, confirmMs: 1_000 } },
    );
    reflector.start();
    await reflector.waitForSync();
    server.breakConnections();
    await eventually(() => reflector.store.get('ns/a') === 3, 'the new list');

    expect(log.states).toEqual(['Synced', 'Disconnected', 'Synced']);
  });

  it('others are waited out, and the watch goes on where it was', async () => {
    const { server, reflector } = await setup((request, response, count) => {
      if (isInitial(request)) {
        initial(response, '10');
        response.end(line('ERROR', status(500, 'InternalError', 'etcdserver: leader changed')));
        return;
      }
      open(response);
      if (count === 2) {
        response.write(line('ADDED', widget('a', 1, '11')));
      }
    });
    reflector.start();
    await eventually(() => reflector.store.size === 1, 'the event after the error');

    expect(server.requests.filter(isInitial)).toHaveLength(1);
  });

  it('a version from the future lists again', async () => {
    const { reflector, log } = await setup((request, response, count) => {
      if (count === 1) {
        initial(response, '1000', widget('a', 1, '5'));
        response.end();
      } else if (isInitial(request)) {
        initial(response, '8', widget('a', 2, '7'));
      } else {
        answer(
          response,
          504,
          status(504, 'Timeout', 'Too large resource version', {
            details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
          }),
        );
      }
    });
    reflector.start();
    await eventually(() => reflector.store.get('ns/a') === 2, 'the list of the restored server');
    expect(log.relists).toEqual(['start', 'expired']);
  });
});

describe('a quiet collection', () => {
  it('is synced again soon after the connection is back, though nothing comes', async () => {
    const { server, reflector, log } = await setup((request, response) => {
      if (isInitial(request)) {
        initial(response, '10', widget('a', 1, '5'));
      } else {
        open(response);
        response.flushHeaders();
      }
    });
    reflector.start();
    await reflector.waitForSync();
    server.breakConnections();
    await eventually(() => log.states.length === 3, 'it is confirmed');

    expect(log.states).toEqual(['Synced', 'Disconnected', 'Synced']);
    expect(log.relists).toEqual(['start']);
  });
});

describe('bookmarks', () => {
  it('move the place to go on from', async () => {
    const { server, reflector } = await setup((request, response, count) => {
      if (isInitial(request)) {
        initial(response, '10');
        response.end(bookmark('77'));
        return;
      }
      open(response);
      if (count > 2) {
        return;
      }
      response.end();
    });
    reflector.start();
    await eventually(() => server.requests.length >= 2, 'the watch was opened again');

    expect(server.requests[1]!.query.get('resourceVersion')).toBe('77');
    expect(server.requests[1]!.query.get('allowWatchBookmarks')).toBe('true');
  });

  it('a version is never compared, only passed on', async () => {
    const { server, reflector } = await setup((request, response) => {
      if (isInitial(request)) {
        initial(response, 'zz-9');
        response.end(bookmark('aa-1'));
        return;
      }
      open(response);
    });
    reflector.start();
    await eventually(() => server.requests.length >= 2, 'the watch was opened again');

    expect(server.requests[1]!.query.get('resourceVersion')).toBe('aa-1');
  });
});

describe('a server that does not stream lists', () => {
  it.each([
    ['refuses them with 422', 422, 'Invalid'],
    ['refuses them with 400', 400, 'BadRequest'],
  ])('%s: pages are read, once and for all', async (_name, code, reason) => {
    const { server, reflector, log } = await setup((request, response) => {
      if (isInitial(request)) {
        answer(response, code, status(code, reason, 'sendInitialEvents is forbidden'));
      } else if (request.query.get('watch') === 'true') {
        open(response);
        response.end(request.query.get('resourceVersion') === '10' ? line('ERROR', status(410, 'Expired', 'old')) : '');
      } else if (request.query.get('continue') === null) {
        answer(response, 200, { metadata: { resourceVersion: '10', continue: 'next' }, items: [widget('a', 1, '1')] });
      } else {
        answer(response, 200, { metadata: { resourceVersion: '10' }, items: [widget('b', 1, '2')] });
      }
    });
    reflector.start();
    await eventually(() => log.relists.includes('expired'), 'the second list');

    expect([...reflector.store.keys()]).toEqual(['ns/a', 'ns/b']);
    expect(server.requests.filter(isInitial)).toHaveLength(1);
    expect(server.requests[1]!.query.get('limit')).toBe('500');
  });

  it('never says where the list ends: pages are read after two attempts', async () => {
    const { server, reflector } = await setup((request, response) => {
      if (isInitial(request)) {
        open(response);
        response.end(line('ADDED', widget('a', 1, '1')));
      } else if (request.query.get('watch') === 'true') {
        open(response);
      } else {
        answer(response, 200, { metadata: { resourceVersion: '10' }, items: [widget('a', 1, '1')] });
      }
    });
    reflector.start();
    await reflector.waitForSync();

    expect(server.requests.filter(isInitial)).toHaveLength(2);
  });

  it('a page token that expired starts the list over', async () => {
    const { reflector } = await setup((request, response, count) => {
      if (isInitial(request)) {
        answer(response, 422, status(422, 'Invalid', 'no'));
      } else if (request.query.get('watch') === 'true') {
        open(response);
      } else if (request.query.get('continue') === 'old') {
        answer(response, 410, status(410, 'Expired', 'token'));
      } else {
        answer(response, 200, {
          metadata: { resourceVersion: '10', ...(count === 2 ? { continue: 'old' } : {}) },
          items: [widget('a', count, '1')],
        });
      }
    });
    reflector.start();
    await reflector.waitForSync();

    expect(reflector.store.get('ns/a')).toBe(4);
  });
});

describe('what is not known', () => {
  it('is held: a 403 keeps the store, says what to grant, and goes on when it is granted', async () => {
    let forbidden = false;
    const { server, reflector, log } = await setup((request, response) => {
      if (forbidden) {
        answer(response, 403, status(403, 'Forbidden', 'widgets.example.io is forbidden'));
      } else if (isInitial(request)) {
        initial(response, '10', widget('a', 1, '5'));
      } else {
        open(response);
        response.write(bookmark('11'));
      }
    });
    reflector.start();
    await reflector.waitForSync();
    forbidden = true;
    server.breakConnections();
    await eventually(() => reflector.state === 'Forbidden', 'the 403');

    expect(reflector.store.get('ns/a')).toBe(1);
    expect(reflector.stateDetail).toContain('apiGroups: ["example.io"], resources: ["widgets"], verbs: ["watch"]');

    forbidden = false;
    await eventually(() => reflector.state === 'Synced', 'the permission');
    // Not before the new watch has proved good: the last version may have become too old.
    expect(log.states).toEqual(['Synced', 'Disconnected', 'Forbidden', 'Synced']);
    expect(log.changes).toEqual(['+ns/a=1*']);
  });

  it('a 403 that passes is no loss of a permission: an API server that starts refuses for a moment', async () => {
    let refusals = 0;
    const { server, reflector, log } = await setup(
      (request, response) => {
        if (refusals > 0) {
          refusals -= 1;
          answer(response, 403, status(403, 'Forbidden', 'widgets.example.io is forbidden'));
        } else if (isInitial(request)) {
          initial(response, '10', widget('a', 1, '5'));
        } else {
          open(response);
          response.write(bookmark('11'));
        }
      },
      { timings: { ...timings, forbiddenConfirmMs: 5_000 } },
    );
    reflector.start();
    await reflector.waitForSync();
    refusals = 3;
    server.breakConnections();
    await eventually(() => refusals === 0 && reflector.state === 'Synced', 'the refusals are over');

    expect(log.states).not.toContain('Forbidden');
  });

  it('a 404 that passes is no absence', async () => {
    let missing = 0;
    const { server, reflector, log } = await setup((request, response) => {
      if (missing > 0) {
        missing -= 1;
        answer(response, 404, '404 page not found\n');
      } else if (isInitial(request)) {
        initial(response, '10', widget('a', 1, '5'));
      } else {
        open(response);
        response.write(bookmark('11'));
      }
    });
    reflector.start();
    await reflector.waitForSync();
    missing = 1;
    server.breakConnections();
    await eventually(() => log.relists.length === 2 && reflector.state === 'Synced', 'the collection is there again');

    expect(log.states).not.toContain('Absent');
    expect(log.changes).toEqual(['+ns/a=1*', '~ns/a=1']);
  });

  it('a 404 at the start is absence at once, and kick looks again without the wait', async () => {
    let installed = false;
    const { reflector, log } = await setup(
      (request, response) => {
        if (!installed) {
          answer(response, 404, '404 page not found\n');
        } else if (isInitial(request)) {
          initial(response, '10', widget('a', 1, '5'));
        } else {
          open(response);
        }
      },
      { timings: { ...timings, backoffBaseMs: 60_000, absentMaxMs: 60_000 } },
    );
    reflector.start();
    await reflector.waitForSync();
    expect([reflector.state, reflector.store.size]).toEqual(['Absent', 0]);

    installed = true;
    reflector.kick();
    await eventually(() => reflector.state === 'Synced', 'the collection appeared');
    expect(log.changes).toEqual(['+ns/a=1*']);
  });
});

describe('our own errors', () => {
  it('a handler that throws is counted and logged, and the rest goes on', async () => {
    const seen: string[] = [];
    const { reflector, log } = await setup(
      (request, response) => {
        if (isInitial(request)) {
          initial(response, '10', widget('a', 1, '5'), widget('b', 1, '6'));
        } else {
          open(response);
        }
      },
      {
        handlers: {
          onAdd: (key) => {
            seen.push(key);
            throw new Error('a bug');
          },
        },
      },
    );
    reflector.start();
    await reflector.waitForSync();

    expect(seen).toEqual(['ns/a', 'ns/b']);
    expect(reflector.store.size).toBe(2);
    expect(log.handlerErrors).toBe(2);
    expect(log.messages).toContain('a handler of the watch failed a bug');
  });

  it('an object that cannot be projected keeps its old record', async () => {
    const { reflector, log } = await setup(
      (request, response) => {
        if (isInitial(request)) {
          initial(response, '10', widget('a', 1, '5'));
          response.write(line('MODIFIED', widget('a', -1, '11')) + line('ADDED', widget('b', 2, '12')));
        } else {
          open(response);
        }
      },
      {
        project: (raw) => {
          if (raw.size === -1) {
            throw new Error('cannot read this');
          }
          return raw.size;
        },
      },
    );
    reflector.start();
    await eventually(() => reflector.store.has('ns/b'), 'the next object');

    expect(reflector.store.get('ns/a')).toBe(1);
    expect(log.handlerErrors).toBe(1);
  });
});

describe('what is of no interest', () => {
  it('is not kept, and what loses our interest is reported as deleted', async () => {
    const { reflector, log } = await setup(
      (request, response) => {
        if (isInitial(request)) {
          initial(response, '10', widget('a', 5, '5'), widget('b', 0, '6'));
          response.write(line('MODIFIED', widget('a', 0, '11')) + line('MODIFIED', widget('b', 7, '12')));
        } else {
          open(response);
        }
      },
      { project: (raw) => (raw.size === 0 ? undefined : raw.size) },
    );
    reflector.start();
    await eventually(() => reflector.store.has('ns/b'), 'the last change');

    expect(log.changes).toEqual(['+ns/a=5*', '-ns/a', '+ns/b=7']);
  });

  it('is not told: records that are equal', async () => {
    const { reflector, log } = await setup(
      (request, response) => {
        if (isInitial(request)) {
          initial(response, '10', widget('a', 1, '5'));
          response.write(line('MODIFIED', widget('a', 1, '11')) + line('MODIFIED', widget('a', 2, '12')));
        } else {
          open(response);
        }
      },
      { equal: (a, b) => a === b },
    );
    reflector.start();
    await eventually(() => reflector.store.get('ns/a') === 2, 'the last change');

    expect(log.changes).toEqual(['+ns/a=1*', '~ns/a=2']);
  });
});

describe('a server that ends watches at once', () => {
  it('is not asked in a tight loop', async () => {
    const { server, reflector } = await setup(
      (request, response) => {
        if (isInitial(request)) {
          initial(response, '10');
          response.end();
          return;
        }
        open(response);
        response.end();
      },
      { timings: { ...timings, backoffBaseMs: 100, backoffMaxMs: 10_000 } },
    );
    reflector.start();
    await eventually(() => server.requests.length >= 5, 'it is asked again and again');

    // Waits of at least 50, 100, 200, 400 ms lie between them.
    const [first, , , , fifth] = server.requests;
    expect(fifth!.at - first!.at).toBeGreaterThan(400);
  });
});
