/** A reader of a meeting who pulls: waits for something new, then reads the log on. */
import type { Source } from '@meetcast/protocol';
import type { Message } from './message.ts';
import type { Batch, Member } from './room.ts';

export class LogFollower implements Member {
  readonly #partials = new Map<Source, Message>();
  #isNew = false;
  #wake: () => void = () => {};

  deliver({ messages }: Batch): void {
    for (const message of messages) {
      if (message.type === 'transcript.partial' && message.source)
        this.#partials.set(message.source, message);
    }
    this.behind();
  }

  behind(): void {
    this.#isNew = true;
    this.#wake();
  }

  restart(): void {
    this.behind();
  }

  /** The newest partial of each source since the last call. */
  takePartials(): Message[] {
    const partials = [...this.#partials.values()];
    this.#partials.clear();
    return partials;
  }

  /** Resolves with true when something new came; with false after `ms`, or when the reader is gone. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#isNew && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener('abort', () => resolve(), { once: true });
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const isNew = this.#isNew;
    this.#isNew = false;
    return isNew;
  }
}
