#!/usr/bin/env bash
# gopkg.in/evanphx/json-patch.v4 4.13.0 (the API server of Kubernetes applies JSON patches with it) and npm fast-json-patch 3.1.1.
# RFC 6902 lets a "test" of a place that does not exist fail. The Go module lets it succeed where the value is null; the npm package
# lets it fail. A patch that is tried out with one and sent to the other means "absent or null" there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts fast-json-patch@3.1.1
cat >apply.cjs <<'JS'
const { applyPatch } = require('fast-json-patch');
for (const patch of [[{ op: 'test', path: '/gone', value: null }], [{ op: 'test', path: '/gone', value: 1 }]]) {
  try {
    console.log(JSON.stringify(applyPatch({ list: [1, 2] }, patch, true).newDocument));
  } catch (error) {
    console.log(error.name);
  }
}
JS
cat >go.mod <<'GO'
module finding

go 1.24

require (
	gopkg.in/evanphx/json-patch.v4 v4.13.0
)
GO
cat >main.go <<'GO'
package main

import (
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

func main() {
	for _, text := range []string{`[{"op":"test","path":"/gone","value":null}]`} {
		patch, _ := jsonpatch.DecodePatch([]byte(text))
		after, err := patch.Apply([]byte(`{"list":[1,2]}`))
		fmt.Println(string(after), err)
	}
}
GO
GOFLAGS=-mod=mod GOWORK=off go mod tidy 2>/dev/null
seen=$(GOFLAGS=-mod=mod GOWORK=off go run . && node apply.cjs)
expected='{"list":[1,2]} <nil>
TEST_OPERATION_FAILED
TEST_OPERATION_FAILED'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: null and absent are one to the Go module only"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
