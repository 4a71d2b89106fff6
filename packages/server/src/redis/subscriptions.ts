/** Who listens to which channel on this node. */

export type ChannelListener = (message: Buffer) => void;

export class Subscriptions {
  readonly #listeners = new Map<string, Set<ChannelListener>>();

  get channels(): string[] {
    return [...this.#listeners.keys()];
  }

  /** Answers the channels that nobody listened to before. */
  add(channels: readonly string[], listener: ChannelListener): string[] {
    return channels.filter((channel) => {
      const there = this.#listeners.get(channel);
      if (there) there.add(listener);
      else this.#listeners.set(channel, new Set([listener]));
      return !there;
    });
  }

  /** Answers the channels that nobody listens to any more. */
  remove(channels: readonly string[], listener: ChannelListener): string[] {
    return channels.filter((channel) => {
      const there = this.#listeners.get(channel);
      if (!there?.delete(listener) || there.size > 0) return false;
      return this.#listeners.delete(channel);
    });
  }

  deliver(channel: string, message: Buffer): void {
    for (const listener of this.#listeners.get(channel) ?? []) {
      try {
        listener(message);
      } catch {
        // One listener's failure is not another's, nor the connection's.
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
