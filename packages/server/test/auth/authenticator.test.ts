/** What a hub does with a grant of the host's own authenticator that ends at no time. */
import { expect, test, vi } from 'vitest';
import type { Grant } from '../../src/auth/authenticator.ts';
import { settled } from '../support/fake-clock.ts';
import { expectClosed, meeting, set, stage } from '../support/stage.ts';

/** Grants as JavaScript gives them, which no compiler has checked. */
function setGrants(expiresAt: (token: string) => unknown): void {
  const grantOf = (token: string): unknown => ({
    userId: 'ann',
    tenant: meeting.tenant,
    email: 'ann@acme.test',
    role: 'member',
    expiresAt: expiresAt(token),
    may: new Set(['subscribe']),
  });
  set({ auth: async (token) => grantOf(token) as Grant });
}

const sentence = (value: string) =>
  `auth returned a grant whose expiresAt is ${value}. Return the time at which the token expires, in milliseconds since 1970.`;

const read = (path: string) =>
  stage.hub.fetch(new Request(`http://hub/api/v1${path}`, { headers: { authorization: 'Bearer ann' } }));

test.each([
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['null', null],
  ['2026-03-02T10:00:00.000Z', '2026-03-02T10:00:00.000Z'],
  ['Invalid Date', new Date('never')],
])('a grant that ends at %s is a failure of the hub, and no timer waits for it', async (word, value) => {
  setGrants(() => value);
  const timers = vi.getTimerCount();
  const viewer = await stage.viewer();
  expectClosed(viewer, 1011, 'internal_error');
  const answer = await read(`/meetings/${meeting.id}/events`);
  expect(answer?.status).toBe(500);
  expect(await answer?.text()).not.toContain('expiresAt');
  expect(vi.getTimerCount()).toBe(timers);
  stage.expectedErrors = ['auth', 'http', 'auth', 'http'].map((where) => `${where}: ${sentence(word)}`);
});

test('a fresh grant that ends at no time does not take the place of one that does', async () => {
  setGrants((token) => (token === 'fresh' ? undefined : Date.now() + 60_000));
  const viewer = await stage.viewer();
  viewer.send({ type: 'auth', token: 'fresh' });
  await settled();
  expectClosed(viewer, 1011, 'internal_error');
  stage.expectedErrors = [`auth: ${sentence('undefined')}`];
});

test.each([
  ['a Date', () => new Date(Date.now() + 60_000)],
  ['Infinity', () => Number.POSITIVE_INFINITY],
])('a grant that ends at %s can be waited for', async (_what, end) => {
  setGrants(end);
  const viewer = await stage.viewer();
  expect(viewer.closed).toBeUndefined();
  expect(viewer.messages[0]).toMatchObject({ type: 'connected' });
});
