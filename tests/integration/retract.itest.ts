/** What is taken back is gone for everybody, wherever it was on its way. */
import { applyEvent, emptyTranscript, subscribe } from '@meetcast/client';
import { EventPage, PostedAnswer } from '@meetcast/protocol';
import { interleave, speak } from '@meetcast/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EventReader } from '../support/event-reader.ts';
import { type Speech, speech, wordsIn } from '../support/speech.ts';
import { handshakeOf, mintToken, type Stage, startHub } from '../support/start-hub.ts';

const soon = { timeout: 30_000, interval: 10 };
const address = (stage: Stage) => `http://127.0.0.1:${stage.port}/api/v1/meetings/m/events`;

async function post(stage: Stage, body: object): Promise<PostedAnswer> {
  const headers = { authorization: `Bearer ${await mintToken({ role: 'host' })}` };
  const answer = await fetch(address(stage), { method: 'POST', headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(201);
  return PostedAnswer.parse(await answer.json());
}

const logged = async (stage: Stage) =>
  EventPage.parse(await (await stage.get('meetings/m/events?since=0&limit=1000')).json()).events;
const stored = async (stage: Stage) => (await stage.transcript()).map(({ text }) => text);
const replayed = async (stage: Stage) =>
  (await logged(stage)).reduce(applyEvent, emptyTranscript).finals.map(({ text }) => text);

/** The words of a speech outside a stretch. */
const outside = ({ words, times }: Speech, fromMs: number, toMs: number) =>
  words.filter((_word, index) => {
    const { startMs = 0, endMs = 0 } = times[index] ?? {};
    return endMs <= fromMs || startMs >= toMs;
  });

test.each(['all of it', 'the middle of it'])(
  '[LOG8] what nobody could hear yet is taken back, %s: it is never said',
  async (which) => {
    const stage = await startHub();
    const viewer = await stage.viewer();
    const said = speech(12, 3);
    stage.simulator.fault({ kind: 'away' });
    const sender = await stage.sender({ session: 's' });
    await sender.say(said.pcm);
    await sender.until('ack', ({ received_ms }) => received_ms >= Math.floor(said.ms));
    const [from, to] = which === 'all of it' ? [0, said.words.length - 1] : [4, 7];
    const start_ms = Math.floor(said.times[from]?.startMs ?? 0) + 10;
    const end_ms = Math.floor(said.times[to]?.endMs ?? 0) - 10;
    await post(stage, { type: 'retract', start_ms, end_ms });
    await stage.simulator.clear();
    sender.send({ type: 'finalize' });
    expect((await sender.closed).code).toBe(1000);
    expect(wordsIn(await stage.transcript(), 'mic')).toEqual(outside(said, start_ms, end_ms));
    expect((await logged(stage)).map(({ seq }) => seq)).toEqual(
      (await logged(stage)).map((_event, index) => index + 1),
    );
    const seen = viewer.of('transcript.final').flatMap(({ text }) => text.split(' '));
    expect(seen).toEqual(outside(said, start_ms, end_ms));
  },
);

test('[LOG8] what is still being said is taken back: nobody who comes is shown it, and no more of it', async () => {
  const stage = await startHub();
  const viewer = await stage.viewer();
  const sender = await stage.sender({ session: 's' });
  const said = speech(6, 5);
  const half = said.pcm.subarray(0, 32 * 900);
  await sender.say(half);
  const shown = await viewer.until('transcript.partial');
  const end_ms = Math.ceil(shown.end_ms);
  const { seq } = await post(stage, { type: 'retract', start_ms: 0, end_ms });
  await viewer.until('retract');
  const token = await mintToken();
  const stream = await fetch(address(stage), { headers: { authorization: `Bearer ${token}` } });
  const reader = new EventReader(stream.body as ReadableStream<Uint8Array>);
  const newcomer = await stage.viewer();
  expect((await newcomer.until('connected')).seq).toBe(seq);
  await sender.say(said.pcm.subarray(half.length));
  sender.send({ type: 'finalize' });
  await sender.closed;
  const left = outside(said, 0, end_ms);
  await vi.waitFor(() => expect(wordsIn(newcomer.of('transcript.final'), 'mic')).toEqual(left), soon);
  await reader.until(({ events }) =>
    events.find(({ message }) => 'status' in message && message.status === 'ended'),
  );
  expect(wordsIn(await stage.transcript(), 'mic')).toEqual(left);
  const partials = [...newcomer.of('transcript.partial'), ...reader.of('transcript.partial')];
  for (const { start_ms } of partials) expect(start_ms).toBeGreaterThanOrEqual(end_ms);
});

test('[LOG8] of channels that are heard apart what was taken back is not said again by a sender that resumes', async () => {
  const stage = await startHub({ recognizerOptions: { multichannel: true } });
  const long = speak(
    Array.from({ length: 30 }, (_, index) => (index % 2 ? 'again' : 'hello')),
    { sampleRate: 16_000 },
  );
  const short = speak(['hello'], { sampleRate: 16_000, speaker: 1 });
  const pcm = Buffer.from(interleave([long, short]).buffer);
  const bytesAt = (ms: number) => Math.round(ms * 16) * 4;
  const ofShort = async () => (await stage.transcript()).filter(({ meta }) => meta?.channel === 1);
  const sender = await stage.sender({ session: 's', channels: 2 });
  await sender.say(pcm.subarray(0, bytesAt(3_000)));
  await vi.waitFor(async () => expect(await ofShort()).toHaveLength(1), soon);
  const [final] = await ofShort();
  await post(stage, { type: 'retract', segment_no: final?.segment_no });
  stage.simulator.fault({ kind: 'silence' });
  sender.vanish();
  const back = await stage.stranger();
  back.send(handshakeOf({ session: 's', resume: true, channels: 2 }));
  const { resume_from_ms: fromMs = 0 } = await back.until('handshake_ack');
  expect(fromMs).toBeLessThan(final?.end_ms ?? 0);
  await stage.simulator.clear();
  await back.say(pcm.subarray(bytesAt(fromMs)));
  back.send({ type: 'finalize' });
  expect((await back.closed).code).toBe(1000);
  expect(await ofShort()).toEqual([]);
  expect(wordsIn(await stage.transcript(), 'mic')).toHaveLength(30);
});

test.each(['older', 'between', 'newer'])(
  '[REST16, LOG12] the %s of revisions is taken back: log, screens, exports and search agree',
  async (which) => {
    const stage = await startHub();
    const spoken = { type: 'transcript.final', start_ms: 0, end_ms: 1_000 };
    const viewer = subscribe({
      url: `http://127.0.0.1:${stage.port}`,
      meeting: 'm',
      token: await mintToken(),
    });
    onTestFinished(() => void viewer.close());
    const older = await post(stage, { ...spoken, text: 'secretone' });
    const between = await post(stage, { ...spoken, text: 'secrettwo', revises: older.segment_no });
    const newer = await post(stage, { ...spoken, text: 'secretthree', revises: between.segment_no });
    await vi.waitFor(() => expect(viewer.transcript.finals).toMatchObject([{ text: 'secretthree' }]), soon);
    const { segment_no } = { older, between, newer }[which] ?? {};
    await post(stage, { type: 'retract', segment_no });
    await vi.waitFor(() => expect(viewer.transcript.finals).toEqual([]), soon);
    const correction = await post(stage, { ...spoken, text: 'secretfour', revises: newer.segment_no });
    expect(correction).toMatchObject({ seq: 5 });
    await post(stage, { ...spoken, text: 'open' });
    await vi.waitFor(() => expect(viewer.transcript.finals).toMatchObject([{ text: 'open' }]), soon);
    expect(await stored(stage)).toEqual(['open']);
    expect(await replayed(stage)).toEqual(['open']);
    expect(JSON.stringify(await logged(stage))).not.toContain('secret');
    expect(await (await stage.get('meetings/m/transcript?format=txt')).text()).not.toContain('secret');
  },
);

test('[REST16] a stretch of one source is taken back; the other keeps its words', async () => {
  const stage = await startHub();
  const spoken = { type: 'transcript.final', start_ms: 0, end_ms: 100 };
  await post(stage, { ...spoken, text: 'mine', meta: { source: 'mic' } });
  await post(stage, { ...spoken, text: 'yours', meta: { source: 'system' } });
  await post(stage, { type: 'retract', start_ms: 0, end_ms: 100, meta: { source: 'mic' } });
  expect(await stored(stage)).toEqual(['yours']);
  expect(await replayed(stage)).toEqual(['yours']);
});

test('[LOG8] what takes no time: screens and the store agree', async () => {
  const stage = await startHub();
  for (const [index, text] of ['one', 'two', 'three'].entries())
    await post(stage, { type: 'transcript.final', text, start_ms: index, end_ms: index });
  await post(stage, { type: 'retract', start_ms: 1, end_ms: 1 });
  expect(await stored(stage)).toEqual(['one', 'three']);
  expect(await replayed(stage)).toEqual(['one', 'three']);
});
