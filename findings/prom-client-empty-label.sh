#!/usr/bin/env bash
# npm prom-client 15.1.3.
# To Prometheus a label without text is the same as no label. The client keeps a series for each: it exposes two lines that are one
# series to whoever scrapes them, with two values.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts prom-client@15.1.3
cat >expose.cjs <<'JS'
const { Gauge, Registry } = require('prom-client');
const registry = new Registry();
const gauge = new Gauge({ name: 'pods', help: 'Pods.', labelNames: ['zone', 'app'], registers: [registry] });
gauge.set({ app: 'shop' }, 1);
gauge.set({ zone: '', app: 'shop' }, 2);
registry.metrics().then((text) => process.stdout.write(text));
JS
seen=$(node expose.cjs | grep '^pods')
expected='pods{app="shop"} 1
pods{zone="",app="shop"} 2'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: one series, two lines"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
