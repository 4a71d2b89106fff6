/** Signs the tokens a hub accepts. */
import type { KeyObject } from 'node:crypto';
import type { Claims } from '@meetcast/protocol';
import { CliError } from './exit.ts';
import { tokenProblem } from './sentences.ts';

/** Who the token is for. */
export interface Identity {
  user: string;
  tenant: string;
  email: string;
  role: string;
}

export interface Signer {
  alg: string;
  key: Uint8Array | KeyObject;
}

export interface TokenTerms {
  audience: string;
  issuer: string;
  ttlSeconds: number;
}

export interface SignedToken {
  token: string;
  /** Seconds since 1970. */
  expiresAt: number;
}

/** What a token is for unless said otherwise: development, where everything is allowed. */
export const devDefaults = { user: 'dev', tenant: 'dev', role: 'admin', ttlSeconds: 3600 } as const;

/** An address for those who gave none: a token must carry one. */
export const emailOf = (user: string): string => (user.includes('@') ? user : `${user}@localhost`);

export const secretSigner = (secret: string): Signer => ({
  alg: 'HS256',
  key: new TextEncoder().encode(secret),
});

export async function signToken(
  identity: Identity,
  terms: TokenTerms,
  signer: Signer,
  nowMs: number,
): Promise<SignedToken> {
  const iat = Math.floor(nowMs / 1000);
  const expiresAt = iat + Math.floor(terms.ttlSeconds);
  const claims = await checked({
    user_id: identity.user,
    tenant_id: identity.tenant,
    email: identity.email,
    role: identity.role,
    iat,
    exp: expiresAt,
    aud: terms.audience,
    iss: terms.issuer,
  });
  const { SignJWT } = await import('jose');
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: signer.alg, typ: 'JWT' })
    .sign(signer.key);
  return { token, expiresAt };
}

const flags: Readonly<Record<string, string>> = {
  user_id: '--user',
  tenant_id: '--tenant',
  email: '--email',
  role: '--role',
};

/** A hub would refuse these claims later, and less clearly. */
async function checked(claims: Claims): Promise<Claims> {
  const { Claims } = await import('@meetcast/protocol');
  const result = Claims.safeParse(claims);
  if (result.success) return result.data;
  const field = String(result.error.issues[0]?.path[0]);
  const why = field === 'tenant_id' ? tokenProblem.badTenant : tokenProblem.badLength;
  throw new CliError('usage', ...tokenProblem.badClaim(flags[field] ?? field, why));
}
