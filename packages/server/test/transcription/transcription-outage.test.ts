import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Message } from '../../src/bus/message.ts';
import { AsyncQueue } from '../../src/lib/async-queue.ts';
import { EntryRefusedError } from '../../src/lib/errors.ts';
import type { Outbox } from '../../src/log/outbox.ts';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import type { RecognitionResult, RecognizerStream } from '../../src/recognizer/recognizer.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { Logged } from '../../src/store/store.ts';
import { nothingSaid } from '../../src/transcription/already-said.ts';
import { AudioAccount } from '../../src/transcription/audio-ledger.ts';
import { MeetingClock } from '../../src/transcription/meeting-clock.ts';
import { Transcription } from '../../src/transcription/transcription.ts';
import { freshMeeting } from '../support/entries.ts';
import { logOf, messageBus, outboxWith } from '../support/log.ts';
import { numbersFrom } from '../support/numbers.ts';
import { gate } from '../support/stage.ts';
import { type UnsteadyStore, unsteadyStore } from '../support/unsteady-store.ts';

/** A recognizer stream that says what a test makes it say. */
class FakeStream implements RecognizerStream {
  readonly channels = 1;
  readonly results = new AsyncQueue<RecognitionResult>();
  write = () => undefined;
  flush = () => {};
  finish = () => this.results.end();
  abort = () => this.results.end();

  /** One utterance; each second of audio is a word. */
  say(second: number, isFinal = true): void {
    const [startMs, endMs, text] = [second * 1_000, second * 1_000 + 900, `word${second}`];
    const words = [{ text, startMs, endMs }];
    this.results.push({
      kind: 'span',
      channel: 0,
      startMs,
      endMs,
      isFinal,
      endsUtterance: isFinal,
      text,
      words,
    });
  }

  /** Nothing was said up to here. */
  hush(endMs: number): void {
    const silence = { startMs: endMs - 100, endMs, isFinal: true, endsUtterance: false, text: '', words: [] };
    this.results.push({ kind: 'span', channel: 0, ...silence });
  }
}

let store: UnsteadyStore;
let outbox: Outbox;
let log: TranscriptLog;
let stream: FakeStream;
let shown: string[];
let transcription: Transcription;
let ended: Promise<unknown>;

const format = { sampleRate: 16_000, channels: 1 };
const slowMs = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
  store = unsteadyStore();
  outbox = outboxWith({ slowMs });
  const show = ({ type, seq, segmentNo, text }: Message) =>
    shown.push(`${type.slice('transcript.'.length)} ${seq || '-'} ${segmentNo} ${JSON.parse(text).text}`);
  log = logOf(freshMeeting(), store, messageBus(), outbox, undefined, show);
  shown = [];
  ({ stream, transcription, ended } = transcribe(1));
});
afterEach(() => void vi.useRealTimers());

function transcribe(fence: number) {
  const own = new FakeStream();
  const clock = new MeetingClock(format, 0);
  const made = new Transcription({
    log,
    numbers: numbersFrom(1, log, memoryRegistry()),
    source: 'mic',
    fence,
    stream: own,
    clock,
    account: new AudioAccount(),
    alreadySaid: nothingSaid,
    onState: () => {},
    onLeft: (audio) => void audio.discard(),
  });
  clock.forward(60 * 32_000);
  return { stream: own, transcription: made, ended: made.run().catch((error: unknown) => error) };
}

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const stored = async () =>
  (await store.inner.read(log.meeting, 0, 100)).events.map((event) => 'text' in event && event.text);

test('[ING10] what is durable follows the store: words, then silence', async () => {
  stream.say(0);
  await after(10);
  expect(shown).toEqual(['final 1 1 word0']);
  expect(transcription.durableMs).toBe(900);
  stream.hush(2_500);
  await after(10);
  expect(transcription.durableMs).toBe(2_500);
  expect(await store.inner.covered(log.meeting, 'mic')).toBe(2_500);
});

test('while the store is away words show as partials, durable_ms stands, and finals follow in order', async () => {
  stream.say(0);
  await after(10);
  store.condition = 'away';
  stream.say(1, false);
  stream.say(1);
  stream.say(2);
  stream.hush(3_500);
  stream.say(4, false);
  await after(30_000);
  expect(shown).toEqual([
    'final 1 1 word0',
    'partial - 2 word1',
    'partial - 2 word1',
    'partial - 3 word2',
    'partial - 4 word4',
  ]);
  expect(transcription.durableMs).toBe(900);
  store.condition = 'well';
  await after(1_100);
  expect(shown.slice(5)).toEqual(['final 2 2 word1', 'final 3 3 word2']);
  expect(transcription.durableMs).toBe(3_500);
  expect(await stored()).toEqual(['word0', 'word1', 'word2']);
});

test('a store that only is slow gets the words shown after a while, as a partial', async () => {
  store.condition = 'silent';
  stream.say(0);
  await after(slowMs - 10);
  expect(shown).toEqual([]);
  await after(20);
  expect(shown).toEqual(['partial - 1 word0']);
  store.condition = 'well';
  await after(10);
  expect(shown).toEqual(['partial - 1 word0', 'final 1 1 word0']);
});

test('a stream that ends while the store is away ends when its words are stored', async () => {
  store.condition = 'away';
  stream.say(0);
  stream.finish();
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  await after(60_000);
  expect(isEnded).toBe(false);
  store.condition = 'well';
  await after(1_100);
  expect(await ended).toBeUndefined();
  expect(transcription.durableMs).toBe(60_000);
});

/** The store never takes `word1`, and a gap in its own way. */
function refuseWord1(keepGap: (keep: () => Promise<Logged>) => Promise<Logged> = (keep) => keep()) {
  const append = store.inner.append.bind(store.inner);
  const refused = { tries: 0 };
  store.inner.append = async (meeting, entry, options) => {
    const keep = () => append(meeting, entry, options);
    if (entry.type === 'gap') return keepGap(keep);
    if (entry.type !== 'transcript.final' || entry.text !== 'word1') return keep();
    refused.tries += 1;
    throw new EntryRefusedError('not this one');
  };
  return refused;
}

test('[LOG10] words that the store can never take leave a gap in the log, and hold up none after them', async () => {
  const refused = refuseWord1();
  for (const second of [0, 1, 2]) stream.say(second);
  stream.finish();
  await after(5_000);
  expect(await ended).toBeUndefined();
  expect(refused.tries).toBe(3);
  const { events } = await store.inner.read(log.meeting, 0, 100);
  expect(events.map((event) => ('text' in event ? event.text : event.type))).toEqual([
    'word0',
    'gap',
    'word2',
  ]);
  expect(events[1]).toMatchObject({
    source: 'mic',
    start_ms: 1_000,
    end_ms: 1_900,
    cause: 'entry_refused',
  });
});

test('[ING10] nothing is durable behind words that the store can never take, until the log says that they are missing', async () => {
  const gap = gate();
  refuseWord1(async (keep) => {
    await gap.passed;
    return keep();
  });
  for (const second of [0, 1, 2]) stream.say(second);
  stream.finish();
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  await after(5_000);
  expect([transcription.durableMs, isEnded]).toEqual([900, false]);
  expect(await store.inner.covered(log.meeting, 'mic')).toBe(900);
  gap.open();
  await after(10);
  expect([transcription.durableMs, isEnded]).toEqual([60_000, true]);
  expect(await stored()).toEqual(['word0', false, 'word2']);
});

test('[LOG10] what the log says in place of such words it says once, though the store’s answer is lost', async () => {
  let tries = 0;
  refuseWord1(async (keep) => {
    const kept = await keep();
    tries += 1;
    if (tries === 1) throw new Error('the answer was lost');
    return kept;
  });
  for (const second of [0, 1, 2]) stream.say(second);
  stream.finish();
  await after(5_000);
  expect(await ended).toBeUndefined();
  expect(await stored()).toEqual(['word0', false, 'word2']);
});

test('[ING10] nothing is durable behind words that are neither stored nor said to be missing', async () => {
  refuseWord1(() => Promise.reject(new EntryRefusedError('nor this one')));
  for (const second of [0, 1, 2]) stream.say(second);
  await after(5_000);
  expect(await ended).toMatchObject({ message: 'nor this one' });
  expect(await stored()).toEqual(['word0', 'word2']);
  expect(transcription.durableMs).toBe(900);
});

test('[ING19] words that waited while another claim wrote are refused, and what follows them is not written', async () => {
  store.condition = 'away';
  stream.say(0);
  stream.say(1);
  await after(100);
  await store.inner.cover(log.meeting, { source: 'mic', fence: 2, coveredMs: 0 });
  store.condition = 'well';
  await after(1_100);
  expect(await ended).toMatchObject({ name: 'StaleFenceError' });
  expect(transcription.durableMs).toBe(0);
  expect(await stored()).toEqual([]);
});

test('a transcription that was given up leaves its words to be stored, before those of its successor', async () => {
  store.condition = 'away';
  stream.say(0);
  await after(10);
  transcription.abort();
  expect(await ended).toBeInstanceOf(Error);
  const place = log.cover({ source: 'mic', fence: 2, coveredMs: 0 });
  await after(5_000);
  store.condition = 'well';
  await after(1_100);
  expect(await place).toBe(900);
  expect(await stored()).toEqual(['word0']);
});

test('a closed outbox ends the transcription: what is not durable is still the sender’s', async () => {
  store.condition = 'silent';
  stream.say(0);
  stream.finish();
  await after(100);
  outbox.close();
  expect(await ended).toMatchObject({ message: 'The hub shut down before the entry could be stored.' });
  expect(transcription.durableMs).toBe(0);
});
