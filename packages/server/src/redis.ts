/** Many nodes: the adapters that meet in Redis. */
export { redisBus } from './bus/redis.ts';
export { redis } from './bus/redis-cluster.ts';
export type { RedisClient, RedisConnectOptions } from './redis/options.ts';
export { type RedisRegistryOptions, redisRegistry } from './registry/redis.ts';
