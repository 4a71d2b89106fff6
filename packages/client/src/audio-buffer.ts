/** Audio that its sender must keep: from the first sample whose words are not stored to the last one written. */

export interface AudioFormat {
  sampleRate: number;
  channels: number;
}

/** A whole frame is one sample of every channel; frames are counted from the first one written. */
export class AudioBuffer {
  readonly #frameBytes: number;
  readonly #sampleRate: number;
  #chunks: { at: number; bytes: Uint8Array<ArrayBuffer> }[] = [];
  #startByte: number;
  #endByte: number;

  /** Audio is counted from the frame `from`. */
  constructor({ sampleRate, channels }: AudioFormat, from = 0) {
    this.#sampleRate = sampleRate;
    this.#frameBytes = channels * 2;
    this.#startByte = this.#endByte = from * this.#frameBytes;
  }

  /** The first frame that is kept. */
  get start(): number {
    return this.#startByte / this.#frameBytes;
  }

  /** After the last whole frame; bytes of an unfinished one wait behind it. */
  get end(): number {
    return Math.floor(this.#endByte / this.#frameBytes);
  }

  get keptMs(): number {
    return ((this.end - this.start) * 1000) / this.#sampleRate;
  }

  /** Keeps the bytes themselves, not a copy. */
  append(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.byteLength === 0) return;
    this.#chunks.push({ at: this.#endByte, bytes });
    this.#endByte += bytes.byteLength;
  }

  /** Whole frames from one that is kept, as many as are there and fit. */
  read(from: number, frames: number): Uint8Array<ArrayBuffer> {
    const fromByte = from * this.#frameBytes;
    const toByte = Math.min(from + frames, this.end) * this.#frameBytes;
    const first = this.#indexOf(fromByte);
    const only = this.#chunks[first];
    if (only && toByte <= only.at + only.bytes.byteLength)
      return only.bytes.subarray(fromByte - only.at, toByte - only.at);
    return this.#joined(first, fromByte, toByte);
  }

  /** Lets go of everything before a frame. */
  forget(before: number): void {
    const byte = Math.min(before, this.end) * this.#frameBytes;
    if (byte <= this.#startByte) return;
    this.#startByte = byte;
    const index = byte === this.#endByte ? this.#chunks.length : this.#indexOf(byte);
    this.#chunks = this.#chunks.slice(index);
  }

  #joined(first: number, fromByte: number, toByte: number): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(toByte - fromByte);
    for (let index = first, at = fromByte; at < toByte; index++) {
      const chunk = this.#chunks[index];
      if (!chunk) break;
      const part = chunk.bytes.subarray(at - chunk.at, toByte - chunk.at);
      joined.set(part, at - fromByte);
      at += part.byteLength;
    }
    return joined;
  }

  /** The chunk that holds a byte: a binary search, for there may be a hundred thousand. */
  #indexOf(byte: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#chunks[middle]?.at ?? 0) <= byte) low = middle;
      else high = middle - 1;
    }
    return Math.max(low, 0);
  }
}

/** The bytes of what a writer hands over: 16-bit little-endian samples. */
export function bytesOf(pcm: Uint8Array | Int16Array | ArrayBuffer): Uint8Array<ArrayBuffer> {
  // By its tag, because a test runner's or a frame's ArrayBuffer is not an instance of this one.
  const kind = Object.prototype.toString.call(pcm).slice(8, -1);
  if (kind === 'ArrayBuffer') return new Uint8Array(pcm as ArrayBuffer);
  if (!ArrayBuffer.isView(pcm) || (kind !== 'Uint8Array' && kind !== 'Int16Array'))
    throw new TypeError(`pcm must be a Uint8Array, Int16Array or ArrayBuffer, got ${kind}`);
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  // What other threads may still write to cannot be owned: it is copied.
  return isOwnable(bytes) ? bytes : new Uint8Array(bytes);
}

const isOwnable = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> =>
  Object.prototype.toString.call(bytes.buffer) === '[object ArrayBuffer]';
