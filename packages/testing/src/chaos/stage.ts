/** A hub of one's own for one scenario, with its recognizer, and roads between them that can be hurt. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { openFaultProxy } from '../network/fault-proxy.ts';
import { startDeepgramSimulator } from '../simulator/simulator.ts';
import { freshToken, type Mint } from './ageing-token.ts';
import { hubHere } from './hub-here.ts';
import type { HubParts, OpenHub } from './local-hub.ts';
import type { Backstage, ChangeHub } from './scenario.ts';
import type { TestedHub } from './tested-hub.ts';

export interface Stage {
  readonly hub: TestedHub & { mint: Mint };
  readonly backstage: Backstage;
  close(): Promise<void>;
}

export interface StageOptions extends Pick<HubParts, 'speed' | 'changeHub' | 'signal'> {
  /** Nothing is kept on disk. */
  memory: boolean;
  /** Where it runs. Default: in this process. */
  open?: OpenHub | undefined;
}

/** Hubs of one's own: in this process, with the Deepgram simulator for a recognizer. */
export interface OwnHubs {
  /** The options they are created with, made of those they would have: with your store, or a wait that you have changed. */
  change?: ChangeHub;
  /** Transcripts are in memory, and not in SQLite, which needs `libsql`. Default false. */
  memory?: boolean;
  /** Opens one in another process, which can be killed. Without it, what needs one is skipped. */
  openProcess?: OpenHub;
}

export type OpenStage = (options: StageOptions) => Promise<Stage>;

/** Audio is taken at most so many times as fast as it is spoken, as Deepgram does. */
const paceOfSpeech = 1.25;

export async function openStage({ memory, open = hubHere, ...options }: StageOptions): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    const failures: unknown[] = [];
    for (const closeOne of closers.reverse().splice(0))
      await closeOne().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0]; // Once all the others are closed.
  };
  try {
    const folder = memory ? undefined : await mkdtemp(join(tmpdir(), 'meetcast-chaos-'));
    if (folder !== undefined) closers.push(() => rm(folder, { recursive: true, force: true }));
    const pace = paceOfSpeech * options.speed;
    const recognizer = await startDeepgramSimulator({ pace });
    closers.push(() => recognizer.close());
    const recognizerLink = await openFaultProxy({ host: '127.0.0.1', port: recognizer.port });
    closers.push(() => recognizerLink.close());
    const secret = randomBytes(32).toString('base64url');
    const endpoint = `ws://127.0.0.1:${recognizerLink.port}`;
    const hub = await open({ ...options, secret, endpoint, pace, folder });
    closers.push(() => hub.close());
    const mint = minting(secret);
    return {
      hub: { url: hub.url, token: () => freshToken(mint), mint },
      backstage: { recognizer, recognizerLink, restartHub: () => hub.restart() },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the hub accepts: for development, where everything is allowed. */
const minting =
  (secret: string): Mint =>
  (ttlSeconds) => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ user_id: 'chaos', tenant_id: 'chaos', email: 'chaos@localhost', role: 'admin' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuedAt(now)
      .setExpirationTime(now + ttlSeconds)
      .setAudience('meetcast')
      .setIssuer('meetcast')
      .sign(new TextEncoder().encode(secret));
  };
