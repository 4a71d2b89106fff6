/** What a new publisher takes over from the session that a spool holds. */
import { expect, test } from 'vitest';
import { checkLeft } from '../../src/spool/resumed.ts';
import { session } from '../support/spool.ts';

test('of two channels, it goes on behind the last frame, where the first that is not stored stands', () => {
  const anchored = session({ channels: 2, start: 12_000, anchor: { frame: 8_000, ms: 250 } });
  expect(checkLeft({ session: anchored, takenBytes: 80_000 }, anchored)).toMatchObject({
    start: 12_000,
    end: 20_000,
    durableMs: 750,
  });
  const unknown = session({ start: 12_000 });
  expect(checkLeft({ session: unknown, takenBytes: 24_000 }, unknown).durableMs).toBe(0);
});
