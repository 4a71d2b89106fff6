/** Cuts a stream of PCM bytes into 10 ms blocks of one channel at about 8 kHz. */

export interface PcmFormat {
  sampleRate: number;
  /** Interleaved channels. Default 1. */
  channels?: number;
  /** Hear this channel only; without it all of them, mixed. */
  channel?: number;
}

export const blockSeconds = 0.01;
const lowestRateHz = 8000;

/** How many samples are averaged into one, so that every rate costs the same to analyse. */
export const decimationOf = (sampleRate: number): number =>
  Math.max(1, Math.floor(sampleRate / lowestRateHz));

export class PcmBlocks {
  readonly #channels: number;
  readonly #only: number | undefined;
  readonly #decimation: number;
  readonly #blockLength: number;
  readonly #block: Float64Array;
  #carry = new Uint8Array(0);
  #blocks = 0;
  #length: number;
  #filled = 0;
  #sum = 0;
  #summed = 0;

  constructor(format: PcmFormat) {
    this.#channels = format.channels ?? 1;
    this.#only = format.channel;
    this.#decimation = decimationOf(format.sampleRate);
    this.#blockLength = (format.sampleRate / this.#decimation) * blockSeconds;
    this.#block = new Float64Array(Math.ceil(this.#blockLength) + 1);
    this.#length = this.#lengthOf(0);
  }

  /** Calls `heard` with each block that becomes complete; the block is reused, so copy what must stay. */
  read(bytes: Uint8Array, heard: (block: Float64Array) => void): void {
    const samples = this.#samplesOf(bytes);
    const scale = 1 / (32_768 * this.#decimation * (this.#only === undefined ? this.#channels : 1));
    for (let at = 0; at < samples.length; at += this.#channels) {
      this.#sum += this.#mono(samples, at);
      if (++this.#summed < this.#decimation) continue;
      this.#block[this.#filled++] = this.#sum * scale;
      this.#sum = 0;
      this.#summed = 0;
      if (this.#filled === this.#length) this.#complete(heard);
    }
  }

  /** Completes the last block with silence. */
  end(heard: (block: Float64Array) => void): void {
    if (this.#filled === 0) return;
    this.#block.fill(0, this.#filled, this.#length);
    this.#complete(heard);
  }

  #complete(heard: (block: Float64Array) => void): void {
    heard(this.#block.subarray(0, this.#length));
    this.#filled = 0;
    this.#length = this.#lengthOf(++this.#blocks);
  }

  #mono(samples: Int16Array, at: number): number {
    if (this.#only !== undefined) return samples[at + this.#only] ?? 0;
    let sum = samples[at] ?? 0;
    for (let channel = 1; channel < this.#channels; channel++) sum += samples[at + channel] ?? 0;
    return sum;
  }

  /** Whole samples of all channels; an odd rest waits for the next bytes. (Node runs on little-endian machines only.) */
  #samplesOf(bytes: Uint8Array): Int16Array {
    const joined = new Uint8Array(this.#carry.length + bytes.length);
    joined.set(this.#carry);
    joined.set(bytes, this.#carry.length);
    const frames = Math.floor(joined.length / (2 * this.#channels));
    this.#carry = joined.slice(frames * 2 * this.#channels);
    return new Int16Array(joined.buffer, 0, frames * this.#channels);
  }

  /** Blocks of 147 or 148 samples where 10 ms is not a whole number: the clock must not drift. */
  #lengthOf(block: number): number {
    return Math.round((block + 1) * this.#blockLength) - Math.round(block * this.#blockLength);
  }
}
