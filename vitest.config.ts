import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const src = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@meetcast\/server\/(deepgram|sqlite|postgres|redis)$/, replacement: src('server/src/$1.ts') },
      {
        find: /^@meetcast\/client\/(file-spool|indexeddb-spool)$/,
        replacement: src('client/src/spool/$1.ts'),
      },
      { find: '@meetcast/testing/contracts', replacement: src('testing/src/contracts/index.ts') },
      { find: /^@meetcast\/(protocol|server|client|testing)$/, replacement: src('$1/src/index.ts') },
    ],
  },
  test: {
    // Most tests wait, for a lease or a process, and do not work.
    maxWorkers: Math.min(12, 3 * availableParallelism()),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A poll ends as soon as it holds: its bound is for a box that stalls, not for the code.
          expect: { poll: { timeout: 30_000, interval: 10 } },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.itest.ts'],
          globalSetup: ['tests/support/services.ts'],
          testTimeout: 90_000,
          hookTimeout: 120_000,
          // A poll ends as soon as it holds: its bound is for a box that stalls, not for the code.
          expect: { poll: { timeout: 30_000, interval: 20 } },
        },
      },
    ],
  },
});
