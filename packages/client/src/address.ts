/** Where a meeting is found on a hub. */
import { meetingIdPattern } from '@meetcast/protocol';
import { matching } from './check.ts';

type Query = Record<string, string | number | undefined>;

/** Addresses of one meeting; each takes the query that goes with it. */
export interface MeetingAddress {
  viewer(query: Query): string;
  ingest(query: Query): string;
  transcript(query: Query): string;
}

export const defaultBasePath = '/api/v1';

const schemes: Record<string, { socket: string; http: string }> = {
  'http:': { socket: 'ws:', http: 'http:' },
  'ws:': { socket: 'ws:', http: 'http:' },
  'https:': { socket: 'wss:', http: 'https:' },
  'wss:': { socket: 'wss:', http: 'https:' },
};

export function meetingAddress(url: string, basePath: string, meeting: string): MeetingAddress {
  const { scheme, host, prefix } = parseHub(url);
  const base = `//${host}${prefix}${trimmed(matching('basePath', basePath, /^[^?#]*$/, 'a path'))}`;
  const id = checkedMeeting(meeting);
  return {
    viewer: (query) => `${scheme.socket}${base}/ws/meetings/${id}${search(query)}`,
    ingest: (query) => `${scheme.socket}${base}/ws/ingest/meetings/${id}${search(query)}`,
    transcript: (query) => `${scheme.http}${base}/meetings/${id}/transcript${search(query)}`,
  };
}

function parseHub(url: string) {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed && schemes[parsed.protocol];
  if (parsed && scheme) return { scheme, host: parsed.host, prefix: trimmed(parsed.pathname) };
  throw new TypeError(
    `url must be an http(s) or ws(s) address such as "https://hub.example", got ${JSON.stringify(url)}`,
  );
}

function checkedMeeting(meeting: string): string {
  // "." and ".." are dissolved by every URL parser, so no request for them would arrive.
  if (meeting === '.' || meeting === '..')
    throw new TypeError(`meeting must be addressable, got "${meeting}"`);
  return matching('meeting', meeting, meetingIdPattern, '1–128 characters of A–Z a–z 0–9 . _ : -');
}

/** `''` or `/a/b`: one slash before, none after. */
function trimmed(path: string): string {
  const inner = path.replace(/^\/+|\/+$/g, '');
  return inner === '' ? '' : `/${inner}`;
}

function search(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
