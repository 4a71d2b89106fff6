/** A meeting's log over plain HTTP: Server-Sent Events, or one long poll. */

import { expectedText } from '../lib/sentences.ts';
import type { ResumePoint } from '../viewers/resume-point.ts';
import { badRequest, type MeetingCall } from './endpoint.ts';
import { eventStream } from './event-stream.ts';
import type { HubRequest, HubResponse } from './exchange.ts';
import { longPoll } from './long-poll.ts';
import { startIn } from './routes.ts';

export async function events(call: MeetingCall): Promise<HubResponse> {
  const { query, request } = call;
  const start = lastEventIn(request) ?? startIn(query);
  if (typeof start === 'string') return badRequest(start);
  return query.has('wait_seconds') || query.has('limit') ? longPoll(call, start) : eventStream(call, start);
}

/** After the last event that a reader had: this outranks where it began at first. */
function lastEventIn(request: HubRequest): ResumePoint | string | undefined {
  const header = request.header('last-event-id');
  if (!header) return undefined;
  const id = /^(.{1,100}):(\d{1,15})$/.exec(header);
  if (!id) return expectedText.lastEventId;
  return { kind: 'resume', epoch: id[1], since: Number(id[2]) };
}
