import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { withoutTestSupport } from '../../support/control-plane/go-modules.ts';

const testSupport = 'pkg/admission/plugin/policy/generic/policy_test_context.go';
let folder: string;

function write(path: string, text = ''): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function build(): Promise<string[]> {
  return withoutTestSupport(join(folder, 'module'), join(folder, 'build'), (path) =>
    Promise.resolve(`go: downloading ${path}\n{\n\t"Path": "${path}",\n\t"Dir": "${join(folder, 'downloaded')}"\n}\n`),
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecar-drain-modules-'));
  write(
    'module/go.mod',
    'module m\n\nreplace (\n\tk8s.io/api => k8s.io/api v0.36.3\n\tk8s.io/apiserver => k8s.io/apiserver v0.36.3\n)\n',
  );
  write('module/go.sum', 'sums\n');
  write('downloaded/go.mod', 'module k8s.io/apiserver\n');
  write('downloaded/pkg/server/server.go', 'package server\n');
  write('downloaded/pkg/server/server_test.go', 'package server\n');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('builds from a copy of k8s.io/apiserver that has all but the support for tests', async () => {
  write(`downloaded/${testSupport}`, 'package generic\n');
  write('downloaded/pkg/admission/plugin/policy/generic/plugin.go', 'package generic\n');

  expect(await build()).toEqual([`-modfile=${join(folder, 'build', 'go.mod')}`]);

  const copy = join(folder, 'build', 'apiserver');
  expect(readFileSync(join(folder, 'build', 'go.mod'), 'utf8')).toBe(
    `module m\n\nreplace (\n\tk8s.io/api => k8s.io/api v0.36.3\n\tk8s.io/apiserver => ${copy}\n)\n`,
  );
  expect(readFileSync(join(folder, 'build', 'go.sum'), 'utf8')).toBe('sums\n');
  const there = ['go.mod', 'pkg/server/server.go', 'pkg/admission/plugin/policy/generic/plugin.go'];
  expect(there.filter((path) => !existsSync(join(copy, path)))).toEqual([]);
  expect([testSupport, 'pkg/server/server_test.go'].filter((path) => existsSync(join(copy, path)))).toEqual([]);
});

it('builds from the module itself where there is nothing to leave out', async () => {
  expect(await build()).toEqual([]);
});

it('changes nothing in modules without libraries of Kubernetes', async () => {
  write('module/go.mod', 'module m\n');

  expect(await build()).toEqual([]);
});
