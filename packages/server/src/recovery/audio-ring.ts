/** The audio of one stream that may have to be sent again: the newest in memory, what is older in a file, all bounded. */
import { bytesOf } from '../recognizer/pcm.ts';
import type { AudioFormat } from '../recognizer/recognizer.ts';
import { type OpenFile, SpoolFile } from './spool-file.ts';

export interface RingOptions {
  /** Kept in memory; what is older goes to a file. */
  readonly memoryMs: number;
  /** Kept in all; what is older falls off. */
  readonly keptMs: number;
  /** Where the file is made once one is needed. */
  readonly folder: string;
  /** Told each time that the disk does not take a stretch of audio. */
  readonly onRefused?: (error: unknown) => void;
}

/** A stretch of audio; its bytes are in memory or in a slot of the file. */
interface Block {
  readonly at: number;
  length: number;
  bytes: Uint8Array | undefined;
  slot: number | undefined;
}

const blockMs = 1_000;
/** Blocks above the bound of the memory that wait for a disk that refuses them: what comes until a writer waits. */
const waitingBlocks = 3;

/** Positions are bytes since the first one written. */
export class AudioRing {
  readonly #blockBytes: number;
  readonly #memoryBlocks: number;
  readonly #keptBytes: number;
  readonly #spool: SpoolFile;
  /** In order, without a hole. */
  readonly #blocks: Block[] = [];
  #start = 0;
  #end = 0;
  readonly #onRefused: RingOptions['onRefused'];
  /** Not where all fits into the memory. */
  readonly #hasDisk: boolean;
  #spilling: Promise<void> | undefined;
  /** The disk did not take the last block it was given. */
  #isRefused = false;
  #isClosed = false;

  constructor(format: AudioFormat, options: RingOptions, openFile?: OpenFile) {
    const { memoryMs, keptMs, folder, onRefused } = options;
    this.#blockBytes = bytesOf(blockMs, format);
    this.#memoryBlocks = Math.max(2, Math.ceil(memoryMs / blockMs));
    this.#hasDisk = keptMs > memoryMs;
    this.#keptBytes = this.#hasDisk ? bytesOf(keptMs, format) : this.#memoryBlocks * this.#blockBytes;
    this.#onRefused = onRefused;
    this.#spool = new SpoolFile(folder, this.#blockBytes, openFile);
  }

  /** The oldest byte still there. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** How many more bytes fit before the oldest falls off. */
  get room(): number {
    if (this.#isRefused && this.#aging().length > 0) return 0;
    return this.#keptBytes - (this.#end - this.#start);
  }

  /** Resolves, never rejects, once the disk took or refused what is too old for the memory. */
  append(audio: Uint8Array): Promise<void> | undefined {
    for (let rest = audio; rest.length > 0 && !this.#isClosed; ) {
      const block = this.#lastWithRoom(rest.length);
      const piece = rest.subarray(0, this.#blockBytes - block.length);
      block.bytes?.set(piece, block.length);
      block.length += piece.length;
      this.#end += piece.length;
      rest = rest.subarray(piece.length);
    }
    this.release(this.#end - this.#keptBytes);
    return this.#spilling;
  }

  /** Some of the audio from `at` on, at most `length` bytes; at least one if there is any. `at` must be in the ring. */
  read(at: number, length: number): Uint8Array | Promise<Uint8Array> {
    const block = this.#blocks.findLast((one) => one.at <= at);
    if (!block) throw new RangeError(`byte ${at} is no longer buffered`);
    const from = at - block.at;
    const to = Math.min(block.length, from + length);
    if (block.bytes) return block.bytes.subarray(from, to);
    return this.#readBack(block).then((bytes) => bytes.subarray(from, to));
  }

  /** What is before `at` will not be read any more. */
  release(at: number): void {
    this.#start = Math.min(this.#end, Math.max(this.#start, at));
    for (let block = this.#blocks[0]; block && this.#isDone(block); block = this.#blocks[0]) {
      this.#blocks.shift();
      this.#forget(block);
    }
  }

  /** Resolves once no file is left. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#blocks.length = 0;
    this.#start = this.#end;
    return this.#spool.close();
  }

  #isDone({ at, length }: Block): boolean {
    return at + length <= this.#start && (at + length < this.#end || length === this.#blockBytes);
  }

  /** A frame is not cut in two for a few bytes of room. */
  #lastWithRoom(bytes: number): Block {
    const last = this.#blocks.at(-1);
    if (last?.bytes && last.length + Math.min(bytes, this.#blockBytes) <= this.#blockBytes) return last;
    const block: Block = {
      at: this.#end,
      length: 0,
      bytes: new Uint8Array(this.#blockBytes),
      slot: undefined,
    };
    this.#blocks.push(block);
    if (this.#hasDisk && this.#aging().length > 0) this.#spilling ??= this.#spill();
    return block;
  }

  /**
   * What is too old for the memory goes to the file. What the disk refuses waits in memory and is tried again with each
   * further block; when too much waits, the oldest audio falls off, and its slot is for what waits.
   */
  async #spill(): Promise<void> {
    for (let [block] = this.#aging(); block; [block] = this.#aging()) {
      if (await this.#toFile(block)) continue;
      const [oldest] = this.#blocks;
      if (!oldest || this.#aging().length <= waitingBlocks) break;
      this.release(oldest.at + oldest.length);
    }
    this.#spilling = undefined;
  }

  /** In memory, and too old for it. */
  #aging(): Block[] {
    return this.#blocks.slice(0, -this.#memoryBlocks).filter(({ bytes }) => bytes);
  }

  /** Resolves to whether the disk took it. */
  async #toFile(block: Block): Promise<boolean> {
    if (!block.bytes) return true;
    try {
      const slot = await this.#spool.write(block.bytes);
      this.#isRefused = false;
      block.bytes = undefined;
      if (this.#blocks.includes(block)) block.slot = slot;
      else this.#spool.free(slot);
      return true;
    } catch (error) {
      this.#isRefused = true;
      if (!this.#isClosed) this.#onRefused?.(error);
      return false;
    }
  }

  /** Rejects if the disk lost it; then it has fallen off. */
  async #readBack(block: Block): Promise<Uint8Array> {
    try {
      return await this.#spool.read(block.slot as number, block.length);
    } catch (error) {
      this.release(block.at + block.length);
      throw error;
    }
  }

  #forget(block: Block): void {
    if (block.slot !== undefined) this.#spool.free(block.slot);
  }
}
