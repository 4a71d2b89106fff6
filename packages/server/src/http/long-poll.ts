/** One look at a meeting's log that may wait for something to come. */
import type { EventPage } from '@meetcast/protocol';
import type { Position } from '../store/store.ts';
import { LogFollower } from '../viewers/log-follower.ts';
import { LogReader } from '../viewers/log-reader.ts';
import { type ResumePoint, resumeAt } from '../viewers/resume-point.ts';
import { invalid, type MeetingCall, numberIn } from './endpoint.ts';
import { type HubResponse, json } from './exchange.ts';

/** Longest a poll may wait: proxies end requests that are silent for longer. */
const longestSeconds = 25;
const largestPage = 1_000;

export async function longPoll(call: MeetingCall, start: ResumePoint): Promise<HubResponse> {
  const { query, context, meeting } = call;
  const seconds = numberIn(query, 'wait_seconds', { absent: 0, least: 0, most: longestSeconds });
  if (typeof seconds === 'string') return invalid('wait_seconds', seconds);
  const limit = numberIn(query, 'limit', { absent: largestPage, least: 1, most: largestPage });
  if (typeof limit === 'string') return invalid('limit', limit);
  const log = context.log(meeting);
  const head = await log.head();
  const { sent, recovered } = resumeAt(start, head, context.limits.historyEntries);
  const answer = (page: Omit<EventPage, 'meeting_id'>) =>
    json({ meeting_id: meeting.id, ...page } satisfies EventPage);
  if (recovered === false) return answer({ ...placeOf(head), recovered, events: [] });
  if (sent === head.seq && seconds > 0) {
    await waitBeyond({ epoch: head.epoch, seq: sent }, call, seconds * 1000);
  }
  const { epoch, events } = await log.read(sent, limit);
  if (epoch !== head.epoch) return answer({ ...placeOf(await log.head()), recovered: false, events: [] });
  const next = events.at(-1)?.seq ?? sent;
  return answer({ epoch, seq: Math.max(head.seq, next), recovered, events: [...events], next });
}

const placeOf = ({ epoch, seq }: Position) => ({ epoch, seq, next: seq });

/** Waits until the log reaches past a place or is another one, no longer than that. */
async function waitBeyond(place: Position, { context, meeting, request }: MeetingCall, ms: number) {
  const { rooms, limits } = context;
  const follower = new LogFollower();
  const reader = new LogReader({
    log: context.log(meeting),
    rooms,
    member: follower,
    historyEntries: limits.historyEntries,
  });
  const asked = new AbortController();
  const leave = context.viewers.enter({ leave: () => asked.abort() });
  const enders = [request.signal, asked.signal];
  for (const signal of enders) signal.addEventListener('abort', follower.wake);
  try {
    const opening = await reader.open({ kind: 'resume', since: place.seq, epoch: place.epoch });
    if (opening?.head.epoch !== place.epoch) return;
    const until = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0 && !reader.isBehind; leftMs = until - performance.now()) {
      if (enders.some(({ aborted }) => aborted) || (await follower.wait(leftMs)) === 'restarted') return;
    }
  } finally {
    leave();
    for (const signal of enders) signal.removeEventListener('abort', follower.wake);
    reader.leave();
  }
}
