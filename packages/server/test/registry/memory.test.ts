import { expect, test } from 'vitest';
import { memoryRegistry } from '../../src/registry/memory.ts';
import { freshMeeting } from '../support/entries.ts';
import { registryContract } from './registry-contract.ts';

registryContract(async () => {
  const registry = memoryRegistry();
  return { nodes: [registry, registry] };
});

test('a restarted process outranks the claims an earlier one left in a lasting store', async () => {
  const before = await memoryRegistry().claim(freshMeeting(), 'mic', 'a');
  await expect.poll(() => Date.now() * 1_000 > (before.kind === 'claim' ? before.fence : 0)).toBe(true);
  const after = await memoryRegistry().claim(freshMeeting(), 'mic', 'a');
  expect(after.kind === 'claim' && before.kind === 'claim' && after.fence > before.fence).toBe(true);
});

test('a meeting that everybody left is forgotten', async () => {
  const registry = memoryRegistry();
  const meeting = freshMeeting();
  const claim = await registry.claim(meeting, 'mic', 'a');
  const seat = await registry.seat(meeting, 'v', 1);
  if (claim.kind !== 'claim' || seat.kind !== 'seat') throw new Error('refused');
  await seat.release();
  expect((await registry.totals()).meetings).toBe(1);
  await claim.release();
  expect(await registry.totals()).toEqual({ meetings: 0, subscribers: 0, ingests: 0 });
});
