/** The packages as they are built (`pnpm build:js`), and the libraries they are held against, loaded when asked for. */
import { createRequire } from 'node:module';

const at = (directory) => createRequire(new URL(`../../${directory}/package.json`, import.meta.url));

/** What the hub itself uses: its own builds as `./dist/….cjs`, and `ws`, `pg`, `ioredis`. */
export const fromServer = at('packages/server');

/** What only tests and benchmarks use, such as `socket.io`. */
export const fromTests = at('tests');
