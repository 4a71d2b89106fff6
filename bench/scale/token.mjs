/** Tokens for the hubs of a benchmark. */
import { createHmac } from 'node:crypto';

export const secret = 'a secret of the benchmarks, long enough for HS256';

export const tenant = 'bench';

export function token() {
  const seconds = Math.floor(Date.now() / 1_000);
  const claims = {
    user_id: 'u-1',
    tenant_id: tenant,
    email: 'u-1@example.com',
    role: 'member',
    aud: 'meetcast',
    iss: 'meetcast',
    iat: seconds,
    exp: seconds + 86_400,
  };
  const signed = [{ alg: 'HS256' }, claims].map(encoded).join('.');
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
