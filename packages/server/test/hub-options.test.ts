import { expect, test } from 'vitest';
import { deepgram } from '../src/deepgram.ts';
import {
  createTranscriptHub,
  firstAvailable,
  type HubOptions,
  jwtAuthenticator,
  memoryStore,
  resilient,
} from '../src/index.ts';
import { postgresStore } from '../src/postgres.ts';
import { redis, redisBus, redisRegistry } from '../src/redis.ts';
import { sqliteStore } from '../src/sqlite.ts';

const secret = 'a secret of the unit tests, long enough for HS256';
const recognizer = { open: () => Promise.reject(new Error('nobody listens')) };
const url = 'redis://127.0.0.1:1';

/** As JavaScript calls it, which no compiler has checked. */
const calls: [string, (more: object) => unknown][] = [
  ['basepath', (more) => createTranscriptHub({ auth: jwtAuthenticator({ secret }), recognizer, ...more })],
  ['heartbeat', (limits) => hubWith({ limits })],
  ['maxbytes', (unheard) => hubWith({ unheard })],
  ['minms', (backoff) => hubWith({ unheard: { backoff } })],
  ['silentMS', (recovery) => hubWith({ recovery })],
  ['samplerate', (ingestDefaults) => hubWith({ ingestDefaults })],
  ['maxms', (backoff) => resilient(recognizer, { backoff })],
  ['audiance', (more) => jwtAuthenticator({ secret, ...more })],
  ['apikey', (more) => deepgram({ apiKey: 'x', ...more })],
  ['returnAfter', (more) => firstAvailable([recognizer], more)],
  ['keepraw', (more) => memoryStore(more)],
  ['keepRAW', (more) => sqliteStore({ folder: '/nowhere', ...more })],
  ['URL', (more) => postgresStore({ url: 'postgres://127.0.0.1:1', ...more })],
  ['urls', (more) => redisBus({ url, ...more })],
  ['leaseMS', (more) => redisRegistry({ url, ...more })],
  ['lease', (more) => redis({ url, ...more })],
];

function hubWith(options: Partial<HubOptions>) {
  return createTranscriptHub({ auth: jwtAuthenticator({ secret }), recognizer, ...options });
}

test.each(calls)(
  '%s is a misspelt option: it is said at once, with the one that was meant',
  (option, call) => {
    expect(() => call({ [option]: 1 })).toThrow(TypeError);
    expect(() => call({ [option]: 1 })).toThrow(new RegExp(`unknown option ${option}; did you mean \\w+\\?`));
  },
);

/** Where the option stands for a host that wrote it, and what it wrote. */
const notPositive: [string, Partial<HubOptions>][] = [
  ['unheard.maxAgeMs', { unheard: { maxAgeMs: -1 } }],
  ['unheard.backoff.minMs', { unheard: { backoff: { minMs: -1 } } }],
  ['unheard.backoff.maxMs', { unheard: { backoff: { maxMs: -1 } } }],
  ['recovery.keptMs', { recovery: { keptMs: -1 } }],
  ['recovery.backoff.minMs', { recovery: { backoff: { minMs: -1 } } }],
  ['recovery.backoff.maxMs', { recovery: { backoff: { maxMs: -1 } } }],
  ['limits.graceMs', { limits: { graceMs: -1 } }],
];

test.each(notPositive)('%s below zero is refused by the name that the host knows it by', (name, options) => {
  expect(() => hubWith(options)).toThrow(new TypeError(`${name} must be a positive number, got -1`));
});

test.each([undefined, '', '  ', 7])('deepgram without a key says at once what to do: %s', (apiKey) => {
  expect(() => deepgram({ apiKey: apiKey as string })).toThrow(TypeError);
  expect(() => deepgram({ apiKey: apiKey as string })).toThrow('https://console.deepgram.com');
});

test.each([undefined, '', 7])('sqliteStore without a folder says so: %s', (folder) => {
  expect(() => sqliteStore({ folder: folder as string })).toThrow('sqliteStore needs a folder');
});

const server = { address: () => null, emit: () => false };
const strangers: [string, unknown, string][] = [
  ['nothing', undefined, 'got undefined: const server = createServer(app)'],
  ['a port', 8080, 'got 8080'],
  ['an Express app', Object.assign(() => {}, { emit() {}, on() {}, listen() {} }), 'createServer(app)'],
  ['a Koa app', { emit() {}, on() {}, listen() {}, callback() {} }, 'createServer(app.callback())'],
  ['a Fastify instance', { server, listen() {}, addresses() {} }, 'hub.attach(app.server)'],
  ['a Nest application', { getHttpServer: () => server, listen() {} }, 'app.getHttpServer()'],
];

test.each(strangers)('%s is no server to attach to, and it is said what is', async (_, given, hint) => {
  const hub = hubWith({});
  const attach = () => hub.attach(given as Parameters<typeof hub.attach>[0]);
  expect(attach).toThrow(TypeError);
  expect(attach).toThrow(hint);
  await hub.close();
});
