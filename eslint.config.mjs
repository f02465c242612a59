import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const scripts = ['**/*.mjs', '**/*.cjs', '**/*.js'];
const globals = (names) => Object.fromEntries(names.map((name) => [name, 'readonly']));

export default defineConfig(
  globalIgnores([
    'dist/',
    'build/',
    '.build/',
    'coverage/',
    'docs/api/',
    'csrc/',
    'prebuilds/',
    'vendor/',
  ]),
  js.configs.recommended,

  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.json', 'tsconfig.page.json', 'tsconfig.dev.json', 'tsconfig.test.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // `table[i]!` is how hot code says that an index is in range under noUncheckedIndexedAccess.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Hot loops index on purpose.
      '@typescript-eslint/prefer-for-of': 'off',
      // The base class whose constructor returns its argument has nothing but that constructor.
      '@typescript-eslint/no-extraneous-class': ['error', { allowConstructorOnly: true }],
      // Overloads document each form of a call on its own, as Node's own typings do.
      '@typescript-eslint/unified-signatures': 'off',
    },
  },

  {
    // Tests misuse the library on purpose and stub it with functions that do nothing.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },

  {
    files: scripts,
    languageOptions: {
      globals: globals([
        'AbortController',
        'Buffer',
        'URL',
        'WebAssembly',
        'clearTimeout',
        'console',
        'process',
        'setTimeout',
        'structuredClone',
      ]),
    },
  },
  {
    files: ['**/*.cjs', '**/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: globals(['__dirname', '__filename', 'module', 'require']),
    },
  },
);
