import { expect, test } from 'vitest';
import { bearerOf, Claims, MeetingId, SourceName, subprotocol, subprotocols } from '../src/index.ts';
import { readFixture } from './support/fixtures.ts';

const golden = readFixture<{
  meeting_ids: { valid: string[]; invalid: string[] };
  sources: { valid: Record<string, string>; invalid: string[] };
  subprotocols: { token: string; offered: string[]; answered: string };
  claims: {
    valid: { name: string; json: unknown; decoded?: unknown }[];
    invalid: { name: string; json: unknown; field: string }[];
  };
}>('identity');

test.each(golden.meeting_ids.valid)('[ADDR1] %j is a meeting id', (id) => {
  expect(MeetingId.safeParse(id).success).toBe(true);
});

test.each(golden.meeting_ids.invalid)('[ADDR1] %j is no meeting id', (id) => {
  expect(MeetingId.safeParse(id).success).toBe(false);
});

test('[ADDR3] a source is mic, system, or sys for system', () => {
  for (const [name, source] of Object.entries(golden.sources.valid))
    expect(SourceName.parse(name)).toBe(source);
  for (const name of golden.sources.invalid) expect(SourceName.safeParse(name).success).toBe(false);
});

test('[AUTH3] a token travels in a pair of sub-protocols, and is found in any order', () => {
  const { token, offered, answered } = golden.subprotocols;
  expect(subprotocols(token)).toEqual(offered);
  expect(subprotocol).toBe(answered);
  expect(bearerOf(offered)).toBe(token);
  expect(bearerOf([...offered].reverse())).toBe(token);
});

test('[AUTH3] sub-protocols without a token have none', () => {
  for (const offered of [[], ['meetcast.v1'], ['graphql-ws', 'bearer.abc']])
    expect(bearerOf(offered)).toBeUndefined();
});

test.each(golden.claims.valid)('[AUTH1] claims: $name', ({ json, decoded }) => {
  expect(Claims.parse(json)).toEqual(decoded ?? json);
});

test.each(golden.claims.invalid)('[AUTH1] no claims: $name', ({ json, field }) => {
  expect(Claims.safeParse(json).error?.issues.map(({ path }) => path.join('.'))).toEqual([field]);
});
