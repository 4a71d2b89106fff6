/** `meetcast keys`, `meetcast token` and the token other commands send. */
import { createPublicKey } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Claims } from '@meetcast/protocol';
import { decodeJwt, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { currentToken, tokenSource } from '../src/dev-token.ts';
import { eventsOf, runCli, runHere, temporaryDirectory } from './support/run-cli.ts';

const secret = 'a-secret-of-more-than-thirty-two-characters';
const secretKey = new TextEncoder().encode(secret);
const terms = { audience: 'meetcast', issuer: 'meetcast' };

test('a token is alone on stdout, with every claim a hub asks for', async () => {
  const who = ['--user', 'ada', '--tenant', 'acme', '--email', 'ada@acme.example', '--role', 'member'];
  const run = await runCli(['token', ...who, '--ttl', '15m', '--secret', secret]);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const { payload } = await jwtVerify(run.stdout.trim(), secretKey, { ...terms, algorithms: ['HS256'] });
  const claims = Claims.parse(payload);
  expect(claims).toMatchObject({
    user_id: 'ada',
    tenant_id: 'acme',
    email: 'ada@acme.example',
    role: 'member',
  });
  expect(claims.exp - claims.iat).toBe(900);
});

test('the secret, audience and issuer come from the environment or from .env, which it overrules', async () => {
  const cwd = await temporaryDirectory();
  await writeFile(
    join(cwd, '.env'),
    `\uFEFFSECRET_KEY="not this"\nJWT_AUDIENCE=there # ours\nJWT_ISSUER=\nINGEST_CHANNELS=none of its business\n`,
  );
  const run = await runHere(['token', '--json'], { cwd, env: { SECRET_KEY: secret } });
  expect(run.code).toBe(0);
  const [event] = eventsOf(run) as [{ token: string; expires_at: string }];
  const { payload } = await jwtVerify(event.token, secretKey, { audience: 'there', issuer: 'meetcast' });
  expect(event.expires_at).toBe(new Date((payload.exp ?? 0) * 1000).toISOString());
});

test.each(['RS256', 'ES256', 'EdDSA'])('a %s pair signs tokens that its public key checks', async (alg) => {
  const cwd = await temporaryDirectory();
  const keys = await runHere(['keys', '--out', 'deep/keys', '--alg', alg, '--json'], { cwd });
  expect(eventsOf(keys)).toEqual([
    { event: 'keys', alg, private_key: 'deep/keys/private.pem', public_key: 'deep/keys/public.pem' },
  ]);
  expect((await stat(join(cwd, 'deep/keys/private.pem'))).mode & 0o777).toBe(0o600);
  const run = await runHere(['token', '--key', 'deep/keys/private.pem'], { cwd });
  const publicKey = createPublicKey(await readFile(join(cwd, 'deep/keys/public.pem')));
  const { protectedHeader } = await jwtVerify(run.stdout.trim(), publicKey, terms);
  expect(protectedHeader.alg).toBe(alg);
});

test('a pair is replaced only by force, and stays private', async () => {
  const cwd = await temporaryDirectory();
  const args = ['keys', '--out', '.', '--alg', 'ES256'];
  await runHere(args, { cwd });
  const before = await readFile(join(cwd, 'private.pem'), 'utf8');
  const refused = await runHere(args, { cwd });
  expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--force') });
  expect(await readFile(join(cwd, 'private.pem'), 'utf8')).toBe(before);
  expect((await runHere([...args, '--force'], { cwd })).code).toBe(0);
  expect(await readFile(join(cwd, 'private.pem'), 'utf8')).not.toBe(before);
  expect((await stat(join(cwd, 'private.pem'))).mode & 0o777).toBe(0o600);
});

test('keys that cannot sign are named, with what to do', async () => {
  const cwd = await temporaryDirectory();
  await runHere(['keys', '--out', '.'], { cwd });
  await writeFile(join(cwd, 'junk.pem'), 'junk');
  const stderrOf = async (key: string) => {
    const run = await runHere(['token', '--key', key], { cwd });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    return run.stderr;
  };
  expect(await stderrOf('public.pem')).toContain('it is a public key');
  expect(await stderrOf('junk.pem')).toContain('not a PEM private key');
  expect(await stderrOf('none.pem')).toContain('no such file');
});

const wrong: ReadonlyArray<readonly [says: string, args: readonly string[]]> = [
  ['Set SECRET_KEY', []],
  ['Expected a duration', ['--secret', secret, '--ttl', 'soon']],
  ['below a second', ['--secret', secret, '--ttl', '10ms']],
  ['--tenant cannot be', ['--secret', secret, '--tenant', 'a b']],
  ['cannot be used with', ['--secret', secret, '--key', 'private.pem']],
];

test.each(wrong)('a token that cannot be made is a usage error: %s', async (says, args) => {
  const run = await runHere(['token', ...args]);
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
});

test('commands send the token they are given, or mint one; flags beat variables', async () => {
  const cwd = await temporaryDirectory();
  const env = { MEETCAST_TOKEN: 'from-env', SECRET_KEY: secret };
  const resolve = async (
    flags: { token?: string; secret?: string },
    processEnv: Record<string, string>,
  ): Promise<string> => currentToken(await tokenSource(flags, { cwd, processEnv }));
  expect(await resolve({ token: 'given', secret }, env)).toBe('given');
  expect(await resolve({}, env)).toBe('from-env');
  const dev = { user_id: 'dev', tenant_id: 'dev', email: 'dev@localhost', role: 'admin' };
  expect(decodeJwt(await resolve({ secret }, env))).toMatchObject(dev);
  expect(decodeJwt(await resolve({}, { SECRET_KEY: secret }))).toMatchObject(dev);
  await expect(resolve({}, {})).rejects.toMatchObject({ exit: 'usage' });
});
