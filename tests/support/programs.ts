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

/** A port on loopback that was free a moment ago. */
export const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
