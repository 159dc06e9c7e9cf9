import tseslint from 'typescript-eslint';

const ONE_WAY_TO_BE_PRIVATE = {
  selector: ':matches(PropertyDefinition, MethodDefinition) > PrivateIdentifier.key',
  message: 'Write `private`: the code base has one way to say it.',
};

// The rooms of src/ and what each may import. A domain that cannot reach a client, a clock or the environment is
// one that can be tested with plain values; this list is what keeps it so.
/** @type {Record<string, string[]>} */
const rooms = {
  api: [],
  hooks: ['api'],
  drain: ['api', 'hooks'],
  kube: ['api'],
  runtime: ['api', 'kube'],
  controllers: ['api', 'hooks', 'drain', 'kube', 'runtime'],
  admission: ['api', 'hooks', 'drain', 'kube', 'runtime'],
  cli: ['api', 'hooks', 'drain', 'kube', 'runtime'],
};
const all = Object.keys(rooms);

/** @type {import('eslint').Linter.Config[]} */
const roomRules = Object.entries(rooms).map(([room, allowed]) => {
  const forbidden = all.filter((other) => other !== room && !allowed.includes(other));
  const pure = room === 'api' || room === 'hooks' || room === 'drain';
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...(forbidden.length === 0
              ? []
              : [
                  {
                    regex: `^(\\.\\./)+(${forbidden.join('|')})/`,
                    message: `src/${room} may import only: ${[...allowed, room].join(', ')}.`,
                  },
                ]),
            ...(pure
              ? [
                  {
                    regex: '^(node:.*|@kubernetes/.*|undici|winston|prom-client|p-queue)$',
                    message: `src/${room} is pure: no client, file system, environment or logger.`,
                  },
                ]
              : []),
          ],
        },
      ],
      ...(pure
        ? {
            'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch', 'console'],
            'no-restricted-properties': [
              'error',
              { object: 'Date', property: 'now', message: 'Take the time as a parameter.' },
              { object: 'Math', property: 'random', message: 'The domain is deterministic.' },
            ],
          }
        : {}),
    },
  };
});

// The rooms of src/drain, from the ground up: each may import from those before it, so no two import each other.
const drainRooms = [
  'model',
  'template',
  'gateways',
  'selection',
  'mesh',
  'promise',
  'findings',
  'timeline',
  'rollout',
  'restore',
  'plan',
  'admit',
  'observe',
  'price',
  'recommend',
  'report',
  'import',
];

/** @type {import('eslint').Linter.Config[]} */
const drainRules = drainRooms
  .slice(0, -1)
  .map((room, index) => ({
    files: [`src/drain/${room}/**/*.ts`],
    rules: {
      'no-restricted-syntax': [
        'error',
        ONE_WAY_TO_BE_PRIVATE,
        ...['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration'].map((node) => ({
          selector: `${node}[source.value=/^(\\.\\.\\/)+(${drainRooms.slice(index + 1).join('|')})\\//]`,
          message: `src/drain/${room} may import only from the rooms before it: ${drainRooms.slice(0, index).join(', ') || 'none'}.`,
        })),
      ],
    },
  }));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.cache/', 'coverage/', 'out/', '**/*.gen.ts', '**/*.d.mts'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      eqeqeq: ['error', 'always'],
      curly: ['error', 'all'],
      'no-restricted-syntax': ['error', ONE_WAY_TO_BE_PRIVATE],
      'prefer-const': 'error',
      'max-lines': ['error', { max: 550, skipBlankLines: true, skipComments: true }],
    },
  },
  ...roomRules,
  ...drainRules,
  {
    // Run inside a page, where TypeScript does not reach; their types stand beside them.
    files: ['test/support/in-page/*.mjs'],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ['test/**/*.{ts,mjs}', 'bench/**/*.ts', 'scripts/**/*.{ts,mjs}', '*.config.mjs'],
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/support/fast-check.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { name: 'fast-check', message: 'test/support/fast-check.ts has it with the seed that every run shares.' },
      ],
    },
  },
);
