/** The one writer of gaps. */
import { expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.ts';
import { logGap } from '../../src/log/gap.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { freshMeeting } from '../support/entries.ts';
import { logOf } from '../support/log.ts';

const missing = { source: 'mic' as const, start_ms: 900, end_ms: 2_000, cause: 'hub_failed' };

test('a gap says which audio has no words, and why', async () => {
  const log = logOf(freshMeeting(), memoryStore(), memoryBus());
  const { text, seq } = await logGap(log, missing);
  expect(JSON.parse(text)).toEqual({
    type: 'gap',
    seq,
    meeting_id: log.meeting.id,
    ts: expect.any(String),
    ...missing,
  });
  expect(await log.covered('mic')).toBe(0);
});

test('a gap moves coverage as far as its writer says, and is refused once somebody else has begun', async () => {
  const log = logOf(freshMeeting(), memoryStore(), memoryBus());
  await logGap(log, missing, { reach: { source: 'mic', fence: 2, coveredMs: 2_000 } });
  expect(await log.covered('mic')).toBe(2_000);
  const late = logGap(log, missing, { reach: { source: 'mic', fence: 1, coveredMs: 0 } });
  await expect(late).rejects.toMatchObject({ name: 'StaleFenceError' });
});

test('a gap of a meeting that was forgotten is not written', async () => {
  const store = memoryStore();
  const log = logOf(freshMeeting(), store, memoryBus());
  await logGap(log, missing);
  const { epoch } = await log.head();
  await store.forget(log.meeting);
  await expect(logGap(log, missing, { epoch })).rejects.toMatchObject({ name: 'StaleEpochError' });
});
