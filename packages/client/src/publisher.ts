/** What `publish()` takes and gives. */
import type {
  ErrorMessage,
  Retract,
  Source,
  Status,
  TranscriptFinal,
  TranscriptPartial,
} from '@meetcast/protocol';
import type { CloseInfo, ConnectionChange, ConnectionStatus } from './link.ts';
import type { ConnectOptions } from './options.ts';
import type { Spool } from './spool/spool.ts';

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
  /**
   * How much audio is kept whose words are not stored yet, before writers wait. At least 1 000, so that a word fits. Default
   * 300 000; with a spool 3 600 000.
   */
  maxBufferedMs?: number;
  /**
   * Where to keep that audio, so that it outlives the process: `fileSpool()` or `indexedDbSpool()`. The publisher goes on with
   * the session that is left in it, and owns it: it is removed when all is stored, and closed when the publisher ends
   * otherwise. `publish()` throws a `SpoolError`, and does not take it, if it was left by another meeting, source or format.
   */
  spool?: Spool;
}

export interface PublisherEvents {
  connection: ConnectionChange;
  /** How far the hub has got, on the meeting's clock. */
  ack: { receivedMs: number; durableMs: number };
  final: TranscriptFinal;
  partial: TranscriptPartial;
  /** Text of the meeting is taken back: whoever shows it takes it away. */
  retract: Retract;
  status: Status;
  /** What the hub says is wrong. */
  error: ErrorMessage;
  /**
   * As much audio is kept as may be: the hub was asked to finish the current utterance, and `write` waits. Nothing is
   * dropped: a writer that does not wait goes on filling the memory. Said once, and again after there was room.
   */
  overflow: { bufferedMs: number; maxBufferedMs: number };
  /** The spool cannot be written any more, and why; from now on audio is kept in memory, as without one. Said once. */
  spool: Error;
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
   * more may be written and, with a spool, what was written is in it; a live microphone need not wait. Rejects with a `PublishError` when the publisher has ended,
   * which only those who wait have to handle.
   */
  write(pcm: Uint8Array | Int16Array | ArrayBuffer): Promise<void>;
  /** Finishes the current utterance. */
  flush(): void;
  /**
   * Audio that is written from now on is, or is no longer, off the record: its length moves the meeting's clock, and silence
   * stands for it in memory, in the spool and on the way to the hub.
   */
  offRecord(on: boolean): void;
  /** No more audio. Resolves when every word is stored; rejects with a `PublishError` when that cannot be. */
  finalize(): Promise<Finalized>;
  /** Stops now: what is not stored yet is given up, or left in the spool. `closed` says when it is. */
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
