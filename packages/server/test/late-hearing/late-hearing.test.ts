/** What is kept of unheard audio, and for how long. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LateHearing, type Lost } from '../../src/late-hearing/late-hearing.ts';
import type { UnheardOptions } from '../../src/late-hearing/options.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import type { Recognizer, UnheardAudio } from '../../src/recognizer/recognizer.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { AudioLedger } from '../../src/transcription/audio-ledger.ts';
import type { HubEvent } from '../../src/watch/observer.ts';
import { freshMeeting, statusEntry } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

const second = 32_000;

let meeting: MeetingRef;
let store: ReturnType<typeof memoryStore>;
let epoch: string;
let observed: HubEvent[];
let open: LateHearing[];
let discarded: number[];
/** What ends the streams that the recognizer was asked for. */
let asked: AbortSignal[];

beforeEach(async () => {
  vi.useFakeTimers();
  meeting = freshMeeting();
  store = memoryStore();
  ({ epoch } = await store.append(meeting, statusEntry('live')));
  observed = [];
  open = [];
  discarded = [];
  asked = [];
});
afterEach(async () => {
  for (const late of open) await late.close();
  vi.useRealTimers();
});

/** A recognizer that never answers, so that whatever is being heard is never heard. */
const mute: Recognizer = {
  open: (_request, signal) =>
    new Promise((_resolve, reject) => {
      asked.push(signal);
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
};

function start(options: UnheardOptions | false = {}): LateHearing {
  const late = new LateHearing(options, {
    registry: memoryRegistry(),
    recognizer: mute,
    ledger: new AudioLedger(),
    observe: (event) => observed.push(event),
    log: (of) => logOf(of, store, messageBus()),
  });
  open.push(late);
  return late;
}

const audioOf = (seconds: number): UnheardAudio => ({
  startMs: 0,
  endMs: seconds * 1_000,
  bytes: seconds * second,
  async *read() {},
  discard: async () => void discarded.push(seconds),
});

const lostBy = (changes: Partial<Lost> = {}): Lost => ({
  meeting,
  source: 'mic',
  epoch,
  fence: 1,
  beganAtMs: 0,
  isResumed: false,
  saidUpToMs: [0],
  format: { sampleRate: 16_000, channels: 1 },
  language: undefined,
  offsets: [{ streamMs: 0, offsetMs: 0 }],
  canResume: true,
  cause: 'recognizer_unavailable',
  ...changes,
});

const fates = () => observed.flatMap((event) => (event.type === 'unheard' ? [event.state] : []));

test('[LOG10] it is let go after its time, and so is what a silent recognizer has been asked for', async () => {
  const late = start({ maxAgeMs: 3_600_000 });
  late.keep(lostBy({ canResume: false }), audioOf(3));
  late.keep(lostBy({ source: 'system' }), audioOf(4));
  await vi.advanceTimersByTimeAsync(3_500_000);
  expect([late.keptBytes, late.keptMs]).toEqual([7 * second, 7_000]);
  await vi.advanceTimersByTimeAsync(200_000);
  expect(fates()).toEqual(['kept', 'kept', 'too_old', 'too_old']);
  expect(discarded).toEqual([3, 4]);
});

/** Resolves when three seconds are being heard. */
async function hearing(late: LateHearing): Promise<void> {
  const gap = { type: 'gap' as const, meeting_id: 'm', ts: new Date().toISOString() };
  late.keep(lostBy({ canResume: false }), audioOf(3));
  await vi.advanceTimersByTimeAsync(10);
  await store.append(meeting, { ...gap, source: 'mic', start_ms: 0, end_ms: 3_000, cause: 'x' });
  late.missed(lostBy());
  await vi.advanceTimersByTimeAsync(10);
  expect(await store.covered(meeting, 'mic')).toBe(3_000);
  expect(asked.map(({ aborted }) => aborted)).toEqual([false]);
}

test('[REST17] a meeting that another node forgot is noticed within a minute, whatever is being heard', async () => {
  const late = start();
  await hearing(late);
  await store.forget(meeting);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fates()).toEqual(['kept', 'forgotten']);
  expect(asked.map(({ aborted }) => aborted)).toEqual([true]);
  expect(discarded).toEqual([3]);
});

test('[LOG10] too much: the oldest goes first, and one that alone is too much is not kept', async () => {
  const late = start({ maxBytes: 5 * second });
  late.keep(lostBy(), audioOf(2));
  await vi.advanceTimersByTimeAsync(10);
  late.keep(lostBy({ source: 'system' }), audioOf(3));
  await vi.advanceTimersByTimeAsync(10);
  expect(discarded).toEqual([]);
  late.keep(lostBy({ source: 'system', beganAtMs: 9_000 }), audioOf(1));
  expect(discarded).toEqual([2]);
  await vi.advanceTimersByTimeAsync(10);
  late.keep(lostBy(), audioOf(6));
  expect(late.keptBytes).toBe(0);
});

test('[ING12] what a resumed session left takes the place of what it was sent again of', async () => {
  const late = start();
  late.keep(lostBy(), audioOf(10));
  await vi.advanceTimersByTimeAsync(10);
  // It heard two seconds of the ten, and was sent less than before: the rest is still in the older audio.
  const resumed = { isResumed: true, saidUpToMs: [2_000], offsets: [{ streamMs: 0, offsetMs: 1_500 }] };
  late.keep(lostBy({ ...resumed, fence: 2 }), audioOf(3));
  expect([late.keptMs, discarded]).toEqual([10_000, [3]]);
  // The next one was sent more: nothing of the older audio is needed any longer.
  late.keep(lostBy({ ...resumed, fence: 3, beganAtMs: 2_000 }), audioOf(12));
  await vi.advanceTimersByTimeAsync(10);
  expect([late.keptMs, discarded]).toEqual([12_000, [3, 10]]);
  // One that began anew sends other audio, wherever it stands.
  late.keep(lostBy({ fence: 4, beganAtMs: 2_000 }), audioOf(1));
  expect(late.keptMs).toBe(13_000);
  expect(late.positionMs(meeting, epoch)).toBe(13_500);
});

test.each<[string, Partial<Lost>]>([
  ['an earlier session', { fence: 1 }],
  ['a session of another log', { fence: 3, epoch: 'another' }],
  ['a session that began behind it', { fence: 3, beganAtMs: 10_000 }],
])('[ING12] what %s left is other audio: both are kept', (_whose, changes) => {
  const late = start();
  late.keep(lostBy({ fence: 2 }), audioOf(10));
  late.keep(lostBy({ isResumed: true, beganAtMs: 2_000, ...changes }), audioOf(12));
  expect([late.keptMs, discarded]).toEqual([22_000, []]);
});

test('[REST17] of a meeting that is forgotten here nothing is kept, and nothing is heard any more', async () => {
  const late = start();
  await hearing(late);
  late.keep(lostBy({ meeting: freshMeeting(), source: 'system' }), audioOf(4));
  late.forget(meeting);
  expect([fates(), late.keptMs]).toEqual([['kept', 'kept', 'forgotten'], 4_000]);
  expect(asked.map(({ aborted }) => aborted)).toEqual([true]);
});

test('[LINK4] a hub that closes ends what is being heard, and waits for what is being let go', async () => {
  const late = start();
  await hearing(late);
  let letGo = () => {};
  const slow = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  late.keep(lostBy({ source: 'system' }), { ...audioOf(1), discard: () => slow });
  await vi.advanceTimersByTimeAsync(10);
  late.forget(meeting);
  let isClosed = false;
  const closed = late.close().then(() => {
    isClosed = true;
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(isClosed).toBe(false);
  letGo();
  await closed;
  expect(discarded).toEqual([3]);
});

test('[LINK4] what is being heard when it is stopped ends with it, and is kept', async () => {
  const late = start();
  await hearing(late);
  await late.stop();
  expect(asked.map(({ aborted }) => aborted)).toEqual([true]);
  expect([fates(), late.keptMs]).toEqual([['kept'], 3_000]);
});

test('[LINK4] a hub that closes lets everything go; one that keeps nothing never has it', async () => {
  const late = start();
  late.keep(lostBy(), audioOf(2));
  await late.close();
  expect(discarded).toEqual([2]);
  start(false).keep(lostBy(), audioOf(5));
  expect(discarded).toEqual([2, 5]);
  expect(fates()).toEqual(['kept']);
});

test('[LIM] a setting that is no positive number is a mistake of the host', () => {
  expect(() => start({ maxBytes: 0 })).toThrow('unheard.maxBytes must be a positive number, got 0');
  expect(() => start({ senderAwayMs: Number.NaN })).toThrow(TypeError);
});
