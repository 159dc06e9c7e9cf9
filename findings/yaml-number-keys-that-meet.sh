#!/usr/bin/env bash
# sigs.k8s.io/yaml 1.6.0, YAMLToJSON (not the strict form).
# Keys that are numbers are read as numbers before they become the texts of JSON keys: 1.10 and 1.1 are one key, and so are 0x10 and 16.
# The later one stays and nothing is said. The strict form reports it; the same keys in quotes are two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
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
	for _, text := range []string{"1.10: old\n1.1: new\n", "0x10: a\n16: b\n", "'1.10': old\n'1.1': new\n"} {
		json, err := yaml.YAMLToJSON([]byte(text))
		_, strict := yaml.YAMLToJSONStrict([]byte(text))
		fmt.Println(string(json), err, strict != nil)
	}
}
GO
GOFLAGS=-mod=mod GOWORK=off go mod tidy 2>/dev/null
seen=$(GOFLAGS=-mod=mod GOWORK=off go run .)
expected='{"1.1":"new"} <nil> true
{"16":"b"} <nil> true
{"1.1":"new","1.10":"old"} <nil> false'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: one of two entries is gone, without an error"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
