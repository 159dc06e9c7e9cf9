#!/usr/bin/env bash
# sigs.k8s.io/yaml 1.6.0, beside npm yaml 2.9.1.
# The Go module reads the first document of a text and looks one token further. Whatever stands behind a map in braces or a list in
# brackets is left out without an error: a second map on the next line, words, a brace too many. A list in brackets that was meant
# as a key is the whole value. The npm package refuses the first three, and takes the last as a map.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts yaml@2.9.1
cat >read.mjs <<'JS'
import { parseDocument } from 'yaml';
for (const text of ['{team: shop}\n{team: bank}\n', '{team: shop} and more', '[a]]', '[]: empty']) {
  console.log(JSON.stringify(text), parseDocument(text).errors.length > 0 ? 'refused' : 'taken');
}
JS
cat >go.mod <<'GO'
module finding

go 1.24

require (
	sigs.k8s.io/yaml v1.6.0
)
GO
cat >main.go <<'GO'
package main

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, text := range []string{"{team: shop}\n{team: bank}\n", "{team: shop} and more", "[a]]", "[]: empty"} {
		json, err := yaml.YAMLToJSON([]byte(text))
		fmt.Printf("%q %s %v\n", text, json, err)
	}
}
GO
GOFLAGS=-mod=mod GOWORK=off go mod tidy 2>/dev/null
seen=$(GOFLAGS=-mod=mod GOWORK=off go run . && node read.mjs)
expected='"{team: shop}\n{team: bank}\n" {"team":"shop"} <nil>
"{team: shop} and more" {"team":"shop"} <nil>
"[a]]" ["a"] <nil>
"[]: empty" [] <nil>
"{team: shop}\n{team: bank}\n" refused
"{team: shop} and more" refused
"[a]]" refused
"[]: empty" taken'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: what follows a flow collection is not read, and not complained of"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
