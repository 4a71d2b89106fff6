/** One life of this node's connections to Redis: made, used and given up together. */
import type { RedisClient } from './options.ts';

export interface Connections {
  /** For commands. */
  readonly client: RedisClient;
  /** How long connecting may take. Milliseconds. */
  readonly patienceMs: number;
  /** Resolves when commands and subscriptions can be sent. */
  connect(): Promise<void>;
  /** A name that begins so for each server that subscriptions are spread over; known once connected. */
  spread(name: string): string[];
  publish(channel: string, message: string | Buffer): Promise<unknown>;
  subscribe(channels: readonly string[]): Promise<unknown>;
  unsubscribe(channels: readonly string[]): Promise<unknown>;
  close(): void;
}

/** What connections tell whoever opened them. */
export interface ConnectionEvents {
  message(channel: string, message: Buffer): void;
  /** One of them broke; may be called several times. */
  broken(error: Error): void;
}
