/** A whole hub on loopback: simulator, hub, HTTP server, tokens, speakers and viewers; the test's end closes it all. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Source, subprotocols, type TranscriptFinal, TranscriptPage } from '@meetcast/protocol';
import {
  createTranscriptHub,
  type HubEvent,
  type HubOptions,
  jwtAuthenticator,
  type Limits,
  type TranscriptHub,
} from '@meetcast/server';
import { type DeepgramOptions, deepgram } from '@meetcast/server/deepgram';
import {
  type DeepgramSimulator,
  type DeepgramSimulatorOptions,
  startDeepgramSimulator,
} from '@meetcast/testing';
import { SignJWT } from 'jose';
import { onTestFinished } from 'vitest';
import { type Peer, Sender, Viewer } from './peer.ts';

export const secret = 'a secret of the integration tests, long enough';

/** Limits that never slow a test down; a test about limits gives its own. */
export const unhurried: Partial<Limits> = { ingestFramesPerSecond: 1_000_000, connectsPerWindow: 10_000 };

export interface StageOptions extends Partial<Omit<HubOptions, 'limits'>> {
  limits?: Partial<Limits>;
  /** Default: as fast as audio comes. */
  simulator?: DeepgramSimulatorOptions;
  recognizerOptions?: Partial<DeepgramOptions>;
}

export interface TokenClaims {
  tenant?: string;
  role?: string;
  user?: string;
  /** Seconds from now; negative: expired. Default an hour. */
  ttl?: number;
}

export interface SenderOptions extends TokenClaims {
  meeting?: string;
  source?: Source;
  sampleRate?: number;
  channels?: number;
  session?: string;
  resume?: boolean;
  /** Another way to the hub, such as a proxy. */
  port?: number;
}

interface ViewerOptions extends TokenClaims {
  meeting?: string;
  /** Without the question mark. */
  query?: string;
  port?: number;
}

export interface Stage {
  readonly hub: TranscriptHub;
  readonly simulator: DeepgramSimulator;
  readonly port: number;
  /** What the hub's observer was told. */
  readonly observed: readonly HubEvent[];
  token(claims?: TokenClaims): Promise<string>;
  /** A socket of any kind; the stage ends it. */
  own<P extends Peer>(peer: P): P;
  /** An accepted sender. */
  sender(options?: SenderOptions): Promise<Sender>;
  /** A sender that has not said its handshake. */
  stranger(options?: SenderOptions): Promise<Sender>;
  /** A viewer who was greeted. */
  viewer(options?: ViewerOptions): Promise<Viewer>;
  get(path: string, claims?: TokenClaims): Promise<Response>;
  /** The stored finals, read in pages. */
  transcript(meeting?: string, claims?: TokenClaims): Promise<TranscriptFinal[]>;
  close(): Promise<void>;
}

export async function startHub(options: StageOptions = {}): Promise<Stage> {
  const { limits = unhurried, simulator: simulatorOptions, recognizerOptions, ...hubOptions } = options;
  const simulator = await startDeepgramSimulator({ pace: 0, ...simulatorOptions });
  const observed: HubEvent[] = [];
  const hub = createTranscriptHub({
    auth: jwtAuthenticator({ secret }),
    recognizer: deepgram({ apiKey: 'simulated', endpoint: simulator.url, ...recognizerOptions }),
    // The simulator takes audio as fast as it comes, a replay too.
    recovery: { replayPace: Number.POSITIVE_INFINITY },
    limits,
    observe: (event) => observed.push(event),
    ...hubOptions,
  });
  const server = createServer();
  hub.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const peers = new Set<Peer>();
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    for (const { ws } of peers) ws.terminate();
    await simulator.clear();
    await hub.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await simulator.close();
  }

  const stage: Stage = {
    hub,
    simulator,
    port,
    observed,
    token: mintToken,
    own(peer) {
      peers.add(peer);
      return peer;
    },
    async stranger({ meeting = 'm', port: by = port, ...claims } = {}) {
      const url = `ws://127.0.0.1:${by}/api/v1/ws/ingest/meetings/${meeting}`;
      const sender = stage.own(new Sender(url, subprotocols(await mintToken(claims))));
      await sender.opened;
      return sender;
    },
    async sender(of = {}) {
      const sender = await stage.stranger(of);
      sender.send(handshakeOf(of));
      await sender.until('handshake_ack', ({ status }) => status === 'success');
      return sender;
    },
    async viewer({ meeting = 'm', query = '', port: by = port, ...claims } = {}) {
      const url = `ws://127.0.0.1:${by}/api/v1/ws/meetings/${meeting}?${query}`;
      const viewer = stage.own(new Viewer(url, subprotocols(await mintToken(claims))));
      await viewer.until('connected');
      return viewer;
    },
    async get(path, claims) {
      const headers = { authorization: `Bearer ${await mintToken(claims)}` };
      return await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { headers });
    },
    async transcript(meeting = 'm', claims) {
      const finals: TranscriptFinal[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const answer = await stage.get(`meetings/${meeting}/transcript?after=${after}&limit=7`, claims);
        const page: TranscriptPage = TranscriptPage.parse(await answer.json());
        finals.push(...page.segments);
        after = page.next;
      }
      return finals;
    },
    close() {
      closing ??= end();
      return closing;
    },
  };
  onTestFinished(() => stage.close());
  return stage;
}

/** A token of this hub for anybody. */
export function mintToken({ tenant = 'acme', role = 'member', user = 'u-1', ttl = 3_600 }: TokenClaims = {}) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ user_id: user, tenant_id: tenant, email: `${user}@example.com`, role })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt(Math.min(now, now + ttl))
    .setExpirationTime(now + ttl)
    .setAudience('meetcast')
    .setIssuer('meetcast')
    .sign(Buffer.from(secret));
}

export const handshakeOf = ({
  source = 'mic',
  sampleRate = 16_000,
  channels = 1,
  session,
  resume,
}: SenderOptions = {}) => ({
  type: 'handshake',
  source,
  sample_rate: sampleRate,
  channels,
  session_id: session,
  resume,
});
