/** A cluster that meets in Redis: its bus and its registry share their connections. */
import { openRedisLink } from '../redis/link.ts';
import { type RedisRegistryOptions, redisRegistryOn } from '../registry/redis.ts';
import type { Cluster } from './cluster.ts';
import { redisBusOn } from './redis.ts';

/** For `createTranscriptHub({ cluster })`. A `client` stays open, whoever closes the hub. Throws and connects as `redisBus` does. */
export function redis({ leaseMs, ...connect }: RedisRegistryOptions): Cluster {
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
