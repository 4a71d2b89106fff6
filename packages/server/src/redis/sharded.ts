/**
 * Connections to a Redis Cluster: one client for commands, and one subscription connection per master, because a sharded
 * channel is heard only on the master of its slot.
 *
 * ioredis can do this itself (`shardedSubscribers`), but heals in the background without saying whether it is whole.
 */
import type { Cluster, Redis } from 'ioredis';
import type { ConnectionEvents, Connections } from './connections.ts';
import { ownSettings } from './options.ts';
import { report } from './single.ts';
import { slotOf } from './slot.ts';

/** How often a command may be sent on to another node: enough for a slot that has moved. */
const maxRedirections = 4;

export function shardedConnections(template: Cluster, events: ConnectionEvents): Connections {
  const client = commandsOf(template);
  client.on('error', (error: Error) => events.broken(error));
  client.on('end', () => events.broken(new Error('the connection to Redis was closed')));
  const subscribers = subscribersOf(client, events);
  return {
    client,
    patienceMs: 2_500 * (2 + template.nodes().length),
    async connect() {
      await client.connect();
      await subscribers.connect();
    },
    spread(name) {
      const tags = new Map<string, string>();
      const owners = new Set(client.slots.flatMap((nodes) => nodes?.[0] ?? []));
      for (let tag = 0; tags.size < owners.size; tag += 1) {
        const channel = `${name}:{${tag}}`;
        const owner = client.slots[slotOf(channel)]?.[0];
        if (owner !== undefined && !tags.has(owner)) tags.set(owner, channel);
      }
      return [...tags.values()];
    },
    publish: (channel, message) => client.spublish(channel, message),
    subscribe: (channels) => subscribers.each(channels, (owner, group) => owner.ssubscribe(...group)),
    unsubscribe: (channels) => subscribers.each(channels, (owner, group) => owner.sunsubscribe(...group)),
    close() {
      client.disconnect();
      subscribers.close();
    },
  };
}

/** The client for commands. */
function commandsOf(template: Cluster): Cluster {
  const { retryStrategy, enableOfflineQueue, readOnly, ...redisOptions } = ownSettings;
  return template.duplicate([], {
    redisOptions,
    lazyConnect: true,
    clusterRetryStrategy: retryStrategy,
    clusterNodeRetryStrategy: null,
    enableReadyCheck: false,
    enableAutoPipelining: false,
    keyPrefix: '',
    maxRedirections,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    scaleReads: 'master',
    shardedSubscribers: false,
    slotsRefreshTimeout: 1_000,
    slotsRefreshInterval: 0,
  });
}

interface Subscribers {
  /** To every master that the client knows. */
  connect(): Promise<void>;
  /** Does something for the channels of each slot: those of one slot may be named together, those of several may not. */
  each(channels: readonly string[], act: (owner: Redis, group: string[]) => unknown): Promise<void>;
  close(): void;
}

/** The subscription connections, one per master. */
function subscribersOf(client: Cluster, events: ConnectionEvents): Subscribers {
  const subscribers = new Map<string, Redis>();
  const ownerOf = (slot: number): Redis => {
    const owner = subscribers.get(client.slots[slot]?.[0] ?? '');
    if (owner) return owner;
    throw new Error(`no master of the cluster serves slot ${slot}`);
  };
  return {
    async connect() {
      for (const node of client.nodes('master')) {
        subscribers.set(`${node.options.host}:${node.options.port}`, subscriberTo(node, events));
      }
      if (subscribers.size === 0) throw new Error('the cluster has no masters');
      await Promise.all([...subscribers.values()].map((subscriber) => subscriber.connect()));
    },
    async each(channels, act) {
      const groups = new Map<number, string[]>();
      for (const channel of channels) {
        const group = groups.get(slotOf(channel));
        if (group) group.push(channel);
        else groups.set(slotOf(channel), [channel]);
      }
      await Promise.all([...groups].map(([slot, group]) => act(ownerOf(slot), group)));
    },
    close() {
      for (const subscriber of subscribers.values()) subscriber.disconnect();
    },
  };
}

function subscriberTo(node: Redis, events: ConnectionEvents): Redis {
  const subscriber = node.duplicate(ownSettings);
  report(subscriber, events);
  // The server ends a subscription whose slot it gave away.
  subscriber.on('moved', () => events.broken(new Error('a slot of the cluster has moved')));
  subscriber.on('smessageBuffer', (channel: Buffer, message: Buffer) =>
    events.message(channel.toString(), message),
  );
  return subscriber;
}
