/** A sender's audio and commands on their way to the hub, in one order, as often as the hub asks for them. */
import type { Handshake, IngestUpstream } from '@meetcast/protocol';
import type { AudioFormat } from './audio-buffer.ts';
import { type Anchor, type Asked, frameAt, resumption } from './audio-clock.ts';
import { CommandTrack, type KeptCommands } from './command-track.ts';
import { KeptAudio } from './kept-audio.ts';
import type { GuardedSpool } from './spool/guarded-spool.ts';

/** What a socket can do for an upload. */
export interface UploadWire {
  unsentBytes(): number;
  sendBytes(bytes: Uint8Array<ArrayBuffer>): void;
  send(message: IngestUpstream): void;
  /** Something moved: there may be room again. */
  moved(): void;
  /** What an upload knows has changed. With a spool, resolves once it is noted there, or cannot be. */
  note(): Promise<void> | undefined;
  /** Audio cannot be got out of the spool. */
  failed(error: Error): void;
}

/** What an upload knows, but for the audio itself. */
export interface UploadNote {
  /** The first frame whose words are not stored. */
  readonly start: number;
  readonly anchor?: Anchor;
  readonly commands: KeptCommands;
}

/** A spool, and what an earlier process left in it. */
export interface UploadSpool {
  readonly spool: GuardedSpool;
  readonly left?: UploadNote & { readonly end: number };
}

/** Unsent bytes at which the socket has enough. */
const highWaterBytes = 256 * 1024;
/** The largest frame of a hub that does not say what it takes. */
const usualFrameBytes = 32_768;
/** Live audio travels in pieces of this length: 25 a second, half of what a hub takes. */
const pieceMs = 40;
/** Browsers do not say when a socket has drained. */
const drainPollMs = 20;

//  idle ─resume()─▶ noting (its place) ─▶ sending ⇄ blocked (the socket is full), fetching (from the spool)
//  any ─pause()─▶ idle
type State =
  | { name: 'idle' }
  | { name: 'noting'; cursor: Cursor }
  | { name: 'sending'; cursor: Cursor }
  | { name: 'fetching'; cursor: Cursor }
  | { name: 'blocked'; cursor: Cursor; timer: ReturnType<typeof setTimeout> };
interface Cursor {
  frame: number;
  /** The last command that was sent on this connection. */
  command: number;
}

export class Upload {
  readonly #wire: UploadWire;
  readonly #format: AudioFormat;
  readonly #audio: KeptAudio;
  readonly #commands: CommandTrack;
  #mostFrames: number;
  #anchor: Anchor | undefined;
  /** Behind the last frame that a hub can have got, from whichever process. */
  #sent: number;
  #state: State = { name: 'idle' };

  constructor(format: AudioFormat, wire: UploadWire, { spool, left }: Partial<UploadSpool> = {}) {
    this.#wire = wire;
    this.#format = format;
    this.#audio = new KeptAudio(format, spool, left);
    this.#commands = new CommandTrack(left?.commands);
    this.#anchor = left?.anchor;
    this.#sent = left?.end ?? 0;
    this.#mostFrames = framesIn(usualFrameBytes, format);
  }

  /** The hub says how large a binary frame may be. */
  limit(frameBytes: number): void {
    this.#mostFrames = framesIn(Math.min(frameBytes, usualFrameBytes), this.#format);
  }

  get keptMs(): number {
    return this.#audio.keptMs;
  }

  /** What its hub may do with what it has of the session, if anything. */
  get claim(): Pick<Handshake, 'resume' | 'resume_if_known'> {
    // Until a hub has given its audio a place on the meeting's clock, there is nothing to resume; unless the spool missed it.
    if (this.#anchor) return { resume: true };
    return this.#sent > 0 ? { resume_if_known: true } : {};
  }

  get isBlocked(): boolean {
    return this.#state.name === 'blocked' || this.#state.name === 'fetching';
  }

  get note(): UploadNote {
    const anchor = this.#anchor === undefined ? {} : { anchor: this.#anchor };
    return { start: this.#audio.start, commands: this.#commands.kept, ...anchor };
  }

  /** With a spool, resolves once the audio is in it, or cannot be. */
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    // Off the record nobody keeps or gets what was said: only its length counts.
    const audio = this.#commands.isOffRecord ? new Uint8Array(bytes.length) : bytes;
    const spooled = this.#audio.append(audio)?.then(() => this.#pump());
    this.#pump();
    return spooled;
  }

  /** Puts a command behind the audio so far. Returns its number. */
  command(message: IngestUpstream): number {
    const command = this.#commands.add(this.#audio.end, message);
    void this.#wire.note();
    this.#pump();
    return command;
  }

  /** Whether a command went out on this connection. */
  hasSent(command: number): boolean {
    return this.#state.name !== 'idle' && this.#state.cursor.command >= command;
  }

  /** Sends everything from a position on the meeting's clock on. `isNewLog`: earlier positions mean nothing any more. */
  resume(asked: Asked, isNewLog: boolean): void {
    const wasSending = this.#anchor !== undefined || this.#sent > 0;
    const known = isNewLog ? undefined : this.#anchor;
    const kept = { start: this.#audio.start, sent: this.#sent };
    const { anchor, from } = resumption(known, kept, this.#format.sampleRate, asked);
    this.#anchor = anchor;
    const cursor = { frame: from, command: this.#commands.lastBefore(from) };
    const offRecord = wasSending ? this.#commands.offRecordAt(from) : undefined;
    const noting: State = { name: 'noting', cursor };
    this.#enter(noting);
    const begin = () => {
      if (this.#state !== noting) return;
      this.#enter({ name: 'sending', cursor });
      if (offRecord) this.#wire.send(offRecord);
      this.#pump();
    };
    // Whoever restarts must know where its audio stands before the hub has any of it.
    const noted = this.#wire.note();
    if (noted === undefined) begin();
    else void noted.then(begin);
  }

  pause(): void {
    this.#enter({ name: 'idle' });
  }

  /** The words up to here are stored. */
  forget(durableMs: number): void {
    if (!this.#anchor) return;
    const durable = frameAt(this.#anchor, this.#format.sampleRate, durableMs);
    // What the hub has asked for again must still be sent, even if its words were stored meanwhile.
    const wanted = this.#state.name === 'idle' ? durable : this.#state.cursor.frame;
    const { start } = this.#audio;
    this.#audio.forget(Math.min(durable, wanted));
    if (this.#audio.start === start) return;
    this.#commands.forget(this.#audio.start);
    void this.#wire.note();
    this.#audio.forgetSpooled();
  }

  #pump(): void {
    const state = this.#state;
    if (state.name !== 'sending') return;
    const { cursor } = state;
    const pieceFrames = Math.min(this.#mostFrames, Math.floor((this.#format.sampleRate * pieceMs) / 1000));
    while (this.#state === state) {
      const command = this.#commands.after(cursor.command);
      if (command && command.frame <= cursor.frame) {
        cursor.command = command.number;
        this.#wire.send(command.message);
        continue;
      }
      // A piece is sent when it is whole, or when a command stands behind it.
      const ready = Math.min(command?.frame ?? this.#audio.end, this.#audio.sendable) - cursor.frame;
      if (ready < (command ? 1 : pieceFrames)) return;
      if (this.#wire.unsentBytes() >= highWaterBytes) return this.#block(cursor);
      const bytes = this.#audio.read(cursor.frame, Math.min(ready, this.#mostFrames));
      if (!bytes) return this.#fetch(cursor);
      cursor.frame += bytes.length / (this.#format.channels * 2);
      this.#sent = Math.max(this.#sent, cursor.frame);
      this.#wire.sendBytes(bytes);
    }
  }

  #fetch(cursor: Cursor): void {
    const fetching: State = { name: 'fetching', cursor };
    this.#enter(fetching);
    const isOver = () => this.#state !== fetching;
    this.#audio.fetch(cursor.frame).then(
      () => isOver() || this.#goOn(cursor),
      (error: Error) => isOver() || this.#wire.failed(error),
    );
  }

  #block(cursor: Cursor): void {
    const timer = setTimeout(() => this.#goOn(cursor), drainPollMs);
    this.#enter({ name: 'blocked', cursor, timer });
  }

  #goOn(cursor: Cursor): void {
    this.#enter({ name: 'sending', cursor });
    this.#pump();
    this.#wire.moved();
  }

  #enter(next: State): void {
    if (this.#state.name === 'blocked') clearTimeout(this.#state.timer);
    this.#state = next;
  }
}

/** Whole sample frames in so many bytes; one at least. */
const framesIn = (bytes: number, { channels }: AudioFormat): number =>
  Math.max(1, Math.floor(bytes / (channels * 2)));
