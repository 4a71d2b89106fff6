/** Events of a back end in any language, put into a meeting's log over HTTP. */
import { decodePostedEvent, type PostedEvent } from '@meetcast/protocol';
import { HostMeeting } from '../host-meeting.ts';
import type { Retraction } from '../store/store.ts';
import { invalid, type MeetingCall } from './endpoint.ts';
import { type HubResponse, json, problem } from './exchange.ts';

const largestBody = 256 * 1024;

export async function postEvent(call: MeetingCall): Promise<HubResponse> {
  const { context, meeting, request, grant } = call;
  const decoded = decodePostedEvent(await request.text(largestBody));
  if (!decoded.ok) return problem(400, 'bad_message', 'Not a valid event', decoded.problem);
  const { message } = decoded;
  if (message.type === 'retract' && !grant.may.has('manage')) {
    return problem(403, 'forbidden', 'Forbidden', `the role "${grant.role}" may not retract`);
  }
  const host = new HostMeeting(context.log(meeting), context.registry);
  if (message.type !== 'retract') return json({ meeting_id: meeting.id, ...(await add(host, message)) }, 201);
  const what = retractionIn(message);
  if (!what) return invalid('segment_no', 'expected it, or "start_ms" and "end_ms"');
  return json({ meeting_id: meeting.id, seq: await host.retract(what) }, 201);
}

type Added = Exclude<PostedEvent, { type: 'retract' }>;

async function add(host: HostMeeting, event: Added): Promise<{ seq: number } | { segment_no: number }> {
  if (event.type === 'status') return { seq: await host.status(event.status, event.message, event.details) };
  if (event.type === 'ai.tip') return { seq: await host.tip(event.tip, event.category) };
  if (event.type === 'summary') return { seq: await host.summary(event.summary, event.action_items) };
  const segment = segmentIn(event);
  if (event.type === 'transcript.partial') return { segment_no: await host.partial(segment) };
  return { seq: await host.final(segment) };
}

function retractionIn(event: PostedEvent & { type: 'retract' }): Retraction | undefined {
  const { segment_no: segmentNo, start_ms: startMs, end_ms: endMs, source } = event;
  if (segmentNo !== undefined) return { segmentNo };
  if (startMs === undefined || endMs === undefined) return undefined;
  return { startMs, endMs, ...(source === undefined ? {} : { source }) };
}

function segmentIn(event: PostedEvent & { type: 'transcript.partial' | 'transcript.final' }) {
  const {
    text,
    start_ms: startMs,
    end_ms: endMs,
    segment_no: segmentNo,
    speaker,
    confidence,
    source,
    language,
  } = event;
  return {
    text,
    startMs,
    endMs,
    ...(segmentNo === undefined ? {} : { segmentNo }),
    ...(speaker === undefined ? {} : { speaker }),
    ...(confidence === undefined ? {} : { confidence }),
    ...(source === undefined ? {} : { source }),
    ...(language === undefined ? {} : { language }),
  };
}
