/** A hub in this process that can be closed in order and opened again. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createTranscriptHub, jwtAuthenticator, memoryStore, type Store } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { type HubParts, type ListeningHub, type LocalHub, localHost, localHub } from './local-hub.ts';

const framesPerSecond = 50;
/** Whoever is waited for longer holds up the end of a run. */
const closeDeadlineMs = 5_000;

export async function hubHere(parts: HubParts): Promise<LocalHub> {
  const { folder } = parts;
  const store = folder === undefined ? memoryStore() : await storeIn(folder);
  const hub = await localHub((port) => serve(parts, store, port));
  return {
    ...hub,
    close: async () => {
      await hub.close();
      await store.close();
    },
  };
}

/** SQLite is loaded only when there is something to keep: a project need not have it. */
async function storeIn(folder: string): Promise<Store> {
  const { sqliteStore } = await import('@meetcast/server/sqlite');
  return sqliteStore({ folder });
}

async function serve(
  { secret, endpoint, speed, pace, changeHub }: HubParts,
  store: Store,
  port: number,
): Promise<ListeningHub> {
  const hub = createTranscriptHub(
    changeHub({
      auth: jwtAuthenticator({ secret }),
      recognizer: deepgram({ apiKey: 'chaos', endpoint }),
      store,
      recovery: { replayPace: pace },
      // Links that come back again and again are what this is about, and all are of one address.
      limits: {
        connectsPerWindow: 1_000,
        closeSpreadMs: 200,
        closeDeadlineMs,
        ingestFramesPerSecond: Math.ceil(framesPerSecond * Math.max(1, speed)),
      },
    }),
  );
  const server = createServer();
  hub.attach(server);
  server.listen(port, localHost);
  await once(server, 'listening');
  return {
    leave: async () => {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      await hub.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
