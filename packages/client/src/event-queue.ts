/** Events on their way to one `for await` loop. */
import type { SubscriptionEvent } from './transcript.ts';

//  filling ⇄ waiting (the loop has asked and nothing is there)      either ──end()──▶ ended (after what is left)
type State =
  | { name: 'filling' }
  | { name: 'waiting'; give(result: IteratorResult<SubscriptionEvent, undefined>): void }
  | { name: 'ended' };

export class EventQueue implements AsyncIterableIterator<SubscriptionEvent, undefined> {
  readonly #waiting: SubscriptionEvent[] = [];
  readonly #left: (queue: EventQueue) => void;
  #state: State = { name: 'filling' };

  /** `left` is told when the loop ends by itself. */
  constructor(left: (queue: EventQueue) => void) {
    this.#left = left;
  }

  push(event: SubscriptionEvent): void {
    if (this.#state.name === 'waiting') return this.#enter({ name: 'filling' }, event);
    if (this.#state.name === 'ended') return;
    this.#dropOvertaken(event);
    this.#waiting.push(event);
  }

  end(): void {
    if (this.#state.name !== 'ended') this.#enter({ name: 'ended' });
  }

  next(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    const event = this.#waiting.shift();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.#state.name !== 'filling') return Promise.resolve({ done: true, value: undefined });
    return new Promise((give) => this.#enter({ name: 'waiting', give }));
  }

  return(): Promise<IteratorResult<SubscriptionEvent, undefined>> {
    this.#waiting.length = 0;
    this.end();
    this.#left(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** A slow loop gets every entry, but of a partial that was never read only the newest. */
  #dropOvertaken(event: SubscriptionEvent): void {
    if (event.type !== 'transcript.partial') return;
    const at = this.#waiting.findLastIndex(
      (other) => other.type === event.type && other.segment_no === event.segment_no,
    );
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  #enter(next: State, event?: SubscriptionEvent): void {
    const old = this.#state;
    this.#state = next;
    if (old.name !== 'waiting') return;
    old.give(event ? { done: false, value: event } : { done: true, value: undefined });
  }
}
