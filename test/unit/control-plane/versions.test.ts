import { describe, expect, it } from '@jest/globals';
import { apiServerSource, kubernetesVersion } from '../../support/control-plane/paths.ts';

describe('the API server that KUBERNETES asks for', () => {
  it('is the one of all tests where nothing is said, or its own minor is', () => {
    const own = { module: 'control-plane', version: kubernetesVersion };
    expect(apiServerSource('')).toEqual(own);
    expect(apiServerSource(/\d+\.\d+/.exec(kubernetesVersion)?.[0])).toEqual(own);
  });

  it('comes from its own module', () => {
    expect(apiServerSource('1.37')).toEqual({
      module: 'control-plane/versions/1.37',
      version: expect.stringMatching(/^v1\.37\.\d+$/),
    });
  });

  it.each(['1.3', '2', '../1.37', 'v1.37'])('%s is refused, with what there is', (minor) => {
    expect(() => apiServerSource(minor)).toThrow(
      `KUBERNETES=${minor} is not pinned here: take one of 1.34, 1.35, 1.36, 1.37`,
    );
  });
});
