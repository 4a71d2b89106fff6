/** Every message of the two sockets, by direction. */
import * as z from 'zod/mini';
import {
  AiTip,
  AudioLevel,
  Count,
  Gap,
  Instant,
  Ms,
  Retract,
  Status,
  Summary,
  TranscriptFinal,
  TranscriptPartial,
} from './events.ts';
import { SourceName } from './identity.ts';

// Both sockets, upstream

/** A fresh token for an open socket: same user and tenant, or the socket closes. */
export const Auth = z.object({ type: z.literal('auth'), token: z.string().check(z.minLength(1)) });

/** `bare` stands for the text `ping` that older clients send; its answer is the text `pong`. */
export const Ping = z.object({ type: z.literal('ping'), bare: z.optional(z.literal(true)) });

// Both sockets, downstream

export const AuthOk = z.object({ type: z.literal('auth_ok'), expires_at: Instant });
export type AuthOk = z.infer<typeof AuthOk>;

export const Pong = z.object({ type: z.literal('pong'), bare: z.optional(z.literal(true)) });

/** What went wrong: the word of the close that follows, and a sentence that says what to do. */
export const ErrorMessage = z.object({
  type: z.literal('error'),
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
});
export type ErrorMessage = z.infer<typeof ErrorMessage>;

// Subscriber socket

/** The first message a viewer gets. */
export const Connected = z.object({
  type: z.literal('connected'),
  meeting_id: z.string(),
  message: z.string(),
  connection_id: z.string(),
  epoch: z.string(),
  /** The log's head. */
  seq: Count,
  /** `true`: everything after `since` follows. `false`: it cannot. `null`: nothing was asked. */
  recovered: z.nullable(z.boolean()),
  heartbeat_ms: Count,
});
export type Connected = z.infer<typeof Connected>;

export const SubscriberUpstream = z.discriminatedUnion('type', [Auth, Ping]);
export type SubscriberUpstream = z.infer<typeof SubscriberUpstream>;

export const SubscriberDownstream = z.discriminatedUnion('type', [
  Connected,
  TranscriptPartial,
  TranscriptFinal,
  Status,
  AiTip,
  Summary,
  Gap,
  Retract,
  AudioLevel,
  ErrorMessage,
  AuthOk,
  Pong,
]);
export type SubscriberDownstream = z.infer<typeof SubscriberDownstream>;

// Ingest socket

/** What a sender says first: what audio it will send, for which source. */
export const Handshake = z.object({
  type: z.literal('handshake'),
  source: z.optional(SourceName),
  /** Samples a second; absent, what the hub expects (48 000). */
  sample_rate: z.optional(z.int().check(z.gte(8000), z.lte(192_000))),
  channels: z.optional(z.int().check(z.gte(1), z.lte(8))),
  encoding: z.optional(z.literal('linear16')),
  language: z.optional(z.string().check(z.regex(/^[A-Za-z0-9-]{2,35}$/))),
  ai_mode: z.optional(z.enum(['standard', 'super'])),
  device_id: z.optional(z.string().check(z.maxLength(256))),
  title: z.optional(z.string().check(z.maxLength(512))),
  session_id: z.optional(z.string().check(z.minLength(1), z.maxLength(128))),
  resume: z.optional(z.boolean()),
  /** Without `resume`: to go on if the hub has heard the session, and begin anew otherwise. */
  resume_if_known: z.optional(z.boolean()),
});
export type Handshake = z.infer<typeof Handshake>;

export const HandshakeAck = z.object({
  type: z.literal('handshake_ack'),
  status: z.enum(['success', 'error']),
  message: z.string(),
  session_id: z.optional(z.string()),
  /** Where on the meeting's clock the audio that follows begins. */
  resume_from_ms: z.optional(Ms),
  /** From where on the meeting's clock nobody else has sent the source: earlier positions of the session stand. */
  session_from_ms: z.optional(Ms),
  epoch: z.optional(z.string()),
  /** The largest binary frame this hub takes. */
  max_frame_bytes: z.optional(Count),
});
export type HandshakeAck = z.infer<typeof HandshakeAck>;

/** Up to `durable_ms` on the meeting's clock the words are stored: the sender may forget that audio. */
export const Ack = z.object({ type: z.literal('ack'), received_ms: Ms, durable_ms: Ms });
export type Ack = z.infer<typeof Ack>;

/** No more audio: drain, store, say `ended`, close 1000. */
export const Finalize = z.object({ type: z.literal('finalize') });
/** Stop now. */
export const Close = z.object({ type: z.literal('close') });
/** Finish the current utterance and keep going. */
export const Flush = z.object({ type: z.literal('flush') });
/** From now on audio is, or is no longer, neither forwarded nor kept. */
export const OffRecord = z.object({ type: z.literal('off_record'), on: z.boolean() });

export const IngestUpstream = z.discriminatedUnion('type', [
  Handshake,
  Finalize,
  Close,
  Flush,
  OffRecord,
  Auth,
  Ping,
]);
export type IngestUpstream = z.infer<typeof IngestUpstream>;

export const IngestDownstream = z.discriminatedUnion('type', [
  HandshakeAck,
  Ack,
  TranscriptPartial,
  TranscriptFinal,
  Status,
  Retract,
  ErrorMessage,
  AuthOk,
  Pong,
]);
export type IngestDownstream = z.infer<typeof IngestDownstream>;
