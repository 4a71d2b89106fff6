/** The hub's HTTP answers. */
import {
  type Health,
  type HealthDetailed,
  type MeetingStats,
  sources,
  type TranscriptFinal,
  type TranscriptPage,
} from '@meetcast/protocol';
import type { AudioLedger } from '../audio-ledger.ts';
import type { Authenticator, Grant } from '../auth/authenticator.ts';
import { isNamed } from '../errors.ts';
import type { MeetingRef } from '../meeting.ts';
import type { Observe } from '../observer.ts';
import type { Registry } from '../registry/registry.ts';
import type { Store } from '../store/store.ts';
import { type TranscriptFormat, textFormats, transcriptFormats } from '../transcript-formats.ts';
import { type HubRequest, type HubResponse, json, problem } from './exchange.ts';
import { isMeetingId, restRoute, type Target, targetOf, webSocketRoute } from './routes.ts';
import { tokenOf } from './token.ts';

export interface RestContext {
  readonly basePath: string;
  readonly version: string;
  readonly authenticate: Authenticator;
  readonly isQueryTokenAllowed: boolean;
  readonly store: Store;
  readonly registry: Registry;
  readonly ledger: AudioLedger;
  readonly observe: Observe;
}

/** Segments of one page of a transcript. */
const defaultPage = 100;
const largestPage = 1_000;
/** Log entries read at a time while a transcript is written. */
const readAtATime = 500;

const upgradeRequired = problem(
  426,
  'upgrade_required',
  'Upgrade required',
  'this address is a WebSocket; connect with ws:// or wss://',
  { upgrade: 'websocket' },
);

/** The answer to a request, or nothing if its address is not the hub's. */
export async function answer(request: HubRequest, context: RestContext): Promise<HubResponse | undefined> {
  const target = targetOf(request.target);
  const route = restRoute(target.path, context.basePath);
  if (!route && webSocketRoute(target.path, context.basePath)) return upgradeRequired;
  if (!route) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return problem(
      405,
      'method_not_allowed',
      'Method not allowed',
      `${request.method} is not possible here; use GET`,
      { allow: 'GET, HEAD' },
    );
  }
  try {
    if (route.name === 'ping') return json({ pong: true });
    if (route.name === 'health') return await health(context);
    if (route.name === 'health-detailed') return await healthDetailed(context);
    if (route.name === 'stats') return json(await context.registry.totals());
    if (!('meeting' in route)) return undefined;
    return await aboutMeeting(route, request, target, context);
  } catch (error) {
    context.observe({ type: 'error', stage: 'http', error });
    return problem(500, 'internal_error', 'The hub failed', 'try again; the hub has reported the cause');
  }
}

async function aboutMeeting(
  route: { name: string; meeting: string },
  request: HubRequest,
  target: Target,
  context: RestContext,
): Promise<HubResponse> {
  const grant = await grantFor(request, target, context);
  if (!('may' in grant)) return grant;
  if (!isMeetingId(route.meeting)) {
    const detail = 'a meeting id is 1–128 characters of A–Z a–z 0–9 . _ : -';
    return problem(400, 'bad_meeting_id', 'Not a meeting id', detail);
  }
  if (!grant.may.has('subscribe')) {
    return problem(403, 'forbidden', 'Forbidden', `the role "${grant.role}" may not read meetings`);
  }
  const meeting = { tenant: grant.tenant, id: route.meeting };
  if (route.name === 'meeting-stats') return json(await meetingStats(meeting, context));
  return await transcript(meeting, target.query, context);
}

async function grantFor(
  request: HubRequest,
  { query }: Target,
  context: RestContext,
): Promise<Grant | HubResponse> {
  const places = { authorization: request.header('authorization'), subprotocols: [], query };
  const token = tokenOf(places, context.isQueryTokenAllowed);
  if (token === undefined) return unauthorized('send the token as "Authorization: Bearer …"');
  try {
    return await context.authenticate(token);
  } catch (error) {
    if (isNamed('AuthError', error)) return unauthorized(error.message);
    throw error;
  }
}

function unauthorized(detail: string): HubResponse {
  return problem(401, 'auth_failed', 'Not authenticated', detail, { 'www-authenticate': 'Bearer' });
}

async function health(context: RestContext): Promise<HubResponse> {
  const { storage } = await parts(context);
  const body: Health = { redis: 'off', storage: storage.status, version: context.version };
  return json(body, storage.status === 'down' ? 503 : 200);
}

async function healthDetailed(context: RestContext): Promise<HubResponse> {
  const checked = await parts(context);
  const isDown = Object.values(checked).some(({ status }) => status === 'down');
  const body: HealthDetailed = {
    status: isDown ? 'down' : 'ok',
    version: context.version,
    uptime_seconds: Math.round(process.uptime()),
    parts: checked,
  };
  return json(body, isDown ? 503 : 200);
}

async function parts({ store }: RestContext) {
  const from = performance.now();
  const status = await store.ping().then(
    () => 'ok' as const,
    () => 'down' as const,
  );
  return { storage: { status, latency_ms: performance.now() - from }, redis: { status: 'off' as const } };
}

async function meetingStats(meeting: MeetingRef, context: RestContext): Promise<MeetingStats> {
  const [counts, head] = await Promise.all([context.registry.counts(meeting), context.store.head(meeting)]);
  const accounts = context.ledger.of(meeting);
  const known = sources.flatMap((source) => {
    const account = accounts.get(source);
    if (!account) return [];
    const stats = {
      active: counts.ingests.includes(source),
      received_seconds: account.received.totalMs / 1000,
      forwarded_seconds: account.forwarded.totalMs / 1000,
      covered_seconds: account.covered.totalMs / 1000,
    };
    return [[source, stats] as const];
  });
  return {
    meeting_id: meeting.id,
    subscribers: counts.subscribers,
    ingest_active: counts.ingests.length > 0,
    epoch: head.epoch,
    seq: head.seq,
    sources: Object.fromEntries(known),
  };
}

async function transcript(
  meeting: MeetingRef,
  query: URLSearchParams,
  context: RestContext,
): Promise<HubResponse> {
  const format = query.get('format') ?? 'json';
  if (!isFormat(format)) {
    return invalid('format', `"${format.slice(0, 40)}" is none of ${transcriptFormats.join(', ')}`);
  }
  const after = count(query, 'after', 0, Number.MAX_SAFE_INTEGER);
  if (after === undefined) return invalid('after', 'expected a seq: 0, 1, 2 …');
  if (format !== 'json') return { status: 200, ...asText(meeting, format, after, context.store) };
  const limit = count(query, 'limit', defaultPage, largestPage);
  if (!limit) return invalid('limit', `expected 1 to ${largestPage}`);
  return json(await transcriptPage(meeting, after, limit, context.store));
}

const isFormat = (text: string): text is TranscriptFormat =>
  (transcriptFormats as readonly string[]).includes(text);

/** A whole number in a query; `undefined` if it is none or too large. */
function count(query: URLSearchParams, name: string, absent: number, largest: number): number | undefined {
  const text = query.get(name);
  if (text === null) return absent;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value <= largest ? value : undefined;
}

const invalid = (field: string, detail: string) =>
  problem(400, 'bad_request', 'Not a valid request', `"${field}": ${detail}`);

async function transcriptPage(
  meeting: MeetingRef,
  after: number,
  limit: number,
  store: Store,
): Promise<TranscriptPage> {
  const { epoch, seq } = await store.head(meeting);
  const segments: TranscriptFinal[] = [];
  for await (const final of finals(meeting, after, store)) {
    segments.push(final);
    if (segments.length > limit) break;
  }
  const isMore = segments.length > limit;
  const page = segments.slice(0, limit);
  return {
    meeting_id: meeting.id,
    epoch,
    seq,
    segments: page,
    next: isMore ? (page.at(-1)?.seq ?? null) : null,
  };
}

function asText(meeting: MeetingRef, format: Exclude<TranscriptFormat, 'json'>, after: number, store: Store) {
  const { contentType, head, segment } = textFormats[format];
  async function* body() {
    yield head;
    let number = 0;
    for await (const final of finals(meeting, after, store)) {
      number += 1;
      yield segment(final, number);
    }
  }
  return { headers: { 'content-type': contentType }, body: body() };
}

/** A meeting's finals in order, a page of the log at a time. */
async function* finals(meeting: MeetingRef, after: number, store: Store): AsyncGenerator<TranscriptFinal> {
  for (let from = after; ; ) {
    const { events } = await store.read(meeting, from, readAtATime);
    for (const event of events) {
      if (event.type === 'transcript.final') yield event;
      from = event.seq;
    }
    if (events.length === 0) return;
  }
}
