/** Everything a meeting needs, in this process: simulator, hub, store, and a way in. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { sqliteStore } from '@meetcast/server/sqlite';
import { type FaultProxy, openFaultProxy, startDeepgramSimulator } from '@meetcast/testing';
import { mintToken } from '../dev-token.ts';
import { type Hub, httpAddress } from '../hub-options.ts';
import { listenOn } from '../listening.ts';

export interface Stage {
  readonly hub: Hub;
  /** The hub by a link that can be cut. */
  readonly remoteUrl: string;
  readonly remoteLink: FaultProxy;
  readonly simulatorUrl: string;
  /** Links that end with the stage: left open, they would go on looking for its hub. */
  readonly guests: Set<{ close(): void }>;
  close(): Promise<void>;
}

const host = '127.0.0.1';
/** Twice what the demo's senders need in real time. */
const framesPerSecond = 50;

export async function openStage(speed: number): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'meetcast-demo-'));
  const removeDirectory = () => rm(directory, { recursive: true, force: true });
  try {
    const stage = await setUp(directory, speed);
    return { ...stage, close: () => stage.close().finally(removeDirectory) };
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}

/** `directory`: for the transcript, as `meetcast serve` keeps it. */
async function setUp(directory: string, speed: number): Promise<Stage> {
  const store = sqliteStore({ folder: directory });
  const simulator = await startDeepgramSimulator({ pace: 0 });
  const secret = randomBytes(32).toString('base64url');
  const hub = createTranscriptHub({
    auth: jwtAuthenticator({ secret }),
    recognizer: deepgram({ apiKey: 'demo', endpoint: simulator.url }),
    store,
    // Everybody in the demo calls from the same address, and in the same second.
    limits: {
      connectsPerWindow: 1_000,
      ingestFramesPerSecond: Math.ceil(framesPerSecond * Math.max(1, speed)),
    },
  });
  const server = createServer();
  hub.attach(server);
  const port = await listenOn(server, host, 0);
  const remoteLink = await openFaultProxy({ port });
  const guests: Stage['guests'] = new Set();
  return {
    hub: {
      url: httpAddress(host, port),
      token: await mintToken(secret, {}, 3600),
      connectTimeoutMs: 10_000,
    },
    remoteUrl: httpAddress(host, remoteLink.port),
    remoteLink,
    simulatorUrl: simulator.url,
    guests,
    close: async () => {
      for (const guest of guests) guest.close();
      await hub.close();
      await remoteLink.close();
      server.close();
      server.closeAllConnections();
      await simulator.close();
      await store.close();
    },
  };
}
