/** Writes on their way to the store: each meeting's in order, as often as it takes. */
import { type Backoff, backoffMs } from '@meetcast/protocol';
import { isNamed, isStale } from '../lib/errors.ts';
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import { Pause } from '../lib/pause.ts';
import { operatorText } from '../lib/sentences.ts';

export interface OutboxOptions {
  /** Bytes of waiting writes past which `room` says to wait. */
  readonly maxBytes: number;
  /** How long a write may wait before its meeting counts as degraded. */
  readonly slowMs: number;
  /** A meeting's writes wait, or none of them waits any longer. */
  readonly onChange: (meeting: MeetingRef, state: 'degraded' | 'recovered') => void;
  /** The first failure of several in a row, and what is given up at the end. */
  readonly onFailure: (meeting: MeetingRef, error: unknown) => void;
}

interface WriteOptions {
  /** What waits in it; default 0. */
  readonly bytes?: number;
  /** Called once if it has to wait for a store that is slow or away. */
  readonly onDelay?: (() => void) | undefined;
}

interface Write {
  readonly bytes: number;
  readonly since: number;
  /** One try; it settles the caller's promise if it is the last one. Rejects if the store should be tried again. */
  attempt(isRetry: boolean): Promise<void>;
  onDelay(): void;
  giveUp(error: Error): void;
}

/** Before a store that failed is asked again: the longest wait bounds how long after its return it is noticed. */
export const storeBackoff: Backoff = { minMs: 100, maxMs: 1_000 };

/** What a waiting write takes beside its entry. */
const writeBytes = 512;

/** Tries of a write that the database refuses: once may be a race, and one bad entry must not hold up its meeting. */
const mostRefusals = 3;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes = new Map<string, Lane>();
  #isClosed = false;
  #bytes = 0;
  #waitingForRoom: (() => void)[] = [];
  #waitingForIdle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What waits, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a meeting's writes wait for a store that is slow or away. */
  get isDelayed(): boolean {
    return [...this.#lanes.values()].some(({ isDelayed }) => isDelayed);
  }

  /** A promise to wait for when too much waits for the store. */
  get room(): Promise<void> | undefined {
    if (this.#bytes < this.#options.maxBytes) return undefined;
    return new Promise((resolve) => this.#waitingForRoom.push(resolve));
  }

  /**
   * Resolves when the write succeeded, after every earlier one of its meeting. Rejects if it is refused, or when the
   * outbox closes. A retry may follow a try that succeeded though its answer was lost.
   */
  write<T>(
    meeting: MeetingRef,
    attempt: (isRetry: boolean) => Promise<T>,
    { bytes = 0, onDelay = () => {} }: WriteOptions = {},
  ): Promise<T> {
    if (this.#isClosed) return Promise.reject(givenUp());
    let refusals = 0;
    return new Promise((resolve, reject) => {
      const write: Write = {
        bytes: bytes + writeBytes,
        since: performance.now(),
        async attempt(isRetry) {
          try {
            resolve(await attempt(isRetry));
          } catch (error) {
            if (isNamed('EntryRefusedError', error)) refusals += 1;
            if (!isStale(error) && refusals < mostRefusals) throw error;
            reject(error);
          }
        },
        onDelay,
        giveUp: reject,
      };
      this.#bytes += write.bytes;
      this.#lane(meeting).push(write);
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#waitingForIdle.push(resolve));
  }

  /** Gives up what still waits, and says what that was. */
  close(): void {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) lane.close();
  }

  #lane(meeting: MeetingRef): Lane {
    const key = meetingKey(meeting);
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = new Lane(meeting, this.#options, {
        done: (bytes) => this.#done(bytes),
        empty: () => this.#empty(key),
      });
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #done(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= this.#options.maxBytes) return;
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const resolve of waiting) resolve();
  }

  #empty(key: string): void {
    this.#lanes.delete(key);
    if (this.#lanes.size > 0) return;
    const waiting = this.#waitingForIdle;
    this.#waitingForIdle = [];
    for (const resolve of waiting) resolve();
  }
}

interface LaneOwner {
  done(bytes: number): void;
  empty(): void;
}

/*
 *   prompt ──slow or failing──▶ delayed ──empty──▶ gone
 *      └─────────────empty──────────────────────────┘
 */
class Lane {
  readonly #meeting: MeetingRef;
  readonly #options: OutboxOptions;
  readonly #owner: LaneOwner;
  #writes: Write[] = [];
  #pace: 'prompt' | 'delayed' | 'gone' = 'prompt';
  /** Between two tries. */
  readonly #pause = new Pause();

  constructor(meeting: MeetingRef, options: OutboxOptions, owner: LaneOwner) {
    this.#meeting = meeting;
    this.#options = options;
    this.#owner = owner;
  }

  get isDelayed(): boolean {
    return this.#pace === 'delayed';
  }

  push(write: Write): void {
    this.#writes.push(write);
    if (this.#pace === 'delayed') write.onDelay();
    if (this.#writes.length === 1) void this.#run();
  }

  /** A try that hangs is not waited for: it may still succeed, but nobody is told. */
  close(): void {
    const writes = this.#writes;
    this.#writes = [];
    this.#pace = 'gone';
    this.#pause.end();
    const error = givenUp();
    for (const write of writes) write.giveUp(error);
    for (const { bytes } of writes) this.#owner.done(bytes);
    this.#owner.empty();
    this.#options.onFailure(this.#meeting, new Error(operatorText.writesLost(writes.length)));
  }

  async #run(): Promise<void> {
    for (let write = this.#writes[0]; write; write = this.#writes[0]) {
      await this.#finish(write);
      if (this.#isGone) return;
      this.#writes.shift();
      this.#owner.done(write.bytes);
    }
    const wasDelayed = this.#pace === 'delayed';
    this.#pace = 'gone';
    this.#owner.empty();
    if (wasDelayed) this.#options.onChange(this.#meeting, 'recovered');
  }

  async #finish(write: Write): Promise<void> {
    const ageMs = performance.now() - write.since;
    const slow = setTimeout(() => this.#delay(), Math.max(0, this.#options.slowMs - ageMs));
    for (let failures = 0; !this.#isGone; ) {
      try {
        await write.attempt(failures > 0);
        break;
      } catch (error) {
        if (this.#isGone) break;
        failures += 1;
        if (failures === 1) this.#options.onFailure(this.#meeting, error);
        this.#delay();
        await this.#pause.wait(backoffMs(failures, storeBackoff));
      }
    }
    clearTimeout(slow);
  }

  get #isGone(): boolean {
    return this.#pace === 'gone';
  }

  #delay(): void {
    if (this.#pace !== 'prompt') return;
    this.#pace = 'delayed';
    this.#options.onChange(this.#meeting, 'degraded');
    for (const write of this.#writes) write.onDelay();
  }
}

const givenUp = () => new Error(operatorText.notStored);
