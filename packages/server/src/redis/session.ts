/** From one connecting to Redis to the next break: connections, what is subscribed on them, and the beat that proves them. */

import { withTimeout } from '../lib/with-timeout.ts';
import { Beat } from './beat.ts';
import type { ConnectionEvents, Connections } from './connections.ts';
import { meansAway, RedisAwayError } from './failure.ts';
import { isCluster, type RedisClient } from './options.ts';
import { shardedConnections } from './sharded.ts';
import { singleConnections } from './single.ts';

/** How long an answer may take before Redis is away. Milliseconds. */
const answerMs = 1_000;
/** From one beat heard to the next one sent. Milliseconds. */
const beatEveryMs = 1_000;
/** Channels in one SUBSCRIBE. */
const subscribeAtOnce = 1_000;

export class Session {
  /** Resolves with why it ended. */
  readonly ended: Promise<Error>;
  readonly #connections: Connections;
  readonly #beat: Beat;
  readonly #subscribing = new Set<Promise<unknown>>();
  #end!: (error: Error) => void;
  #isOver = false;
  #isOpen = false;
  #nextBeat: NodeJS.Timeout | undefined;

  constructor(template: RedisClient, node: string, deliver: (channel: string, message: Buffer) => void) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const events: ConnectionEvents = {
      broken: (error) => this.end(error),
      message: (channel, message) => {
        if (!this.#isOver && !this.#beat.hear(channel, message)) deliver(channel, message);
      },
    };
    this.#connections = isCluster(template)
      ? shardedConnections(template, events)
      : singleConnections(template, events);
    this.#beat = new Beat(this.#connections, node);
  }

  /** Resolves once commands pass, every channel is subscribed and the first beat was heard. */
  async join(channels: () => string[]): Promise<void> {
    const { patienceMs } = this.#connections;
    await withTimeout(this.#connections.connect(), patienceMs, () => {
      throw new Error('connecting took too long');
    });
    this.#isOpen = true;
    await this.subscribe([...this.#beat.channels(), ...channels()]);
    await this.beat();
    // What was wanted meanwhile belongs to it.
    while (this.#subscribing.size > 0) await Promise.all(this.#subscribing);
    if (this.#isOver) throw new RedisAwayError();
    this.#beatLater();
  }

  async run<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#isOver) throw new RedisAwayError();
    return this.#answered(command(this.#connections.client), 'Redis did not answer in time');
  }

  publish(channel: string, message: string | Buffer): void {
    if (this.#isOver) return;
    this.#connections.publish(channel, message).catch((error) => {
      if (meansAway(error)) this.end(error);
    });
  }

  /** Nothing before it is open: what is wanted then is subscribed when it opens. */
  async subscribe(channels: readonly string[]): Promise<void> {
    if (!this.#isOpen || this.#isOver) return;
    const parts: Promise<unknown>[] = [];
    for (let from = 0; from < channels.length; from += subscribeAtOnce) {
      const part = this.#connections.subscribe(channels.slice(from, from + subscribeAtOnce));
      // Those before it are answered first.
      const patienceMs = answerMs * (parts.length + 1);
      parts.push(this.#answered(part, 'Redis did not subscribe in time', patienceMs));
    }
    // A subscription that is refused is missing, whatever the reason: this node is not whole.
    const all = this.#vital(Promise.all(parts));
    this.#subscribing.add(all);
    await all.finally(() => this.#subscribing.delete(all));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    if (!this.#isOpen || this.#isOver || channels.length === 0) return;
    await this.#answered(this.#connections.unsubscribe(channels), 'Redis did not unsubscribe in time');
  }

  /** Resolves when a message of ours has passed through every server and come back. */
  async beat(): Promise<void> {
    if (this.#isOver) throw new RedisAwayError();
    return this.#vital(this.#answered(this.#beat.send(), 'Redis went silent'));
  }

  end(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#nextBeat);
    this.#connections.close();
    this.#end(error);
  }

  #beatLater(): void {
    this.#nextBeat = setTimeout(() => {
      this.beat().then(
        () => this.#isOver || this.#beatLater(),
        () => {},
      );
    }, beatEveryMs);
  }

  /** What fails because Redis is away, or comes too late, ends the session. */
  async #answered<T>(answer: Promise<T>, complaint: string, patienceMs = answerMs): Promise<T> {
    try {
      return await withTimeout(answer, patienceMs, () => {
        throw new Error(complaint);
      });
    } catch (error) {
      if (!meansAway(error)) throw error;
      this.end(error as Error);
      throw new RedisAwayError(error);
    }
  }

  /** What fails at all ends the session. */
  async #vital<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.end(error as Error);
      throw error;
    }
  }
}
