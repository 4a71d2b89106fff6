/** What tests say in a meeting, and read of it. */
import { type Publisher, publish } from '@meetcast/client';
import type { Health, TranscriptPage } from '@meetcast/protocol';
import { speak } from '@meetcast/testing';
import { token } from './hub.ts';

export const sender = (url: string, meeting = 'm'): Publisher =>
  publish({ url, meeting, token, source: 'mic', sampleRate: 16_000 });

/** Resolves when the words are stored. */
export async function say(url: string, text: string, meeting = 'm'): Promise<void> {
  const publisher = sender(url, meeting);
  await publisher.write(speak(text, { sampleRate: 16_000 }));
  await publisher.finalize();
}

export async function read(url: string, meeting = 'm'): Promise<TranscriptPage> {
  const headers = { authorization: `Bearer ${await token()}` };
  const response = await fetch(`${url}/api/v1/meetings/${meeting}/transcript?limit=1000`, { headers });
  return (await response.json()) as TranscriptPage;
}

export const textOf = ({ segments }: Pick<TranscriptPage, 'segments'>): string =>
  segments.map(({ text }) => text).join(' ');

export async function healthOf(url: string): Promise<{ status: number; storage: Health['storage'] }> {
  const response = await fetch(`${url}/api/v1/health`);
  const { storage } = (await response.json()) as Health;
  return { status: response.status, storage };
}
