/** Where a meeting is found. */
import { expect, test } from 'vitest';
import { meetingAddress } from '../src/address.ts';

const viewer = (url: string, basePath = '/api/v1') => meetingAddress(url, basePath, 'm').viewer({});

test('[ADDR1] any of the four schemes, with or without a slash, finds the socket', () => {
  for (const url of ['http://h:1', 'http://h:1/', 'ws://h:1', 'ws://h:1/'])
    expect(viewer(url)).toBe('ws://h:1/api/v1/ws/meetings/m');
  for (const url of ['https://h', 'wss://h/']) expect(viewer(url)).toBe('wss://h/api/v1/ws/meetings/m');
});

test('[ADDR2] a path in the url is a prefix of the base path', () => {
  expect(viewer('https://h/live/')).toBe('wss://h/live/api/v1/ws/meetings/m');
  expect(viewer('https://h/live', 'v2/')).toBe('wss://h/live/v2/ws/meetings/m');
  expect(viewer('https://h', '/')).toBe('wss://h/ws/meetings/m');
});

test('[ADDR3] the transcript is found over HTTP, with its query', () => {
  const address = meetingAddress('wss://h', '/api/v1', 'a:b');
  expect(address.transcript({ after: 0, limit: undefined })).toBe(
    'https://h/api/v1/meetings/a:b/transcript?after=0',
  );
});

test('a wrong url or meeting throws a TypeError that shows it', () => {
  expect(() => viewer('hub.example')).toThrow(/url must be .* got "hub.example"/);
  expect(() => viewer('ftp://h')).toThrow(TypeError);
  expect(() => meetingAddress('http://h', '/', 'a b')).toThrow(/meeting must be .* got "a b"/);
  expect(() => meetingAddress('http://h', '/', '..')).toThrow(TypeError);
});
