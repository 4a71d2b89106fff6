import { expect, test } from 'vitest';
import { type Holder, Holdings } from '../../src/registry/holdings.ts';
import { meetingStateAfter } from '../../src/registry/meeting-state.ts';

const meeting = { tenant: 'acme', id: 'm' };

test('a claim that is told after a later one of its source is lost at once, and takes nothing', () => {
  const holdings = new Holdings();
  const later = holdings.hold(meeting, 'mic', 's2', 20);
  const late = holdings.hold(meeting, 'mic', 's1', 10);
  expect([late.lost.signal.aborted, later.lost.signal.aborted]).toEqual([true, false]);
  expect([holdings.isHeld(late), holdings.isHeld(later)]).toEqual([false, true]);
});

test('whose claim was replaced changes nothing when its sender goes', () => {
  const holdings = new Holdings();
  const first = holdings.hold(meeting, 'mic', 's1', 10);
  const second = holdings.hold(meeting, 'mic', 's1', 20);
  expect(first.lost.signal.aborted).toBe(true);
  expect(holdings.leave(first, 'vacant')).toBe(false);
  expect(first.state).toBe('sent');
  expect(meetingStateAfter(holdings.release(first))).toBe('ongoing');
  holdings.lose(first);
  expect([holdings.isHeld(second), second.state, holdings.sent(meeting)]).toEqual([true, 'sent', ['mic']]);
});

test('a claim outranks all that is known of, here and in the store', () => {
  const holdings = new Holdings();
  const far = 2 ** 52;
  holdings.hold(meeting, 'system', 's1', far);
  const claim = (above: number) => (holdings.claim(meeting, 'mic', 's1', { above }) as Holder).fence;
  expect(claim(0)).toBeGreaterThan(far);
  expect(claim(far + 1_000)).toBeGreaterThan(far + 1_000);
});
