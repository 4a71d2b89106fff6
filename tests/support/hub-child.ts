/** A hub in a process of its own, to be killed: its settings come as JSON, its port goes to the parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTranscriptHub, jwtAuthenticator, type Store } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { postgresStore } from '@meetcast/server/postgres';
import { redis } from '@meetcast/server/redis';
import { sqliteStore } from '@meetcast/server/sqlite';
import { freePort } from '@meetcast/testing';
import { storeWith } from '../../packages/server/test/support/store-with.ts';
import type { HubProcessSettings } from './hub-process.ts';

const settings: HubProcessSettings = JSON.parse(process.env.HUB_SETTINGS ?? '{}');
const { redis: shared, simulatorUrl, secret, port, limits, multichannel = false, dawdleMs } = settings;
const { recovery, unheard } = settings;

const store = 'folder' in settings.store ? sqliteStore(settings.store) : postgresStore(settings.store);
const hub = createTranscriptHub({
  auth: jwtAuthenticator({ secret }),
  recognizer: deepgram({ apiKey: 'simulated', endpoint: simulatorUrl, multichannel }),
  ...(recovery === undefined ? {} : { recovery }),
  ...(unheard === undefined ? {} : { unheard }),
  store: dawdling(store),
  ...(shared && { cluster: redis(shared) }),
  limits,
  observe: (event) => {
    if (event.type === 'error') process.stderr.write(`${event.stage}: ${String(event.error)}\n`);
  },
});
const server = createServer();
hub.attach(server);
server.listen(port || (await freePort()), '127.0.0.1', () =>
  process.send?.((server.address() as AddressInfo).port),
);
const parentGone = () => process.exit();
process.on('disconnect', parentGone);
process.on('message', (message) => void (message === 'memory' ? weigh() : close()));

/** As a host does on SIGTERM. Then nothing may keep the process. */
async function close(): Promise<void> {
  server.close();
  await hub.close();
  await store.close();
  process.off('disconnect', parentGone);
  process.disconnect();
}

/** Tells the parent what is held once the garbage is collected. */
function weigh(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  const { heapUsed: heap, rss } = process.memoryUsage();
  process.send?.({ heap, rss });
}

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
