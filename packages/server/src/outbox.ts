/** Writes on their way to the store: each meeting's in order, as often as it takes. */
import { setTimeout as delay } from 'node:timers/promises';
import { isNamed } from './errors.ts';
import { type MeetingRef, meetingKey } from './meeting.ts';

export interface OutboxOptions {
  /** Bytes of waiting writes past which `room` says to wait. */
  readonly maxBytes: number;
  /** How long a write may take before its meeting counts as degraded. */
  readonly slowMs: number;
  /** A meeting's writes wait, or wait no longer. */
  readonly onChange: (meeting: MeetingRef, state: 'degraded' | 'recovered') => void;
  readonly onFailure: (meeting: MeetingRef, error: unknown) => void;
}

interface Job {
  readonly bytes: number;
  /** One try; it settles the caller's promise if it is the last one. Rejects if the store should be tried again. */
  attempt(): Promise<void>;
  onDelay(): void;
  giveUp(): void;
}

/** Ceiling of the wait between two tries; it bounds how long after its return a store is noticed. */
const retryMs = 500;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #closing = new AbortController();
  #bytes = 0;
  #waiting: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** A promise to wait for when too much waits for the store. */
  get room(): Promise<void> | undefined {
    if (this.#bytes < this.#options.maxBytes) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Resolves when the write succeeded, after every earlier one of its meeting. Rejects if it is refused, or when the
   * outbox closes. `onDelay` is called once if it has to wait for a store that is slow or away.
   */
  write<T>(meeting: MeetingRef, bytes: number, attempt: () => Promise<T>, onDelay = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#bytes += bytes;
      this.#lane(meeting).push({
        bytes,
        async attempt() {
          try {
            resolve(await attempt());
          } catch (error) {
            if (!isNamed('StaleFenceError', error)) throw error;
            reject(error);
          }
        },
        onDelay,
        giveUp: () => reject(new Error('the hub closed before the store could be written')),
      });
    });
  }

  /** Gives up what still waits. */
  close(): void {
    this.#closing.abort();
  }

  #lane(meeting: MeetingRef): Lane {
    const key = meetingKey(meeting);
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = new Lane(meeting, this.#options, this.#closing.signal, {
        done: ({ bytes }) => this.#done(bytes),
        empty: () => this.#lanes.delete(key),
      });
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #done(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= this.#options.maxBytes) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** One meeting's writes. */
class Lane {
  readonly #meeting: MeetingRef;
  readonly #options: OutboxOptions;
  readonly #closing: AbortSignal;
  readonly #owner: { done(job: Job): void; empty(): void };
  readonly #jobs: Job[] = [];
  #isDelayed = false;

  constructor(
    meeting: MeetingRef,
    options: OutboxOptions,
    closing: AbortSignal,
    owner: { done(job: Job): void; empty(): void },
  ) {
    this.#meeting = meeting;
    this.#options = options;
    this.#closing = closing;
    this.#owner = owner;
  }

  push(job: Job): void {
    this.#jobs.push(job);
    if (this.#isDelayed) job.onDelay();
    if (this.#jobs.length === 1) void this.#run();
  }

  async #run(): Promise<void> {
    for (let job = this.#jobs[0]; job; job = this.#jobs[0]) {
      await this.#finish(job);
      this.#jobs.shift();
      this.#owner.done(job);
    }
    this.#owner.empty();
  }

  async #finish(job: Job): Promise<void> {
    const slow = setTimeout(() => this.#delayed(), this.#options.slowMs);
    while (!this.#closing.aborted) {
      try {
        await job.attempt();
        clearTimeout(slow);
        this.#recovered();
        return;
      } catch (error) {
        this.#options.onFailure(this.#meeting, error);
        this.#delayed();
        await delay(retryMs * Math.random(), undefined, { signal: this.#closing }).catch(() => {});
      }
    }
    clearTimeout(slow);
    job.giveUp();
  }

  #delayed(): void {
    if (this.#isDelayed) return;
    this.#isDelayed = true;
    this.#options.onChange(this.#meeting, 'degraded');
    for (const job of this.#jobs) job.onDelay();
  }

  #recovered(): void {
    if (!this.#isDelayed) return;
    this.#isDelayed = false;
    this.#options.onChange(this.#meeting, 'recovered');
  }
}
