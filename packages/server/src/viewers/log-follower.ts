/** Hears a room for a reader who pulls: waits for something new, so that the log can be read on. */
import type { Message } from '../bus/message.ts';
import { Pause } from '../lib/pause.ts';
import type { Batch, Member } from './room.ts';

/** What a wait ended with. */
export type News = 'nothing' | 'something' | 'restarted';

export class LogFollower implements Member {
  /** What goes by without being logged: the newest of each kind. */
  readonly #passing = new Map<string, Message>();
  #news: News = 'nothing';
  readonly #pause = new Pause();

  deliver({ messages }: Batch): void {
    for (const message of messages) this.hold(message);
    if (messages.some(({ type }) => type !== 'audio.level')) this.wake();
  }

  behind(): void {
    this.wake();
  }

  restart(): void {
    this.#tell('restarted');
  }

  /** Ends a wait, whatever for. */
  readonly wake = (): void => {
    if (this.#news === 'nothing') this.#tell('something');
  };

  /** Keeps a message that will not be in the log, in the place of an earlier one of its kind. */
  hold(message: Message): void {
    if (message.seq > 0 || message.type === 'audio.level') return;
    const { type, source, segmentNo } = message;
    const kind = `${type} ${source ?? segmentNo}`;
    this.#passing.delete(kind);
    this.#passing.set(kind, message);
  }

  /** What was held since the last call. */
  takePassing(): Message[] {
    const passing = [...this.#passing.values()];
    this.#passing.clear();
    return passing;
  }

  /** Resolves when something comes, or after `ms`. That the log was restarted stays news for ever. */
  async wait(ms: number): Promise<News> {
    if (this.#news === 'nothing') await this.#pause.wait(ms);
    const news = this.#news;
    if (news === 'something') this.#news = 'nothing';
    return news;
  }

  #tell(news: News): void {
    this.#news = news;
    this.#pause.end();
  }
}
