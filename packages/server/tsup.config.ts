import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    deepgram: 'src/recognizer/deepgram.ts',
    postgres: 'src/store/postgres.ts',
    redis: 'src/redis.ts',
    sqlite: 'src/store/sqlite.ts',
    testing: 'src/testing/index.ts',
  },
  format: ['esm', 'cjs'],
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
  target: 'node20',
  removeNodeProtocol: false,
});
