/** Grants from JSON Web Tokens: one key, one list of algorithms, every claim required. */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { Claims, checkOptions } from '@meetcast/protocol';
import { errors, jwtVerify } from 'jose';
import { AuthError } from '../lib/errors.ts';
import { tokenText } from '../lib/sentences.ts';
import type { Authenticator, Grant, Permission } from './authenticator.ts';

/** Either a secret or a public key, never both: a token signed for one can then not be tried against the other. */
export type JwtOptions = {
  /** The `aud` tokens must carry. Default `meetcast`. */
  audience?: string;
  /** The `iss` tokens must carry. Default `meetcast`. */
  issuer?: string;
  /** Milliseconds a clock may be off. Default 5 000. */
  clockToleranceMs?: number;
  /** What a role may do. Default: `viewer` watches; `admin`, `owner` and `host` may do everything; others watch and send. */
  permissionsOf?: (role: string) => readonly Permission[];
} & ({ secret: string; publicKey?: never } | { publicKey: string; secret?: never });

const known = {
  secret: true,
  publicKey: true,
  audience: true,
  issuer: true,
  clockToleranceMs: true,
  permissionsOf: true,
} as const;

/** Verifies HS256 with a secret (RFC 7518 asks for 32 bytes or more), or RS256, ES256 or EdDSA with a public key (PEM, SPKI). */
export function jwtAuthenticator(options: JwtOptions): Authenticator {
  checkOptions('jwtAuthenticator', options, known);
  const { key, algorithm } = keyOf(options);
  const permissionsOf = options.permissionsOf ?? defaultPermissions;
  const expected = {
    algorithms: [algorithm],
    audience: options.audience ?? 'meetcast',
    issuer: options.issuer ?? 'meetcast',
    clockTolerance: (options.clockToleranceMs ?? 5_000) / 1_000,
  };

  return async (token) => {
    const { payload } = await jwtVerify(token, key, expected).catch((error: unknown) => {
      throw explain(error);
    });
    const claims = Claims.safeParse(payload);
    if (!claims.success)
      throw new AuthError(tokenText.claimNotValid(String(claims.error.issues[0]?.path.join('.'))));
    return grantOf(claims.data, permissionsOf);
  };
}

function keyOf(options: JwtOptions): { key: KeyObject; algorithm: string } {
  const { secret, publicKey } = options;
  if ((secret === undefined) === (publicKey === undefined)) {
    throw new TypeError('jwtAuthenticator takes a secret or a publicKey, exactly one of them');
  }
  if (secret !== undefined) {
    if (secret === '') throw new TypeError('secret must not be empty');
    return { key: createSecretKey(Buffer.from(secret)), algorithm: 'HS256' };
  }
  const key = publicKeyOf(publicKey ?? '');
  const algorithm = algorithmOf(key);
  if (!algorithm)
    throw new TypeError(`publicKey must be an RSA, P-256 or Ed25519 key, got ${key.asymmetricKeyType}`);
  return { key, algorithm };
}

function publicKeyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new TypeError('publicKey must be a PEM (SPKI) public key', { cause });
  }
}

/** The one algorithm a public key is good for. */
function algorithmOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  return undefined;
}

function explain(error: unknown): AuthError {
  if (error instanceof errors.JWTExpired) return new AuthError(tokenText.expired);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const text = error.reason === 'missing' ? tokenText.claimMissing : tokenText.claimUnexpected;
    return new AuthError(text(error.claim));
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return new AuthError(tokenText.wrongAlgorithm);
  if (error instanceof errors.JWSSignatureVerificationFailed) return new AuthError(tokenText.wrongSignature);
  return new AuthError(tokenText.notValid);
}

const managers = new Set(['admin', 'owner', 'host']);

function defaultPermissions(role: string): readonly Permission[] {
  if (role === 'viewer') return ['subscribe'];
  if (managers.has(role)) return ['subscribe', 'publish', 'manage'];
  return ['subscribe', 'publish'];
}

function grantOf(claims: Claims, permissionsOf: (role: string) => readonly Permission[]): Grant {
  return {
    userId: claims.user_id,
    tenant: claims.tenant_id,
    email: claims.email,
    role: claims.role,
    expiresAt: claims.exp * 1000,
    may: new Set(permissionsOf(claims.role)),
  };
}
