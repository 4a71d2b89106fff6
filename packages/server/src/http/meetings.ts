/** A tenant's meetings: listed, counted, forgotten. */
import type { HubStats, MeetingList, MeetingStats, MeetingSummary, Source } from '@meetcast/protocol';
import { heardOf } from '../ingest/audio-notes.ts';
import { problemText } from '../lib/sentences.ts';
import type { MeetingInfo } from '../store/store.ts';
import { type Call, type MeetingCall, notFound, type OpenCall, pageIn } from './endpoint.ts';
import { type HubResponse, json } from './exchange.ts';

export async function listMeetings({ grant, query, context }: Call): Promise<HubResponse> {
  const page = pageIn(query, /^\d{1,16}$/);
  if ('status' in page) return page;
  const { items, next } = await context.store.meetings(grant.tenant, page);
  const body: MeetingList = { meetings: items.map(summaryOf), next: next ?? null };
  return json(body);
}

export async function oneMeeting({ meeting, context }: MeetingCall): Promise<HubResponse> {
  const info = await context.store.meeting(meeting);
  return info ? json(summaryOf(info)) : notFound(problemText.noMeeting(meeting.id));
}

/** Log, rows, everything. Viewers who are there come back to an empty meeting. */
export async function forgetMeeting({ meeting, context }: MeetingCall): Promise<HubResponse> {
  const isForgotten = await context.store.forget(meeting);
  if (!isForgotten) return notFound(problemText.noMeeting(meeting.id));
  context.ledger.forget(meeting);
  context.late.forget(meeting);
  context.rooms.restart(meeting);
  return { status: 204, headers: {}, body: '' };
}

export async function hubStats({ context }: OpenCall): Promise<HubResponse> {
  const totals: HubStats = await context.registry.totals();
  return json(totals);
}

export async function meetingStats({ meeting, context }: MeetingCall): Promise<HubResponse> {
  const [counts, head] = await Promise.all([context.registry.counts(meeting), context.store.head(meeting)]);
  context.ledger.forget(meeting, head.epoch);
  const heard = heardOf(context.ledger, meeting, head.epoch, counts.elsewhere);
  const known = Object.entries(heard).map(([source, { receivedMs, forwardedMs, coveredMs }]) => {
    const stats = {
      active: counts.ingests.includes(source as Source),
      received_seconds: receivedMs / 1000,
      forwarded_seconds: forwardedMs / 1000,
      covered_seconds: coveredMs / 1000,
    };
    return [source, stats] as const;
  });
  const body: MeetingStats = {
    meeting_id: meeting.id,
    subscribers: counts.subscribers,
    ingest_active: counts.ingests.length > 0,
    epoch: head.epoch,
    seq: head.seq,
    sources: Object.fromEntries(known),
  };
  return json(body);
}

const summaryOf = (info: MeetingInfo): MeetingSummary => ({
  meeting_id: info.id,
  epoch: info.epoch,
  seq: info.seq,
  title: info.title ?? null,
  started_at: info.startedAt,
  ended_at: info.endedAt ?? null,
  languages: [...info.languages],
  sources: [...info.sources],
});
