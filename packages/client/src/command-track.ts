/** Commands among the audio: each stands behind a frame, and is said again whenever that frame is. */
import type { IngestUpstream } from '@meetcast/protocol';

export interface Command {
  /** 1, 2, 3 … */
  number: number;
  /** The frame before which it stands. */
  frame: number;
  message: IngestUpstream;
}

type OffRecord = IngestUpstream & { type: 'off_record' };

/** The commands of a track, to be kept elsewhere. */
export interface KeptCommands {
  /** The number of the last one that was ever given. */
  readonly last: number;
  readonly commands: readonly Command[];
  readonly before?: OffRecord;
}

export class CommandTrack {
  #commands: Command[];
  #last: number;
  /** What held before the first command that is kept. */
  #before: OffRecord | undefined;

  /** Goes on with what was kept, except that who wrote it may not have been done: `finalize` has to be said again. */
  constructor({ last, commands, before }: KeptCommands = { last: 0, commands: [] }) {
    this.#last = last;
    this.#commands = commands.filter(({ message }) => message.type !== 'finalize');
    this.#before = before;
  }

  get kept(): KeptCommands {
    const before = this.#before === undefined ? {} : { before: this.#before };
    return { last: this.#last, commands: [...this.#commands], ...before };
  }

  /** Whether what follows is off the record. */
  get isOffRecord(): boolean {
    return this.offRecordAt(Number.POSITIVE_INFINITY)?.on === true;
  }

  add(frame: number, message: IngestUpstream): number {
    this.#last += 1;
    this.#commands.push({ number: this.#last, frame, message });
    return this.#last;
  }

  /** The next command after one with this number. */
  after(number: number): Command | undefined {
    return this.#commands.find((command) => command.number > number);
  }

  /** The number of the last command that stands before a frame, not at it. */
  lastBefore(frame: number): number {
    const next = this.#commands.find((command) => command.frame >= frame);
    return next ? next.number - 1 : this.#last;
  }

  /**
   * What must be said about the record when audio is sent from a frame on. The hub may remember what came later, so
   * "on the record" is said too, unless nothing was ever off it.
   */
  offRecordAt(frame: number): OffRecord | undefined {
    const said = this.#commands.findLast((one) => one.frame < frame && isOffRecord(one.message));
    if (said && isOffRecord(said.message)) return said.message;
    const isMentioned = this.#commands.some((one) => isOffRecord(one.message));
    return this.#before ?? (isMentioned ? { type: 'off_record', on: false } : undefined);
  }

  /** Lets go of the commands before a frame. */
  forget(frame: number): void {
    this.#before = this.#commands.reduce(
      (before, one) => (one.frame < frame && isOffRecord(one.message) ? one.message : before),
      this.#before,
    );
    this.#commands = this.#commands.filter((command) => command.frame >= frame);
  }
}

const isOffRecord = (message: IngestUpstream): message is OffRecord => message.type === 'off_record';
