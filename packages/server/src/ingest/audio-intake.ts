/** Audio from a sender's socket to its recognizer, at the pace both allow. */
import type { CloseWord } from '@meetcast/protocol';
import { closeText } from '../lib/sentences.ts';
import { isWhole } from '../recognizer/pcm.ts';
import type { Connection } from '../socket/connection.ts';
import type { Run, RunContext } from './run.ts';

export class AudioIntake {
  readonly #run: Run;
  readonly #connection: Connection;
  readonly #context: Pick<RunContext, 'log' | 'limits'>;
  /** What the socket waits unread for. */
  #holds = 0;
  /** Runs while frames came faster than they may. */
  #debt: NodeJS.Timeout | undefined;
  #isOffRecord = false;
  /** What the log says. */
  #isLoggedOff: boolean;
  /** How much of the source was received before, on the meeting's clock; what is said before this is said again. */
  readonly #knownMs: number;

  constructor(run: Run, connection: Connection, context: Pick<RunContext, 'log' | 'limits'>) {
    this.#isLoggedOff = run.isOffRecord;
    this.#knownMs = Math.max(run.account.received.positionMs, run.from.heardMs ?? 0);
    this.#run = run;
    this.#connection = connection;
    this.#context = context;
  }

  /** Whether audio is neither forwarded nor kept. Answers whether this changes it, and whether the log knows already. */
  offRecord(on: boolean): 'none' | 'known' | 'new' {
    if (this.#isOffRecord === on) return 'none';
    this.#isOffRecord = on;
    const isAgain = this.#run.clock.receivedMs < this.#knownMs;
    if (isAgain || this.#isLoggedOff === on) return 'known';
    this.#isLoggedOff = on;
    return 'new';
  }

  /** Takes a frame, or says why the sender has to go. */
  take(audio: Uint8Array): [CloseWord, string] | undefined {
    const { length } = audio;
    const { log, limits } = this.#context;
    const { ingestFrameBytes } = limits;
    if (length > ingestFrameBytes) return ['too_large', closeText.frameTooLarge(length, ingestFrameBytes)];
    if (!isWhole(length, this.#run.format)) return ['bad_message', closeText.frameUneven(length)];
    if (length === 0) return undefined;
    const written = this.#forward(audio);
    this.#run.account.received.to(this.#run.clock.receivedMs);
    const waitMs = this.#run.frames.take(Date.now());
    if (written !== undefined) this.#hold(written);
    const stored = log.outbox.room;
    if (stored !== undefined) this.#hold(stored);
    if (waitMs > 0) this.#holdFor(waitMs);
    return undefined;
  }

  /** Reads on, unless too much came too fast. */
  read(): void {
    if (this.#holds === 0) this.#connection.resume();
  }

  end(): void {
    if (this.#debt) this.#paid();
  }

  #forward(audio: Uint8Array): Promise<void> | undefined {
    const { clock, account, stream } = this.#run;
    if (this.#isOffRecord) {
      clock.skip(audio.length);
      account.forwarded.from(clock.receivedMs);
      return undefined;
    }
    clock.forward(audio.length);
    account.forwarded.to(clock.receivedMs);
    return stream.write(audio);
  }

  /** Too much is not dropped: the socket waits unread. */
  #hold(written: Promise<void>): void {
    this.#pause();
    void written.then(() => this.#release());
  }

  /** Nor is what came too fast. Frames that were read together owe together: the newest wait covers them all. */
  #holdFor(waitMs: number): void {
    if (!this.#debt) this.#pause();
    clearTimeout(this.#debt);
    this.#debt = setTimeout(() => this.#paid(), waitMs);
  }

  #paid(): void {
    clearTimeout(this.#debt);
    this.#debt = undefined;
    this.#release();
  }

  #pause(): void {
    this.#holds += 1;
    this.#connection.pause();
  }

  #release(): void {
    this.#holds -= 1;
    this.read();
  }
}
