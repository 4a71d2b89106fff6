// @ts-check
/** One node: a hub that shares Redis and PostgreSQL with the others. Nothing here knows how many there are. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { postgresStore } from '@meetcast/server/postgres';
import { redis } from '@meetcast/server/redis';

const {
  PORT = '0',
  SECRET_KEY = '',
  DEEPGRAM_API_KEY = '',
  DEEPGRAM_ENDPOINT = 'wss://api.deepgram.com',
  REDIS_URL = 'redis://127.0.0.1:6379',
  DATABASE_URL = 'postgres://postgres@127.0.0.1:5432/postgres',
} = process.env;

const store = postgresStore({ url: DATABASE_URL });
const hub = createTranscriptHub({
  auth: jwtAuthenticator({ secret: SECRET_KEY }),
  recognizer: deepgram({ apiKey: DEEPGRAM_API_KEY, endpoint: DEEPGRAM_ENDPOINT }),
  store,
  cluster: redis({ url: REDIS_URL }),
});

const server = createServer((_request, response) => response.writeHead(404).end('nothing here'));
hub.attach(server);
await once(server.listen(Number(PORT), '127.0.0.1'), 'listening');
process.send?.(server.address());

// Ctrl-C reaches every process of the terminal; main.js says when the nodes stop.
process.on('SIGINT', () => {});
await new Promise((stop) => process.once('SIGTERM', stop).once('disconnect', stop));

server.close(); // The balancer finds nobody here from now on.
await hub.close(); // What was heard is stored, and clients are asked to come back: they find the other node.
await store.close(); // What you hand in ready made is yours; the cluster has ended with its hub.
if (process.connected) process.disconnect();
