#!/usr/bin/env bash
# npm @marcbachmann/cel-js 8.0.0.
# The standard definitions of CEL turn a duration into a text (string(duration("90m")) is "5400s"), and rules of custom resources may say
# so. The package reads durations, compares them and adds them, and has no text for them: the expression does not pass its check.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @marcbachmann/cel-js@8.0.0
cat >try.mjs <<'JS'
import { evaluate } from '@marcbachmann/cel-js';
for (const expression of ['duration("90m") == duration("1h30m")', 'string(90)', 'string(duration("90m"))']) {
  try {
    console.log(String(evaluate(expression, {})));
  } catch (error) {
    console.log(error.message.split('\n')[0]);
  }
}
JS
seen=$(node try.mjs)
expected="true
90
found no matching overload for 'string(google.protobuf.Duration)'"

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: a duration has no text there"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
