import { expect, test } from 'vitest';
import { isOwnPath, restRoute, sourceIn, startIn, targetOf, webSocketRoute } from '../../src/http/routes.ts';

const base = '/api/v1';

test('[ADDR2] viewers connect to three spellings of one address', () => {
  for (const path of [`${base}/ws/meetings/m-1`, `${base}/ws/transcript/m-1`, '/ws/meeting/m-1']) {
    expect(webSocketRoute(path, base)).toEqual({ name: 'subscribe', meeting: 'm-1' });
  }
});

test('[ADDR3] senders connect to the ingest address, and may name their source in it', () => {
  expect(webSocketRoute(`${base}/ws/ingest/meetings/m`, base)).toEqual({ name: 'ingest', meeting: 'm' });
  const named = (query: string) => sourceIn(targetOf(`/x?${query}`).query);
  expect(['source=mic', 'source=system', 'source=sys'].map(named)).toEqual(['mic', 'system', 'system']);
  expect(named('')).toBeUndefined();
  expect([named('source='), named('source=MIC'), named('source=constructor')]).toEqual([null, null, null]);
});

test('every HTTP address, and nothing beside it', () => {
  const routes = {
    '/health': 'health',
    '/health/detailed': 'health-detailed',
    '/ping': 'ping',
    '/ws/stats': 'stats',
    '/ws/meetings/m/stats': 'meeting-stats',
    '/meetings': 'meetings',
    '/meetings/m': 'meeting',
    '/meetings/m/transcript': 'transcript',
    '/meetings/m/search': 'meeting-search',
    '/meetings/m/events': 'events',
    '/search': 'search',
  };
  for (const [path, name] of Object.entries(routes)) expect(restRoute(base + path, base)?.name).toBe(name);
  for (const path of ['', '/', '/healthy', '/health/', '/ping/x', '/meetings/m/transcripts', '/constructor'])
    expect(restRoute(base + path, base)).toBeUndefined();
  for (const path of ['/ping', '/api/v2/ping', '/api/v1ping', `x${base}/ping`, `/${base}/ping`])
    expect(restRoute(path, base)).toBeUndefined();
});

test('a meeting may be named like a word of an address', () => {
  for (const id of ['stats', 'transcript', 'meetings', 'ws']) {
    expect(restRoute(`${base}/ws/meetings/${id}/stats`, base)).toEqual({
      name: 'meeting-stats',
      meeting: id,
    });
    expect(restRoute(`${base}/meetings/${id}/transcript`, base)).toEqual({ name: 'transcript', meeting: id });
    expect(webSocketRoute(`${base}/ws/meetings/${id}`, base)).toEqual({ name: 'subscribe', meeting: id });
  }
  expect(restRoute(`${base}/ws/meetings/stats`, base)).toBeUndefined();
  expect(restRoute(`${base}/meetings/transcript`, base)).toEqual({ name: 'meeting', meeting: 'transcript' });
});

test('[REST12] where a query asks to begin, or the field that is wrong', () => {
  const start = (query: string) => startIn(new URLSearchParams(query));
  expect(start('')).toEqual({ kind: 'history', entries: Number.POSITIVE_INFINITY });
  expect(start('history=none')).toEqual({ kind: 'history', entries: 0 });
  expect(start('history=7')).toEqual({ kind: 'history', entries: 7 });
  expect(start('since=5&history=none')).toEqual({ kind: 'resume', since: 5, epoch: undefined });
  expect(start('since=0&epoch=e-1')).toEqual({ kind: 'resume', since: 0, epoch: 'e-1' });
  for (const since of ['', '-1', '1.5', 'x', '1e3', '٣', '9'.repeat(16)])
    expect(start(`since=${since}`)).toMatch(/^"since": expected /);
  for (const history of ['', 'some', '-1'])
    expect(start(`history=${history}`)).toMatch(/^"history": expected /);
});

test('any base path, the empty one too', () => {
  expect(restRoute('/ping', '')).toEqual({ name: 'ping' });
  expect(webSocketRoute('/ws/meetings/m', '')).toEqual({ name: 'subscribe', meeting: 'm' });
  expect(restRoute('/a/b/ping', '/a/b')).toEqual({ name: 'ping' });
});

test('a target is split at the first question mark and decoded only behind it', () => {
  expect(targetOf('/a%2Fb?x=1?2&y=%41')).toMatchObject({ path: '/a%2Fb' });
  expect(Object.fromEntries(targetOf('/a?x=1?2&y=%41').query)).toEqual({ x: '1?2', y: 'A' });
  expect(targetOf(undefined).path).toBe('/');
});

const hostile = [
  '',
  '?',
  '??',
  '/',
  '//',
  '///',
  '//api/v1/ping',
  'http://[::/z',
  'http://host/api/v1/ping',
  '%',
  '%zz',
  '/%zz?%zz=%',
  '/\u0000',
  `${base}/ws/meetings/\u0000`,
  `${base}/ws/meetings/%00`,
  `${base}/ws/meetings/`,
  `${base}/ws/meetings/a/b`,
  `${base}/ws/meetings/../../ping`,
  `${base}/ws/meetings/..`,
  `${base}/meetings//transcript`,
  `${base}/meetings/a/b/transcript`,
  `${base}/ws/meetings/ışık-日本-😀-\ud800`,
  '/ws/meeting/',
  '*',
  `?${base}/ping`,
  `/${'x'.repeat(1_000_000)}`,
  `${base}/ws/meetings/${'x'.repeat(1_000_000)}`,
  `${base}?${'a=b&'.repeat(100_000)}`,
  `${base}/__proto__`,
  `${base}/toString`,
];

test('[WIRE7] no text makes the routes throw', () => {
  for (const raw of hostile) {
    const { path, query } = targetOf(raw);
    expect(() => [restRoute(path, base), webSocketRoute(path, base), isOwnPath(path, base)]).not.toThrow();
    expect(() => [...query]).not.toThrow();
  }
});

test('[ADDR1] what stands where an id should is left to be refused, and a path that goes deeper is nobody’s', () => {
  const meetingIn = (path: string) => {
    const route = webSocketRoute(path, base);
    return route && 'meeting' in route ? route.meeting : undefined;
  };
  expect(meetingIn(`${base}/ws/meetings/`)).toBe('');
  expect(meetingIn(`${base}/ws/meetings/%00`)).toBe('%00');
  expect(meetingIn(`${base}/ws/meetings/a/b`)).toBeUndefined();
  expect(meetingIn(`${base}/ws/meetings/../../ping`)).toBeUndefined();
});

test('a hub owns its addresses and not the rest of its base path', () => {
  expect(isOwnPath(`${base}/ping`, base)).toBe(true);
  expect(isOwnPath(`${base}/ws/ingest/meetings/m`, base)).toBe(true);
  expect(isOwnPath(`${base}/somebody-elses`, base)).toBe(false);
  expect(isOwnPath('/socket.io/', base)).toBe(false);
});
