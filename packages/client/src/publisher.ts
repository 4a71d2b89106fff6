/** What `publish()` takes and gives. */
import type { ErrorMessage, Source, Status, TranscriptFinal, TranscriptPartial } from '@meetcast/protocol';
import type { CloseInfo, ConnectionChange, ConnectionStatus } from './link.ts';
import type { ConnectOptions } from './options.ts';

export interface PublishOptions extends ConnectOptions {
  source: Source;
  /** Default 48 000. */
  sampleRate?: number;
  /** Default 1. */
  channels?: number;
  language?: string;
  title?: string;
  deviceId?: string;
  aiMode?: 'standard' | 'super';
  /** How much audio is kept whose words are not stored yet, before writers wait. Default 300 000. */
  maxBufferedMs?: number;
}

export interface PublisherEvents {
  connection: ConnectionChange;
  /** How far the hub has got, on the meeting's clock. */
  ack: { receivedMs: number; durableMs: number };
  final: TranscriptFinal;
  partial: TranscriptPartial;
  status: Status;
  /** What the hub says is wrong. */
  error: ErrorMessage;
  /**
   * As much audio is kept as may be: the hub was asked to finish the current utterance, and `write` waits. Nothing is
   * dropped: a writer that does not wait goes on filling the memory. Said once, and again after there was room.
   */
  overflow: { bufferedMs: number; maxBufferedMs: number };
}

export interface Publisher {
  readonly connection: ConnectionStatus;
  readonly sessionId: string;
  /** Positions on the meeting's clock, as the hub last said them. */
  readonly receivedMs: number;
  readonly durableMs: number;
  /** Audio that is kept because its words are not stored yet. */
  readonly bufferedMs: number;
  /**
   * Takes 16-bit little-endian samples, interleaved, in pieces of any size, and owns them from then on. Resolves when
   * more may be written; a live microphone need not wait. Rejects with a `PublishError` when the publisher has ended,
   * which only those who wait have to handle.
   */
  write(pcm: Uint8Array | Int16Array | ArrayBuffer): Promise<void>;
  /** Finishes the current utterance. */
  flush(): void;
  /** Audio that is written from now on is, or is no longer, neither transcribed nor kept by the hub. */
  offRecord(on: boolean): void;
  /** No more audio. Resolves when every word is stored; rejects with a `PublishError` when that cannot be. */
  finalize(): Promise<Finalized>;
  /** Stops now: what is not stored yet is given up. */
  close(): void;
  /** The returned function stops the listener. */
  on<Type extends keyof PublisherEvents>(
    type: Type,
    listener: (value: PublisherEvents[Type]) => void,
  ): () => void;
  /** Resolves when the publisher has ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
}

export interface Finalized {
  /** The last entry of the meeting's log before `ended`. */
  lastSeq: number;
  /** How much of the audio has words, as the hub counts it. */
  coverage: unknown;
}

/** Why audio could not be published; `code` is the word of the close that ended it. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
