/** Reads a private key, and tells from it which signature it makes. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CliError, messageOf } from './exit.ts';
import { tokenProblem } from './sentences.ts';
import type { Signer } from './token.ts';

export async function readSigningKey(path: string): Promise<Signer> {
  const key = parseKey(path, await readPem(path));
  const alg = algorithmOf(key);
  if (alg) return { alg, key };
  throw unusable(path, tokenProblem.wrongKind(key.asymmetricKeyType ?? 'unknown'));
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unusable(path, messageOf(error));
  }
}

function parseKey(path: string, pem: string): KeyObject {
  if (pem.includes('PUBLIC KEY')) throw unusable(path, tokenProblem.isPublic);
  if (pem.includes('ENCRYPTED')) throw unusable(path, tokenProblem.isEncrypted);
  try {
    return createPrivateKey(pem);
  } catch {
    throw unusable(path, tokenProblem.notPem);
  }
}

const unusable = (path: string, why: string): CliError =>
  new CliError('usage', ...tokenProblem.cannotSign(path, why));

function algorithmOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa')
    return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? 'RS256' : undefined;
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
}
