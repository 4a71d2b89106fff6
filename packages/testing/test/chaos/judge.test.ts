/** What is said, by a seed, and how it is judged what came back. */
import type { Gap, TranscriptFinal } from '@meetcast/protocol';
import { expect, test } from 'vitest';
import { type Heard, inSpokenOrder, judge, type Said } from '../../src/chaos/judge.ts';
import { reasonProblem } from '../../src/chaos/refusal.ts';
import { chance, formatOf, phraseAt, seedOf } from '../../src/chaos/script.ts';
import { spokenWords, ToneDecoder } from '../../src/index.ts';

const mono = formatOf({ sources: ['mic'], channels: 1 });

test('a seed says the same words again, another one others, and each source its own', () => {
  const textBy = (seed: string) => Array.from({ length: 5 }, (_, place) => phraseAt(seed, place, mono).words);
  expect(textBy('7/drop')).toEqual(textBy('7/drop'));
  expect(textBy('8/drop')).not.toEqual(textBy('7/drop'));
  expect(textBy(seedOf('7/drop', 'system'))).not.toEqual(textBy(seedOf('7/drop', 'mic')));
});

test.each([1, 2, 3])('a phrase sounds as its words, on %i channels', (channels) => {
  const format = formatOf({ sources: ['mic'], channels });
  const { words, pcm } = phraseAt('7/drop', 3, format);
  const decoder = new ToneDecoder(format);
  const heard = [...decoder.write(pcm), ...decoder.end()].map(({ word }) => word);
  expect(heard).toEqual(words);
  expect(words.length).toBeGreaterThanOrEqual(3);
  expect(pcm.length).toBe(channels * phraseAt('7/drop', 3, mono).pcm.length);
});

test('chance is from 0 up to 1, and spread', () => {
  const drawn = Array.from({ length: 1_000 }, (_, place) => chance(`place ${place}`));
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  expect(drawn.reduce((sum, one) => sum + one, 0) / drawn.length).toBeCloseTo(0.5, 1);
});

const words = ['we', 'ship', 'on', 'friday'];
const mic: Said = { source: 'mic', words: spokenWords(words), fromMs: 0 };
const system: Said = { source: 'system', words: spokenWords(['yes', 'ship', 'now'], 50), fromMs: 300 };

let entries = 0;

function nextSeq(): number {
  entries += 1;
  return entries;
}

/** A final of the words from one place to another, off by so much. */
function final(
  { source, words, fromMs }: Said,
  from: number,
  to: number,
  changes: Partial<TranscriptFinal> & { offMs?: number } = {},
): TranscriptFinal {
  const { offMs = 0, ...others } = changes;
  const part = words.slice(from, to);
  const seq = nextSeq();
  return {
    type: 'transcript.final',
    meeting_id: 'm',
    ts: '2026-03-02T09:00:04.120Z',
    seq,
    segment_no: seq,
    text: part.map(({ text }) => text).join(' '),
    start_ms: Math.round(fromMs + (part[0]?.startMs ?? 0)) + offMs,
    end_ms: Math.round(fromMs + (part.at(-1)?.endMs ?? 0)) + offMs,
    meta: { source },
    ...others,
  };
}

const whole = [final(mic, 0, 4)];
const heard = (changes: Partial<Heard>): Heard => ({
  said: [mic],
  stored: whole,
  seen: whole,
  gaps: [],
  recoveredMs: 0,
  notes: [],
  problems: [],
  ...changes,
});

test('a lost word, a repeated one and a broken promise each fail; slowness does not', () => {
  expect(judge(heard({ recoveredMs: 40_000 }))).toMatchObject({
    status: 'passed',
    words: { said: 4, stored: 4, seen: 4 },
  });
  expect(judge(heard({ stored: [final(mic, 0, 1), final(mic, 2, 4)] }))).toMatchObject({
    status: 'failed',
    words: { said: 4, stored: 3, seen: 4 },
    missing: [{ source: 'mic', place: 2, word: 'ship', from: ['stored'] }],
    unexpected: [],
    problems: [],
  });
  const twice = [final(mic, 0, 2), final(mic, 1, 2), final(mic, 2, 4)];
  expect(judge(heard({ seen: twice }))).toMatchObject({
    status: 'failed',
    missing: [],
    unexpected: [{ source: 'mic', place: 2, word: 'ship', from: ['seen'] }],
  });
  expect(judge(heard({ problems: ['the first sender was disturbed'] })).status).toBe('failed');
  expect(judge(heard({ stored: [], seen: [] })).missing).toHaveLength(words.length);
});

test('words that were filled in later count where they were said', () => {
  const finals = [final(mic, 0, 1), final(mic, 2, 4), final(mic, 1, 2)];
  expect(inSpokenOrder(finals).map(({ text }) => text)).toEqual(['we', 'ship', 'on friday']);
  expect(judge(heard({ stored: finals, seen: finals })).status).toBe('passed');
});

test('each source is judged by itself, where it begins on the meeting’s clock', () => {
  const all = [final(mic, 0, 2), final(system, 0, 3), final(mic, 2, 4)];
  const both = { said: [mic, system], stored: all, seen: all };
  expect(judge(heard(both))).toMatchObject({ status: 'passed', words: { said: 7, stored: 7, seen: 7 } });
  const [first, second, third] = all as [TranscriptFinal, TranscriptFinal, TranscriptFinal];
  expect(judge(heard({ ...both, stored: [first, third] })).missing).toMatchObject([
    { source: 'system', place: 1, word: 'yes' },
    { source: 'system', place: 2, word: 'ship' },
    { source: 'system', place: 3, word: 'now' },
  ]);
  const exchanged = [first, { ...second, meta: { source: 'mic' as const } }, third];
  expect(judge(heard({ ...both, stored: exchanged })).status).toBe('failed');
  expect(judge(heard({ ...both, seen: [...all, final(system, 2, 3)] }))).toMatchObject({
    status: 'failed',
    missing: [],
    unexpected: [{ source: 'system', place: 3, word: 'now', from: ['seen'] }],
  });
});

test('a word more than 20 ms from where it was said fails, and the farthest is told', () => {
  const exact = judge(heard({}));
  expect([exact.status, exact.timeErrorMs]).toEqual(['passed', 0]);
  for (const offMs of [20, -20]) {
    const stored = [final(mic, 0, 2), final(mic, 2, 4, { offMs })];
    expect(judge(heard({ stored }))).toMatchObject({ status: 'passed', timeErrorMs: 20, problems: [] });
  }
  for (const offMs of [21, -21]) {
    const stored = [final(mic, 0, 2, { offMs: 5 }), final(mic, 2, 4, { offMs })];
    const { status, timeErrorMs, problems } = judge(heard({ stored }));
    expect([status, timeErrorMs, problems.length]).toEqual(['failed', 21, 1]);
    expect(problems[0]).toMatch(
      /^2 words stored more than 20 ms from where they were said, up to 21 ms: "on" of mic/,
    );
  }
  const worse = [final(mic, 0, 2, { offMs: 25 }), final(mic, 2, 4, { offMs: 40 })];
  expect(judge(heard({ stored: worse })).problems[0]).toMatch(/^4 words .* up to 40 ms: "on" of mic/);
  const late = [final(mic, 0, 4), final(system, 0, 3, { offMs: 30 })];
  expect(judge(heard({ said: [mic, system], stored: late, seen: late })).problems[0]).toMatch(
    /"yes" of system/,
  );
});

test('the words that did come are compared with the clock, whatever else was lost or came twice', () => {
  const stored = [final(mic, 0, 1), final(mic, 2, 3), final(mic, 2, 3), final(mic, 3, 4, { offMs: 9 })];
  expect(judge(heard({ stored }))).toMatchObject({ status: 'failed', timeErrorMs: 9, problems: [] });
  expect(judge(heard({ stored: [] })).timeErrorMs).toBe(null);
});

const gapOf = ({ start_ms, end_ms }: TranscriptFinal, changes: Partial<Gap> = {}): Gap => ({
  type: 'gap',
  meeting_id: 'm',
  ts: '2026-03-02T09:00:04.120Z',
  seq: nextSeq(),
  source: 'mic',
  start_ms,
  end_ms,
  cause: 'recognizer_unavailable',
  ...changes,
});

test('words that fill a gap must say so; those before it and beside it need not', () => {
  const before = final(mic, 0, 2);
  const missing = final(mic, 2, 4);
  const gap = gapOf(missing, { start_ms: before.end_ms - 5 });
  const judging = (filling: TranscriptFinal, gaps = [gap]) => {
    const stored = [before, filling];
    return judge(heard({ stored, seen: stored, gaps }));
  };
  expect(judging(final(mic, 2, 4, { repairs: gap.seq }))).toMatchObject({ status: 'passed', gaps: 1 });
  const silent = judging(final(mic, 2, 4));
  expect(silent.status).toBe('failed');
  expect(silent.problems).toEqual([
    `"on friday" fills gap ${gap.seq} of the log, and says that it repairs nothing`,
  ]);
  expect(judging(final(mic, 2, 4, { repairs: gap.seq + 1_000 })).problems).toHaveLength(1);
  expect(judging(missing).status).toBe('passed');
  expect(judging(final(mic, 2, 4), [{ ...gap, source: 'system' }]).status).toBe('passed');
  // Of two gaps that it fills it names one.
  const two = [gap, gapOf(missing)];
  for (const { seq } of two) expect(judging(final(mic, 2, 4, { repairs: seq }), two).status).toBe('passed');
  expect(judging(final(mic, 2, 4), two).problems[0]).toContain(
    `gap ${two[0]?.seq} or ${two[1]?.seq} of the log`,
  );
});

test('a word that comes after a gap and stands beside it, or 20 ms in it, fills nothing', () => {
  const [first, last] = [final(mic, 0, 2), final(mic, 2, 4)];
  const before = (gap: Gap) => {
    const stored = [final(mic, 0, 2), final(mic, 2, 4, { repairs: gap.seq })];
    return judge(heard({ stored, seen: stored, gaps: [gap] })).status;
  };
  expect(before(gapOf(last))).toBe('passed');
  expect(before(gapOf(last, { start_ms: first.end_ms - 20 }))).toBe('passed');
  expect(before(gapOf(last, { start_ms: first.end_ms - 21 }))).toBe('failed');
  const behind = (gap: Gap) => {
    const stored = [final(mic, 0, 2, { repairs: gap.seq }), final(mic, 2, 4)];
    return judge(heard({ stored, seen: stored, gaps: [gap] })).status;
  };
  expect(behind(gapOf(first))).toBe('passed');
  expect(behind(gapOf(first, { end_ms: last.start_ms + 20 }))).toBe('passed');
  expect(behind(gapOf(first, { end_ms: last.start_ms + 21 }))).toBe('failed');
});

test.each([
  [401, 'Deepgram refused the stream (401, Invalid credentials): check DEEPGRAM_API_KEY.'],
  [402, 'Deepgram refused the stream (402, Project does not have enough credits for an ASR request).'],
  [403, 'the key may not use this model'],
] as const)('%i: one sentence that says the cause is a reason', (status, reason) => {
  expect(reasonProblem([reason, reason], status)).toBe(undefined);
});

test.each([
  [[], /was not told why.*401/],
  [['the key is wrong', ' '], /an empty reason/],
  [['The key is wrong. Ask somebody else for another.'], /2 sentences/],
  [['The speech recognizer failed.'], /nothing of the key: "The speech recognizer failed."/],
] as const)('%j is none', (reasons, problem) => {
  expect(reasonProblem(reasons, 401)).toMatch(problem);
});
