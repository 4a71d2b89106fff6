/** A hub in a process of its own, to be killed: its settings come as JSON, its port goes to the parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { postgresStore } from '@meetcast/server/postgres';
import { sqliteStore } from '@meetcast/server/sqlite';
import type { HubProcessSettings } from './hub-process.ts';

const settings: HubProcessSettings = JSON.parse(process.env.HUB_SETTINGS ?? '{}');
const { store, simulatorUrl, secret, port, limits } = settings;

const hub = createTranscriptHub({
  auth: jwtAuthenticator({ secret }),
  recognizer: deepgram({ apiKey: 'simulated', endpoint: simulatorUrl }),
  store: 'directory' in store ? sqliteStore(store) : postgresStore(store),
  limits,
  observe: (event) => {
    if (event.type === 'error') process.stderr.write(`${event.stage}: ${String(event.error)}\n`);
  },
});
const server = createServer();
hub.attach(server);
server.listen(port, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
