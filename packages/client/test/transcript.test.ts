/** What events do to a transcript. */
import { expect, test } from 'vitest';
import { applyEvent, emptyTranscript, type SubscriptionEvent } from '../src/transcript.ts';
import { final, partial } from './support/hub.ts';

const after = (...events: object[]) =>
  events.reduce<typeof emptyTranscript>(
    (transcript, event) => applyEvent(transcript, event as SubscriptionEvent),
    emptyTranscript,
  );
const seqs = (...events: object[]) => after(...events).finals.map((one) => one.seq);
const texts = (...events: object[]) => after(...events).partials.map((one) => one.text);
const system = { meta: { source: 'system' } };
const retract = (fields: object) => ({ type: 'retract', seq: 99, meeting_id: 'm', ts: '', ...fields });

test('finals stand in the order of their seq', () => {
  expect(seqs(final(1), final(3), final(2))).toEqual([1, 2, 3]);
});

test('a final that comes again takes its own place', () => {
  expect(seqs(final(1), final(2), final(1))).toEqual([1, 2]);
});

test('each source has one partial, the newest', () => {
  expect(texts(partial(1, 'a'), partial(2, 'b', system), partial(1, 'a b'))).toEqual(['b', 'a b']);
});

test('a partial ends with its own final or a later one of its source', () => {
  expect(texts(partial(5, 'x'), final(1, { segment_no: 5 }))).toEqual([]);
  expect(texts(partial(5, 'x'), final(1, { segment_no: 6 }))).toEqual([]);
  expect(texts(partial(5, 'x'), final(1, { segment_no: 4 }))).toEqual(['x']);
  expect(texts(partial(5, 'x'), final(1, { segment_no: 6, ...system }))).toEqual(['x']);
});

test('a repair or revision of older words leaves the partial of now', () => {
  expect(texts(partial(5, 'x'), final(1, { segment_no: 6, repairs: 1 }))).toEqual(['x']);
  expect(texts(partial(5, 'x'), final(1, { segment_no: 6, revises: 2 }))).toEqual(['x']);
});

test('a partial that its own final overtook changes nothing', () => {
  expect(texts(final(1, { segment_no: 5 }), partial(5, 'late'))).toEqual([]);
});

test('a final replaces the one it revises', () => {
  expect(seqs(final(1), final(2), final(3, { revises: 1 }))).toEqual([2, 3]);
});

test('a retraction by segment takes that segment, its revision and its partial', () => {
  expect(seqs(final(1), final(2), retract({ segment_no: 1 }))).toEqual([2]);
  expect(seqs(final(1), final(2, { revises: 1 }), retract({ segment_no: 1 }))).toEqual([]);
  expect(texts(partial(4, 'x'), retract({ segment_no: 4 }))).toEqual([]);
});

test('a retraction by range takes all that overlaps it, and only that', () => {
  const three = [final(1), final(2), final(3)];
  expect(seqs(...three, retract({ start_ms: 1_900, end_ms: 2_100 }))).toEqual([1, 3]);
  expect(seqs(...three, retract({ start_ms: 2_000 }))).toEqual([1]);
  expect(seqs(...three, retract({ end_ms: 2_001 }))).toEqual([3]);
  expect(seqs(...three, retract({}))).toEqual([1, 2, 3]);
  const both = [final(1, { meta: { source: 'mic' } }), final(2, { meta: { source: 'system' } })];
  expect(seqs(...both, retract({ start_ms: 0, end_ms: 9_999, meta: { source: 'mic' } }))).toEqual([2]);
});

test('what takes no time is in the stretches that it touches', () => {
  const moment = final(1, { start_ms: 500, end_ms: 500 });
  expect(seqs(moment, retract({ start_ms: 500, end_ms: 500 }))).toEqual([]);
  expect(seqs(moment, retract({ start_ms: 0, end_ms: 500 }))).toEqual([]);
  expect(seqs(moment, retract({ start_ms: 0, end_ms: 499 }))).toEqual([1]);
});

test('a retraction takes the revisions that it lists', () => {
  const revised = [final(1), final(2, { revises: 1 }), final(3, { revises: 2 }), final(4)];
  expect(seqs(...revised, retract({ segment_no: 1, revisions: [3] }))).toEqual([4]);
  expect(seqs(final(1), final(2), retract({ start_ms: 1_000, end_ms: 1_100, revisions: [2] }))).toEqual([]);
});

test('what stands in the place of a final takes its segment, and nothing else of its time', () => {
  const place = retract({ segment_no: 3, start_ms: 0, end_ms: 9_999 });
  expect(seqs(final(1), final(2), final(3), place)).toEqual([1, 2]);
  expect(texts(partial(3, 'x'), place)).toEqual([]);
});

test('a transcript is never changed in place', () => {
  const before = after(final(1));
  applyEvent(before, final(2) as SubscriptionEvent);
  expect(before.finals).toHaveLength(1);
});
