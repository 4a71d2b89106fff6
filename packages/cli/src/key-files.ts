/** Writes a new key pair as PEM files. */
import { access, chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError, messageOf } from './exit.ts';
import { tokenProblem } from './sentences.ts';

export const keyAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

export interface KeyFiles {
  privateKey: string;
  publicKey: string;
}

export async function writeKeyPair(
  directory: string,
  alg: KeyAlgorithm,
  mayOverwrite: boolean,
): Promise<KeyFiles> {
  const files = { privateKey: join(directory, 'private.pem'), publicKey: join(directory, 'public.pem') };
  if (!mayOverwrite) await refuseExisting([files.privateKey, files.publicKey]);
  const { exportPKCS8, exportSPKI, generateKeyPair } = await import('jose');
  const pair = await generateKeyPair(alg, { extractable: true });
  try {
    await mkdir(directory, { recursive: true });
    await write(files.privateKey, await exportPKCS8(pair.privateKey), 0o600, mayOverwrite);
    await write(files.publicKey, await exportSPKI(pair.publicKey), 0o644, mayOverwrite);
  } catch (error) {
    throw new CliError('failed', ...tokenProblem.keysUnwritable(directory, messageOf(error)));
  }
  return files;
}

async function refuseExisting(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    throw new CliError('failed', ...tokenProblem.keysExist(path));
  }
}

async function write(path: string, pem: string, mode: number, mayOverwrite: boolean): Promise<void> {
  // The mode of a file that exists does not change on writing: narrow it before the key is in it.
  if (mayOverwrite) await chmod(path, mode).catch(() => {});
  await writeFile(path, pem, { mode, flag: mayOverwrite ? 'w' : 'wx' });
}
