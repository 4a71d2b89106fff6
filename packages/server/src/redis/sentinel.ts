/** Listens to the Sentinels of a Redis for another master. */
import { backoffMs } from '@meetcast/protocol';
import { Redis } from 'ioredis';
import { ownSettings } from './options.ts';

/**
 * A master that another has replaced is told so only seconds later, and passes messages on meanwhile; the Sentinels say it
 * at once. They are a help only: one that cannot be reached is tried again, and nothing waits for it. The returned
 * function ends it.
 *
 * ioredis can do this itself (`failoverDetector`), but prints the errors of its connections.
 */
export function watchSentinels({ options }: Redis, replaced: () => void): () => void {
  const connections = (options.sentinels ?? []).map(({ host, port }) => {
    const connection = new Redis({
      ...ownSettings,
      host: host ?? '127.0.0.1',
      port: port ?? 26_379,
      username: options.sentinelUsername,
      password: options.sentinelPassword,
      tls: options.sentinelTLS,
      enableOfflineQueue: true,
      autoResubscribe: true,
      retryStrategy: (failures) => backoffMs(failures, { minMs: 2_000, maxMs: 2_000 }),
    });
    connection.on('error', () => {});
    connection.on('message', (_channel: string, message: string) => {
      const [name] = message.split(' ');
      if (name === options.name) replaced();
    });
    connection.subscribe('+switch-master').catch(() => {});
    return connection;
  });
  return () => {
    for (const connection of connections) connection.disconnect();
  };
}
