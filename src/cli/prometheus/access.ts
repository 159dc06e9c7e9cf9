import { readFileSync } from 'node:fs';
import { UsageError, type Invocation } from '../command.ts';
import { secondsOf } from '../facts/flags.ts';
import type { PrometheusAccess } from './client.ts';
import { DEFAULT_METRIC, TOKEN_VARIABLE } from './flags.ts';
import type { MetricNames } from './queries.ts';

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(.*)$/;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 };
const DEFAULT_WINDOW = '7d';
const DEFAULT_TIMEOUT_SECONDS = 30;
/** Prometheus keeps 15 days unless it is told otherwise; beyond a year nothing is asked. */
const MOST_WINDOW_SECONDS = 366 * 86_400;

/** How Prometheus is reached, from --prometheus and the flags that go with it. */
export function prometheusAccess({ flags, io }: Pick<Invocation, 'flags' | 'io'>): PrometheusAccess {
  const url = addressOf(flags.string('prometheus') ?? '');
  const headers: Record<string, string> = {};
  if (url.username !== '') {
    headers['authorization'] =
      `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  const tokenFile = flags.string('prometheus-token-file');
  const token =
    tokenFile === undefined ? io.env[TOKEN_VARIABLE] : readText(tokenFile, '--prometheus-token-file').trim();
  if (token !== undefined && token !== '') {
    headers['authorization'] = `Bearer ${token}`;
  }
  for (const text of flags.strings('prometheus-header')) {
    const match = HEADER.exec(text);
    if (match?.[1] === undefined) {
      throw new UsageError('--prometheus-header: write NAME=VALUE, for example X-Scope-OrgID=shop');
    }
    headers[match[1].toLowerCase()] = match[2] ?? '';
  }
  if (Object.values(headers).some((value) => /[\r\n\0]/.test(value))) {
    throw new UsageError('the token and headers for --prometheus have to be of one line each');
  }
  const caFile = flags.string('prometheus-ca');
  return {
    url,
    headers,
    ca: caFile === undefined ? undefined : readText(caFile, '--prometheus-ca'),
    timeoutSeconds: Math.max(1, secondsOf(flags, 'prometheus-timeout', DEFAULT_TIMEOUT_SECONDS)),
  };
}

/** Which metric and labels are asked for. */
export function metricNames({ flags }: Pick<Invocation, 'flags'>): MetricNames {
  const metric = (flags.string('metric') ?? DEFAULT_METRIC).replace(/_(bucket|count|sum)$/, '');
  const workload = flags.string('workload-label') ?? 'destination_workload';
  const namespace = flags.string('namespace-label') ?? 'destination_workload_namespace';
  if (!METRIC_NAME.test(metric)) {
    throw new UsageError(`--metric ${metric}: not the name of a metric`);
  }
  for (const label of [workload, namespace]) {
    if (!LABEL_NAME.test(label)) {
      throw new UsageError(`${label} is not the name of a label (--workload-label, --namespace-label)`);
    }
  }
  return { metric, workload, namespace, unitSeconds: metric.endsWith('_seconds') ? 1 : 0.001 };
}

/** --window as Prometheus writes it, in seconds. */
export function windowOf({ flags }: Pick<Invocation, 'flags'>): { readonly text: string; readonly seconds: number } {
  const text = flags.string('window') ?? DEFAULT_WINDOW;
  const match = /^(\d{1,5})([mhdw])$/.exec(text);
  const seconds = Number(match?.[1] ?? 0) * (UNIT_SECONDS[match?.[2] ?? ''] ?? 0);
  if (seconds <= 0 || seconds > MOST_WINDOW_SECONDS) {
    throw new UsageError(`--window ${text}: write minutes, hours, days or weeks, such as 12h, 7d or 2w; at most 366d`);
  }
  return { text, seconds };
}

function addressOf(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError('--prometheus: write its address, for example http://127.0.0.1:9090');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UsageError('--prometheus: the address has to begin with http:// or https://');
  }
  url.search = '';
  url.hash = '';
  return url;
}

function readText(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
