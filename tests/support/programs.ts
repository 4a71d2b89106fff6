/** Programs of this machine, and ports for them. */
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

const usual = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin'];

/** The first of these names that can be run. */
export function findProgram(names: readonly string[], places: readonly string[] = []): string | undefined {
  for (const directory of [...(process.env.PATH ?? '').split(delimiter), ...usual, ...places]) {
    const found = names.map((name) => join(directory, name)).find(isProgram);
    if (found) return found;
  }
  return undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Tests in a browser are skipped without one. */
export const browserProgram = findProgram(['chromium', 'chromium-browser', 'google-chrome']);

/**
 * A port on loopback that was free a moment ago. It is below those that systems give to whoever names none (from 32 768
 * on Linux, 49 152 elsewhere): such a one may be anybody's before it is used, or while its server is down, and whoever
 * connects to it then may meet himself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
}

/** To this process. */
const given = new Set<number>();

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer();
    server
      .on('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
