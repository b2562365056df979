import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'dist-bench/',
      'data/',
      'coverage/',
      'src/generated/',
      '**/.next/',
      '**/.svelte-kit/',
      'examples/sveltekit/build/',
      'examples/nextjs/**/*.ts',
      'examples/sveltekit/**/*.ts',
      'examples/react-native/**/*.{ts,tsx}',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // DTO classes are shapes: that they are classes is for decorators.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // Nest modules are classes that hold decorators.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // `!` stands where a line above has checked what the type cannot say.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true, boolean: true } },
      ],
    },
  },
  {
    files: ['test/contracts/oauth/**'],
    // The libraries mark what only a test on loopback may use as deprecated.
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        fetch: 'readonly',
        Buffer: 'readonly',
        URLSearchParams: 'readonly',
        clearTimeout: 'readonly',
        AbortSignal: 'readonly',
      },
    },
  },
  {
    files: ['examples/browser/public/*.js', 'examples/*/*.test.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['document', 'location', 'navigator', 'localStorage', 'sessionStorage', 'setInterval'],
          ...['addEventListener', 'removeEventListener', 'EventTarget', 'Event', 'CustomEvent'],
          ...['BroadcastChannel', 'Request', 'FormData', 'TextDecoder', 'atob'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['test/browser/*.js'],
    languageOptions: {
      globals: { document: 'readonly' },
    },
  },
);
