// The rules of Jupyter's plugin are warnings there; here each one counts.
const js = require('@eslint/js');
const jupyter = require('@jupyter/eslint-plugin');
const hooks = require('eslint-plugin-react-hooks');
const globals = require('globals');
const typescript = require('typescript-eslint');

module.exports = [
  { ignores: ['lib', 'node_modules'] },
  js.configs.recommended,
  ...typescript.configs.strict.map(config => ({ ...config, files: ['src/**'] })),
  { plugins: { jupyter } },
  ...jupyter.configs.recommended,
  {
    files: ['src/**'],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: __dirname }
    },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      eqeqeq: 'error',
      'max-lines': ['error', { max: 250 }]
    }
  },
  {
    // Commands exist from the start: shortcuts, the palette and other extensions look for them.
    files: ['src/commands/plugin.ts'],
    rules: {
      'jupyter/prefer-lazy-imports': [
        'error',
        { ignoreImports: ['./general', './instances', './runs'] }
      ]
    }
  },
  { files: ['*.js'], languageOptions: { globals: globals.node } }
];
