/** The end of a source: how long its last words are waited for, and what is said of it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { endSource, giveBack, watchDrain } from '../../src/ingest/ending.ts';
import { Grace } from '../../src/ingest/grace.ts';
import { defaultLimits } from '../../src/lib/limits.ts';
import { memoryRegistry } from '../../src/registry/memory.ts';
import type { AudioNote, MeetingState, Registry } from '../../src/registry/registry.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { AudioLedger } from '../../src/transcription/audio-ledger.ts';
import type { Transcription } from '../../src/transcription/transcription.ts';
import { freshMeeting, statusEntry } from '../support/entries.ts';
import { logOf, messageBus } from '../support/log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('[ING12] last words are waited for as long as was said, wherever the system’s clock is set meanwhile', () => {
  const giveUp = vi.fn();
  const transcription = { heardAt: performance.now(), isAway: false, giveUp } as unknown as Transcription;
  const watch = watchDrain(transcription, new AbortController().signal, defaultLimits);
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(29_000);
  expect(giveUp).not.toHaveBeenCalled();
  vi.advanceTimersByTime(5_000);
  expect(giveUp).toHaveBeenCalled();
  clearInterval(watch);
});

const limits = { ...defaultLimits, drainSilenceMs: 10_000, drainAwayMs: 40_000 };

interface Told {
  heardAt: number;
  isAway: boolean;
}

/** When a drain is given up, in seconds, and why; each second `at` may change what is so. It was last heard long ago. */
function drained(isAway: boolean, at = (_second: number, _told: Told, _want: () => void): void => {}) {
  const told = { heardAt: performance.now() - 3_600_000, isAway };
  const wanted = new AbortController();
  let end: { second: number; why: string } | undefined;
  let second = 0;
  const giveUp = ({ message }: Error) => {
    end ??= { second, why: message };
  };
  const transcription = Object.assign(told, { giveUp }) as unknown as Transcription;
  const watch = watchDrain(transcription, wanted.signal, limits);
  for (; second < 100 && !end; second += 1) {
    at(second, told, () => wanted.abort());
    vi.advanceTimersByTime(1_000);
  }
  clearInterval(watch);
  return end;
}

test('[ING12] the wait begins at the end of the audio, and is longer for a recognizer that is away', () => {
  expect([drained(false)?.second, drained(true)?.second]).toEqual([10, 40]);
});

test('[ING12] a recognizer that goes on answering is not given up', () => {
  const answer = (second: number, told: Told) => {
    if (second % 8 === 0) told.heardAt = performance.now();
  };
  expect(drained(false, answer)).toBeUndefined();
});

test('[ING20] somebody else who sends the source ends the wait for one that is away, and for no other', () => {
  const wanted = (second: number, told: Told, want: () => void) => {
    if (second === 3) want();
    if (!told.isAway) told.heardAt = performance.now();
  };
  expect(drained(true, wanted)).toMatchObject({ second: 3, why: expect.stringMatching(/another sender/) });
  expect(drained(false, wanted)).toBeUndefined();
});

const fence = 7;

/** A meeting that is live, and whoever speaks for its mic when that is given back. */
async function live(notes: readonly AudioNote[] = []) {
  const [store, meeting, grace] = [memoryStore(), freshMeeting(), new Grace(1_000)];
  const log = logOf(meeting, store, messageBus());
  const inner = memoryRegistry();
  const counts: Registry['counts'] = async (of) => ({ ...(await inner.counts(of)), elsewhere: notes });
  const registry: Registry = { ...inner, counts };
  const reach = { source: 'mic' as const, fence, coveredMs: 900 };
  await log.append(statusEntry('live'), { reach });
  const context = { log, registry, ledger: new AudioLedger(), grace };
  const said = async () =>
    (await log.read(1, 100)).events.map((event) => {
      if (event.type === 'gap') return [event.start_ms, event.end_ms, event.cause];
      return event.type === 'status' ? event.status : event.type;
    });
  const end = (state: MeetingState | undefined, missing: [number, number][] = []) =>
    endSource({ ...context, source: 'mic', fence, release: async () => state }, { missing });
  return { log, context, meeting, grace, said, end };
}

test('a source that is given back leaves its gaps, and then what its meeting comes to', async () => {
  const { said, end, log } = await live();
  await end('idle', [
    [900, 2_000],
    [3_000, 4_000],
  ]);
  expect(await said()).toEqual([[900, 2_000, 'hub_failed'], [3_000, 4_000, 'hub_failed'], 'idle']);
  expect(await log.covered('mic')).toBe(900);
});

test.each([
  ['that is held again', undefined, []],
  ['whose meeting goes on', 'ongoing', [[900, 2_000, 'hub_failed']]],
  ['that was the last of a meeting that has ended', 'ended', [[900, 2_000, 'hub_failed'], 'ended']],
] as const)('what is said of a source %s', async (_which, state, expected) => {
  const { said, end } = await live();
  await end(state, [[900, 2_000]]);
  expect(await said()).toEqual(expected);
});

test('nothing is said of a source that somebody has begun since, nor twice that a meeting is over', async () => {
  const begun = await live();
  await begun.log.cover({ source: 'mic', fence: fence + 1, coveredMs: 0 });
  await begun.end('idle', [[900, 2_000]]);
  expect(await begun.said()).toEqual([]);
  const over = await live();
  await over.end('idle');
  await over.end('ended');
  expect(await over.said()).toEqual(['idle']);
});

test('what a meeting comes to is left to whoever waits for its other source here', async () => {
  const { said, end, grace, meeting } = await live();
  const act = async () => {};
  const { signal: wanted } = new AbortController();
  const claim = { wanted, sayLastWords: act, release: act };
  grace.begin(meeting, 'system', { claim, leaveMeeting: act });
  await end('idle');
  expect(await said()).toEqual([]);
});

test('who is not let in says what the dead node before it had received, and gives its claim back either way', async () => {
  const { context, log, said } = await live();
  const { epoch } = await log.head();
  const totals = { receivedMs: 5_000, forwardedMs: 5_000, coveredMs: 900 };
  const known = await live([{ source: 'mic', epoch, ...totals, positionMs: 5_000 }]);
  const released: string[] = [];
  const release = async () => {
    released.push('mic');
    return 'idle' as const;
  };
  const there = { ...context, registry: known.context.registry };
  await giveBack(there, 'mic', { fence, wasOrphaned: true, release });
  expect(await said()).toEqual([[900, 5_000, 'hub_failed'], 'idle']);
  const counts = () => Promise.reject(new Error('nobody can be asked'));
  const blind = { ...context, registry: { ...context.registry, counts } };
  const failing = giveBack(blind, 'mic', { fence, wasOrphaned: true, release });
  await expect(failing).rejects.toThrow('nobody can be asked');
  expect(released).toEqual(['mic', 'mic']);
});
