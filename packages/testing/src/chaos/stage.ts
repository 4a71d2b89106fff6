/** A hub of one's own for one scenario, with its recognizer, and roads between them that can be hurt. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFaultProxy, startDeepgramSimulator } from '@meetcast/testing';
import { mintToken } from '../dev-token.ts';
import type { Hub } from '../hub-options.ts';
import type { Secret } from './ageing-token.ts';
import { hubHere } from './hub-here.ts';
import { hubInProcess } from './hub-in-process.ts';
import type { HubParts } from './local-hub.ts';
import type { Backstage } from './scenario.ts';

export interface Stage {
  readonly hub: Hub;
  readonly secret: Secret;
  readonly backstage: Backstage;
  close(): Promise<void>;
}

export interface StageOptions extends Pick<HubParts, 'speed' | 'changeHub' | 'signal'> {
  /** Nothing is kept on disk. */
  memory: boolean;
  process: 'own' | 'another';
}

export type OpenStage = (options: StageOptions) => Promise<Stage>;

/** Audio is taken at most so many times as fast as it is spoken, as Deepgram does. */
const paceOfSpeech = 1.25;
const connectTimeoutMs = 10_000;

export async function openStage({ memory, process, ...options }: StageOptions): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    const failures: unknown[] = [];
    for (const closeOne of closers.reverse().splice(0))
      await closeOne().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0]; // Once all the others are closed.
  };
  try {
    const directory = memory ? undefined : await mkdtemp(join(tmpdir(), 'meetcast-chaos-'));
    if (directory !== undefined) closers.push(() => rm(directory, { recursive: true, force: true }));
    const pace = paceOfSpeech * options.speed;
    const recognizer = await startDeepgramSimulator({ pace });
    closers.push(() => recognizer.close());
    const recognizerLink = await openFaultProxy({ host: '127.0.0.1', port: recognizer.port });
    closers.push(() => recognizerLink.close());
    const secret = randomBytes(32).toString('base64url');
    const endpoint = `ws://127.0.0.1:${recognizerLink.port}`;
    const open = process === 'own' ? hubHere : hubInProcess;
    const hub = await open({ ...options, secret, endpoint, pace, directory });
    closers.push(() => hub.close());
    const token = await mintToken(secret, {}, 24 * 3600);
    return {
      hub: { url: hub.url, token, connectTimeoutMs },
      secret: { secret, audience: undefined, issuer: undefined },
      backstage: { recognizer, recognizerLink, restartHub: () => hub.restart() },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
