/** A meeting's log over plain HTTP: Server-Sent Events, or one long poll. */
import type { EventPage, LoggedEvent } from '@meetcast/protocol';
import { LogFollower } from '../log-follower.ts';
import type { Seat } from '../registry/registry.ts';
import type { Room } from '../room.ts';
import { beginning, type Start } from '../start.ts';
import { invalid, type MeetingCall, numberIn } from './endpoint.ts';
import { type HubResponse, json, problem } from './exchange.ts';

/** Longest a poll may wait: proxies end requests that are silent for longer. */
const longestPollSeconds = 25;
const largestPage = 1_000;

export async function events(call: MeetingCall): Promise<HubResponse> {
  const { query, request } = call;
  const since = sinceIn(request.header('last-event-id'), query);
  if (typeof since === 'string') return invalid('since', since);
  if (query.has('wait_seconds') || query.has('limit')) return longPoll(call, since);
  return stream(call, since);
}

/** Where to begin: after the last event a reader had, which outranks where it began at first. */
function sinceIn(lastEventId: string | undefined, query: URLSearchParams): Start | string {
  const last = lastEventId === undefined ? undefined : /^(.{1,100}):(\d{1,15})$/.exec(lastEventId);
  if (last) return { kind: 'resume', epoch: last[1], since: Number(last[2]) };
  if (!query.has('since')) return { kind: 'history', entries: Number.POSITIVE_INFINITY };
  const since = numberIn(query, 'since', 0, 0, Number.MAX_SAFE_INTEGER);
  if (typeof since === 'string') return since;
  return { kind: 'resume', since, epoch: query.get('epoch') ?? undefined };
}

async function longPoll(call: MeetingCall, start: Start): Promise<HubResponse> {
  const { query, context, meeting, request } = call;
  const seconds = numberIn(query, 'wait_seconds', 0, 0, longestPollSeconds);
  if (typeof seconds === 'string') return invalid('wait_seconds', seconds);
  const limit = numberIn(query, 'limit', largestPage, 1, largestPage);
  if (typeof limit === 'string') return invalid('limit', limit);
  const log = context.log(meeting);
  const head = await log.head();
  const { sent, recovered } = beginning(start, head, context.limits.historyEntries);
  let { events } = await log.read(sent, limit);
  if (events.length === 0 && seconds > 0) {
    await waitFor(call, sent, seconds * 1000);
    if (!request.signal.aborted) ({ events } = await log.read(sent, limit));
  }
  const { epoch, seq } = await log.head();
  const body: EventPage = { meeting_id: meeting.id, epoch, seq, recovered, events: [...events] };
  return json(body);
}

/** Waits until the log reaches past a place, no longer than that. */
async function waitFor({ context, meeting, request }: MeetingCall, sent: number, ms: number): Promise<void> {
  const follower = new LogFollower();
  const log = context.log(meeting);
  const room = await context.rooms.join(log, follower);
  const until = Date.now() + ms;
  try {
    room.reach((await log.head()).seq);
    while (room.headSeq <= sent && Date.now() < until && !request.signal.aborted) {
      await follower.wait(until - Date.now(), request.signal);
    }
  } finally {
    context.rooms.leave(room, follower);
  }
}

async function stream(call: MeetingCall, start: Start): Promise<HubResponse> {
  const { context, meeting, grant } = call;
  const { subscribersPerMeeting } = context.limits;
  const seat = await context.registry.seat(meeting, crypto.randomUUID(), subscribersPerMeeting);
  if (seat.kind === 'full') {
    const detail = `this meeting already has ${subscribersPerMeeting} viewers; try again later`;
    return problem(503, 'connection_limit', 'Too many viewers', detail);
  }
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
  return { status: 200, headers, body: follow(call, start, seat, grant.expiresAt) };
}

/** Everything after the start, then what comes, until the reader leaves, its token expires or the log is another. */
async function* follow(
  call: MeetingCall,
  start: Start,
  seat: Seat,
  expiresAt: number,
): AsyncGenerator<string> {
  const { context, meeting, request } = call;
  const log = context.log(meeting);
  const follower = new LogFollower();
  let room: Room | undefined;
  try {
    room = await context.rooms.join(log, follower);
    const head = await log.head();
    room.reach(head.seq);
    const { sent, recovered } = beginning(start, head, context.limits.historyEntries);
    yield sse({ type: 'connected', meeting_id: meeting.id, epoch: head.epoch, seq: head.seq, recovered });
    for (let last = sent; !request.signal.aborted && Date.now() < expiresAt; ) {
      const page = room.headSeq > last ? await room.read(last) : undefined;
      if (page && page.epoch !== head.epoch) return;
      for (const event of page?.events ?? []) {
        yield sse(event, `${head.epoch}:${event.seq}`);
        last = event.seq;
      }
      if (page && page.events.length > 0) continue;
      for (const { text } of follower.takePartials()) yield `data: ${text}\n\n`;
      const isNew = await follower.wait(context.limits.heartbeatMs, request.signal);
      if (!isNew) yield ': still here\n\n';
    }
  } finally {
    if (room) context.rooms.leave(room, follower);
    await seat.release();
  }
}

function sse(event: LoggedEvent | Record<string, unknown>, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(event)}\n\n`;
}
