import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../support/control-plane/index.ts';

interface Locked {
  resolved?: string;
  link?: boolean;
  integrity?: string;
  optionalDependencies?: Record<string, string>;
}

const { packages } = JSON.parse(readFileSync(join(projectRoot(), 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};

describe('package-lock.json', () => {
  // npm leaves out what a registry does not offer for other platforms, says nothing, and then `npm ci` refuses the
  // file everywhere: a clone cannot be installed. Pin the package to a version that is complete.
  it('has the binaries of every platform, so that a clone can be installed', () => {
    const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').pop()));

    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {})
        .filter((name) => !names.has(name))
        .map((name) => `${path}: ${name}`),
    );

    expect(missing).toEqual([]);
  });

  it('names no registry, and pins every package by its hash', () => {
    const others = Object.entries(packages).filter(([path]) => path !== '');

    expect(others.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
    expect(others.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([]);
  });
});
