import { expect, test } from 'vitest';
import { offeredIn, tokenOf } from '../../src/http/token.ts';

const none = { authorization: undefined, subprotocols: [], query: new URLSearchParams() };
const all = {
  authorization: 'Bearer from-header',
  subprotocols: ['meetcast.v1', 'meetcast.bearer.from-subprotocol'],
  query: new URLSearchParams('token=from-query'),
};

test('[AUTH2] a token is taken from the header, then the sub-protocol, then the query', () => {
  expect(tokenOf(all, true)).toBe('from-header');
  expect(tokenOf({ ...all, authorization: undefined }, true)).toBe('from-subprotocol');
  expect(tokenOf({ ...none, query: all.query }, true)).toBe('from-query');
  expect(tokenOf(none, true)).toBeUndefined();
});

test('[AUTH2] a token in the query counts only where the host allows it', () => {
  expect(tokenOf({ ...none, query: all.query }, false)).toBeUndefined();
  expect(tokenOf(all, false)).toBe('from-header');
});

test('the scheme is read in any case, and another scheme carries no token', () => {
  expect(tokenOf({ ...none, authorization: 'bearer t' }, true)).toBe('t');
  expect(tokenOf({ ...none, authorization: 'BEARER t' }, true)).toBe('t');
  for (const authorization of ['Basic dTpw', 't', '', 'Bearer'])
    expect(tokenOf({ ...all, authorization }, true)).toBe('from-subprotocol');
});

test('offered sub-protocols are split at commas, with or without spaces', () => {
  expect(offeredIn('meetcast.v1,meetcast.bearer.x')).toEqual(['meetcast.v1', 'meetcast.bearer.x']);
  expect(offeredIn(' a ,  b ')).toEqual(['a', 'b']);
  expect(offeredIn(undefined)).toEqual([]);
});
