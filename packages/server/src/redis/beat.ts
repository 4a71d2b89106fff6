/** A message to ourselves through every server: heard again, it proves that commands and subscriptions both work. */
import type { Connections } from './connections.ts';
import { meansAway } from './failure.ts';

export class Beat {
  readonly #connections: Connections;
  readonly #name: string;
  readonly #unheard = new Map<string, () => void>();
  #channels: readonly string[] = [];
  #count = 0;
  #sending: Promise<void> | undefined;

  constructor(connections: Connections, node: string) {
    this.#connections = connections;
    this.#name = `meetcast:beat:${node}`;
  }

  /** The channels it is heard on, one for each server; known once connected. */
  channels(): readonly string[] {
    this.#channels = this.#connections.spread(this.#name);
    return this.#channels;
  }

  /** Answers whether a message was a beat. */
  hear(channel: string, message: Buffer): boolean {
    if (!channel.startsWith(this.#name)) return false;
    this.#unheard.get(`${channel} ${message}`)?.();
    return true;
  }

  /** Resolves when it came back from everywhere; whoever asks meanwhile waits for the same one. */
  send(): Promise<void> {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #send(): Promise<void> {
    this.#unheard.clear();
    this.#count += 1;
    const message = String(this.#count);
    const answers = this.#channels.map((channel) => {
      const heard = new Promise<void>((resolve) => this.#unheard.set(`${channel} ${message}`, resolve));
      return Promise.all([heard, this.#write(channel), this.#connections.publish(channel, message)]);
    });
    await Promise.all(answers);
  }

  /** A server that lost its rank still passes messages on, to nobody but us: only a write tells. */
  async #write(key: string): Promise<void> {
    await this.#connections.client.del(key).catch((error) => {
      if (meansAway(error)) throw error;
    });
  }
}
