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

interface WriteOptions<T> {
  /** What waits in it; default 0. */
  readonly bytes?: number;
  /** Called once if it has to wait for a store that is slow or away. */
  readonly onDelay?: (() => void) | undefined;
  /** Tried in its place, and in its turn, once the database has refused it for good. */
  readonly instead?: ((isRetry: boolean) => Promise<T>) | undefined;
}

interface Write {
  readonly bytes: number;
  readonly since: number;
  /** One try; it settles the caller's promise if it is the last one. Rejects if the store should be tried again. */
  attempt(isRetry: boolean): Promise<void>;
  onDelay(): void;
  giveUp(error: Error): void;
}

/** One meeting's writes. */
interface Lane {
  readonly meeting: MeetingRef;
  readonly writes: Write[];
  /** Between two tries. */
  readonly pause: Pause;
  /*
   *   prompt ──slow or failing──▶ delayed ──empty──▶ gone
   *      └─────────────empty──────────────────────────┘
   */
  pace: 'prompt' | 'delayed' | 'gone';
}

/** Asked anew after each wait. */
const isGone = ({ pace }: Lane): boolean => pace === 'gone';

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
  readonly #waitingForRoom: (() => void)[] = [];
  readonly #waitingForIdle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What waits, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a meeting's writes wait for a store that is slow or away. */
  get isDelayed(): boolean {
    return [...this.#lanes.values()].some(({ pace }) => pace === 'delayed');
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
    { bytes = 0, onDelay = () => {}, instead }: WriteOptions<T> = {},
  ): Promise<T> {
    if (this.#isClosed) return Promise.reject(givenUp());
    let refusals = 0;
    let current = attempt;
    let other = instead;
    return new Promise((resolve, reject) => {
      this.#push(meeting, {
        bytes: bytes + writeBytes,
        since: performance.now(),
        async attempt(isRetry) {
          try {
            resolve(await current(isRetry));
          } catch (error) {
            if (isNamed('EntryRefusedError', error)) refusals += 1;
            if (!isStale(error) && refusals < mostRefusals) throw error;
            if (isStale(error) || !other) return reject(error);
            [current, other, refusals] = [other, undefined, 0];
            await this.attempt(false);
          }
        },
        onDelay,
        giveUp: reject,
      });
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#waitingForIdle.push(resolve));
  }

  /** Gives up what still waits, and says what that was. */
  close(): void {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) this.#giveUp(lane);
  }

  #push(meeting: MeetingRef, write: Write): void {
    const key = meetingKey(meeting);
    const lane: Lane = this.#lanes.get(key) ?? { meeting, writes: [], pause: new Pause(), pace: 'prompt' };
    this.#lanes.set(key, lane);
    this.#bytes += write.bytes;
    lane.writes.push(write);
    if (lane.pace === 'delayed') write.onDelay();
    if (lane.writes.length === 1) void this.#run(lane);
  }

  async #run(lane: Lane): Promise<void> {
    for (let [write] = lane.writes; write; [write] = lane.writes) {
      await this.#finish(lane, write);
      if (isGone(lane)) return;
      lane.writes.shift();
      this.#makeRoom(write.bytes);
    }
    const wasDelayed = lane.pace === 'delayed';
    this.#end(lane);
    if (wasDelayed) this.#options.onChange(lane.meeting, 'recovered');
  }

  async #finish(lane: Lane, write: Write): Promise<void> {
    const ageMs = performance.now() - write.since;
    const slow = setTimeout(() => this.#delay(lane), Math.max(0, this.#options.slowMs - ageMs));
    for (let failures = 0; !isGone(lane); ) {
      try {
        await write.attempt(failures > 0);
        break;
      } catch (error) {
        if (isGone(lane)) break;
        failures += 1;
        if (failures === 1) this.#options.onFailure(lane.meeting, error);
        this.#delay(lane);
        await lane.pause.wait(backoffMs(failures, storeBackoff));
      }
    }
    clearTimeout(slow);
  }

  #delay(lane: Lane): void {
    if (lane.pace !== 'prompt') return;
    lane.pace = 'delayed';
    this.#options.onChange(lane.meeting, 'degraded');
    for (const write of lane.writes) write.onDelay();
  }

  /** A try that hangs is not waited for: it may still succeed, but nobody is told. */
  #giveUp(lane: Lane): void {
    const writes = lane.writes.splice(0);
    const error = givenUp();
    for (const write of writes) write.giveUp(error);
    for (const { bytes } of writes) this.#makeRoom(bytes);
    this.#end(lane);
    lane.pause.end();
    this.#options.onFailure(lane.meeting, new Error(operatorText.writesLost(writes.length)));
  }

  #end(lane: Lane): void {
    lane.pace = 'gone';
    this.#lanes.delete(meetingKey(lane.meeting));
    if (this.#lanes.size === 0) for (const resolve of this.#waitingForIdle.splice(0)) resolve();
  }

  #makeRoom(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= this.#options.maxBytes) return;
    for (const resolve of this.#waitingForRoom.splice(0)) resolve();
  }
}

const givenUp = () => new Error(operatorText.notStored);
