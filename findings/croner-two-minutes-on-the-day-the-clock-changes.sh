#!/usr/bin/env bash
# npm croner 11.0.1, zone Europe/Berlin.
# A schedule of one minute and one hour that the change to summer time leaves out runs when the clock has jumped, and one that comes twice in
# autumn runs once. With two minutes in its list, and no wildcard in minute or hour, the same hour is left out altogether in spring, and runs at both
# times in autumn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts croner@11.0.1
cat >runs.mjs <<'JS'
import { Cron } from 'croner';
for (const schedule of ['30 2 * * *', '0,30 2 * * *']) {
  for (const [from, until] of [
    ['2027-03-27T12:00:00Z', '2027-03-28T12:00:00Z'],
    ['2027-10-30T12:00:00Z', '2027-10-31T12:00:00Z'],
  ]) {
    const runs = new Cron(schedule, { timezone: 'Europe/Berlin', paused: true }).nextRuns(6, new Date(from));
    const day = runs.map((run) => run.toISOString().slice(0, 16)).filter((run) => run < until);
    console.log(`${schedule}: ${day.join(' ') || 'none'}`);
  }
}
JS
seen=$(node runs.mjs)
expected='30 2 * * *: 2027-03-28T01:00
30 2 * * *: 2027-10-31T00:30
0,30 2 * * *: none
0,30 2 * * *: 2027-10-31T00:00 2027-10-31T00:30 2027-10-31T01:00 2027-10-31T01:30'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: one more minute in a list changes what becomes of the hour"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
