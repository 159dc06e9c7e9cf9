#!/usr/bin/env bash
# github.com/robfig/cron/v3 3.0.1 (the schedules of CronJobs in Kubernetes) and npm croner 11.0.1, zone Europe/Berlin.
# For "30 2 * * *" on the day on which the clock jumps from 02:00 to 03:00 the Go module has no run, and goes on a day later. The npm package
# runs at the jump. A window and a CronJob that are written alike do not meet on that day.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts croner@11.0.1
cat >next.mjs <<'JS'
import { Cron } from 'croner';
const cron = new Cron('30 2 * * *', { timezone: 'Europe/Berlin', paused: true });
console.log(cron.nextRun(new Date('2027-03-27T12:00:00Z')).toISOString());
JS
cat >go.mod <<'GO'
module finding

go 1.24

require (
	github.com/robfig/cron/v3 v3.0.1
)
GO
cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func main() {
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Berlin 30 2 * * *")
	if err != nil {
		panic(err)
	}
	next := schedule.Next(time.Date(2027, 3, 27, 12, 0, 0, 0, time.UTC))
	fmt.Println(next.UTC().Format(time.RFC3339))
}
GO
GOFLAGS=-mod=mod GOWORK=off go mod tidy 2>/dev/null
seen=$(GOFLAGS=-mod=mod GOWORK=off go run . && node next.mjs)
expected='2027-03-29T00:30:00Z
2027-03-28T01:00:00.000Z'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: the same line, a day apart"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
