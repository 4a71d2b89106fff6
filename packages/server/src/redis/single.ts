/** Connections to one Redis, found by its address or through Sentinel: one for commands, one for subscriptions. */
import type { Redis } from 'ioredis';
import type { ConnectionEvents, Connections } from './connections.ts';
import { ownSettings } from './options.ts';
import { watchSentinels } from './sentinel.ts';

export function singleConnections(template: Redis, events: ConnectionEvents): Connections {
  const client = template.duplicate(ownSettings);
  const subscriber = template.duplicate(ownSettings);
  for (const connection of [client, subscriber]) report(connection, events);
  subscriber.on('messageBuffer', (channel: Buffer, message: Buffer) =>
    events.message(channel.toString(), message),
  );
  const sentinels = template.options.sentinels?.length ?? 0;
  const stopWatching = watchSentinels(template, () =>
    events.broken(new Error('another server has become the master')),
  );

  return {
    client,
    patienceMs: 2_500 * (1 + sentinels),
    async connect() {
      await Promise.all([client.connect(), subscriber.connect()]);
    },
    spread: (name) => [name],
    publish: (channel, message) => client.publish(channel, message),
    subscribe: (channels) => subscriber.subscribe(...channels),
    unsubscribe: (channels) => subscriber.unsubscribe(...channels),
    close() {
      stopWatching();
      client.disconnect();
      subscriber.disconnect();
    },
  };
}

/** Says once and for all that a connection of ours ended. Without a listener ioredis prints its errors. */
export function report(connection: Redis, events: ConnectionEvents): void {
  connection.on('error', (error: Error) => events.broken(error));
  connection.on('end', () => events.broken(new Error('the connection to Redis was closed')));
}
