/** Whose unheard audio is, whatever was left half done when a hub died. */
import type { LogEntry } from '@meetcast/protocol';
import { beforeEach, expect, test } from 'vitest';
import { GapHistory } from '../../src/late-hearing/gap-history.ts';
import { HeldHere, type Kept } from '../../src/late-hearing/kept.ts';
import type { Leftover } from '../../src/late-hearing/leftover.ts';
import { gapOf, ownerOf } from '../../src/late-hearing/ownership.ts';
import type { MeetingRef } from '../../src/lib/meeting.ts';
import type { TranscriptLog } from '../../src/log/transcript-log.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { finalEntry, freshMeeting, ts } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

const second = 32_000;
const awayMs = 60_000;

let meeting: MeetingRef;
let store: ReturnType<typeof memoryStore>;
let log: TranscriptLog;
let epoch: string;

beforeEach(async () => {
  meeting = freshMeeting();
  store = memoryStore();
  log = logOf(meeting, store, messageBus());
  ({ epoch } = await store.append(meeting, begun('live')));
});

const begun = (status: 'live' | 'recovered'): LogEntry => ({
  type: 'status',
  meeting_id: 'm',
  ts,
  status,
  message: 'audio',
  meta: { source: 'mic' },
});

const gapEntry = (changes = {}): LogEntry => ({
  type: 'gap',
  meeting_id: 'm',
  ts: new Date().toISOString(),
  source: 'mic',
  start_ms: 10_000,
  end_ms: 20_000,
  cause: 'recognizer_unavailable',
  ...changes,
});

const cover = (fence: number, coveredMs: number) => store.cover(meeting, { source: 'mic', fence, coveredMs });

/** Ten seconds, from the tenth on. */
function keptWith(changes: Partial<Leftover> = {}, isFound = false): Kept {
  const leftover: Leftover = {
    meeting,
    source: 'mic',
    epoch,
    sinceSeq: 1,
    keptAtMs: Date.now(),
    format: { sampleRate: 16_000, channels: 1 },
    bytes: 10 * second,
    offsets: [{ streamMs: 0, offsetMs: 10_000 }],
    cause: 'recognizer_unavailable',
    fence: 5,
    canResume: true,
    claim: 'none',
    saidMs: [0],
    ...changes,
  };
  const audio = { startMs: 0, endMs: 10_000, bytes: 0, async *read() {}, discard: async () => {} };
  return Object.assign(new HeldHere(leftover, audio), { isFound });
}

const ask = (kept: Kept, inMs = 0) =>
  ownerOf(kept, new GapHistory(log, kept.leftover), log, { senderAwayMs: awayMs, nowMs: Date.now() + inMs });

test('[LOG11] before its gap is told nobody knows; after it whoever may come back is waited for', async () => {
  await cover(5, 10_000);
  const kept = keptWith();
  expect(await ask(kept, 10 * awayMs)).toBe('open');
  await store.append(meeting, gapEntry());
  expect(await ask(kept, awayMs - 1_000)).toBe('open');
  expect(await store.covered(meeting, 'mic')).toBe(10_000);
  expect(await ask(kept, awayMs)).toBe('hub');
  expect(await store.covered(meeting, 'mic')).toBe(20_000);
  expect((await store.head(meeting)).seq).toBe(2);
  expect(kept.leftover.claim).toBe('done');
});

/** What is done when it is noted that the audio is about to be claimed. */
function whenBegun(kept: Kept, act: () => Promise<unknown>): Kept {
  const save = kept.save.bind(kept);
  kept.save = async (changes) => {
    await save(changes);
    if (changes.claim === 'begun') await act();
  };
  return kept;
}

test('[LOG11] that it is claimed is noted before it is, for whoever finds it if the hub dies between', async () => {
  await cover(5, 10_000);
  await store.append(meeting, gapEntry());
  const coveredMs: number[] = [];
  const look = async () => coveredMs.push(await store.covered(meeting, 'mic'));
  expect(await ask(whenBegun(keptWith(), look), awayMs)).toBe('hub');
  expect(coveredMs).toEqual([10_000]);
});

test.each([true, false])(
  '[REST17] a meeting that is forgotten at the last moment is left as it is, gap told: %s',
  async (isTold) => {
    if (isTold) await store.append(meeting, gapEntry());
    const kept = whenBegun(keptWith({ canResume: false }, true), () => store.forget(meeting));
    await expect(ask(kept)).rejects.toMatchObject({ name: 'StaleEpochError' });
    expect(await store.covered(meeting, 'mic')).toBe(0);
    expect((await store.head(meeting)).seq).toBe(0);
  },
);

test('[LOG11] whoever began since, and has not got that far, is not overtaken', async () => {
  await store.append(meeting, gapEntry());
  await store.append(meeting, begun('recovered'), { reach: { source: 'mic', fence: 6, coveredMs: 12_000 } });
  const kept = keptWith();
  expect(await ask(kept, awayMs)).toBe('open');
  await cover(6, 20_000);
  expect(await ask(kept, awayMs)).toBe('sender');
});

test('[LOG11] behind a session that began anew nobody sends it again', async () => {
  await store.append(meeting, gapEntry());
  await cover(6, 20_000);
  expect(await ask(keptWith())).toBe('hub');
  await store.append(meeting, begun('live'));
  await store.append(meeting, begun('recovered'));
  expect(await ask(keptWith())).toBe('hub');
});

test('[LOG11] a hub that died when it had claimed it goes on; one that died before it could does not', async () => {
  await store.append(meeting, gapEntry());
  await cover(5, 20_000); // Its claim.
  expect(await ask(keptWith({ claim: 'begun' }, true))).toBe('hub');
  await store.append(meeting, begun('recovered')); // Behind it.
  expect(await ask(keptWith({ claim: 'begun' }, true))).toBe('hub');
  await store.append(meeting, finalEntry(1, { repairs: 2, start_ms: 12_000, end_ms: 12_500 }));
  expect(await ask(keptWith({ claim: 'begun' }, true))).toBe('sender');
  // Its own words are no sign of a sender.
  expect(await ask(keptWith({ claim: 'done' }, true))).toBe('hub');
});

test('[LOG10] a hub that died before the gap was told: the next one tells it, and shuts its sender out in one step', async () => {
  await cover(5, 10_000);
  const kept = keptWith({ canResume: false }, true);
  const gapHistory = new GapHistory(log, kept.leftover);
  const owner = await ownerOf(kept, gapHistory, log, { senderAwayMs: awayMs, nowMs: Date.now() });
  expect(owner).toBe('hub');
  expect(await gapOf(kept, gapHistory, log)).toMatchObject({ seq: 2, start_ms: 10_000, end_ms: 20_000 });
  expect(await store.covered(meeting, 'mic')).toBe(20_000);
  expect((await store.head(meeting)).seq).toBe(2);
  // Found again after another crash, it is the same gap.
  expect(await ask(keptWith({ canResume: false, claim: 'begun' }, true))).toBe('hub');
  expect((await store.head(meeting)).seq).toBe(2);
});

test('[REST17] of a forgotten meeting nothing is claimed', async () => {
  await store.append(meeting, gapEntry());
  await store.forget(meeting);
  await expect(ask(keptWith({ canResume: false }))).rejects.toMatchObject({ name: 'StaleEpochError' });
  expect(await store.covered(meeting, 'mic')).toBe(0);
});

test('[LOG10] a gap of another source, of before, or of other audio is none of its', async () => {
  const kept = keptWith({ canResume: false, sinceSeq: 2 });
  await store.append(meeting, gapEntry()); // seq 2: before it was kept.
  await store.append(meeting, gapEntry({ source: 'system' }));
  await store.append(meeting, gapEntry({ start_ms: 20_000, end_ms: 30_000 }));
  expect(await ask(kept)).toBe('open');
  await store.append(meeting, gapEntry({ start_ms: 19_000, end_ms: 30_000 }));
  expect(await ask(kept)).toBe('hub');
});
