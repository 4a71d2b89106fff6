/** Segment numbers at once, out of blocks that are taken ahead. */
import type { Numbering } from './registry.ts';

/** Where numbers come from. Both give numbers that nobody else has, none below `atLeast`. */
export interface NumberSupply {
  /** The first of `blockSize` numbers in a row, or nothing while nobody can be asked. */
  take(atLeast: number): Promise<number | undefined>;
  /** One number, without asking. */
  alone(atLeast: number): number;
}

/**
 * A recognizer says few utterances a second, so half a block outlasts the way to a registry and back many times over.
 * What is left of a block when its source ends is never used.
 */
export const blockSize = 64;

/** Takes the next block when half of one is used. Without any number left it goes on alone: words do not wait. */
export class BlockNumbering implements Numbering {
  readonly #supply: NumberSupply;
  readonly #ahead: number[] = [];
  /** What comes next is at least this: numbers of one source rise. */
  #atLeast: number;
  #isTaking = false;

  constructor(supply: NumberSupply, atLeast: number) {
    this.#supply = supply;
    this.#atLeast = atLeast;
  }

  next(): number {
    const number = this.#ahead.shift() ?? this.#supply.alone(this.#atLeast);
    this.#atLeast = Math.max(this.#atLeast, number + 1);
    // If nothing comes of it, the next number asks again.
    if (this.#ahead.length <= blockSize / 2) void this.takeAhead().catch(() => {});
    return number;
  }

  async takeAhead(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      const asked = (this.#ahead.at(-1) ?? this.#atLeast - 1) + 1;
      const first = await this.#supply.take(asked);
      // Below what was given alone meanwhile it would come out of turn.
      if (first === undefined || first < this.#atLeast) return;
      for (let number = first; number < first + blockSize; number += 1) this.#ahead.push(number);
    } finally {
      this.#isTaking = false;
    }
  }
}
