/** What both `subscribe()` and `publish()` are told about the hub and the link to it. */
import { type Backoff, checkOptions, type KnownOptions } from '@meetcast/protocol';
import { defaultBasePath, type MeetingAddress, meetingAddress } from './address.ts';
import { defaultBackoff } from './backoff.ts';
import { integer, positive } from './check.ts';
import type { OpenSocket } from './socket.ts';

export interface ConnectOptions {
  /** The hub: `http(s)://` or `ws(s)://`; a path in it is a prefix before `basePath`. */
  url: string;
  /** Default `/api/v1`. */
  basePath?: string;
  meeting: string;
  /** A function is asked before every connection and before the token expires, so its answer can be fresh. */
  token: string | (() => string | Promise<string>);
  /** Ceilings of the first and the longest wait before coming back. Default 1 000 and 10 000. */
  backoff?: Partial<Backoff>;
  /** How long a silent link is trusted before a ping. Default: what the hub says, or 25 000. */
  heartbeatMs?: number;
  /** How long a token function may take, the hub to open a socket, and again to greet on it. Default 10 000. */
  connectTimeoutMs?: number;
  /** Failed connections in a row before giving up. Default: never. */
  maxAttempts?: number;
  /** For tests and exotic runtimes. */
  openSocket?: OpenSocket;
}

/** `ConnectOptions`, checked and complete. */
export interface LinkSettings {
  token: ConnectOptions['token'];
  backoff: Backoff;
  heartbeatMs: number | undefined;
  connectTimeoutMs: number;
  maxAttempts: number;
  openSocket: OpenSocket;
  /** From 0 up to 1. */
  random: () => number;
  /** A clock that never goes back, in milliseconds. */
  now: () => number;
}

/** Of both. */
export const knownConnectOptions: KnownOptions<ConnectOptions> = {
  url: true,
  basePath: true,
  meeting: true,
  token: true,
  backoff: true,
  heartbeatMs: true,
  connectTimeoutMs: true,
  maxAttempts: true,
  openSocket: true,
};

export function addressOf(options: ConnectOptions): MeetingAddress {
  return meetingAddress(options.url, options.basePath ?? defaultBasePath, options.meeting);
}

export function linkSettings(options: ConnectOptions, openSocket: OpenSocket): LinkSettings {
  checkOptions('backoff', options.backoff, { minMs: true, maxMs: true });
  const backoff = { ...defaultBackoff, ...options.backoff };
  const attempts = options.maxAttempts ?? Number.POSITIVE_INFINITY;
  return {
    token: checkedToken(options.token),
    backoff: {
      minMs: positive('backoff.minMs', backoff.minMs),
      maxMs: positive('backoff.maxMs', backoff.maxMs),
    },
    heartbeatMs: options.heartbeatMs === undefined ? undefined : positive('heartbeatMs', options.heartbeatMs),
    connectTimeoutMs: positive('connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    maxAttempts:
      attempts === Number.POSITIVE_INFINITY
        ? attempts
        : integer('maxAttempts', attempts, 1, Number.MAX_SAFE_INTEGER),
    openSocket: options.openSocket ?? openSocket,
    random: Math.random,
    now: () => performance.now(),
  };
}

function checkedToken(token: ConnectOptions['token']): ConnectOptions['token'] {
  if (typeof token === 'function' || (typeof token === 'string' && token !== '')) return token;
  // What came may be half a secret: it is named by its type only.
  throw new TypeError(
    `token must be a text or a function that returns one, got ${token === '' ? 'an empty text' : typeof token}`,
  );
}
