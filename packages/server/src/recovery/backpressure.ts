/** What a writer waits for: room, as long as it takes, and real time if it is far ahead of it. */
import { Pace } from './pace.ts';

/** One that speaks never waits for the time, one that uploads does. */
export class Backpressure {
  readonly #pace = new Pace(1);
  readonly #held = new Map<NodeJS.Timeout, () => void>();
  #room: { readonly made: Promise<void>; readonly make: () => void } | undefined;

  /** A promise to wait for, if this much came too early. */
  take(audioMs: number): Promise<void> | undefined {
    const waitMs = this.#pace.take(audioMs, performance.now());
    if (waitMs === 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#held.delete(timer);
        resolve();
      }, waitMs);
      this.#held.set(timer, resolve);
    });
  }

  /** A promise of room. */
  forRoom(): Promise<void> {
    this.#room ??= roomToCome();
    return this.#room.made;
  }

  makeRoom(): void {
    this.#room?.make();
    this.#room = undefined;
  }

  /** Lets everyone go. */
  end(): void {
    this.release();
    this.makeRoom();
  }

  /** Lets everyone go who is held for the time. */
  release(): void {
    for (const [timer, resolve] of this.#held) {
      clearTimeout(timer);
      resolve();
    }
    this.#held.clear();
  }
}

function roomToCome() {
  let make = () => {};
  const made = new Promise<void>((resolve) => {
    make = resolve;
  });
  return { made, make: () => make() };
}
