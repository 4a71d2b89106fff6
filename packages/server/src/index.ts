export type { Authenticator, Grant, Permission } from './auth/authenticator.ts';
export { type JwtOptions, jwtAuthenticator } from './auth/jwt.ts';
export type { Bus, Unsubscribe } from './bus/bus.ts';
export { memoryBus } from './bus/memory.ts';
export type { Message } from './bus/message.ts';
export { createTranscriptHub, type HubOptions, type TranscriptHub } from './hub.ts';
export type { UnheardOptions } from './late-hearing/options.ts';
export {
  AuthError,
  EntryRefusedError,
  RecognizerError,
  StaleEpochError,
  StaleFenceError,
} from './lib/errors.ts';
export { defaultLimits, type Limits } from './lib/limits.ts';
export type { MeetingRef } from './lib/meeting.ts';
export type { HostMeeting, HostSegment } from './log/host-meeting.ts';
export { type FirstAvailableOptions, firstAvailable } from './recognizer/first-available.ts';
export type {
  AudioFormat,
  RecognitionResult,
  RecognizedSpan,
  RecognizedWord,
  Recognizer,
  RecognizerRequest,
  RecognizerState,
  RecognizerStream,
  Unheard,
  UnheardAudio,
  UtteranceEnd,
} from './recognizer/recognizer.ts';
export { type ResilientOptions, resilient } from './recovery/resilient.ts';
export { memoryRegistry } from './registry/memory.ts';
export type {
  Claim,
  ClaimOptions,
  Full,
  Held,
  HubCounts,
  MeetingCounts,
  MeetingState,
  Numbering,
  OrphanedClaim,
  Registry,
  Seat,
} from './registry/registry.ts';
export { memoryStore } from './store/memory.ts';
export type { Head, LastSession, Logged, LogPage, Position, Reach, Store } from './store/store.ts';
export type { HubEvent, IngestStep, Observe, UnheardState } from './watch/observer.ts';
