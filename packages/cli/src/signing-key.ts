/** Reads a private key, and tells from it which signature it makes. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CliError, messageOf } from './exit.ts';
import type { Signer } from './token.ts';

export async function readSigningKey(path: string): Promise<Signer> {
  const key = parseKey(path, await readPem(path));
  const alg = algorithmOf(key);
  if (alg) return { alg, key };
  throw unusable(path, `its kind (${key.asymmetricKeyType ?? 'unknown'}) signs none of RS256, ES256, EdDSA`);
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unusable(path, messageOf(error));
  }
}

function parseKey(path: string, pem: string): KeyObject {
  if (pem.includes('PUBLIC KEY'))
    throw unusable(path, 'it is a public key, which checks tokens; signing takes the private one');
  if (pem.includes('ENCRYPTED')) throw unusable(path, 'it is encrypted');
  try {
    return createPrivateKey(pem);
  } catch {
    throw unusable(path, 'it is not a PEM private key');
  }
}

const unusable = (path: string, why: string): CliError =>
  new CliError('usage', `cannot sign with ${path}: ${why}.`, '`meetcast keys --out DIR` makes a key pair.');

function algorithmOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa')
    return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? 'RS256' : undefined;
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
}
