/** How audio that nobody heard in time is heard late, with a recognizer that says what it is told to. */
import type { Gap, TranscriptFinal } from '@meetcast/protocol';
import { beforeEach, expect, test } from 'vitest';
import { hear } from '../../src/late-hearing/hearing.ts';
import { HeldHere } from '../../src/late-hearing/kept.ts';
import type { Leftover } from '../../src/late-hearing/leftover.ts';
import { EntryRefusedError } from '../../src/lib/errors.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import type { RecognitionResult, RecognizedSpan } from '../../src/recognizer/recognizer.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { finalEntry, freshMeeting, statusEntry, ts } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';
import { storeWith } from '../support/store-with.ts';

/** Bytes of a second of 16 kHz. */
const second = 32_000;

let meeting: MeetingRef;
let store: Store;
let epoch: string;
let gap: Gap;
let stopping: AbortController;
/** What the recognizer was given, and whether it was let go. */
let told: { bytes: number; isAborted: boolean };

beforeEach(async () => {
  meeting = freshMeeting();
  store = memoryStore();
  ({ epoch } = await store.append(meeting, statusEntry('live')));
  const stretch = {
    source: 'mic' as const,
    start_ms: 10_000,
    end_ms: 20_000,
    cause: 'recognizer_unavailable',
  };
  const { event } = await store.append(meeting, { type: 'gap', meeting_id: 'm', ts, ...stretch });
  gap = event as Gap;
  stopping = new AbortController();
  told = { bytes: 0, isAborted: false };
  told = { bytes: 0, isAborted: false };
});

/** A word alone is an utterance. Times are those of the stream. */
const word = (text: string, startMs: number, changes: Partial<RecognizedSpan> = {}): RecognizedSpan => ({
  kind: 'span',
  channel: 0,
  startMs,
  endMs: startMs + 300,
  isFinal: true,
  endsUtterance: true,
  text,
  words: [{ text, startMs, endMs: startMs + 300 }],
  ...changes,
});

const over = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve());
  });

/** Says this once it has all the audio. With `isOpen` it may have more to say until it is let go. */
const recognizerOf = (results: RecognitionResult[], { channels = 1, isOpen = false } = {}) => ({
  async open() {
    const [finished, aborted] = [new AbortController(), new AbortController()];
    async function* say() {
      await Promise.race([over(finished.signal), over(aborted.signal)]);
      if (aborted.signal.aborted) return;
      yield* results;
      if (isOpen) await over(aborted.signal);
    }
    return {
      channels,
      results: say(),
      write: (audio: Uint8Array) => {
        told.bytes += audio.length;
        return undefined;
      },
      flush: () => {},
      finish: () => finished.abort(),
      abort: () => {
        told.isAborted = true;
        aborted.abort();
      },
    };
  },
});

/** Ten seconds, from the tenth on. */
function keptWith(changes: Partial<Leftover> = {}, brokenAfter = Number.POSITIVE_INFINITY) {
  const leftover: Leftover = {
    meeting,
    source: 'mic',
    epoch,
    keptAtMs: 0,
    format: { sampleRate: 16_000, channels: 1 },
    bytes: 10 * second,
    offsets: [{ streamMs: 0, offsetMs: 10_000 }],
    cause: 'recognizer_unavailable',
    fence: 5,
    canResume: false,
    claim: 'done',
    saidMs: [0],
    ...changes,
  };
  async function* read(skip: number) {
    for (let at = skip; at < leftover.bytes; at += second / 10) {
      if (at >= brokenAfter) throw new Error('the disk lost it');
      yield new Uint8Array(Math.min(second / 10, leftover.bytes - at));
    }
  }
  const audio = { startMs: 0, endMs: 10_000, bytes: leftover.bytes, read, discard: async () => {} };
  return new HeldHere(leftover, audio);
}

/** What happens when it is noted that a final is about to be written. */
function whenSaying(kept: HeldHere, act: () => unknown): void {
  const save = kept.save.bind(kept);
  let isFirst = true;
  kept.save = async (changes) => {
    await save(changes);
    if (!changes.saying || !isFirst) return;
    isFirst = false;
    await act();
  };
}

const listen = (kept: HeldHere, recognizer: ReturnType<typeof recognizerOf>) =>
  hear({
    kept,
    gap,
    recognizer,
    log: logOf(meeting, store, messageBus()),
    registry: memoryRegistry(),
    signal: stopping.signal,
  });

async function finals(): Promise<TranscriptFinal[]> {
  const { events } = await store.read(meeting, 0, 100);
  return events.flatMap((event) => (event.type === 'transcript.final' ? [event] : []));
}
const texts = async () => (await finals()).map(({ text }) => text);

test('[LOG10] it is heard from a little before the first word that is missing, and no word is said again', async () => {
  const kept = keptWith({ saidMs: [2_000] });
  await listen(kept, recognizerOf([word('old', 100), word('new', 600)]));
  expect(told.bytes).toBe(8.5 * second);
  expect(await finals()).toMatchObject([
    { text: 'new', start_ms: 12_100, end_ms: 12_400, repairs: gap.seq, meta: { source: 'mic' } },
  ]);
  expect(kept.leftover).toMatchObject({ saidMs: [2_400], saying: undefined });
});

test('[LOG10] of channels that are heard apart the one that is least far decides where it begins', async () => {
  const kept = keptWith({
    saidMs: [5_000, 2_000],
    format: { sampleRate: 16_000, channels: 2 },
    bytes: 20 * second,
  });
  const both = [word('left', 1_000), word('right', 1_000, { channel: 1 })];
  await listen(kept, recognizerOf(both, { channels: 2 }));
  expect(told.bytes).toBe(17 * second);
  expect(await texts()).toEqual(['right']);
});

test('[LOG10] the last words need no pause behind them', async () => {
  await listen(keptWith(), recognizerOf([word('end', 9_000, { endsUtterance: false })]));
  expect(await texts()).toEqual(['end']);
});

test('[LOG10] a partial is no words yet', async () => {
  await listen(keptWith(), recognizerOf([word('may', 1_000, { isFinal: false })]));
  expect(await texts()).toEqual([]);
});

test('[LOG10] audio that cannot be read to its end was not heard', async () => {
  const hearing = listen(keptWith({}, 5 * second), recognizerOf([word('half', 1_000)]));
  await expect(hearing).rejects.toThrow('the disk lost it');
  expect(told.isAborted).toBe(true);
});

test('[LOG10] a recognizer that was away has not heard it', async () => {
  const away = { kind: 'unheard', startMs: 0, endMs: 5_000, cause: 'too_long_away' } as const;
  const hearing = listen(keptWith(), recognizerOf([away, word('rest', 6_000)]));
  await expect(hearing).rejects.toMatchObject({ name: 'RecognizerError', retryable: true });
  expect([await texts(), told.isAborted]).toEqual([[], true]);
});

test('[LOG10] one that hears other channels than before is let go, unheard', async () => {
  const hearing = listen(keptWith(), recognizerOf([word('both', 1_000)], { channels: 2 }));
  await expect(hearing).rejects.toThrow(/2 channels instead of 1/);
  expect([await texts(), told.isAborted]).toEqual([[], true]);
});

test('[LINK4] what is stopped before all was said was not heard, and the log stays as it is', async () => {
  const kept = keptWith();
  whenSaying(kept, () => stopping.abort(new Error('the hub closes')));
  await expect(listen(kept, recognizerOf([word('cut', 1_000)]))).rejects.toThrow('the hub closes');
  expect(await texts()).toEqual([]);
});

test('[LINK4] nor was what is stopped between two words', async () => {
  const kept = keptWith();
  const save = kept.save.bind(kept);
  kept.save = async (changes) => {
    await save(changes);
    if (changes.saidMs) stopping.abort(new Error('the hub closes'));
  };
  const hearing = listen(kept, recognizerOf([word('said', 1_000)], { isOpen: true }));
  await expect(hearing).rejects.toThrow('the hub closes');
  expect([await texts(), kept.leftover.saidMs]).toEqual([['said'], [1_300]]);
});

test('[REST17] a meeting that is forgotten at the last moment gets no words of before', async () => {
  const kept = keptWith();
  whenSaying(kept, () => store.forget(meeting));
  const hearing = listen(kept, recognizerOf([word('old', 1_000)]));
  await expect(hearing).rejects.toMatchObject({ name: 'StaleEpochError' });
  expect((await store.head(meeting)).seq).toBe(0);
});

test('[LOG10] its numbers are above all in the log, and a number is noted before it is used', async () => {
  await store.append(meeting, finalEntry(50));
  const kept = keptWith();
  const noted: unknown[] = [];
  const save = kept.save.bind(kept);
  kept.save = async (changes) => {
    await save(changes);
    if (!changes.saying) return;
    noted.push(changes.saying.segmentNo);
    // Somebody else was given the same number.
    if (noted.length === 1) await store.append(meeting, finalEntry(changes.saying.segmentNo));
  };
  await listen(kept, recognizerOf([word('late', 1_000)]));
  expect(noted).toEqual([51, 52]);
  expect((await finals()).at(-1)).toMatchObject({ text: 'late', segment_no: 52 });
});

test('[LOG8] of words in a stretch that was taken back those outside are kept', async () => {
  await store.retract(meeting, { startMs: 11_000, endMs: 11_300, source: 'mic' }, ts);
  const both = word('gone', 1_000, { endMs: 2_300, text: 'gone kept' });
  const words = [...both.words, ...word('kept', 2_000).words];
  await listen(keptWith(), recognizerOf([{ ...both, words }]));
  expect(await finals()).toMatchObject([{ text: 'kept', start_ms: 12_000 }]);
});

test('[LOG10] words that no store takes stay missing, and hold up no others', async () => {
  const inner = store;
  store = storeWith(inner, {
    append: (ref, entry, options) =>
      entry.type === 'transcript.final' && entry.text === 'bad'
        ? Promise.reject(new EntryRefusedError('too long'))
        : inner.append(ref, entry, options),
  });
  await listen(keptWith(), recognizerOf([word('bad', 1_000), word('good', 2_000)]));
  expect(await texts()).toEqual(['good']);
});
