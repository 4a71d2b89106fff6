// Off the record for long, across lost links and lost recognizers.
import { publish } from '@meetcast/client';
import { openFaultProxy, speak } from '@meetcast/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { speech } from '../support/speech.ts';
import { mintToken, type Stage, startHub } from '../support/start-hub.ts';

const soon = { timeout: 30_000, interval: 10 };
const silence = (seconds: number) => new Uint8Array(seconds * 32_000);
const bytesOf = (samples: Int16Array) => Uint8Array.from(Buffer.from(samples.buffer));

async function publisher(stage: Stage, { port = stage.port, maxBufferedMs = 300_000 } = {}) {
  const backoff = { minMs: 10, maxMs: 20 };
  const about = { meeting: 'm', source: 'mic', sampleRate: 16_000, maxBufferedMs, backoff } as const;
  const one = publish({ ...about, url: `http://127.0.0.1:${port}`, token: await mintToken() });
  onTestFinished(() => one.close());
  return one;
}

async function recordStatuses(stage: Stage): Promise<string[]> {
  const answer = await stage.get('meetings/m/events?since=0&limit=1000');
  const { events } = (await answer.json()) as { events: { type: string; status?: string }[] };
  return events.flatMap(({ status = '' }) => (status.endsWith('_record') ? [status] : []));
}

test('[ING18] off the record for longer than a writer may keep: it goes on, and nothing is kept of it', async () => {
  const stage = await startHub();
  const writer = await publisher(stage, { maxBufferedMs: 5_000 });
  const said = speech(4, 1);
  await writer.write(new Uint8Array(said.pcm));
  writer.offRecord(true);
  for (let second = 0; second < 20; second += 1) await writer.write(silence(1));
  await vi.waitFor(() => expect(writer.durableMs).toBe(said.ms + 20_000), soon);
  expect(writer.bufferedMs).toBe(0);
  writer.offRecord(false);
  await writer.finalize();
  expect(await recordStatuses(stage)).toEqual(['off_record', 'on_record']);
});

test('[ING18] what the log says of it is not said again by a sender that comes back', async () => {
  const stage = await startHub();
  const toHub = await openFaultProxy({ port: stage.port });
  onTestFinished(() => toHub.close());
  const writer = await publisher(stage, { port: toHub.port });
  await writer.write(new Uint8Array(speech(4, 1).pcm));
  writer.offRecord(true);
  for (let round = 1; round <= 3; round += 1) {
    await writer.write(silence(10));
    writer.offRecord(false);
    writer.offRecord(true);
    await writer.write(silence(1));
    await vi.waitFor(() => expect(writer.receivedMs).toBeGreaterThan(round * 11_000), soon);
    const back = new Promise<void>((resolve) => {
      writer.on('connection', ({ status }) => status === 'connected' && resolve());
    });
    toHub.drop('rst');
    await back;
  }
  await writer.finalize();
  const pair = ['on_record', 'off_record'];
  expect(await recordStatuses(stage)).toEqual(['off_record', ...pair, ...pair, ...pair]);
});

test('[TIME2] off the record while nobody can hear: both sides stand where they were said', async () => {
  const stage = await startHub();
  const writer = await publisher(stage);
  await writer.write(silence(0.5));
  await vi.waitFor(() => expect(stage.simulator.streams.length).toBe(1), soon);
  stage.simulator.fault({ kind: 'away' });
  const words = ['hello', 'again'];
  const before = bytesOf(speak(words, { sampleRate: 16_000, tailMs: 0 }));
  await writer.write(before);
  writer.offRecord(true);
  await writer.write(silence(10));
  writer.offRecord(false);
  await writer.write(bytesOf(speak(words, { sampleRate: 16_000, leadMs: 0 })));
  await vi.waitFor(() => expect(writer.receivedMs).toBeGreaterThan(11_000), soon);
  await stage.simulator.clear();
  await writer.finalize();
  const behindMs = 500 + before.length / 32 + 10_000;
  const finals = await stage.transcript();
  expect(finals.map(({ text }) => text)).toEqual(['hello again', 'hello again']);
  expect(finals[0]?.end_ms).toBeLessThanOrEqual(behindMs - 10_000 + 20);
  expect(finals[1]?.start_ms).toBeGreaterThanOrEqual(behindMs - 20);
});
