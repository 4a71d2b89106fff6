import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tests/support/longest-first.ts';

const src = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@meetcast\/server\/(deepgram|sqlite|postgres|redis)$/, replacement: src('server/src/$1.ts') },
      {
        find: /^@meetcast\/client\/(file-spool|indexeddb-spool)$/,
        replacement: src('client/src/spool/$1.ts'),
      },
      { find: /^@meetcast\/testing\/(chaos|contracts)$/, replacement: src('testing/src/$1/index.ts') },
      { find: /^@meetcast\/(protocol|server|client|testing)$/, replacement: src('$1/src/index.ts') },
    ],
  },
  test: {
    // Most of a test is waiting: for a timer, a server, another process.
    maxWorkers: Math.min(12, 3 * availableParallelism()),
    // Half of a small file's time was loading what the file before it had loaded. So a file leaves nothing behind, and
    // mocks no module (`vi.mock`): another file may have loaded it.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts'],
          // Commands are processes, and a busy machine starts them slowly.
          testTimeout: 120_000,
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
      {
        extends: true,
        test: {
          // What is published, with its types, which `pnpm build` builds: part of `pnpm check`.
          name: 'packages',
          include: ['tests/packages/*.itest.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
