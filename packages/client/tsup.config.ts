import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      'file-spool': 'src/spool/file-spool.ts',
      'indexeddb-spool': 'src/spool/indexeddb-spool.ts',
    },
    format: ['esm', 'cjs'],
    dts: true,
    sourcemap: true,
    treeshake: true,
    target: 'node20',
    removeNodeProtocol: false,
  },
  {
    entry: ['src/index.browser.ts'],
    format: ['esm'],
    platform: 'browser',
    dts: true,
    sourcemap: true,
    treeshake: true,
    target: 'es2022',
  },
]);
