/** A sender's audio and commands on their way to the hub, in one order, as often as the hub asks for them. */
import type { IngestUpstream } from '@meetcast/protocol';
import { AudioBuffer, type AudioFormat } from './audio-buffer.ts';
import { type Anchor, frameAt, resumption } from './audio-clock.ts';
import { CommandTrack } from './command-track.ts';

/** What a socket can do for an upload. */
export interface UploadWire {
  unsentBytes(): number;
  sendBytes(bytes: Uint8Array<ArrayBuffer>): void;
  send(message: IngestUpstream): void;
  /** Something moved: there may be room again. */
  moved(): void;
}

/** Unsent bytes at which the socket has enough. */
const highWaterBytes = 256 * 1024;
/** The largest frame of a hub that does not say what it takes. */
const usualFrameBytes = 32_768;
/** Live audio travels in pieces of this length: 25 a second, half of what a hub takes. */
const pieceMs = 40;
/** Browsers do not say when a socket has drained. */
const drainPollMs = 20;

//  idle ─resume()─▶ sending ⇄ blocked (the socket is full)      any ─pause()─▶ idle
type State =
  | { name: 'idle' }
  | { name: 'sending'; cursor: Cursor }
  | { name: 'blocked'; cursor: Cursor; timer: ReturnType<typeof setTimeout> };
interface Cursor {
  frame: number;
  /** The last command that was sent on this connection. */
  command: number;
}

export class Upload {
  readonly #wire: UploadWire;
  readonly #format: AudioFormat;
  readonly #audio: AudioBuffer;
  readonly #commands = new CommandTrack();
  #mostFrames: number;
  #anchor: Anchor | undefined;
  #state: State = { name: 'idle' };

  constructor(format: AudioFormat, wire: UploadWire) {
    this.#wire = wire;
    this.#format = format;
    this.#audio = new AudioBuffer(format);
    this.#mostFrames = framesIn(usualFrameBytes, format);
  }

  /** The hub says how large a binary frame may be. */
  limit(frameBytes: number): void {
    this.#mostFrames = framesIn(Math.min(frameBytes, usualFrameBytes), this.#format);
  }

  get keptMs(): number {
    return this.#audio.keptMs;
  }

  /** Whether its audio has a place on the meeting's clock. */
  get isPlaced(): boolean {
    return this.#anchor !== undefined;
  }

  get isBlocked(): boolean {
    return this.#state.name === 'blocked';
  }

  append(bytes: Uint8Array<ArrayBuffer>): void {
    this.#audio.append(bytes);
    this.#pump();
  }

  /** Puts a command behind the audio so far. Returns its number. */
  command(message: IngestUpstream): number {
    const command = this.#commands.add(this.#audio.end, message);
    this.#pump();
    return command;
  }

  /** Whether a command went out on this connection. */
  hasSent(command: number): boolean {
    return this.#state.name !== 'idle' && this.#state.cursor.command >= command;
  }

  /** Sends everything from a position on the meeting's clock on. `isNewLog`: earlier positions mean nothing any more. */
  resume(resumeFromMs: number, isNewLog: boolean): void {
    const wasSending = this.isPlaced;
    const known = isNewLog ? undefined : this.#anchor;
    const { anchor, from } = resumption(known, this.#audio, this.#format.sampleRate, resumeFromMs);
    this.#anchor = anchor;
    this.#enter({ name: 'sending', cursor: { frame: from, command: this.#commands.lastBefore(from) } });
    const offRecord = this.#commands.offRecordAt(from);
    if (wasSending && offRecord) this.#wire.send(offRecord);
    this.#pump();
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
    this.#audio.forget(Math.min(durable, wanted));
    this.#commands.forget(this.#audio.start);
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
      const ready = (command?.frame ?? this.#audio.end) - cursor.frame;
      if (ready < (command ? 1 : pieceFrames)) return;
      if (this.#wire.unsentBytes() >= highWaterBytes) return this.#block(cursor);
      const frames = Math.min(ready, this.#mostFrames);
      cursor.frame += frames;
      this.#wire.sendBytes(this.#audio.read(cursor.frame - frames, frames));
    }
  }

  #block(cursor: Cursor): void {
    const timer = setTimeout(() => {
      this.#enter({ name: 'sending', cursor });
      this.#pump();
      this.#wire.moved();
    }, drainPollMs);
    this.#enter({ name: 'blocked', cursor, timer });
  }

  #enter(next: State): void {
    if (this.#state.name === 'blocked') clearTimeout(this.#state.timer);
    this.#state = next;
  }
}

/** Whole sample frames in so many bytes; one at least. */
const framesIn = (bytes: number, { channels }: AudioFormat): number =>
  Math.max(1, Math.floor(bytes / (channels * 2)));
