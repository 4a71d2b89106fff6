/** One direction of a proxied connection: bytes go on in order, when the link lets them. */
import type { Socket } from 'node:net';

/** How a link is at the moment. */
export interface Conditions {
  /** Infinity where nothing holds bytes back. */
  readonly bytesPerSecond: number;
  readonly delayMs: number;
  /** Nothing goes on, and nothing is lost. */
  readonly isStalled: boolean;
}

export interface LaneOptions {
  conditions(): Conditions;
  /** What ends the connection in mid-message. */
  readonly cut?: {
    /** How many of so many bytes may go on. If it is fewer, they are the last. */
    pass(bytes: number): number;
    end(): void;
  };
}

interface Held {
  readonly bytes: Buffer;
  readonly atMs: number;
}

/** Past this the rest stays in the network, and its sender feels it. */
const mostHeldBytes = 64 * 1024;
/** What a slow link hands on at a time, in parts of a second. */
const portionsPerSecond = 20;

//  passing ──silence()──▶ silent            any ── a socket is gone ──▶ over
type State = 'passing' | 'silent' | 'over';

export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #conditions: () => Conditions;
  readonly #cut: LaneOptions['cut'];
  #state: State = 'passing';
  #held: Held[] = [];
  #heldBytes = 0;
  /** When a slow link will have handed on all that came before. */
  #freeAtMs = 0;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, { conditions, cut }: LaneOptions) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
    this.#cut = cut;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#end());
    to.on('drain', () => this.#work());
  }

  /** Swallows what comes from now on, and what is held: no end either. */
  silence(): void {
    if (this.#state !== 'passing') return;
    this.#enter('silent');
    this.#from.resume();
  }

  /** The link is another one now: what it held goes on at once. */
  hurry(): void {
    this.#freeAtMs = 0;
    this.#held = this.#held.map(({ bytes }) => ({ bytes, atMs: 0 }));
    this.#work();
  }

  stop(): void {
    this.#enter('over');
  }

  #take(bytes: Buffer): void {
    if (this.#state !== 'passing') return;
    const { bytesPerSecond, delayMs } = this.#conditions();
    const portion = Math.min(bytes.length, Math.ceil(bytesPerSecond / portionsPerSecond));
    for (let at = 0; at < bytes.length; at += portion) {
      const part = bytes.subarray(at, at + portion);
      this.#freeAtMs = Math.max(this.#freeAtMs, performance.now()) + (part.length * 1000) / bytesPerSecond;
      this.#held.push({ bytes: part, atMs: this.#freeAtMs + delayMs });
    }
    this.#heldBytes += bytes.length;
    this.#work();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#work();
  }

  #work(): void {
    if (this.#state !== 'passing') return;
    clearTimeout(this.#timer);
    if (!this.#conditions().isStalled) this.#handOn();
    if (this.#state !== 'passing') return;
    if (this.#heldBytes > mostHeldBytes) this.#from.pause();
    else this.#from.resume();
  }

  /** What is due; after all of it, that there is no more. */
  #handOn(): void {
    for (let next = this.#held[0]; next && !this.#to.writableNeedDrain; next = this.#held[0]) {
      const waitMs = next.atMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#work(), waitMs);
        return;
      }
      const { length } = next.bytes;
      const passed = this.#cut?.pass(length) ?? length;
      this.#held.shift();
      this.#heldBytes -= length;
      this.#to.write(next.bytes.subarray(0, passed));
      if (passed < length) return this.#cut?.end();
    }
    if (this.#hasEnded && this.#held.length === 0) this.#to.end();
  }

  #enter(next: Exclude<State, 'passing'>): void {
    if (this.#state === 'over') return;
    this.#state = next;
    clearTimeout(this.#timer);
    this.#held = [];
    this.#heldBytes = 0;
  }
}
