import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['**/node_modules/', '.venv/', 'build/'] },
  js.configs.recommended,
  {
    files: ['dl_magics/widgets/browser/*.js'],
    languageOptions: { globals: globals.browser },
    rules: { curly: 'error', eqeqeq: 'error', 'prefer-const': 'error', 'no-var': 'error' }
  },
  { files: ['tests/widgets/js/*.js'], languageOptions: { globals: { ...globals.node, URL: 'readonly' } } }
];
