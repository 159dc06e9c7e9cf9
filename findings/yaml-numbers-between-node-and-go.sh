#!/usr/bin/env bash
# npm yaml 2.9.1 and sigs.k8s.io/yaml 1.6.0 (what Kubernetes reads manifests with).
# The npm package quotes a text that it would itself read as a number. It reads YAML 1.2, the Go module numbers of YAML 1.1: texts
# with underscores or of binary form go out plain from one and come in as numbers at the other, so that the value of an annotation
# or of a ConfigMap is no text any more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts yaml@2.9.1
cat >write.mjs <<'JS'
import { stringify } from 'yaml';
process.stdout.write(stringify({ release: '1_000', flags: '0b11', mask: '0x_1F', plain: '017' }));
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
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, _ := io.ReadAll(os.Stdin)
	json, err := yaml.YAMLToJSON(text)
	fmt.Println(string(json), err)
}
GO
GOFLAGS=-mod=mod GOWORK=off go mod tidy 2>/dev/null
seen=$(node write.mjs | tee written.yaml | GOFLAGS=-mod=mod GOWORK=off go run . && cat written.yaml)
expected='{"flags":3,"mask":31,"plain":"017","release":1000} <nil>
release: 1_000
flags: 0b11
mask: 0x_1F
plain: "017"'

if [ "$seen" = "$expected" ]; then
  printf '%s\n' "$seen"
  echo "as found: three texts that one writes are numbers to the other"
else
  printf 'this has changed. Seen:\n%s\nFound before:\n%s\n' "$seen" "$expected" >&2
  exit 1
fi
