/** A cluster that meets in Redis: its bus and its registry share their connections. */
import { checkOptions } from '@meetcast/protocol';
import { openRedisLink } from '../redis/link.ts';
import { type RedisRegistryOptions, redisRegistryOn } from '../registry/redis.ts';
import type { Cluster } from './cluster.ts';
import { redisBusOn } from './redis.ts';

/** For `createTranscriptHub({ cluster })`. A `client` stays open, whoever closes the hub. Throws and connects as `redisBus` does. */
export function redis(options: RedisRegistryOptions): Cluster {
  checkOptions('redis', options, { url: true, client: true, leaseMs: true });
  const { leaseMs, ...connect } = options;
  const link = openRedisLink(connect);
  const registry = redisRegistryOn(link, leaseMs);
  let closing: Promise<void> | undefined;
  return {
    bus: redisBusOn(link),
    registry,
    close() {
      // Its last commands are to give back what the node holds; then it ends the link.
      closing ??= registry.close();
      return closing;
    },
  };
}
