/** Events of a back end in any language, put into a meeting's log over HTTP. */
import { decodePostedEvent, type PostedAnswer, type PostedEvent } from '@meetcast/protocol';
import { present } from '../lib/present.ts';
import { problemText, tokenText } from '../lib/sentences.ts';
import { HostMeeting, type HostSegment } from '../log/host-meeting.ts';
import type { Retraction } from '../store/store.ts';
import { type MeetingCall, tryAgain } from './endpoint.ts';
import { type HubResponse, json, problem } from './exchange.ts';

const largestBody = 256 * 1024;

export async function postEvent(call: MeetingCall): Promise<HubResponse> {
  const { context, meeting, request, grant } = call;
  const decoded = decodePostedEvent(await request.text(largestBody));
  if (!decoded.ok) return problem(400, 'bad_message', decoded.problem);
  const { message } = decoded;
  if (message.type === 'retract' && !grant.may.has('manage')) {
    return problem(403, 'forbidden', tokenText.forbidden(grant.role, 'retract'));
  }
  const log = context.log(meeting);
  if (log.outbox.room !== undefined) return tryAgain(problemText.storeBehind);
  const answer: PostedAnswer = {
    meeting_id: meeting.id,
    ...(await add(new HostMeeting(log, context.registry), message)),
  };
  return json(answer, 201);
}

async function add(host: HostMeeting, event: PostedEvent): Promise<Omit<PostedAnswer, 'meeting_id'>> {
  if (event.type === 'status') return { seq: await host.status(event.status, event.message, event.details) };
  if (event.type === 'ai.tip') return { seq: await host.tip(event.tip, event.category) };
  if (event.type === 'summary') return { seq: await host.summary(event.summary, event.action_items) };
  if (event.type === 'retract') return { seq: await host.retract(retractionIn(event)) };
  if (event.type === 'transcript.partial') return { segment_no: await host.partial(segmentIn(event)) };
  const { seq, segmentNo } = await host.numberedFinal(segmentIn(event));
  return { seq, segment_no: segmentNo };
}

type Posted<Type extends PostedEvent['type']> = Extract<PostedEvent, { type: Type }>;

/** A decoded event has either. */
function retractionIn(event: Posted<'retract'>): Retraction {
  const { segment_no: segmentNo, start_ms: startMs = 0, end_ms: endMs = 0, meta } = event;
  if (segmentNo !== undefined) return { segmentNo };
  return { startMs, endMs, ...present({ source: meta?.source }) };
}

function segmentIn(event: Posted<'transcript.partial' | 'transcript.final'>): HostSegment {
  const { segment_no: segmentNo, text, start_ms: startMs, end_ms: endMs, speaker, confidence } = event;
  const { source, language } = event.meta ?? {};
  const revises = 'revises' in event ? event.revises : undefined;
  return {
    text,
    startMs,
    endMs,
    ...present({ segmentNo, speaker, confidence, source, language, revises }),
  };
}
