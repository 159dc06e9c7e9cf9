#!/usr/bin/env bash
# gopkg.in/evanphx/json-patch.v4 4.13.0 (the API server of Kubernetes applies JSON patches with it) and npm fast-json-patch 3.1.1.
# A JSON pointer knows no index -1 (RFC 6901). The Go module counts it from the end: remove and replace take the last item, and add
# puts a new one behind it. The npm package refuses all three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts fast-json-patch@3.1.1
cat >apply.cjs <<'JS'
const { applyPatch } = require('fast-json-patch');
for (const patch of [
  [{ op: 'remove', path: '/list/-1' }],
  [{ op: 'replace', path: '/list/-1', value: 9 }],
]) {
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
	for _, text := range []string{
		`[{"op":"remove","path":"/list/-1"}]`,
		`[{"op":"replace","path":"/list/-1","value":9}]`,
		`[{"op":"add","path":"/list/-1","value":9}]`,
	} {
		patch, _ := jsonpatch.DecodePatch([]byte(text))
		after, err := patch.Apply([]byte(`{"list":[1,2]}`))
		fmt.Println(string(after), err)
	}
}
GO
GOFLAGS=-mod=mod GOWORK=off go mod tidy 2>/dev/null
seen=$(GOFLAGS=-mod=mod GOWORK=off go run . && node apply.cjs)
expected='{"list":[1]} <nil>
{"list":[1,9]} <nil>
{"list":[1,2,9]} <nil>
OPERATION_PATH_UNRESOLVABLE
OPERATION_PATH_UNRESOLVABLE'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: -1 is the last item to one, and no place to the other"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
