import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Grant, Permission } from '../../src/auth/authenticator.ts';
import { AuthError } from '../../src/lib/errors.ts';
import { Admission } from '../../src/socket/admission.ts';

const minute = 60_000;
const meeting = { tenant: 'acme', id: 'standup' };

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const grantFor = (expiresAt: number, changes: Partial<Grant> = {}): Grant => ({
  userId: 'u1',
  tenant: 'acme',
  email: 'u1@acme.test',
  role: 'viewer',
  expiresAt,
  may: new Set<Permission>(['subscribe']),
  ...changes,
});

/** An admission, what it told its connection, and the grants its tokens stand for. */
function admit(grant: Grant, tokens: Record<string, Grant | Error> = {}) {
  const told: { type: string; status?: string; expires_at?: string }[] = [];
  const closes: [string, string][] = [];
  const authenticate = async (token: string) => {
    const answer = tokens[token];
    if (answer instanceof Error) throw answer;
    if (!answer) throw new AuthError('the token is unknown');
    return answer;
  };
  const admission = new Admission(grant, meeting, 'subscribe', authenticate, minute);
  admission.begin({
    send: (message) => void told.push(message),
    close: (word, message) => void closes.push([word, message]),
  });
  return { admission, told, closes, words: () => closes.map(([word]) => word) };
}

test('[AUTH8] a minute before the token expires its holder is warned, at expiry the socket closes', () => {
  const { told, words } = admit(grantFor(10 * minute));
  vi.advanceTimersByTime(9 * minute - 1);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(told).toMatchObject([
    {
      type: 'status',
      meeting_id: 'standup',
      status: 'token_expiring',
      details: { expires_at: '1970-01-01T00:10:00.000Z' },
    },
  ]);
  expect(told[0]).not.toHaveProperty('seq');
  vi.advanceTimersByTime(minute - 1);
  expect(words()).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(words()).toEqual(['token_expired']);
  vi.advanceTimersByTime(10 * minute);
  expect([told.length, words().length]).toEqual([1, 1]);
});

test('a token that has less than the warning left is warned of at once', () => {
  const { told, words } = admit(grantFor(20_000));
  expect(told.map(({ status }) => status)).toEqual(['token_expiring']);
  vi.advanceTimersByTime(20_000);
  expect([told.length, words()]).toEqual([1, ['token_expired']]);
});

test('a token that has expired already closes at once', () => {
  expect(admit(grantFor(0)).words()).toEqual(['token_expired']);
});

test('a token that lasts longer than a timer of Node lasts so long', () => {
  const month = 31 * 24 * 60 * minute;
  const { told, words } = admit(grantFor(month));
  vi.advanceTimersByTime(month - minute - 1);
  expect([told, words()]).toEqual([[], []]);
  vi.advanceTimersByTime(minute + 1);
  expect([told.length, words()]).toEqual([1, ['token_expired']]);
});

test('[AUTH7] a fresh token of the same user is answered, and its own time counts from then on', async () => {
  const { admission, told, words } = admit(grantFor(10 * minute), { fresh: grantFor(30 * minute) });
  vi.advanceTimersByTime(9.5 * minute);
  await admission.renew('fresh');
  expect(told.map(({ type }) => type)).toEqual(['status', 'auth_ok']);
  expect(told[1]?.expires_at).toBe('1970-01-01T00:30:00.000Z');
  vi.advanceTimersByTime(19.4 * minute);
  expect(told).toHaveLength(2);
  vi.advanceTimersByTime(minute);
  expect(told.map(({ type }) => type)).toEqual(['status', 'auth_ok', 'status']);
  vi.advanceTimersByTime(minute);
  expect(words()).toEqual(['token_expired']);
});

test('[AUTH7] a token of another user or tenant closes with auth_failed', async () => {
  for (const changes of [{ userId: 'u2' }, { tenant: 'globex' }]) {
    const { admission, told, words } = admit(grantFor(minute * 5), { other: grantFor(minute * 9, changes) });
    await admission.renew('other');
    expect([told, words()]).toEqual([[], ['auth_failed']]);
  }
});

test('[AUTH7] a refused token closes with auth_failed and its reason', async () => {
  const { admission, closes } = admit(grantFor(minute * 5));
  await admission.renew('junk');
  expect(closes).toEqual([['auth_failed', 'the token is unknown']]);
});

test('[AUTH7] a fresh token may take rights away: without what the socket is for it closes with forbidden', async () => {
  const { admission, words } = admit(grantFor(minute * 5), {
    lesser: grantFor(minute * 9, { role: 'lurker', may: new Set() }),
  });
  await admission.renew('lesser');
  expect(words()).toEqual(['forbidden']);
});

test('an authenticator that fails says nothing of why, and the client may come back', async () => {
  const { admission, closes } = admit(grantFor(minute * 5), {
    token: new Error('postgres://user:pw@db is down'),
  });
  await admission.renew('token');
  expect(closes.map(([word]) => word)).toEqual(['internal_error']);
  expect(closes[0]?.[1]).not.toContain('pw');
});

test('after its end an admission tells nobody anything', async () => {
  const { admission, told, words } = admit(grantFor(2 * minute), { fresh: grantFor(9 * minute) });
  const renewed = admission.renew('fresh');
  admission.end();
  await renewed;
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(20 * minute);
  expect([told, words()]).toEqual([[], []]);
});

test('a fresh token that came before the beginning counts once it has begun', async () => {
  const told: { type: string }[] = [];
  const authenticate = async () => grantFor(30 * minute);
  const admission = new Admission(grantFor(2 * minute), meeting, 'subscribe', authenticate, minute);
  const renewed = admission.renew('early');
  await Promise.resolve();
  admission.begin({ send: (message) => void told.push(message), close: () => {} });
  await renewed;
  expect(told.map(({ type }) => type)).toEqual(['auth_ok']);
  vi.advanceTimersByTime(28 * minute);
  expect(told).toHaveLength(1);
});
