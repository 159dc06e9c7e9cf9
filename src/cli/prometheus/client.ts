import { Agent, type Dispatcher } from 'undici';
import { PRODUCT_VERSION } from '../version/product.ts';
import { CliError } from '../command.ts';

export interface PrometheusAccess {
  /** With the prefix of the path and without a slash at its end. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM. */
  readonly ca?: string;
  /** For one answer. */
  readonly timeoutSeconds: number;
}

/** What Prometheus says of a query that it would not run. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  /** It would have been too much work: a shorter window may do. */
  readonly tooMuch: boolean;

  constructor(message: string, tooMuch: boolean) {
    super(message);
    this.tooMuch = tooMuch;
  }
}

const MOST_BYTES = 64 * 1024 * 1024;
const MIB = 1024 * 1024;
const SHOWN_OF_AN_ERROR = 300;

/** The HTTP API of a Prometheus. Only GET; every answer is bounded in time and bytes; redirects are not followed. */
export class PrometheusClient {
  private readonly access: PrometheusAccess;
  private readonly agent: Agent;

  constructor(access: PrometheusAccess) {
    this.access = access;
    this.agent = new Agent({ connect: { ca: access.ca, timeout: access.timeoutSeconds * 1000 }, connections: 4 });
  }

  /**
   * The `data` of an answer.
   * @param path below /api/v1/, for example `query`
   * @throws QueryError where the query is refused, CliError where there is no Prometheus to ask
   */
  async get<T>(path: string, parameters: Readonly<Record<string, string | readonly string[]>>): Promise<T> {
    const { url, headers, timeoutSeconds } = this.access;
    const target = new URL(`${url.href.replace(/\/$/, '')}/api/v1/${path}`);
    for (const [name, value] of Object.entries(parameters)) {
      for (const one of typeof value === 'string' ? [value] : value) {
        target.searchParams.append(name, one);
      }
    }
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      const answer = await this.agent.request({
        origin: target.origin,
        path: `${target.pathname}${target.search}`,
        method: 'GET',
        headers: { accept: 'application/json', 'user-agent': `sidecar-drain/${PRODUCT_VERSION}`, ...headers },
        signal,
      });
      return dataOf(await textOf(answer, this.where), answer, this.where) as T;
    } catch (error) {
      if (error instanceof CliError || error instanceof QueryError) {
        throw error;
      }
      throw new CliError(
        signal.aborted
          ? `${this.where}: no answer within ${timeoutSeconds} s: set --prometheus-timeout higher, or --window or -n narrower`
          : `${this.where}: ${connectionTrouble(error)}`,
      );
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  /** Without what may stand before an @ in it. */
  get where(): string {
    const { origin, pathname } = this.access.url;
    return `--prometheus ${origin}${pathname === '/' ? '' : pathname}`;
  }
}

async function textOf({ body }: Dispatcher.ResponseData, where: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) {
      body.destroy();
      throw new QueryError(`${where}: the answer has more than ${MOST_BYTES / MIB} MiB`, true);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function dataOf(text: string, { statusCode, headers }: Dispatcher.ResponseData, where: string): unknown {
  if (statusCode >= 300 && statusCode < 400) {
    throw new CliError(
      `${where}: sends on to ${hostOf(headers.location)}, which is what a login does: give the address behind it, or a token with --prometheus-token-file`,
    );
  }
  if (statusCode === 401 || statusCode === 403) {
    throw new CliError(
      `${where}: answers ${statusCode}, it asks for a login: give a token that may query with --prometheus-token-file, or a header with --prometheus-header`,
    );
  }
  const answer = parsed(text);
  if (answer === undefined) {
    if (statusCode === 404) {
      throw new CliError(
        `${where}: answers 404: there is no Prometheus API at this address; add the prefix of its path, for example /prometheus`,
      );
    }
    throw new CliError(
      statusCode >= 500
        ? `${where}: answers ${statusCode}: Prometheus, or a proxy in front of it, is failing`
        : `${where}: answers ${text.trimStart().startsWith('<') ? 'an HTML page' : 'something that is not JSON'} instead of the API's JSON: give the address of Prometheus itself, not of a page such as Grafana or a login`,
    );
  }
  if (answer.status !== 'success') {
    const why = (typeof answer.error === 'string' ? answer.error : `status ${statusCode}`).slice(0, SHOWN_OF_AN_ERROR);
    throw new QueryError(
      `${where}: ${why}`,
      /too many samples|exceed|too long|limit|timed out|timeout/i.test(why) || statusCode === 503,
    );
  }
  return answer.data;
}

interface ApiAnswer {
  readonly status?: unknown;
  readonly error?: unknown;
  readonly data?: unknown;
}

function parsed(text: string): ApiAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null && 'status' in answer ? answer : undefined;
  } catch {
    return undefined;
  }
}

function hostOf(location: string | string[] | undefined): string {
  try {
    return new URL(String(location)).host;
  } catch {
    return 'another page';
  }
}

function connectionTrouble(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there: is the port right? In a cluster: kubectl -n NAMESPACE port-forward svc/prometheus 9090';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name is not known here: in a cluster, forward a port with kubectl port-forward';
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'it cannot be reached: no connection within the timeout';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `its certificate is not trusted (${code}): give its certificate authority with --prometheus-ca`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'it does not speak TLS: write http:// instead of https://';
    default:
      return code === undefined ? message : `${message} (${code})`;
  }
}
