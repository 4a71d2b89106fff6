/** One sender of one meeting's audio: it keeps what is not stored yet, and sends it again when asked. */

import {
  checkOptions,
  decodeIngestDownstream,
  type HandshakeAck,
  type IngestDownstream,
  type Status,
} from '@meetcast/protocol';
import { bytesOf } from './audio-buffer.ts';
import { atLeast } from './check.ts';
import { type Deferred, deferred } from './deferred.ts';
import { Emitter } from './emitter.ts';
import { type CompleteHandshake, handshakeOf } from './handshake.ts';
import { type CloseInfo, type ConnectionStatus, Link } from './link.ts';
import { addressOf, knownConnectOptions, linkSettings } from './options.ts';
import {
  type Finalized,
  PublishError,
  type Publisher,
  type PublisherEvents,
  type PublishOptions,
} from './publisher.ts';
import * as sentences from './sentences.ts';
import type { OpenSocket } from './socket.ts';
import { GuardedSpool } from './spool/guarded-spool.ts';
import { checkLeft, type Sending } from './spool/resumed.ts';
import type { SessionNote } from './spool/spool.ts';
import { Upload } from './upload.ts';

const known = {
  ...knownConnectOptions,
  source: true,
  sampleRate: true,
  channels: true,
  language: true,
  title: true,
  deviceId: true,
  aiMode: true,
  maxBufferedMs: true,
  spool: true,
};

/** Starts sending a meeting's audio. */
export function openPublisher(options: PublishOptions, openSocket: OpenSocket): Publisher {
  checkOptions('publish', options, known);
  return new MeetingPublisher(options, openSocket);
}

//  recording ─finalize()─▶ finalizing ─status: ended─▶ stored ─the hub closes, or does not in time─▶ over
//                                        any ── close(), or the link has failed for good ──▶ over
type State =
  | { name: 'recording' }
  | { name: 'finalizing'; command: number; done: Deferred<Finalized> }
  | { name: 'stored'; result: Finalized; done: Deferred<Finalized>; deadline: ReturnType<typeof setTimeout> }
  | { name: 'over'; finalized: Promise<Finalized> };

/** How long a hub that has said `ended` may take to close. */
const farewellMs = 2_000;
/** Five minutes of memory, an hour of disk. */
const mostBufferedMs = { memory: 300_000, spool: 3_600_000 } as const;
/** Longer than a word. */
const leastBufferedMs = 1_000;

class MeetingPublisher implements Publisher {
  readonly closed: Promise<CloseInfo>;
  readonly sessionId: string;
  readonly #meeting: string;
  readonly #handshake: CompleteHandshake;
  readonly #maxBufferedMs: number;
  readonly #link: Link<IngestDownstream>;
  readonly #spool: GuardedSpool | undefined;
  readonly #upload: Upload;
  readonly #emitter = new Emitter<PublisherEvents>();
  #state: State = { name: 'recording' };
  #room: 'free' | 'full' = 'free';
  /** Writers that wait for room. */
  #writers: Deferred<void>[] = [];
  #epoch: string | undefined;
  #receivedMs = 0;
  #durableMs = 0;

  constructor(options: PublishOptions, openSocket: OpenSocket) {
    const address = addressOf(options);
    const { meeting, spool } = options;
    this.#meeting = meeting;
    this.sessionId = spool?.left?.session.id ?? globalThis.crypto.randomUUID();
    this.#handshake = handshakeOf(options, this.sessionId);
    const most = mostBufferedMs[spool ? 'spool' : 'memory'];
    this.#maxBufferedMs = checkedBound(options.maxBufferedMs ?? most);
    const { promise, resolve } = deferred<CloseInfo>();
    this.closed = promise;
    this.#link = new Link<IngestDownstream>(linkSettings(options, openSocket), {
      address: () => address.ingest({ source: this.#handshake.source }),
      decode: decodeIngestDownstream,
      opened: () => this.#introduce(),
      received: (message) => this.#received(message),
      unknown: () => {},
      lost: () => this.#lost(),
      changed: (change) => this.#emitter.emit('connection', change),
      ended: (info) => this.#ended(info, resolve),
    });
    const { source, sample_rate: sampleRate, channels } = this.#handshake;
    const left = spool?.left && checkLeft(spool.left, { meeting, source, sampleRate, channels });
    this.#spool = spool && new GuardedSpool(spool, (error) => this.#emitter.emit('spool', error));
    this.#epoch = left?.epoch;
    this.#receivedMs = this.#durableMs = left?.durableMs ?? 0;
    this.#upload = new Upload(
      { sampleRate, channels },
      {
        unsentBytes: () => this.#link.unsentBytes,
        sendBytes: (bytes) => this.#link.sendBytes(bytes),
        send: (message) => this.#link.send(message),
        moved: () => this.#moved(),
        note: () => this.#spool?.note(this.#note),
        failed: ({ message }) => this.#link.fail('spool', sentences.spoolUnreadable(message)),
      },
      this.#spool && { spool: this.#spool, ...(left && { left }) },
    );
    void this.#spool?.note(this.#note);
    this.#link.start();
  }

  get connection(): ConnectionStatus {
    return this.#link.status;
  }

  get receivedMs(): number {
    return this.#receivedMs;
  }

  get durableMs(): number {
    return this.#durableMs;
  }

  get bufferedMs(): number {
    return this.#upload.keptMs;
  }

  on<Type extends keyof PublisherEvents>(
    type: Type,
    listener: (value: PublisherEvents[Type]) => void,
  ): () => void {
    return this.#emitter.on(type, listener);
  }

  write(pcm: Uint8Array | Int16Array | ArrayBuffer): Promise<void> {
    const bytes = bytesOf(pcm);
    const writer = deferred<void>();
    // A microphone that does not wait must not bring its process down.
    writer.promise.catch(() => {});
    if (this.#state.name !== 'recording') {
      writer.reject(new PublishError('done', sentences.takesNoMore));
      return writer.promise;
    }
    const spooled = this.#upload.append(bytes);
    this.#writers.push(writer);
    this.#moved();
    return spooled === undefined ? writer.promise : bothOf(spooled, writer.promise);
  }

  flush(): void {
    if (this.#state.name === 'recording') this.#upload.command({ type: 'flush' });
  }

  offRecord(on: boolean): void {
    if (this.#state.name === 'recording') this.#upload.command({ type: 'off_record', on });
  }

  finalize(): Promise<Finalized> {
    if (this.#state.name === 'over') return this.#state.finalized;
    if (this.#state.name !== 'recording') return this.#state.done.promise;
    const done = deferred<Finalized>();
    this.#enter({ name: 'finalizing', command: this.#upload.command({ type: 'finalize' }), done });
    return done.promise;
  }

  close(): void {
    // What is in a spool is not given up: its sender may come back.
    if (!this.#spool) this.#link.send({ type: 'close' });
    this.#link.close(sentences.closeCalled);
  }

  get #note(): SessionNote {
    const { source, sample_rate: sampleRate, channels } = this.#handshake;
    const epoch = this.#epoch === undefined ? {} : { epoch: this.#epoch };
    const sending: Sending = { meeting: this.#meeting, source, sampleRate, channels };
    return { version: 1, id: this.sessionId, ...sending, ...epoch, ...this.#upload.note };
  }

  #introduce(): void {
    this.#link.send({ ...this.#handshake, ...this.#upload.claim });
  }

  #received(message: IngestDownstream): void {
    if (message.type === 'handshake_ack') return this.#accepted(message);
    if (message.type === 'ack') return this.#acknowledged(message.received_ms, message.durable_ms);
    if (message.type === 'transcript.final') return this.#emitter.emit('final', message);
    if (message.type === 'transcript.partial') return this.#emitter.emit('partial', message);
    if (message.type === 'retract') return this.#emitter.emit('retract', message);
    if (message.type === 'error') return this.#emitter.emit('error', message);
    if (message.type !== 'status') return;
    this.#emitter.emit('status', message);
    this.#noticeEnd(message);
  }

  #accepted({
    status,
    epoch,
    resume_from_ms: resumeFromMs = 0,
    session_from_ms: sessionFromMs,
    max_frame_bytes: maxBytes,
  }: HandshakeAck): void {
    if (status === 'error' || this.#link.status === 'connected') return;
    const isNewLog = epoch !== this.#epoch;
    this.#epoch = epoch;
    this.#receivedMs = resumeFromMs;
    if (isNewLog) this.#durableMs = resumeFromMs;
    if (maxBytes !== undefined) this.#upload.limit(maxBytes);
    this.#upload.resume({ resumeFromMs, sessionFromMs }, isNewLog);
    this.#link.ready();
    this.#moved();
  }

  #acknowledged(receivedMs: number, durableMs: number): void {
    this.#receivedMs = receivedMs;
    this.#durableMs = durableMs;
    this.#upload.forget(durableMs);
    this.#emitter.emit('ack', { receivedMs, durableMs });
    this.#moved();
  }

  #noticeEnd(status: Status): void {
    const state = this.#state;
    if (state.name !== 'finalizing' || !this.#isOurEnd(status, state.command)) return;
    const { last_seq: lastSeq, coverage } = status.details ?? {};
    const result = { lastSeq: typeof lastSeq === 'number' ? lastSeq : (status.seq ?? 0), coverage };
    const deadline = setTimeout(() => this.#link.close(sentences.allStored), farewellMs);
    this.#enter({ name: 'stored', result, done: state.done, deadline });
  }

  /** The other source of the meeting, or an earlier session, may have ended too. */
  #isOurEnd({ status, details, meta }: Status, finalize: number): boolean {
    if (status !== 'ended' || !this.#upload.hasSent(finalize)) return false;
    const source = details?.source ?? meta?.source ?? this.#handshake.source;
    const session = details?.session_id ?? this.sessionId;
    return source === this.#handshake.source && session === this.sessionId;
  }

  /** Lets waiting writers go when there is room; says once when there is none. */
  #moved(): void {
    const bufferedMs = this.#upload.keptMs;
    const room = bufferedMs < this.#maxBufferedMs ? 'free' : 'full';
    const isNews = room === 'full' && this.#room === 'free';
    this.#room = room;
    if (isNews) {
      this.flush();
      this.#emitter.emit('overflow', { bufferedMs, maxBufferedMs: this.#maxBufferedMs });
    }
    if (room === 'full' || this.#upload.isBlocked) return;
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #lost(): void {
    this.#upload.pause();
    if (this.#state.name === 'stored') this.#link.close(sentences.allStored);
    this.#moved();
  }

  #ended(info: CloseInfo, resolve: (info: CloseInfo) => void): void {
    const state = this.#state;
    const error = new PublishError(info.word, info.reason);
    const done = 'done' in state ? state.done : deferred<Finalized>();
    // Whoever never finalizes has not asked, and hears of the end through `closed`.
    done.promise.catch(() => {});
    const isStored = state.name === 'stored';
    this.#enter({ name: 'over', finalized: done.promise });
    for (const writer of this.#writers.splice(0)) writer.reject(error);
    const settle = () => {
      if (isStored) done.resolve(state.result);
      else done.reject(error);
      this.#emitter.clear();
      resolve(info);
    };
    // Another publisher may use the spool as soon as this one has said that it is over.
    const left = isStored ? this.#spool?.remove() : this.#spool?.close();
    if (left === undefined) settle();
    else void left.then(settle);
  }

  #enter(next: State): void {
    if (this.#state.name === 'stored') clearTimeout(this.#state.deadline);
    this.#state = next;
  }
}

const checkedBound = (maxBufferedMs: number): number =>
  atLeast(
    'maxBufferedMs',
    maxBufferedMs,
    leastBufferedMs,
    'a writer would wait for the end of a word that it is to write',
  );

/** Resolves when both have; nobody has to wait for it. */
function bothOf(one: Promise<void>, other: Promise<void>): Promise<void> {
  const both = Promise.all([one, other]).then(() => {});
  both.catch(() => {});
  return both;
}
