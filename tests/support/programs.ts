/** Programs of this machine, and ports for them. */
import { accessSync, constants } from 'node:fs';
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
