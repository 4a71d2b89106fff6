// A recognizer that answers speech without words: everybody is told, and no word is lost.
import type { Recognizer, RecognizerStream } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { startDeepgramSimulator } from '@meetcast/testing';
import { expect, onTestFinished, test } from 'vitest';
import { expectTimes, expectWords, speech } from '../support/speech.ts';
import { startHub } from '../support/start-hub.ts';

const recovery = { replayPace: Number.POSITIVE_INFINITY, silentMs: 4_000 };

/** Of its first streams as many as are said give no word, although they hear. */
async function deafAtFirst(deafStreams: number) {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  onTestFinished(() => simulator.close());
  const inner = deepgram({ apiKey: 'simulated', endpoint: simulator.url });
  const recognizer: Recognizer = {
    channelsFor: () => 1,
    async open(request, signal) {
      const isDeaf = simulator.streams.length < deafStreams;
      const stream = await inner.open(request, signal);
      return isDeaf ? wordless(stream) : stream;
    },
  };
  return { recognizer, simulator };
}

const wordless = (stream: RecognizerStream): RecognizerStream => ({
  channels: stream.channels,
  write: (audio) => stream.write(audio),
  flush: () => stream.flush(),
  finish: () => stream.finish(),
  abort: (failure) => stream.abort(failure),
  results: (async function* () {
    for await (const result of stream.results)
      yield result.kind === 'span' ? { ...result, text: '', words: [] } : result;
  })(),
});

test('[ING10] speech that is answered without words: everybody is told, and another stream hears it', async () => {
  const { recognizer, simulator } = await deafAtFirst(1);
  const stage = await startHub({ recognizer, recovery });
  const viewer = await stage.viewer();
  const sender = await stage.sender({ session: 'one' });
  const said = speech(60, 71);
  await sender.say(said.pcm);
  sender.send({ type: 'finalize' });
  await sender.closed;
  const finals = await expectWords(stage, { mic: said.words }, { viewers: [viewer] });
  expectTimes(finals, 'mic', said);
  const news = viewer.of('status').filter(({ details }) => details?.part === 'recognizer');
  expect(news.map(({ status }) => status)).toEqual(['degraded', 'recovered']);
  expect(news[0]?.details?.cause).toBe('asr_silent');
  expect([simulator.streams.length, viewer.of('gap').length]).toEqual([2, 0]);
});

test('[ING10] what two streams give no words for counts as heard: the sender keeps none of it', async () => {
  const { recognizer, simulator } = await deafAtFirst(9);
  const stage = await startHub({ recognizer, recovery });
  const viewer = await stage.viewer();
  const sender = await stage.sender({ session: 'one' });
  const said = speech(60, 73);
  await sender.say(said.pcm);
  const { message } = await viewer.status('recovered');
  expect(message).toBe('Another stream of the speech recognizer finds no words there either.');
  await sender.until('ack', ({ durable_ms }) => durable_ms > said.ms - 1_500);
  expect([simulator.streams.length, viewer.of('gap').length]).toEqual([2, 0]);
});
