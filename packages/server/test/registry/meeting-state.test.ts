import { expect, test } from 'vitest';
import { type GivenBack, meetingStateAfter } from '../../src/registry/meeting-state.ts';

const after = (facts: Partial<GivenBack>) =>
  meetingStateAfter({ claimed: 0, isFinalized: false, goneAt: undefined, finalizedAt: 0, ...facts });

test('a meeting goes on while any of its sources is claimed, however this one is given back', () => {
  expect(after({ claimed: 1 })).toBe('ongoing');
  expect(after({ claimed: 1, isFinalized: true, goneAt: 1, finalizedAt: 2 })).toBe('ongoing');
});

test('with its last source it ends if that one has finalized, and otherwise idles', () => {
  expect(after({ isFinalized: true })).toBe('ended');
  expect(after({})).toBe('idle');
  expect(after({ goneAt: 5 })).toBe('idle');
});

test('it ends if another source has finalized since the sender of the last one was gone, and not before', () => {
  expect(after({ goneAt: 5, finalizedAt: 6 })).toBe('ended');
  expect(after({ goneAt: 5, finalizedAt: 5 })).toBe('idle');
  expect(after({ goneAt: 5, finalizedAt: 4 })).toBe('idle');
});

test('a source that is sent to the end keeps its meeting from ending by another one', () => {
  expect(after({ finalizedAt: 6 })).toBe('idle');
});
