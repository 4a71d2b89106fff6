export { type Backoff, backoffMs } from './backoff.ts';
export { type CloseWord, closeCodes, closePolicy, isRetryable, type Retry } from './close-codes.ts';
export {
  type Decoded,
  decodeIngestDownstream,
  decodeIngestUpstream,
  decodeSubscriberDownstream,
  decodeSubscriberUpstream,
  encode,
} from './codec.ts';
export {
  AiTip,
  AudioLevel,
  type EphemeralEvent,
  Gap,
  type LogEntry,
  LoggedEvent,
  type Meta,
  Retract,
  Status,
  Summary,
  TranscriptFinal,
  TranscriptPartial,
} from './events.ts';
export {
  bearerOf,
  Claims,
  MeetingId,
  meetingIdPattern,
  Source,
  SourceName,
  sources,
  subprotocol,
  subprotocols,
} from './identity.ts';
export { EventPage, MeetingList, MeetingSummary, SearchPage } from './meetings.ts';
export {
  Ack,
  Auth,
  AuthOk,
  Close,
  Connected,
  ErrorMessage,
  Finalize,
  Flush,
  Handshake,
  HandshakeAck,
  IngestDownstream,
  IngestUpstream,
  OffRecord,
  Ping,
  Pong,
  SubscriberDownstream,
  SubscriberUpstream,
} from './messages.ts';
export { checkOptions, type KnownOptions } from './options.ts';
export { decodePostedEvent, PostedAnswer, PostedEvent } from './posted-event.ts';
export {
  Health,
  HealthDetailed,
  HubStats,
  MeetingStats,
  Problem,
  SourceStats,
  TranscriptPage,
} from './rest.ts';
export { isRetracted, reachesInto, type SpokenWords, type Stretch } from './retraction.ts';
