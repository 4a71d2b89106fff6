/** `meetcast token`: a signed token, alone on stdout. */
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { defaultAudience, defaultIssuer } from '../dev-token.ts';
import { readEnvironment, readSettings } from '../env.ts';
import { CliError } from '../exit.ts';
import { addExamples } from '../help.ts';
import { tokenProblem } from '../sentences.ts';
import { readSigningKey } from '../signing-key.ts';
import { devDefaults, emailOf, type Signer, secretSigner, signToken } from '../token.ts';
import { duration } from '../values.ts';

interface TokenFlags {
  user: string;
  tenant: string;
  email?: string;
  role: string;
  ttl: number;
  secret?: string;
  key?: string;
}

export function registerToken(program: Command, context: Context): void {
  const command = program
    .command('token')
    .description('Print a signed token that a hub accepts.')
    .option('--user <id>', 'user of the token', devDefaults.user)
    .option('--tenant <id>', 'tenant whose meetings it opens', devDefaults.tenant)
    .option('--email <address>', 'email address of the user (default: <user>@localhost)')
    .option('--role <name>', 'role of the user', devDefaults.role)
    .addOption(
      new Option('--ttl <duration>', 'lifetime, such as 15m or 1h')
        .argParser(duration)
        .default(devDefaults.ttlSeconds, '1h'),
    )
    .option('--secret <text>', 'sign with a shared secret (default: SECRET_KEY)')
    .addOption(new Option('--key <file>', 'sign with a private key (PEM)').conflicts('secret'))
    .action((flags: TokenFlags) => token(flags, context));
  addExamples(command, [
    ['for development, with the secret the hub has', 'SECRET_KEY=… meetcast token'],
    [
      'for one person, with a key from `meetcast keys`',
      'meetcast token --user ada --tenant acme --email ada@acme.example --role member --ttl 15m --key keys/private.pem',
    ],
    ['in a shell', 'export MEETCAST_TOKEN="$(meetcast token --secret …)"'],
  ]);
}

async function token(flags: TokenFlags, { output, cwd, processEnv }: Context): Promise<void> {
  const names = ['SECRET_KEY', 'JWT_AUDIENCE', 'JWT_ISSUER'] as const;
  const env = readSettings(readEnvironment(cwd, processEnv), names);
  if (flags.ttl < 1) throw new CliError('usage', ...tokenProblem.tooShort);
  const { user, tenant, email = emailOf(user), role, ttl } = flags;
  const audience = env.JWT_AUDIENCE ?? defaultAudience;
  const issuer = env.JWT_ISSUER ?? defaultIssuer;
  const signed = await signToken(
    { user, tenant, email, role },
    { audience, issuer, ttlSeconds: ttl },
    await signerOf(flags, env.SECRET_KEY),
    Date.now(),
  );
  const expiresAt = new Date(signed.expiresAt * 1000).toISOString();
  output.emit({ event: 'token', token: signed.token, expires_at: expiresAt }, signed.token);
}

async function signerOf(flags: TokenFlags, envSecret: string | undefined): Promise<Signer> {
  if (flags.key) return readSigningKey(flags.key);
  const secret = flags.secret ?? envSecret;
  if (secret) return secretSigner(secret);
  throw new CliError('usage', ...tokenProblem.nothingToSignWith);
}
