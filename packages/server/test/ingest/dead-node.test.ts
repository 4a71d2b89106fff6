/** What is said of sources whose node is gone, by a node that is left. */
import type { LoggedEvent } from '@meetcast/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchDeadNodes } from '../../src/ingest/dead-node.ts';
import { Grace } from '../../src/ingest/grace.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { AudioNote, MeetingState, OrphanedClaim, Registry } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { AudioLedger } from '../../src/transcription/audio-ledger.ts';
import type { HubEvent } from '../../src/watch/observer.ts';
import { finalEntry, statusEntry } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

const meeting = { tenant: 'acme', id: 'm' };
const graceMs = 1_000;
const fence = 7;

let store: ReturnType<typeof memoryStore>;
let grace: Grace;
let observed: HubEvent[];
/** What the other nodes have heard. */
let notes: AudioNote[];
/** What becomes of the meeting when a claim is given back; undefined: it is held again. */
let what: MeetingState | undefined;
let released: string[];
let tell: (orphan: OrphanedClaim) => void;
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  store = memoryStore();
  grace = new Grace(graceMs);
  [observed, notes, released] = [[], [], []];
  what = 'idle';
  const inner = memoryRegistry();
  const registry: Registry = {
    ...inner,
    counts: async (of) => ({ ...(await inner.counts(of)), elsewhere: notes }),
    watchOrphaned(_againMs, onOrphaned) {
      tell = onOrphaned;
      return () => {};
    },
  };
  const observe = (event: HubEvent) => void observed.push(event);
  const log = () => logOf(meeting, store, messageBus(), undefined, observe);
  stop = watchDeadNodes({ registry, grace, graceMs, ledger: new AudioLedger(), observe, log });
  await store.append(meeting, statusEntry('live'), { reach: { source: 'mic', fence, coveredMs: 0 } });
});
afterEach(() => {
  expect(observed.filter(({ type }) => type === 'error')).toEqual([]);
  vi.useRealTimers();
});

/** The first word is stored, and so much was received. */
async function heard(receivedMs: number): Promise<void> {
  const { event } = await store.append(meeting, finalEntry(0), {
    reach: { source: 'mic', fence, coveredMs: 900 },
  });
  expect(event.seq).toBe(2);
  const { epoch } = await store.head(meeting);
  const totals = { receivedMs, forwardedMs: receivedMs, coveredMs: 900 };
  notes.push({ source: 'mic', epoch, ...totals, positionMs: receivedMs + 0.5 });
}

function orphan(source: 'mic' | 'system' = 'mic', isHeardOut = false): void {
  const release = async () => {
    released.push(source);
    return what;
  };
  tell({ meeting, source, fence, isHeardOut, release });
}

const cover = (coveredMs: number, by = fence) =>
  store.cover(meeting, { source: 'mic', fence: by, coveredMs });

/** What was added to the log. */
const said = async () =>
  (await store.read(meeting, 0, 100)).events
    .filter(({ type }) => type !== 'transcript.final')
    .slice(1)
    .map((event: LoggedEvent) => {
      if (event.type === 'gap') return [event.start_ms, event.end_ms, event.cause];
      return event.type === 'status' ? event.status : event.type;
    });

test('[ING20] a source that stays away: what was received and has no words is a gap, then the meeting idles', async () => {
  await heard(5_000);
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  expect(await said()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await said()).toEqual([[900, 5_000, 'hub_failed'], 'idle']);
  expect(released).toEqual(['mic']);
  // Its sender may still send it again.
  expect(await store.covered(meeting, 'mic')).toBe(900);
});

test('[LOG10] what is not known to have been received is no gap', async () => {
  await heard(900);
  notes.push({ ...(notes[0] as AudioNote), epoch: 'of another log', positionMs: 9_000 });
  notes.push({ ...(notes[0] as AudioNote), source: 'system', positionMs: 9_000 });
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(await said()).toEqual(['idle']);
});

test('[LOG10] a stretch that has a gap gets no other one', async () => {
  await heard(9_000);
  const gap = (start_ms: number, end_ms: number, source: 'mic' | 'system' = 'mic') => {
    const about = { meeting_id: 'm', ts: '2026-03-02T09:00:04.120Z', source, cause: 'entry_refused' };
    return store.append(meeting, { type: 'gap', ...about, start_ms, end_ms });
  };
  await gap(4_000, 5_000);
  await gap(500, 2_000);
  await gap(0, 9_000, 'system');
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs);
  expect((await said()).slice(3)).toEqual([
    [2_000, 4_000, 'hub_failed'],
    [5_000, 9_000, 'hub_failed'],
    'idle',
  ]);
});

test('[ING20] as long as more and more of it is covered, its node is only isolated, and nothing is said', async () => {
  await heard(5_000);
  for (const coveredMs of [2_000, 3_000]) {
    orphan();
    await vi.advanceTimersByTimeAsync(graceMs - 1);
    await cover(coveredMs);
    await vi.advanceTimersByTimeAsync(1);
  }
  expect([await said(), released]).toEqual([[], []]);
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(await said()).toEqual([[3_000, 5_000, 'hub_failed'], 'idle']);
});

test('[ING20] what this node gave back itself, when that could not be told, is not waited for and leaves no gap', async () => {
  await heard(5_000);
  what = 'ended';
  orphan('mic', true);
  await vi.advanceTimersByTimeAsync(0);
  expect(await said()).toEqual(['ended']);
  expect(released).toEqual(['mic']);
});

test('[ING20] nothing is said of a source that is held again, or that its sender has brought back here', async () => {
  await heard(5_000);
  what = undefined;
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(released).toEqual(['mic']);
  what = 'idle';
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  grace.end(meeting, 'mic');
  await vi.advanceTimersByTimeAsync(graceMs);
  expect([await said(), released]).toEqual([[], ['mic']]);
});

test('[ING19] once somebody else may write, whatever the registry says, nothing is said', async () => {
  await heard(5_000);
  orphan();
  await vi.advanceTimersByTimeAsync(0);
  await cover(0, fence + 1);
  await vi.advanceTimersByTimeAsync(graceMs);
  expect([await said(), released]).toEqual([[], ['mic']]);
});

test('[ING15] a meeting that goes on does not idle, and one whose other source has finalized ends', async () => {
  await heard(5_000);
  what = 'ongoing';
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(await said()).toEqual([[900, 5_000, 'hub_failed']]);
  what = 'ended';
  orphan('system');
  await vi.advanceTimersByTimeAsync(graceMs);
  expect((await said()).slice(1)).toEqual(['ended']);
});

test('[ING15] it ends although somebody else has finalized a source that this node waits for too', async () => {
  await heard(5_000);
  what = 'ended';
  orphan();
  await vi.advanceTimersByTimeAsync(1);
  // Claimed and finalized at another node meanwhile.
  tell({ meeting, source: 'system', fence, release: async () => undefined });
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(await said()).toEqual([[900, 5_000, 'hub_failed'], 'ended']);
});

test('[ING20] that it idles, or has ended, is said once', async () => {
  for (const source of ['mic', 'system'] as const) {
    orphan(source);
    await vi.advanceTimersByTimeAsync(graceMs);
    expect(await said()).toEqual(['idle']);
  }
});

test('[LINK4] a node that closes leaves it to the others', async () => {
  await heard(5_000);
  orphan();
  await vi.advanceTimersByTimeAsync(0);
  stop();
  await grace.close();
  orphan();
  await vi.advanceTimersByTimeAsync(graceMs);
  expect([await said(), released]).toEqual([[], []]);
});

test('a meeting that was forgotten meanwhile stays so', async () => {
  await heard(5_000);
  orphan();
  await vi.advanceTimersByTimeAsync(0);
  await store.forget(meeting);
  await vi.advanceTimersByTimeAsync(graceMs);
  expect((await store.read(meeting, 0, 100)).events).toEqual([]);
  expect(released).toEqual(['mic']);
});
