/** One direction of a proxied connection: bytes go on in order, when the link lets them. */
import type { Socket } from 'node:net';

/** How a link is at the moment. */
export interface Conditions {
  /** Infinity where nothing holds bytes back. */
  readonly bytesPerSecond: number;
  readonly delayMs: number;
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
  #state: State = 'passing';
  #held: Held[] = [];
  #heldBytes = 0;
  /** When a slow link will have handed on all that came before. */
  #freeAtMs = 0;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, conditions: () => Conditions) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
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
    for (let next = this.#held[0]; next && !this.#to.writableNeedDrain; next = this.#held[0]) {
      const waitMs = next.atMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#work(), waitMs);
        break;
      }
      this.#held.shift();
      this.#heldBytes -= next.bytes.length;
      this.#to.write(next.bytes);
    }
    if (this.#heldBytes > mostHeldBytes) this.#from.pause();
    else this.#from.resume();
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
