import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    deepgram: 'src/deepgram.ts',
    postgres: 'src/postgres.ts',
    redis: 'src/redis.ts',
    sqlite: 'src/sqlite.ts',
  },
  format: ['esm', 'cjs'],
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
  target: 'node20',
  removeNodeProtocol: false,
});
