/** A hub in a process of its own, to be killed: its settings come as JSON, its port goes to the parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTranscriptHub, jwtAuthenticator, type Store } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { postgresStore } from '@meetcast/server/postgres';
import { sqliteStore } from '@meetcast/server/sqlite';
import { storeWith } from '../../packages/server/test/support/store-with.ts';
import type { HubProcessSettings } from './hub-process.ts';

const settings: HubProcessSettings = JSON.parse(process.env.HUB_SETTINGS ?? '{}');
const { store, simulatorUrl, secret, port, limits, dawdleMs } = settings;

const hub = createTranscriptHub({
  auth: jwtAuthenticator({ secret }),
  recognizer: deepgram({ apiKey: 'simulated', endpoint: simulatorUrl }),
  store: dawdling('directory' in store ? sqliteStore(store) : postgresStore(store)),
  limits,
  observe: (event) => {
    if (event.type === 'error') process.stderr.write(`${event.stage}: ${String(event.error)}\n`);
  },
});
const server = createServer();
hub.attach(server);
server.listen(port, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

/** Waits before every write is done and before its answer: what a crash then cuts off is seldom whole. */
function dawdling(inner: Store): Store {
  if (dawdleMs === 0) return inner;
  const wait = () => new Promise((resolve) => setTimeout(resolve, dawdleMs * Math.random()));
  const slowly = async <T>(write: () => Promise<T>): Promise<T> => {
    await wait();
    const answer = await write();
    await wait();
    return answer;
  };
  return storeWith(inner, {
    append: (...args: Parameters<Store['append']>) => slowly(() => inner.append(...args)),
    cover: (...args: Parameters<Store['cover']>) => slowly(() => inner.cover(...args)),
  });
}
