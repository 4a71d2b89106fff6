import { beforeEach, expect, test } from 'vitest';
import type { Message } from '../../src/bus/message.ts';
import { AsyncQueue } from '../../src/lib/async-queue.ts';
import { RecognizerError } from '../../src/lib/errors.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import type { RecognitionResult, RecognizerStream, UnheardAudio } from '../../src/recognizer/recognizer.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { nothingSaid } from '../../src/transcription/already-said.ts';
import { AudioAccount } from '../../src/transcription/audio-ledger.ts';
import { MeetingClock } from '../../src/transcription/meeting-clock.ts';
import { Transcription } from '../../src/transcription/transcription.ts';
import { finalEntry, freshMeeting } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';
import { numbersFrom } from '../support/numbers.ts';

const second = 32_000;

let meeting: MeetingRef;
let store: ReturnType<typeof memoryStore>;
let registry: ReturnType<typeof memoryRegistry>;

beforeEach(() => {
  meeting = freshMeeting();
  store = memoryStore();
  registry = memoryRegistry();
});

/** A transcription of a stream whose results the test makes up. */
function transcribe({ fence = 5, fromMs = 0, lastSegmentNo = 0 } = {}) {
  const results = new AsyncQueue<RecognitionResult>();
  const left: UnheardAudio[] = [];
  const audio: UnheardAudio = { startMs: 0, endMs: 0, bytes: 2, async *read() {}, discard: async () => {} };
  const stream: RecognizerStream = {
    channels: 1,
    results,
    write: () => undefined,
    flush: () => {},
    finish: () => results.end(),
    abort: () => results.end(),
    handOver() {
      results.end();
      return left.length === 0 ? audio : undefined;
    },
  };
  const clock = new MeetingClock({ sampleRate: 16_000, channels: 1 }, fromMs);
  const account = new AudioAccount();
  account.begin({ ms: fromMs, epoch: 'e1' });
  const messages: Message[] = [];
  const log = logOf(meeting, store, messageBus(), undefined, undefined, (message) => messages.push(message));
  const transcription = new Transcription({
    log,
    numbers: numbersFrom(lastSegmentNo + 1, log, registry),
    source: 'mic',
    fence,
    stream,
    clock,
    account,
    alreadySaid: nothingSaid,
    onState: () => {},
    onLeft: (taken) => left.push(taken),
  });
  const outcome = transcription.run().then(
    () => 'done' as const,
    (error: unknown) => error,
  );
  const said = () =>
    messages
      .map(({ text }) => JSON.parse(text))
      .map(({ type, segment_no, text }) => `${type.slice(11)} ${segment_no} ${text}`);
  return { results, clock, account, transcription, outcome, messages, said, log, left };
}

/** Words of a final span, each a tenth of a second long, at these seconds. */
const heard = (fromMs: number, toMs: number, words: [string, number][], more = {}): RecognitionResult => ({
  kind: 'span',
  channel: 0,
  startMs: fromMs,
  endMs: toMs,
  isFinal: true,
  endsUtterance: false,
  text: words.map(([text]) => text).join(' '),
  words: words.map(([text, startMs]) => ({ text, startMs, endMs: startMs + 100 })),
  ...more,
});

test('[LOG4] an utterance has one segment_no from its first partial to its final, above all that are in the log', async () => {
  await store.append(meeting, finalEntry(7));
  const { results, clock, outcome, said } = transcribe({ lastSegmentNo: 7 });
  clock.forward(4 * second);
  results.push(heard(0, 900, [['so', 100]], { isFinal: false }));
  results.push(heard(0, 1_000, [['so', 100]], { endsUtterance: true }));
  results.push(heard(1_000, 2_000, [['yes', 1_100]], { endsUtterance: true }));
  results.end();
  expect(await outcome).toBe('done');
  expect(said()).toEqual(['partial 8 so', 'final 8 so', 'final 9 yes']);
});

test('[TIME2] times are on the meeting’s clock, behind what was kept off the record', async () => {
  const { results, clock, outcome, messages } = transcribe({ fromMs: 60_000 });
  clock.forward(second);
  clock.skip(10 * second);
  clock.forward(second);
  results.push(heard(0, 1_000, [['so', 500]], { endsUtterance: true }));
  results.push(heard(1_000, 2_000, [['yes', 1_500]], { endsUtterance: true }));
  results.end();
  await outcome;
  expect(messages.map(({ text }) => JSON.parse(text))).toMatchObject([
    { start_ms: 60_500, end_ms: 60_600 },
    { start_ms: 71_500, end_ms: 71_600 },
  ]);
});

test('[ING10] durable is what is stored: words that wait for their end are not, silence is', async () => {
  const { results, clock, transcription, account, outcome } = transcribe();
  clock.forward(8 * second);
  results.push(heard(0, 2_000, [['so', 700]]));
  await expect.poll(() => transcription.durableMs).toBe(700);
  results.push(heard(2_000, 3_000, [['yes', 2_400]], { endsUtterance: true }));
  await expect.poll(() => transcription.durableMs).toBe(3_000);
  expect(await store.covered(meeting, 'mic')).toBe(3_000);
  results.push(heard(3_000, 7_000, []));
  await expect.poll(() => transcription.durableMs).toBe(7_000);
  results.end();
  await outcome;
  expect([transcription.durableMs, account.covered.totalMs]).toEqual([8_000, 8_000]);
});

test('the stream’s end ends the utterance that waits, and everything received is durable', async () => {
  const { results, clock, transcription, outcome, said } = transcribe();
  clock.forward(3 * second);
  results.push(heard(0, 2_000, [['so', 700]]));
  results.end();
  expect(await outcome).toBe('done');
  expect(said().at(-1)).toBe('final 1 so');
  expect(transcription.durableMs).toBe(3_000);
});

test('[ING12] a stream that stops leaves to the sender what was not final, and stores none of it', async () => {
  const { results, clock, transcription, outcome } = transcribe();
  clock.forward(4 * second);
  results.push(heard(0, 1_000, [['so', 100]], { endsUtterance: true }));
  results.push(heard(1_000, 2_000, [['half', 1_500]]));
  results.end({ error: new RecognizerError('gone', { retryable: true }) });
  expect(await outcome).toMatchObject({ name: 'RecognizerError' });
  await transcription.written;
  expect(transcription.durableMs).toBe(1_500);
  expect((await store.read(meeting, 0, 10)).events).toMatchObject([{ text: 'so' }]);
});

test('[ING19] once another claim has written, this one’s words are refused and its run ends', async () => {
  const { results, clock, outcome } = transcribe({ fence: 5 });
  clock.forward(4 * second);
  results.push(heard(0, 1_000, [['so', 100]], { endsUtterance: true }));
  await expect.poll(() => store.covered(meeting, 'mic')).toBe(1_000);
  await store.cover(meeting, { source: 'mic', fence: 6, coveredMs: 0 });
  results.push(heard(1_000, 2_000, [['too late', 1_100]], { endsUtterance: true }));
  expect(await outcome).toMatchObject({ name: 'StaleFenceError' });
  expect(await store.head(meeting)).toMatchObject({ seq: 1 });
});

test('a transcription that is given up rejects, and stores nothing more', async () => {
  const { results, clock, transcription, outcome } = transcribe();
  clock.forward(second);
  results.push(heard(0, 1_000, [['so', 100]]));
  await expect.poll(() => transcription.durableMs).toBe(100);
  transcription.abort();
  expect(await outcome).toBeInstanceOf(Error);
  expect(await store.head(meeting)).toMatchObject({ seq: 0 });
});

test('audio that broke off within a word leaves that word, and the silence after it, to its sender', async () => {
  const { results, clock, transcription, outcome, said } = transcribe();
  clock.forward(2 * second);
  transcription.breakOff();
  results.push(
    heard(
      0,
      2_000,
      [
        ['whole', 500],
        ['hal', 1_890],
      ],
      { endsUtterance: true },
    ),
  );
  results.end();
  expect(await outcome).toBe('done');
  expect(said()).toEqual(['final 1 whole']);
  expect(transcription.durableMs).toBe(600);
});

test('[LOG4] a registry that forgot, or was isolated, gives numbers that are taken: every final is stored under another', async () => {
  for (const number of [1, 2, 3]) {
    await store.append(
      meeting,
      finalEntry(number, { meta: { source: 'system' }, text: `elsewhere ${number}` }),
    );
  }
  const { results, outcome } = transcribe();
  for (const second of [0, 1, 2]) {
    const fromMs = second * 1_000;
    const words: [string, number][] = [[`word${second}`, fromMs + 100]];
    results.push(heard(fromMs, fromMs + 900, words, { endsUtterance: true }));
  }
  results.end();
  expect(await outcome).toBe('done');
  const finals = await store.transcript(meeting, 3, 10);
  expect(finals.map(({ text }) => text)).toEqual(['word0', 'word1', 'word2']);
  expect(new Set(finals.map(({ segment_no }) => segment_no)).size).toBe(3);
  expect(Math.min(...finals.map(({ segment_no }) => segment_no))).toBeGreaterThan(3);
  expect(await store.covered(meeting, 'mic')).toBeGreaterThanOrEqual(2_200);
});

test('[LOG10] given up: what was heard is said, although its utterance was not over; the rest is handed over', async () => {
  const { results, clock, transcription, outcome, said, left } = transcribe({ fromMs: 5_000 });
  clock.forward(8 * second);
  results.push(heard(0, 2_000, [['so', 700]], { endsUtterance: true }));
  results.push(
    heard(2_000, 4_000, [
      ['yes', 2_400],
      ['no', 3_200],
    ]),
  );
  await expect.poll(said).toContain('partial 2 yes no');
  transcription.giveUp(new RecognizerError('no answer', { retryable: true }));
  transcription.giveUp(new RecognizerError('again', { retryable: true }));
  expect(await outcome).toMatchObject({ message: 'no answer' });
  await transcription.written;
  expect(said().filter((line) => line.startsWith('final'))).toEqual(['final 1 so', 'final 2 yes no']);
  expect([transcription.durableMs, transcription.saidMs, left.length]).toEqual([9_000, [3_300], 1]);
});

test('[TIME2] what was said before and behind a stretch off the record is no one utterance', async () => {
  const { results, clock, outcome, messages, transcription } = transcribe();
  clock.forward(second);
  clock.skip(10 * second);
  clock.forward(second);
  const both: [string, number][] = [
    ['before', 700],
    ['behind', 1_050],
  ];
  results.push(heard(0, 1_200, both, { isFinal: false }));
  results.push(heard(0, 600, []));
  results.push(heard(600, 1_400, both));
  results.push(heard(1_400, 2_000, [['more', 1_450]], { endsUtterance: true }));
  results.end();
  expect(await outcome).toBe('done');
  expect(
    messages.map(({ text }) => JSON.parse(text)).filter(({ type }) => type.endsWith('final')),
  ).toMatchObject([
    { text: 'before', start_ms: 700, end_ms: 800 },
    { text: 'behind more', start_ms: 11_050, end_ms: 11_550 },
  ]);
  expect(transcription.durableMs).toBe(12_000);
});

test('[ING10] audio off the record is durable once everything before it is', async () => {
  const { results, clock, transcription, outcome } = transcribe();
  clock.skip(second);
  transcription.coverSettled();
  await expect.poll(() => transcription.durableMs).toBe(1_000);
  clock.forward(2 * second);
  clock.skip(3 * second);
  results.push(heard(0, 1_500, [['so', 700]]));
  await expect.poll(() => transcription.durableMs).toBe(1_700);
  results.push(heard(1_500, 1_999.6, [], { endsUtterance: true }));
  await expect.poll(() => transcription.durableMs).toBe(6_000);
  clock.skip(second);
  transcription.coverSettled();
  await expect.poll(() => transcription.durableMs).toBe(7_000);
  clock.forward(second);
  transcription.coverSettled();
  await transcription.written;
  expect(transcription.durableMs).toBe(7_000);
  results.end();
  await outcome;
});
