import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { expect, onTestFinished, test, vi } from 'vitest';
import { jwtAuthenticator } from '../../src/auth/jwt.ts';

const secret = 'a secret of at least thirty-two bytes';
const key = Buffer.from(secret);
const now = () => Math.floor(Date.now() / 1000);

const claims = (changes: Record<string, unknown> = {}): JWTPayload => ({
  user_id: 'u1',
  tenant_id: 'acme',
  email: 'u1@acme.test',
  role: 'member',
  aud: 'meetcast',
  iss: 'meetcast',
  iat: now(),
  exp: now() + 600,
  ...changes,
});

const sign = (payload: JWTPayload, by: KeyObject | Uint8Array = key, alg = 'HS256') =>
  new SignJWT(payload).setProtectedHeader({ alg }).sign(by);

const pem = (publicKey: KeyObject) => publicKey.export({ type: 'spki', format: 'pem' }).toString();

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs = {
  RS256: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};

const bySecret = jwtAuthenticator({ secret });
const refusal = (token: string, authenticate = bySecret) =>
  authenticate(token).then(
    () => 'accepted',
    (error: unknown) => {
      expect(error).toMatchObject({ name: 'AuthError' });
      return error instanceof Error ? error.message : '';
    },
  );

test('[AUTH1] a token signed with the secret is a grant of all its claims', async () => {
  const payload = claims({ exp: 4_000_000_000 });
  expect(await bySecret(await sign(payload))).toEqual({
    userId: 'u1',
    tenant: 'acme',
    email: 'u1@acme.test',
    role: 'member',
    expiresAt: 4_000_000_000_000,
    may: new Set(['subscribe', 'publish']),
  });
});

test('a public key accepts the one algorithm that it is good for', async () => {
  for (const [alg, { privateKey, publicKey }] of Object.entries(pairs)) {
    const authenticate = jwtAuthenticator({ publicKey: pem(publicKey) });
    expect((await authenticate(await sign(claims(), privateKey, alg))).userId).toBe('u1');
  }
  const authenticate = jwtAuthenticator({ publicKey: pem(rsa.publicKey) });
  for (const alg of ['RS384', 'RS512', 'PS256'])
    expect(await refusal(await sign(claims(), rsa.privateKey, alg), authenticate)).toContain('algorithm');
});

test('a token signed by HMAC with the public key itself is refused', async () => {
  for (const { publicKey } of Object.values(pairs)) {
    const authenticate = jwtAuthenticator({ publicKey: pem(publicKey) });
    const forms = [pem(publicKey), pem(publicKey).trim(), publicKey.export({ type: 'spki', format: 'der' })];
    for (const form of forms) {
      const forged = await sign(claims(), Buffer.from(form), 'HS256');
      expect(await refusal(forged, authenticate)).toContain('algorithm');
    }
  }
});

test('an unsigned token is refused, however it spells that', async () => {
  const unsigned = new UnsecuredJWT(claims()).encode();
  const [, payload] = unsigned.split('.');
  const asymmetric = jwtAuthenticator({ publicKey: pem(rsa.publicKey) });
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'HS256']) {
    const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
    for (const authenticate of [bySecret, asymmetric])
      expect(await refusal(`${header}.${payload}.`, authenticate)).not.toBe('accepted');
  }
});

test('another secret, another key and another size of HMAC are refused', async () => {
  expect(await refusal(await sign(claims(), Buffer.from('another secret of thirty-two bytes!')))).toContain(
    'signature',
  );
  expect(await refusal(await sign(claims(), Buffer.concat([key, key]), 'HS512'))).toContain('algorithm');
  const other = generateKeyPairSync('ed25519');
  const authenticate = jwtAuthenticator({ publicKey: pem(other.publicKey) });
  expect(await refusal(await sign(claims(), pairs.EdDSA.privateKey, 'EdDSA'), authenticate)).toContain(
    'signature',
  );
});

test('[AUTH1] every claim is required, and the refusal names it', async () => {
  for (const name of ['user_id', 'tenant_id', 'email', 'role', 'exp', 'iat', 'aud', 'iss']) {
    const { [name]: _, ...rest } = claims();
    expect(await refusal(await sign(rest))).toContain(`"${name}"`);
  }
});

test('[AUTH1] a claim of the wrong kind is refused, and the refusal names it', async () => {
  const wrong = {
    user_id: 7,
    tenant_id: 'a/b',
    email: '',
    role: ['admin'],
    iat: 'now',
    aud: 'another',
    iss: 'https://evil.test',
  };
  for (const [name, value] of Object.entries(wrong))
    expect(await refusal(await sign(claims({ [name]: value })))).toContain(`"${name}"`);
});

test('[AUTH5] a tenant is spelled like a meeting id, so that no name can reach into another', async () => {
  for (const tenant_id of ['', 'a/b', 'a b', '../x', 'ışık', 'x'.repeat(129), 'a\u0000', 'a}', '*'])
    expect(await refusal(await sign(claims({ tenant_id })))).toContain('"tenant_id"');
});

test('[AUTH1] an audience may be one of a list', async () => {
  expect((await bySecret(await sign(claims({ aud: ['other', 'meetcast'] })))).userId).toBe('u1');
  expect(await refusal(await sign(claims({ aud: ['other', 'another'] })))).toContain('"aud"');
  expect(await refusal(await sign(claims({ aud: [] })))).toContain('"aud"');
});

test('a host may expect its own audience and issuer', async () => {
  const authenticate = jwtAuthenticator({ secret, audience: 'our-app', issuer: 'our-idp' });
  expect((await authenticate(await sign(claims({ aud: 'our-app', iss: 'our-idp' })))).userId).toBe('u1');
  expect(await refusal(await sign(claims()), authenticate)).not.toBe('accepted');
});

test('[AUTH6] an expired token is refused and says so; some seconds of a wrong clock are forgiven', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  expect(await refusal(await sign(claims({ exp: now() - 60 })))).toContain('expired');
  expect(await refusal(await sign(claims({ exp: now() - 3 })))).toBe('accepted');
  const strict = jwtAuthenticator({ secret, clockToleranceMs: 0 });
  expect(await refusal(await sign(claims({ exp: now() - 3 })), strict)).toContain('expired');
});

test('a token that is not valid yet is refused', async () => {
  expect(await refusal(await sign(claims({ nbf: now() + 600 })))).toContain('"nbf"');
});

test('a token changed in any one place is refused', async () => {
  const token = await sign(claims());
  const [header = '', payload = '', signature = ''] = token.split('.');
  const grown = Buffer.from(JSON.stringify(claims({ role: 'admin' }))).toString('base64url');
  expect(await refusal(`${header}.${grown}.${signature}`)).toContain('signature');
  for (const at of [0, 10, Math.floor(token.length / 2), token.length - 5]) {
    const other = token[at] === 'A' ? 'B' : 'A';
    expect(await refusal(token.slice(0, at) + other + token.slice(at + 1))).not.toBe('accepted');
  }
  expect(await refusal(`${header}.${payload}.`)).not.toBe('accepted');
});

test('[WIRE7] junk is refused with an AuthError, never another', async () => {
  const junk = [
    '',
    '.',
    '..',
    '...',
    'a.b.c',
    'null',
    '{}',
    '\u0000',
    'e30.e30.e30',
    'x'.repeat(100_000),
    '😀.😀.😀',
  ];
  for (const token of junk) expect(await refusal(token)).toBe('The token is not a valid JWT.');
});

test('a refusal never repeats the token', async () => {
  const token = await sign(claims({ exp: 1 }));
  const message = await refusal(token);
  for (const part of token.split('.')) expect(message).not.toContain(part);
});

test('[AUTH9] what a role may do', async () => {
  const may = async (role: string) => [...(await bySecret(await sign(claims({ role })))).may];
  expect(await may('viewer')).toEqual(['subscribe']);
  for (const role of ['admin', 'owner', 'host'])
    expect(await may(role)).toEqual(['subscribe', 'publish', 'manage']);
  for (const role of ['member', 'Admin', 'viewers', 'constructor', '__proto__'])
    expect(await may(role)).toEqual(['subscribe', 'publish']);
});

test('a host may say itself what roles may do', async () => {
  const authenticate = jwtAuthenticator({
    secret,
    permissionsOf: (role) => (role === 'boss' ? ['manage'] : []),
  });
  expect([...(await authenticate(await sign(claims({ role: 'boss' })))).may]).toEqual(['manage']);
  expect([...(await authenticate(await sign(claims({ role: 'admin' })))).may]).toEqual([]);
});

test('neither key, both, an empty or unfit one is a TypeError at construction', () => {
  const make = (options: object) => () => jwtAuthenticator(options as { secret: string });
  const publicKey = pem(rsa.publicKey);
  expect(make({})).toThrow(TypeError);
  expect(make({ secret, publicKey })).toThrow(TypeError);
  expect(make({ secret: '' })).toThrow(TypeError);
  for (const unfit of [
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey,
    generateKeyPairSync('x25519').publicKey,
    generateKeyPairSync('ed448').publicKey,
  ]) {
    expect(make({ publicKey: pem(unfit) })).toThrow(TypeError);
  }
  expect(make({ publicKey: 'not a key' })).toThrow();
});

test('a key that is no public key is a TypeError that says what was expected', () => {
  for (const publicKey of ['not a key', '', pem(rsa.publicKey).slice(0, 80)])
    expect(() => jwtAuthenticator({ publicKey })).toThrow(
      new TypeError('publicKey must be a PEM (SPKI) public key'),
    );
});
