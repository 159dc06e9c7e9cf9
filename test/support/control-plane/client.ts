// A small client of its own, so that tests do not judge the product's client with the product's client.
import { Agent, request } from 'undici';

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: string;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface Answer<T> {
  status: number;
  body: T;
}

export interface RequestOptions {
  body?: unknown;
  contentType?: string;
  accept?: string;
  token?: string;
  signal?: AbortSignal;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export class Client {
  private readonly agent: Agent;

  constructor(
    readonly server: string,
    certificate: string,
    private readonly token: string,
    connections = 16,
  ) {
    this.agent = new Agent({ connect: { ca: certificate }, connections, headersTimeout: 60_000, bodyTimeout: 0 });
  }

  private send(method: string, path: string, options: RequestOptions) {
    return request(this.server + path, {
      dispatcher: this.agent,
      method: method as 'GET',
      headers: {
        authorization: `Bearer ${options.token ?? this.token}`,
        accept: options.accept ?? 'application/json',
        'user-agent': 'control-plane-support',
        ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
      },
      ...(options.body === undefined
        ? {}
        : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** The answer whatever its status; for tests of refusals. */
  async raw<T = KubeObject>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<T>> {
    const response = await this.send(method, path, options);
    const text = await response.body.text();
    const json = response.headers['content-type']?.toString().includes('json') ?? false;
    return { status: response.statusCode, body: (json ? JSON.parse(text) : text) as T };
  }

  /** The body of a 2xx answer; anything else is thrown as an ApiError. */
  async call<T = KubeObject>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { status, body } = await this.raw<T>(method, path, options);
    if (status >= 200 && status < 300) {
      return body;
    }
    const { reason, message } = (typeof body === 'object' ? body : {}) as { reason?: string; message?: string };
    throw new ApiError(status, reason ?? '', `${method} ${path}: ${status} ${message ?? String(body)}`);
  }

  /** Lines of a watch until it ends or is aborted. */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<{ type: string; object: KubeObject }> {
    const response = await this.send('GET', path, { signal });
    if (response.statusCode !== 200) {
      throw new ApiError(response.statusCode, '', await response.body.text());
    }
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        yield JSON.parse(line) as { type: string; object: KubeObject };
      }
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }
}
