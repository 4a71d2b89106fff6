export type { Authenticator, Grant, Permission } from './auth/authenticator.ts';
export { type JwtOptions, jwtAuthenticator } from './auth/jwt.ts';
export type { Bus, Unsubscribe } from './bus/bus.ts';
export { memoryBus } from './bus/memory.ts';
export { AuthError, EntryRefusedError, RecognizerError, StaleFenceError } from './errors.ts';
export type { HostMeeting, HostSegment } from './host-meeting.ts';
export { createTranscriptHub, type HubOptions, type TranscriptHub } from './hub.ts';
export { defaultLimits, type Limits } from './limits.ts';
export type { MeetingRef } from './meeting.ts';
export type { Message } from './message.ts';
export type { HubEvent, IngestStep, Observe } from './observer.ts';
export type {
  AudioFormat,
  RecognitionResult,
  RecognizedSpan,
  RecognizedWord,
  Recognizer,
  RecognizerRequest,
  RecognizerStream,
  UtteranceEnd,
} from './recognizer/recognizer.ts';
export { memoryRegistry } from './registry/memory.ts';
export type { Claim, Full, Held, HubCounts, MeetingCounts, Registry, Seat } from './registry/registry.ts';
export { memoryStore } from './store/memory.ts';
export type { Head, Logged, LogPage, Position, Reach, Store } from './store/store.ts';
