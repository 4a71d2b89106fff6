/** The demo's two senders: each says its part of the script at its time. */
import { type Finalized, type Publisher, publish } from '@meetcast/client';
import { type Source, sources } from '@meetcast/protocol';
import { paced, realPace } from '@meetcast/testing';
import { connected } from '../connected.ts';
import type { Output } from '../output.ts';
import { bytesPerSecond, chunked } from '../speech.ts';
import { audioOf } from './script.ts';
import type { Stage } from './stage.ts';

const format = { sampleRate: 16_000, channels: 1 } as const;
/** 40 ms. */
const pieceBytes = 1_280;

export interface Sender {
  source: Source;
  publisher: Publisher;
}

export function openSenders({ hub, guests }: Stage, output: Output): Promise<Sender[]> {
  return Promise.all(
    sources.map(async (source) => {
      const { url, token } = hub;
      const publisher = publish({ url, token, meeting: 'demo', source, title: 'meetcast demo', ...format });
      guests.add(publisher);
      await connected(publisher, hub, output);
      return { source, publisher };
    }),
  );
}

/** Resolves when every word is stored. */
export async function say({ source, publisher }: Sender, speed: number): Promise<Finalized> {
  const pace = realPace(bytesPerSecond(format), speed, new AbortController().signal);
  for await (const piece of paced(chunked(audioOf(source, format), pieceBytes), pace))
    await publisher.write(piece);
  return publisher.finalize();
}
