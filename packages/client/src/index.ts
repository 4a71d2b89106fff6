export type {
  AiTip,
  AudioLevel,
  Backoff,
  CloseWord,
  ErrorMessage,
  Gap,
  LoggedEvent,
  Meta,
  Retract,
  Source,
  Status,
  Summary,
  TranscriptFinal,
  TranscriptPartial,
} from '@meetcast/protocol';
export type {
  CloseInfo,
  ConnectionChange,
  ConnectionStatus,
} from './link.ts';
export { publish, subscribe } from './node.ts';
export type { ConnectOptions } from './options.ts';
export {
  type Finalized,
  PublishError,
  type Publisher,
  type PublisherEvents,
  type PublishOptions,
} from './publisher.ts';
export type { Position } from './sequence.ts';
export type { OpenSocket, SocketLike } from './socket.ts';
export {
  type Left,
  type SessionNote,
  type Spool,
  SpoolError,
  type SpoolOptions,
  type SpoolProblem,
} from './spool/spool.ts';
export type { SubscribeOptions, Subscription, SubscriptionEvents } from './subscription.ts';
export { applyEvent, emptyTranscript, type SubscriptionEvent, type Transcript } from './transcript.ts';
