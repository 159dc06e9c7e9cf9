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
      { team: 'x-red', size: '3' },
      { team: 'x-{{ .team }}', size: '{{size}}' },
    ]);
  });

  it('are made for the files of a repository, with what stands in them', () => {
    const root = folderWith({
      'cfg/one/c.yaml': 'team: {name: red}\nns: a\n',
      'cfg/two/c.json': '[{"ns": "b"}, {"ns": "c"}]',
      'cfg/no/x.txt': '',
    });
    const git = { files: [{ path: 'cfg/**/c.*' }], values: { full: 'x-{{ .ns }}' } };

    const made = parametersOf([{ git }], [root]);
    const template = { team: '{{.team.name}}', full: '{{values.full}}', path: '{{path.basename}}/{{ path.filename }}' };

    expect(made.map((each) => filledIn(template, each))).toEqual([
      { team: 'red', full: 'x-a', path: 'one/c.yaml' },
      { team: '{{.team.name}}', full: 'x-b', path: 'two/c.json' },
      { team: '{{.team.name}}', full: 'x-c', path: 'two/c.json' },
    ]);
  });

  it('are made for each pair of a matrix, and told more by a merge', () => {
    const list = (...elements: object[]): object => ({ list: { elements } });
    const template = '{{a}}{{b}}{{c}}';
    const matrix = { generators: [list({ a: '1' }, { a: '2' }), list({ b: 'x{{a}}' }, { b: 'y' })] };
    const merge = {
      mergeKeys: ['a'],
      generators: [list({ a: '1', c: 'p' }, { a: '2', c: 'q' }), list({ a: '2', c: 'r' })],
    };

    expect(parametersOf([{ matrix }], []).map((each) => filledIn(template, each))).toEqual([
      '1x1{{c}}',
      '1y{{c}}',
      '2x2{{c}}',
      '2y{{c}}',
    ]);
    expect(parametersOf([{ merge }], []).map((each) => filledIn(template, each))).toEqual(['1{{b}}p', '2{{b}}r']);
  });
});
