/** Follows bursts from block to block: where each begins, where it ends, and whether it was long enough to be a word. */

import type { BlockTones } from './block-tones.ts';

/** A finished burst, in blocks with fractions. */
export interface Burst {
  symbol: number;
  start: number;
  end: number;
  purity: number;
}

interface Sounding {
  symbol: number;
  first: number;
  last: number;
  blocks: number;
  power: number;
  purity: number;
  powerBefore: number;
  firstPower: number;
  lastPower: number;
  powerAfter: number;
}

/** Blocks that may be spoilt within one burst. The gap between two words is far longer; without one, the next word takes over. */
const dropoutBlocks = 3;

export class BurstTracker {
  readonly #shortest: number;
  readonly #longest: number;
  #next = 0;
  #powerBefore = 0;
  #settled = 0;
  #current: Sounding | undefined;
  #rival: Sounding | undefined;

  /** A burst shorter or longer than this, in blocks, is a fragment or a held tone: no word. */
  constructor(shortest: number, longest: number) {
    this.#shortest = shortest;
    this.#longest = longest;
  }

  /** Where the burst now sounding began, in blocks; undefined between bursts. */
  get soundingSince(): number | undefined {
    const sounding = this.#current ?? this.#rival;
    if (!sounding) return undefined;
    if (sounding.last - sounding.first > this.#longest) return undefined;
    return Math.max(startOf(sounding), this.#settled);
  }

  /** The blocks heard so far. */
  get heard(): number {
    return this.#next;
  }

  hear(block: BlockTones): Burst | undefined {
    const at = this.#next++;
    const finished = this.#current ? this.#follow(this.#current, block, at) : this.#listen(block, at);
    this.#powerBefore = block.power;
    return finished;
  }

  /** No more blocks come: whatever sounds, ends. */
  end(): Burst | undefined {
    const last = this.#current;
    this.#current = undefined;
    this.#rival = undefined;
    return last && this.#judge(last);
  }

  #listen(block: BlockTones, at: number): undefined {
    if (block.symbol !== undefined) this.#current = begin(block.symbol, block, at, this.#powerBefore);
  }

  #follow(current: Sounding, block: BlockTones, at: number): Burst | undefined {
    if (block.symbol === current.symbol) {
      extend(current, block, at);
      this.#rival = undefined;
      return undefined;
    }
    if (at === current.last + 1) current.powerAfter = block.power;
    this.#hearRival(block, at);
    if (at - current.last <= dropoutBlocks) return undefined;
    this.#current = this.#rival;
    this.#rival = undefined;
    return this.#judge(current);
  }

  #hearRival(block: BlockTones, at: number): void {
    if (block.symbol === undefined) return;
    if (this.#rival?.symbol === block.symbol) extend(this.#rival, block, at);
    else this.#rival = begin(block.symbol, block, at, this.#powerBefore);
  }

  #judge(sounding: Sounding): Burst | undefined {
    const start = Math.max(startOf(sounding), this.#settled);
    const end = endOf(sounding);
    if (end - start < this.#shortest || end - start > this.#longest) return undefined;
    this.#settled = end;
    return { symbol: sounding.symbol, start, end, purity: sounding.purity / sounding.blocks };
  }
}

function begin(symbol: number, { power, purity }: BlockTones, at: number, powerBefore: number): Sounding {
  const powers = { power, powerBefore, firstPower: power, lastPower: power, powerAfter: 0 };
  return { symbol, first: at, last: at, blocks: 1, purity, ...powers };
}

function extend(sounding: Sounding, block: BlockTones, at: number): void {
  sounding.last = at;
  sounding.lastPower = block.power;
  sounding.blocks++;
  sounding.power += block.power;
  sounding.purity += block.purity;
}

/** A block half filled by a burst has half its power: so an edge is found more finely than a block. */
function share(sounding: Sounding, power: number): number {
  return Math.min(1, power / (sounding.power / sounding.blocks));
}

function startOf(sounding: Sounding): number {
  const edge = share(sounding, sounding.firstPower) + share(sounding, sounding.powerBefore);
  return Math.max(0, sounding.first + 1 - edge);
}

function endOf(sounding: Sounding): number {
  return sounding.last + share(sounding, sounding.lastPower) + share(sounding, sounding.powerAfter);
}
