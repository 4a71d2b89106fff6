import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', chaos: 'src/chaos/index.ts', contracts: 'src/contracts/index.ts' },
  format: ['esm', 'cjs'],
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
  target: 'node20',
  removeNodeProtocol: false,
});
