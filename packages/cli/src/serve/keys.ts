/** What the tokens of a served hub are checked with. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Authenticator, jwtAuthenticator } from '@meetcast/server';
import { CliError, messageOf, systemCode } from '../exit.ts';
import { serveNote, serveProblem, tokenProblem } from '../sentences.ts';
import type { ServeSettings } from './settings.ts';
import { makeDirectory, unusable as unusableDirectory } from './storage.ts';

/** `made`: nobody else knows the secret, so people need a token from here. `keptAt`: it outlives this run. */
export type TokenKey =
  | { name: 'public-key'; path: string; pem: string }
  | { name: 'secret'; secret: string }
  | { name: 'made'; secret: string; keptAt: string | undefined };

/** RFC 7518: a key for HS256 has at least as many bits as its hash. */
const leastSecretBytes = 32;

export async function tokenKey(settings: ServeSettings, directory: string | undefined): Promise<TokenKey> {
  const { SECRET_KEY: secret, JWT_PUBLIC_KEY_PATH: path } = settings;
  if (secret !== undefined && path !== undefined) throw new CliError('usage', ...tokenProblem.twoKeys);
  if (path !== undefined) return { name: 'public-key', path, pem: await readPem(path) };
  if (secret !== undefined) return { name: 'secret', secret };
  if (directory === undefined) return { name: 'made', secret: newSecret(), keptAt: undefined };
  const keptAt = join(directory, 'secret.key');
  return { name: 'made', secret: await keptSecret(directory, keptAt), keptAt };
}

/** Why the key is weaker than it should be. */
export function weakness(key: TokenKey): string | undefined {
  const bytes = key.name === 'public-key' ? Number.POSITIVE_INFINITY : Buffer.byteLength(key.secret);
  if (bytes >= leastSecretBytes) return undefined;
  return serveNote.weakSecret(bytes, leastSecretBytes);
}

export function authenticatorOf(key: TokenKey, settings: ServeSettings): Authenticator {
  const { JWT_AUDIENCE: audience, JWT_ISSUER: issuer } = settings;
  const expected = {
    ...(audience === undefined ? {} : { audience }),
    ...(issuer === undefined ? {} : { issuer }),
  };
  if (key.name !== 'public-key') return jwtAuthenticator({ ...expected, secret: key.secret });
  try {
    return jwtAuthenticator({ ...expected, publicKey: key.pem });
  } catch (error) {
    throw unusable(key.path, messageOf(error));
  }
}

async function readPem(path: string): Promise<string> {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unusable(path, messageOf(error));
  });
  if (pem.includes('PRIVATE KEY')) throw unusable(path, tokenProblem.isPrivate);
  return pem;
}

const unusable = (path: string, why: string): CliError =>
  new CliError('usage', ...tokenProblem.cannotVerify(path, why));

const newSecret = (): string => randomBytes(leastSecretBytes).toString('base64url');

/** The secret of an earlier run, or a new one for this and later runs. Of hubs that start at once, one makes it. */
async function keptSecret(directory: string, path: string): Promise<string> {
  try {
    await makeDirectory(directory);
    await writeFile(path, `${newSecret()}\n`, { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    for (let patience = 100; patience > 0; patience -= 1) {
      const kept = (await readFile(path, 'utf8')).trim();
      if (kept !== '') return kept;
      await delay(10); // Another hub has made the file and is about to write it.
    }
    throw new Error(serveProblem.secretFileEmpty(path));
  } catch (error) {
    throw unusableDirectory(directory, error);
  }
}
