import { afterAll, describe, expect, it } from '@jest/globals';
import { filledIn, parametersOf } from '../../../src/cli/repository/application-set.ts';
import { folderWith, removeFolders } from './support.ts';

afterAll(removeFolders);

const TEMPLATE = { name: '{{ .path.basename }}-{{team}}', path: '{{path}}', first: '{{ index .path.segments 0 }}' };

describe('the applications of a set', () => {
  it('are made for the folders of a repository, without those that are excluded', () => {
    const root = folderWith({ 'apps/one/x': '', 'apps/two/x': '', 'apps/two/deep/x': '', 'other/x': '', '.git/x': '' });
    const generator = { git: { directories: [{ path: 'apps/*' }, { path: 'apps/two', exclude: true }] } };

    const made = parametersOf([generator], [root]).map((each) => filledIn(TEMPLATE, each));

    expect(made).toEqual([{ name: 'one-{{team}}', path: 'apps/one', first: 'apps' }]);
  });

  it('are made for folders of any depth with two stars', () => {
    const root = folderWith({ 'apps/one/x': '', 'apps/two/deep/x': '' });

    const made = parametersOf([{ git: { directories: [{ path: 'apps/**' }] } }], [root]);

    expect(made.map((each) => each.get('path'))).toEqual(['apps/one', 'apps/two', 'apps/two/deep']);
  });

  it('are made for the elements of a list, and one with nothing known for what asks a cluster', () => {
    const made = parametersOf([{ list: { elements: [{ team: 'red', size: 3 }] } }, { clusters: {} }], []);

    expect(made.map((each) => filledIn({ team: 'x-{{ .team }}', size: '{{size}}' }, each))).toEqual([
      { team: 'x-red', size: '{{size}}' },
      { team: 'x-{{ .team }}', size: '{{size}}' },
    ]);
  });
});
