// An exporter of request lengths such as the proxies of a mesh have: classic histograms as text, native ones as protobuf.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** The length of the n-th request in milliseconds. */
  readonly length: (n: number) => number;
  /** Requests there are from the first scrape on. */
  readonly atOnce: number;
  /** More of them with every scrape. */
  readonly perScrape: number;
}

export interface Exporter {
  readonly address: string;
  stop(): Promise<void>;
}

/** Bounds in milliseconds, as Envoy has them by default. */
export const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
const METRIC = 'istio_request_duration_milliseconds';

/** Serves `series` under /metrics; with `native`, only to who accepts protobuf. */
export async function startExporter(
  series: readonly Series[],
  { native = false, metric = METRIC, more = '' }: { native?: boolean; metric?: string; more?: string } = {},
): Promise<Exporter> {
  let scrapes = 0;
  const server = createServer((request, response) => {
    scrapes++;
    const seen = series.map((one) => ({
      labels: one.labels,
      lengths: Array.from({ length: one.atOnce + one.perScrape * (scrapes - 1) }, (_, n) => one.length(n)),
    }));
    if (native && request.headers.accept?.includes('application/vnd.google.protobuf') === true) {
      response.setHeader(
        'content-type',
        'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
      );
      response.end(familyBytes(metric, seen));
      return;
    }
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(native ? '' : classicText(metric, seen) + more);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

interface Seen {
  readonly labels: Readonly<Record<string, string>>;
  readonly lengths: readonly number[];
}

function classicText(metric: string, seen: readonly Seen[]): string {
  const lines = [`# TYPE ${metric} histogram`];
  for (const { labels, lengths } of seen) {
    const own = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    for (const bound of BOUNDS) {
      const upTo = lengths.filter((length) => length <= bound).length;
      lines.push(`${metric}_bucket{${[...own, `le="${bound}"`].join(',')}} ${upTo}`);
    }
    lines.push(`${metric}_bucket{${[...own, 'le="+Inf"'].join(',')}} ${lengths.length}`);
    lines.push(`${metric}_sum{${own.join(',')}} ${lengths.reduce((sum, length) => sum + length, 0)}`);
    lines.push(`${metric}_count{${own.join(',')}} ${lengths.length}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Buckets of a native histogram grow by 2 to the power of 2 to the power of minus this. */
const SCHEMA = 3;

/** A MetricFamily of io.prometheus.client with native histograms, with its length before it. */
function familyBytes(metric: string, seen: readonly Seen[]): Buffer {
  const HISTOGRAM = 4;
  const family = Buffer.concat([
    text(1, metric),
    number(3, HISTOGRAM),
    ...seen.map(({ labels, lengths }) =>
      nested(
        4,
        Buffer.concat([
          ...Object.entries(labels).map(([name, value]) => nested(1, Buffer.concat([text(1, name), text(2, value)]))),
          nested(7, histogramBytes(lengths)),
        ]),
      ),
    ),
  ]);
  return Buffer.concat([varint(family.length), family]);
}

function histogramBytes(lengths: readonly number[]): Buffer {
  const counts = new Map<number, number>();
  for (const length of lengths) {
    const index = Math.ceil(Math.log2(length) * 2 ** SCHEMA);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  const spans: Buffer[] = [];
  const deltas: Buffer[] = [];
  let next = 0;
  let before = 0;
  for (const [index, count] of [...counts].sort(([a], [b]) => a - b)) {
    spans.push(nested(12, Buffer.concat([number(1, zigzag(index - next)), number(2, 1)])));
    deltas.push(number(13, zigzag(count - before)));
    next = index + 1;
    before = count;
  }
  return Buffer.concat([
    number(1, lengths.length),
    double(
      2,
      lengths.reduce((sum, length) => sum + length, 0),
    ),
    number(5, zigzag(SCHEMA)),
    double(6, 1e-9),
    number(7, 0),
    ...spans,
    ...deltas,
  ]);
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(field * 8 + 1), bytes]);
}

function nested(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

function text(field: number, value: string): Buffer {
  return nested(field, Buffer.from(value));
}
