/** Which of the hub's addresses a raw request target is. Pure; never throws, whatever the text. */
import { MeetingId, type Source, SourceName } from '@meetcast/protocol';
import { expectedText } from '../lib/sentences.ts';
import type { ResumePoint } from '../viewers/resume-point.ts';

export interface WebSocketRoute {
  readonly name: 'subscribe' | 'ingest';
  readonly meeting: string;
}

export type RestRoute =
  | { readonly name: PlainName; readonly meeting?: never }
  | { readonly name: MeetingName; readonly meeting: string };

export interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Splits a request target as the client wrote it. `new URL` would throw on `//` and on a broken `%`. */
export function targetOf(raw: string | undefined): Target {
  const text = raw ?? '/';
  const mark = text.indexOf('?');
  if (mark < 0) return { path: text, query: new URLSearchParams() };
  return { path: text.slice(0, mark), query: new URLSearchParams(text.slice(mark + 1)) };
}

/** Paths with a meeting in them: what stands before and after the id. */
const webSocketPaths = [
  ['/ws/meetings/', '', 'subscribe'],
  ['/ws/transcript/', '', 'subscribe'],
  ['/ws/meeting/', '', 'subscribe'],
  ['/ws/ingest/meetings/', '', 'ingest'],
] as const;

const restPaths = [
  ['/ws/meetings/', '/stats', 'meeting-stats'],
  ['/meetings/', '/transcript', 'transcript'],
  ['/meetings/', '/search', 'meeting-search'],
  ['/meetings/', '/events', 'events'],
  ['/meetings/', '', 'meeting'],
] as const;

const plainPaths = {
  '/health': 'health',
  '/health/detailed': 'health-detailed',
  '/ping': 'ping',
  '/metrics': 'metrics',
  '/ws/stats': 'stats',
  '/meetings': 'meetings',
  '/search': 'search',
} as const;

type PlainName = (typeof plainPaths)[keyof typeof plainPaths];
type MeetingName = (typeof restPaths)[number][2];

/** The WebSocket address a path is. A meeting id that is none is left to the caller to refuse. */
export function webSocketRoute(path: string, basePath: string): WebSocketRoute | undefined {
  // The oldest clients know this address without the base path.
  if (path.startsWith('/ws/meeting/'))
    return { name: 'subscribe', meeting: path.slice('/ws/meeting/'.length) };
  return meetingRoute(restOf(path, basePath), webSocketPaths);
}

/** The HTTP address a path is. */
export function restRoute(path: string, basePath: string): RestRoute | undefined {
  const rest = restOf(path, basePath);
  if (Object.hasOwn(plainPaths, rest)) return { name: plainPaths[rest as keyof typeof plainPaths] };
  return meetingRoute(rest, restPaths);
}

/** Whether a path is one of the hub's addresses. */
export const isOwnPath = (path: string, basePath: string): boolean =>
  restRoute(path, basePath) !== undefined || webSocketRoute(path, basePath) !== undefined;

/** What stands behind the base path; nothing for a path that does not begin with it. */
const restOf = (path: string, basePath: string): string =>
  path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : '';

function meetingRoute<Name extends string>(
  path: string,
  paths: readonly (readonly [string, string, Name])[],
) {
  for (const [before, after, name] of paths) {
    if (path.length < before.length + after.length) continue;
    if (!path.startsWith(before) || !path.endsWith(after)) continue;
    const meeting = path.slice(before.length, path.length - after.length);
    if (!meeting.includes('/')) return { name, meeting };
  }
  return undefined;
}

export const isMeetingId = (text: string): boolean => MeetingId.safeParse(text).success;

/** The source an address names: `undefined` if none, `null` if it is none of ours. */
export function sourceIn(query: URLSearchParams): Source | undefined | null {
  const name = query.get('source');
  if (name === null) return undefined;
  const source = SourceName.safeParse(name);
  return source.success ? source.data : null;
}

/** Where a query asks to begin in the log, or a sentence that names the field that is wrong. */
export function startIn(query: URLSearchParams): ResumePoint | string {
  const since = query.get('since');
  const history = query.get('history') ?? 'all';
  if (since !== null) {
    if (!/^\d{1,15}$/.test(since)) return expectedText.since;
    return { kind: 'resume', since: Number(since), epoch: query.get('epoch') ?? undefined };
  }
  if (history === 'all') return { kind: 'history', entries: Number.POSITIVE_INFINITY };
  if (history === 'none') return { kind: 'history', entries: 0 };
  if (/^\d{1,9}$/.test(history)) return { kind: 'history', entries: Number(history) };
  return expectedText.history;
}
