/** The bus of many nodes: Redis pub/sub, sharded on a Cluster. */
import { type MeetingRef, meetingKey } from '../lib/meeting.ts';
import { openRedisLink, type RedisLink } from '../redis/link.ts';
import type { RedisConnectOptions } from '../redis/options.ts';
import type { Bus, Unsubscribe } from './bus.ts';
import { readEnvelope, writeEnvelope } from './envelope.ts';
import type { Message } from './message.ts';

/**
 * Pub/sub of Redis carries messages between nodes; those of one node hear each other without it. Throws TypeError for
 * options that name no Redis. It connects in the background.
 */
export const redisBus = (options: RedisConnectOptions): Bus => new RedisBus(openRedisLink(options));

/** A meeting's listeners on this node, with one subscription in Redis. */
interface Listeners {
  readonly all: Set<(message: Message) => void>;
  readonly subscription: Promise<Unsubscribe>;
}

class RedisBus implements Bus {
  readonly remote: RedisLink;
  readonly #meetings = new Map<string, Listeners>();

  constructor(link: RedisLink) {
    this.remote = link;
  }

  async publish(meeting: MeetingRef, message: Message): Promise<void> {
    const key = meetingKey(meeting);
    this.#deliver(key, message);
    this.remote.publish(channelOf(key, message), writeEnvelope(this.remote.node, message));
  }

  async subscribe(meeting: MeetingRef, listener: (message: Message) => void): Promise<Unsubscribe> {
    const key = meetingKey(meeting);
    const there = this.#meetings.get(key) ?? this.#open(key);
    // A listener of its own for every subscription, so that the same function may subscribe twice.
    const own = (message: Message) => listener(message);
    there.all.add(own);
    const unsubscribe = await there.subscription;
    return async () => {
      if (!there.all.delete(own) || there.all.size > 0) return;
      this.#meetings.delete(key);
      await unsubscribe();
    };
  }

  async close(): Promise<void> {
    this.#meetings.clear();
    await this.remote.close();
  }

  #open(key: string): Listeners {
    const heard = (bytes: Buffer) => {
      const envelope = readEnvelope(bytes);
      // What this node sent itself, its listeners have heard already.
      if (envelope && envelope.node !== this.remote.node) this.#deliver(key, envelope.message);
    };
    const channels = [`meeting:{${key}}:transcript`, `meeting:{${key}}:status`];
    const there = { all: new Set<never>(), subscription: this.remote.subscribe(channels, heard) };
    this.#meetings.set(key, there);
    return there;
  }

  #deliver(key: string, message: Message): void {
    for (const listener of [...(this.#meetings.get(key)?.all ?? [])]) {
      try {
        listener(message);
      } catch {
        // The contract: one listener's failure is not the publisher's, nor another listener's.
      }
    }
  }
}

function channelOf(key: string, { type }: Message): string {
  const isTranscript = type === 'transcript.partial' || type === 'transcript.final';
  return `meeting:{${key}}:${isTranscript ? 'transcript' : 'status'}`;
}
