import { describe, expect, it } from '@jest/globals';
import { fc } from '../../../support/fast-check.ts';
import { parseProxyConfigAnnotation } from '../../../../src/drain/template/annotation.ts';
import { proxyConfigValuesFrom } from '../../../../src/drain/template/proxy-config.ts';
import { PROXY_CONFIG_FIELDS, snakeCase } from '../../../../src/drain/template/proxy-config-fields.ts';

// The expectations of the first two tables are what Istio's own code answered (istio.io/api v1.32.0 through
// sigs.k8s.io/yaml v1.6.0 and golang/protobuf jsonpb v1.5.4, then the checks of ValidateMeshConfigProxyConfig).

function valuesOf(text: string): unknown {
  const result = parseProxyConfigAnnotation(text);
  return result.ok ? result.values : result;
}

describe('what Istio accepts', () => {
  it.each<[string, string, object]>([
    ['nothing', '', {}],
    ['a null', '~', {}],
    ['a comment', '# nothing here', {}],
    ['an empty map', '{}', {}],
    [
      'block YAML',
      'terminationDrainDuration: 60s\ndrainDuration: 1m\n',
      { terminationDrainDuration: 60, drainDuration: 60 },
    ],
    [
      'JSON',
      '{"terminationDrainDuration": "1m30s", "holdApplicationUntilProxyStarts": true}',
      { terminationDrainDuration: 90, holdApplicationUntilProxyStarts: true },
    ],
    ['flow YAML with a last comma', '{terminationDrainDuration: 5s,}', { terminationDrainDuration: 5 }],
    ['snake_case', 'termination_drain_duration: 7s', { terminationDrainDuration: 7 }],
    [
      'camelCase, which wins over snake_case',
      'termination_drain_duration: 7s\nterminationDrainDuration: 8s',
      { terminationDrainDuration: 8 },
    ],
    [
      'a bad value in the spelling that loses',
      'termination_drain_duration: nonsense\nterminationDrainDuration: 8s',
      { terminationDrainDuration: 8 },
    ],
    [
      'a null in the spelling that counts, which silences the other',
      'termination_drain_duration: 9s\nterminationDrainDuration:',
      {},
    ],
    [
      'the last of two equal keys',
      'terminationDrainDuration: 60s\nterminationDrainDuration: 70s',
      { terminationDrainDuration: 70 },
    ],
    [
      'a merge key, which overrides what stands before it',
      'x: &a {terminationDrainDuration: 9s}\nterminationDrainDuration: 5s\n<<: *a',
      { terminationDrainDuration: 9 },
    ],
    [
      'an anchor',
      'terminationDrainDuration: &a 5s\ndrainDuration: *a',
      { terminationDrainDuration: 5, drainDuration: 5 },
    ],
    ['a string tag', 'proxyMetadata:\n  A: !!str true', { proxyMetadata: { A: 'true' } }],
    [
      'quoted booleans and words that are none',
      'proxyMetadata: {A: "true", B: tRue, C: "5"}',
      { proxyMetadata: { A: 'true', B: 'tRue', C: '5' } },
    ],
    [
      'a time, which go-yaml leaves a string',
      'proxyMetadata: {A: 2020-01-01, B: 1:30}',
      { proxyMetadata: { A: '2020-01-01', B: '1:30' } },
    ],
    ['an empty variable', 'proxyMetadata:\n  A:\n', { proxyMetadata: { A: '' } }],
    ['keys that are no strings', 'proxyMetadata:\n  1: a\n  on: b', { proxyMetadata: { 1: 'a', true: 'b' } }],
    ['yes as a boolean', 'holdApplicationUntilProxyStarts: yes', { holdApplicationUntilProxyStarts: true }],
    ['numbers in quotes', 'concurrency: "2"\ntracing: {sampling: "5"}', {}],
    ['an enum by number', 'interceptionMode: 1', {}],
    ['fractions', 'terminationDrainDuration: 25.5s', { terminationDrainDuration: 25.5 }],
    ['milliseconds', 'terminationDrainDuration: 500ms', { terminationDrainDuration: 0.5 }],
    ['a folded string', 'terminationDrainDuration: >-\n  5s\n', { terminationDrainDuration: 5 }],
    ['an explicit key', '? terminationDrainDuration\n: 5s', { terminationDrainDuration: 5 }],
    ['a byte order mark', '\ufeffterminationDrainDuration: 5s', { terminationDrainDuration: 5 }],
    ['a dash before a brace', 'proxyMetadata: {A: -}', { proxyMetadata: { A: '-' } }],
    ['a list of dashes', 'extraStatTags: [-]', {}],
    ['a bracket right behind a word with a colon', 'extraStatTags: [a:]', {}],
    ['binary data', 'proxyMetadata: {A: !!binary aGVubg==}', { proxyMetadata: { A: 'henn' } }],
    ['a sampling that is no number', 'tracing: {sampling: "NaN"}', {}],
    ['a sampling without end', 'tracing: {sampling: "-Infinity"}', {}],
    [
      'a number too large for a float, which stays a string',
      'proxyMetadata: {A: 1e999}',
      { proxyMetadata: { A: '1e999' } },
    ],
    ['a float as a key', 'proxyMetadata: {2500000.0: a}', { proxyMetadata: { '2.5e+06': 'a' } }],
    ['a key that is not finite', 'proxyMetadata: {.inf: a}', { proxyMetadata: { '.inf': 'a' } }],
    ['a time with its tag', 'proxyMetadata: {A: !!timestamp 2031-02-03}', { proxyMetadata: { A: '2031-02-03' } }],
    ['a list at the column of its key', 'extraStatTags:\n- a\nproxyMetadata: {A: b}', { proxyMetadata: { A: 'b' } }],
    [
      'a closing bracket at the start of a line',
      'extraStatTags: [a\n]\nproxyMetadata: {A: b}',
      { proxyMetadata: { A: 'b' } },
    ],
    ['whatever follows a map in braces', '{proxyMetadata: {A: b}} trailing', { proxyMetadata: { A: 'b' } }],
    ['an empty key and no value', 'proxyMetadata: {"A"}', { proxyMetadata: { A: '' } }],
    ['a question mark in block style', 'proxyMetadata:\n  A: http://a/?b=c', { proxyMetadata: { A: 'http://a/?b=c' } }],
    [
      'the credential of a CA in TLS settings',
      'tracing: {tlsSettings: {caCertCredentialName: a}}\nenvoyMetricsService: {tlsSettings: {ca_cert_credential_name: b}}',
      {},
    ],
    ['the image type', 'image: {imageType: distroless}', { imageType: 'distroless' }],
    ['the image type in snake_case', 'image: {image_type: debug}', { imageType: 'debug' }],
    [
      'statistics',
      'proxyStatsMatcher: {inclusion_suffixes: [a], inclusionRegexps: [".*"]}',
      { statsInclusion: { prefixes: [], suffixes: ['a'], regexps: ['.*'] } },
    ],
    ['a key of another name', 'terminationDrainDuraton: 60s', {}],
    [
      'a key that every object inherits',
      'constructor: 1\nproxyMetadata: {__proto__: x}',
      { proxyMetadata: Object.fromEntries([['__proto__', 'x']]) },
    ],
  ])('%s', (_, text, values) => {
    expect(valuesOf(text)).toEqual(values);
  });
});

describe('what Istio denies the pod for', () => {
  it.each<[string, string, string, number, number]>([
    [
      'a number as duration',
      'terminationDrainDuration: 25',
      '25 is not a duration: write a string with a unit, for example "25s"',
      1,
      27,
    ],
    ['a duration without unit', 'terminationDrainDuration: "25"', 'time: missing unit in duration "25"', 1, 27],
    ['days', 'terminationDrainDuration: 1d', 'time: unknown unit "d" in duration "1d"', 1, 27],
    ['a boolean variable', 'proxyMetadata:\n  A: true', 'proxyMetadata.A: true is no string: put it in quotes', 2, 6],
    [
      'a variable that YAML takes for a boolean',
      'proxyMetadata:\n  A: "x"\n  B: yes',
      'proxyMetadata.B: true is no string: put it in quotes (written as yes)',
      3,
      6,
    ],
    [
      'a variable that YAML takes for a number',
      'proxyMetadata:\n  A: 012',
      'proxyMetadata.A: 10 is no string: put it in quotes (written as 012)',
      2,
      6,
    ],
    ['a list for a map', 'proxyMetadata: []', 'proxyMetadata: a list where a map is expected', 1, 16],
    ['a boolean in quotes', 'holdApplicationUntilProxyStarts: "true"', 'write true or false without quotes', 1, 34],
    ['half a second of drainDuration', 'drainDuration: 500ms', 'whole seconds of at least 1s', 1, 16],
    ['no drainDuration', 'drainDuration: 0s', 'whole seconds of at least 1s', 1, 16],
    ['a negative drainDuration', 'drainDuration: -1s', 'whole seconds of at least 1s', 1, 16],
    ['an unknown enum', 'interceptionMode: FOO', '"FOO" is none of REDIRECT, TPROXY, NONE', 1, 19],
    ['a fraction of a thread', 'concurrency: 2.5', 'concurrency: 2.5 is no whole number', 1, 14],
    ['a string for a message', 'image: distroless', 'image: "distroless" where a map of fields is expected', 1, 8],
    [
      'a number in a list of strings',
      'proxyStatsMatcher: {inclusionSuffixes: [a, 1]}',
      'inclusionSuffixes[1]: 1 is no string',
      1,
      44,
    ],
    ['a tab', 'drainDuration: 5s\n\tfoo: bar', 'found a tab', 2, 1],
    ['a question mark in flow style', '{A: http://u/?v=w}', "expected ',' or '}'", 1, 14],
    ['an escaped slash', 'proxyMetadata: {A: "\\/"}', 'unknown escape character \\/', 1, 21],
    ['a colon at the start of a list', 'extraStatTags: [:a]', 'did not find expected node content', 1, 17],
    ['a tab behind a dash', 'extraStatTags:\n-\t{}', 'a tab where indentation is expected', 2, 2],
    ['a tab behind a colon', 'a:\n  b:\t\tc: d', 'is not allowed here', 2, 8],
    ['two commas', 'extraStatTags: [a,,b]', 'did not find expected node content', 1, 19],
    ['a control character', 'proxyMetadata: {A: "\u0007"}', 'control characters are not allowed', 1, 21],
    ['half a surrogate pair', 'proxyMetadata: {A: "\\ud83d"}', 'is not a Unicode character', 1, 20],
    ['binary data that are none', 'proxyMetadata: {A: !!binary "a"}', 'invalid base64', 1, 29],
    ['an alias with a name that is none', 'a: *é', 'made of letters, digits', 1, 4],
    ['a directive of another version', '%YAML 1.2\n---\na: b', 'reads YAML 1.1', 1, 1],
    ['a key on two lines', 'extra\n Tags: a', 'is not allowed here', 2, 6],
    ['a list of 2000 levels', '['.repeat(2000), 'nested deeper', 1, 1000],
    ['a sampling beyond all floats', 'tracing: {sampling: 1e999}', 'is no number', 1, 21],
    ['a brace too few', '{terminationDrainDuration: 5s', "expected ',' or '}'", 1, 30],
    ['a missing blank', 'terminationDrainDuration:5s', 'where a map of fields is expected', 1, 1],
    ['an unknown anchor', 'foo: *nope', "unknown anchor 'nope' referenced", 1, 6],
    ['a list', '- a', 'a list where a map of fields is expected', 1, 1],
    ['YAML 1.2', '%YAML 1.2\n---\nfoo: bar', 'found incompatible YAML document', 1, 1],
    ['a port that is none', 'statusPort: 0', 'statusPort: 0 is not a port', 1, 13],
    ['an empty address', "discoveryAddress: ''", 'discoveryAddress: must not be empty', 1, 19],
  ])('%s', (_, text, message, line, column) => {
    const result = parseProxyConfigAnnotation(text);
    expect(result).toMatchObject({ ok: false, malformed: { line, column } });
    expect(result.ok ? '' : result.malformed.message).toContain(message);
  });

  it('an anchor that holds itself', () => {
    expect(parseProxyConfigAnnotation('foo: &a\n  bar: *a')).toMatchObject({ ok: false });
  });

  it('aliases without end', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1) {
      const [previous, next] = [String.fromCharCode(96 + level), String.fromCharCode(97 + level)];
      bomb.push(`${next}: &${next} [${Array.from({ length: 9 }, () => `*${previous}`).join(', ')}]`);
    }
    expect(parseProxyConfigAnnotation(bomb.join('\n'))).toMatchObject({
      ok: false,
      malformed: { message: expect.stringContaining('excessive aliasing') },
    });
  });
});

describe('what Istio accepts and people should hear of', () => {
  it.each([
    ['terminationDrainDuraton: 60s', 'terminationDrainDuraton', 'terminationDrainDuration'],
    ['termination_drain_duraton: 60s', 'termination_drain_duraton', 'terminationDrainDuration'],
    ['TerminationDrainDuration: 60s', 'TerminationDrainDuration', 'terminationDrainDuration'],
    ['proxyStatsMatcher: {inclusionSuffix: [a]}', 'proxyStatsMatcher.inclusionSuffix', 'inclusionSuffixes'],
    ['holdApplicationUntilProxyStart: true', 'holdApplicationUntilProxyStart', 'holdApplicationUntilProxyStarts'],
  ])('%s is ignored, and another key is meant', (text, path, suggestion) => {
    const result = parseProxyConfigAnnotation(text);
    expect(result).toMatchObject({
      ok: true,
      unknownKeys: [{ path, suggestion, message: expect.stringContaining(`did you mean ${suggestion}?`) }],
    });
  });

  it.each([
    ['parentShutdownDuration: 60s', 'removed in Istio 1.17'],
    ['parent_shutdown_duration: 60s', 'removed in Istio 1.17'],
    ['EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"', 'write it under proxyMetadata'],
    ['terminationGracePeriodSeconds: 60', 'belongs to the pod template'],
  ])('%s belongs elsewhere', (text, message) => {
    expect(parseProxyConfigAnnotation(text)).toMatchObject({
      ok: true,
      unknownKeys: [{ message: expect.stringContaining(message) }],
    });
  });

  it('a key that is like no other is only said to be ignored', () => {
    const result = parseProxyConfigAnnotation('xyzzy: 1');
    expect(result).toMatchObject({
      ok: true,
      unknownKeys: [{ path: 'xyzzy', message: 'is not a field of ProxyConfig and is ignored' }],
    });
  });

  it.each([
    ['terminationDrainDuration: 0s', 'terminationDrainDuration', 'ends at once'],
    ['terminationDrainDuration: -5s', 'terminationDrainDuration', 'ends at once'],
    ['terminationDrainDuration: 5s\nterminationDrainDuration: 6s', 'terminationDrainDuration', 'more than once'],
    ['proxyMetadata:\n  A: one\n  A: two', 'proxyMetadata.A', 'more than once'],
    ['termination_drain_duration: 5s\nterminationDrainDuration: 6s', 'termination_drain_duration', 'has no effect'],
    ['drainDuration: 5s\n---\ndrainDuration: 6s', '', 'only the first of several'],
  ])('%j does something else than it seems to', (text, path, message) => {
    expect(parseProxyConfigAnnotation(text)).toMatchObject({
      ok: true,
      dangerous: [{ path, message: expect.stringContaining(message) }],
    });
  });

  it('a plain text gives nothing to say', () => {
    expect(parseProxyConfigAnnotation('terminationDrainDuration: 60s\nproxyMetadata: {A: x}')).toMatchObject({
      unknownKeys: [],
      dangerous: [],
    });
  });
});

describe('a message that has been parsed already', () => {
  it('reads defaultConfig of a mesh config', () => {
    const result = proxyConfigValuesFrom({
      drainDuration: '60s',
      proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' },
      concurrency: 2,
    });
    expect(result).toMatchObject({
      ok: true,
      values: { drainDuration: 60, proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true' } },
    });
  });

  it.each([[undefined], [null]])('takes %s for nothing set', (config) => {
    expect(proxyConfigValuesFrom(config)).toMatchObject({ ok: true, values: {} });
  });

  it('says where the bad value stands', () => {
    expect(proxyConfigValuesFrom({ tracing: { zipkin: { address: 5 } } })).toMatchObject({
      ok: false,
      malformed: { path: 'tracing.zipkin.address' },
    });
  });
});

describe('any text', () => {
  it('is read or refused, and never throws', () => {
    const lines = fc.constantFrom(
      'drainDuration',
      'proxyMetadata',
      '  A',
      '- x',
      '{',
      '}',
      '#',
      '&a',
      '*a',
      '"',
      "'",
      ': ',
      '\n',
      '\t',
      '|',
      '>',
      '? ',
      '---',
      '...',
      '!!str',
      '5s',
      'true',
      '<<: ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(lines, { maxLength: 12 }).map((parts) => parts.join('')),
        ),
        (text) => {
          expect(typeof parseProxyConfigAnnotation(text).ok).toBe('boolean');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is read the same from JSON, in either spelling of its keys', () => {
    const names = Object.keys(PROXY_CONFIG_FIELDS).filter(
      (name) => PROXY_CONFIG_FIELDS[name] === 'duration' && name !== 'drainDuration',
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.integer({ min: 1, max: 10_000 }), (name, seconds) => {
        const camel = parseProxyConfigAnnotation(JSON.stringify({ [name]: `${seconds}s` }));
        const snake = parseProxyConfigAnnotation(`${snakeCase(name)}: ${seconds}s`);
        expect(snake).toEqual(camel);
        expect(snake).toMatchObject({ ok: true, unknownKeys: [] });
      }),
    );
  });
});
