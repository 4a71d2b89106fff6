/** The token a command sends: the one it was given, or one minted for development from the hub's secret. */
import type { Context } from './context.ts';
import { readEnvironment, readSettings } from './env.ts';
import { CliError } from './exit.ts';
import { devDefaults, emailOf, secretSigner, signToken } from './token.ts';

/** What the token claims beside who it is for, when the variables do not say. */
export const defaultAudience = 'meetcast';
export const defaultIssuer = 'meetcast';

/** A flag beats a variable; a token beats a secret. */
export async function resolveToken(
  flags: { token?: string; secret?: string },
  { cwd, processEnv }: Pick<Context, 'cwd' | 'processEnv'>,
): Promise<string> {
  if (flags.token) return flags.token;
  const names = ['MEETCAST_TOKEN', 'SECRET_KEY', 'JWT_AUDIENCE', 'JWT_ISSUER'] as const;
  const env = readSettings(readEnvironment(cwd, processEnv), names);
  if (!flags.secret && env.MEETCAST_TOKEN) return env.MEETCAST_TOKEN;
  const secret = flags.secret ?? env.SECRET_KEY;
  if (!secret) throw noToken();
  const { user, tenant, role, ttlSeconds } = devDefaults;
  const audience = env.JWT_AUDIENCE ?? defaultAudience;
  const issuer = env.JWT_ISSUER ?? defaultIssuer;
  const signed = await signToken(
    { user, tenant, role, email: emailOf(user) },
    { audience, issuer, ttlSeconds },
    secretSigner(secret),
    Date.now(),
  );
  return signed.token;
}

const noToken = (): CliError =>
  new CliError(
    'usage',
    'no token to show the hub.',
    'Pass --token or set MEETCAST_TOKEN; for development, --secret or SECRET_KEY mints one.',
  );
