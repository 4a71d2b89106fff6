/** How the adapters are told which Redis to use. */
import { type Cluster, Redis, type RedisOptions } from 'ioredis';

export type RedisClient = Redis | Cluster;

/**
 * An address (`redis://` or `rediss://`), or a client of the host's: a `Redis`, by Sentinel or not, or a `Cluster`
 * (Redis 7 or later). The client says how to connect and is otherwise left alone: the adapters open connections of
 * their own, so that its queues, retries and blocking commands do not touch a meeting. Its `keyPrefix` does not apply.
 */
export type RedisConnectOptions =
  | { readonly url: string; readonly client?: never }
  | { readonly client: RedisClient; readonly url?: never };

/** A client that is never connected for an address, the host's own otherwise: connections are duplicates of it. */
export function templateOf({ url, client }: RedisConnectOptions): RedisClient {
  if (client !== undefined) {
    if (typeof client.duplicate === 'function' && typeof client.isCluster === 'boolean') return client;
    throw new TypeError('client must be a Redis or a Cluster of ioredis');
  }
  if (typeof url === 'string' && /^rediss?:\/\//.test(url)) return new Redis(url, { lazyConnect: true });
  throw new TypeError('redis needs a client, or a url that begins with redis:// or rediss://');
}

export const isCluster = (client: RedisClient): client is Cluster => client.isCluster;

/**
 * What every connection of ours has, whatever the host's client has. A connection lives once: it queues nothing, resends
 * nothing and is replaced by a new one when it breaks.
 */
export const ownSettings = {
  lazyConnect: true,
  disableClientInfo: true, // A right less to give, and a round trip less.
  connectTimeout: 2_000,
  disconnectTimeout: 100,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  sentinelCommandTimeout: 1_000,
  failoverDetector: false,
  role: 'master',
  enableReadyCheck: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  reconnectOnError: null,
  keyPrefix: '',
  readOnly: false,
  stringNumbers: false,
  replyMapping: 'legacy',
} as const satisfies RedisOptions;
