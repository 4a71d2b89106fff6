// Channels that are heard apart, of which one is ahead of the other in the log when the sender has to send again.
import { publish } from '@meetcast/client';
import { interleave, randomWords, speak } from '@meetcast/testing';
import { expect, test, vi } from 'vitest';
import { mintToken, startHub } from '../support/start-hub.ts';

const sampleRate = 16_000;
const soon = { timeout: 60_000, interval: 5 };

// A source is durable up to where both its channels are: what the one said after that is in the log already.
test('[ING12] what one channel has in the log is not said again because the other still speaks', async () => {
  const stage = await startHub({ recognizerOptions: { multichannel: true } });
  const viewer = await stage.viewer();
  const [short, long] = [randomWords(3, 1), randomWords(24, 2)];
  const voices = [speak(short, { sampleRate, leadMs: 700 }), speak(long, { sampleRate, speaker: 1 })];
  const pcm = interleave(voices);
  const publisher = publish({
    url: `http://127.0.0.1:${stage.port}`,
    meeting: 'm',
    token: await mintToken(),
    source: 'mic',
    sampleRate,
    channels: 2,
    backoff: { minMs: 10, maxMs: 50 },
  });
  const half = pcm.length / 2;
  void publisher.write(pcm.slice(0, half));
  await viewer.until('transcript.final', ({ text }) => text === short.join(' '));
  stage.simulator.fault({ kind: 'refuse', status: 401, times: 1 });
  stage.simulator.fault({ kind: 'fin' });
  await vi.waitFor(() => expect(stage.simulator.refused.length).toBe(1), soon);
  void publisher.write(pcm.slice(half));
  await publisher.finalize();
  const finals = await stage.transcript();
  const wordsOf = (who: string) =>
    finals.filter(({ speaker }) => speaker === who).flatMap(({ text }) => text.split(' '));
  expect(wordsOf('1')).toEqual(long);
  expect(wordsOf('0')).toEqual(short);
});
