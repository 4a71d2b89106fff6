/** The token a command sends: the one it was given, or one minted for development from the hub's secret. */
import type { Context } from './context.ts';
import { readEnvironment, readSettings } from './env.ts';
import { CliError } from './exit.ts';
import { tokenProblem } from './sentences.ts';
import { devDefaults, emailOf, secretSigner, signToken } from './token.ts';

type Where = Pick<Context, 'cwd' | 'processEnv'>;

/** What the token claims beside who it is for, when the variables do not say. */
export const defaultAudience = 'meetcast';
export const defaultIssuer = 'meetcast';

/** A token, or a function that mints a fresh one: an hour of audio may outlive a token. */
export type TokenSource = string | (() => Promise<string>);

interface TokenFlags {
  token?: string;
  secret?: string;
}

/** The token to show now. */
export const currentToken = async (source: TokenSource): Promise<string> =>
  typeof source === 'string' ? source : source();

/** A flag beats a variable; a token beats a secret. */
export async function tokenSource(flags: TokenFlags, { cwd, processEnv }: Where): Promise<TokenSource> {
  if (flags.token) return flags.token;
  const names = ['MEETCAST_TOKEN', 'SECRET_KEY', 'JWT_AUDIENCE', 'JWT_ISSUER'] as const;
  const env = readSettings(readEnvironment(cwd, processEnv), names);
  if (!flags.secret && env.MEETCAST_TOKEN) return env.MEETCAST_TOKEN;
  const secret = flags.secret ?? env.SECRET_KEY;
  if (!secret) throw noToken();
  const terms = { audience: env.JWT_AUDIENCE, issuer: env.JWT_ISSUER };
  return () => mintToken(secret, terms, devDefaults.ttlSeconds);
}

/** A token for development, where everything is allowed. */
export async function mintToken(
  secret: string,
  terms: { audience?: string | undefined; issuer?: string | undefined },
  ttlSeconds: number,
): Promise<string> {
  const { user, tenant, role } = devDefaults;
  const { audience = defaultAudience, issuer = defaultIssuer } = terms;
  const signed = await signToken(
    { user, tenant, role, email: emailOf(user) },
    { audience, issuer, ttlSeconds },
    secretSigner(secret),
    Date.now(),
  );
  return signed.token;
}

const noToken = (): CliError => new CliError('usage', ...tokenProblem.noToken);
