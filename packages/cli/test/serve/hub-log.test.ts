import type { HubEvent } from '@meetcast/server';
import { expect, test } from 'vitest';
import { levelOf, plainLine } from '../../src/serve/hub-log.ts';

const meeting = { tenant: 'acme', id: 'm' };

test('what a person has to look at is an error in the log: words that are missing, a part that is away', () => {
  const about = { meeting, source: 'mic' as const, reason: 'it was closed' };
  const events: HubEvent[] = [
    { type: 'gap', meeting, source: 'mic', seq: 7, startMs: 0, endMs: 900, cause: 'recognizer_unavailable' },
    { type: 'recognizer', state: 'reconnecting', ...about },
    { type: 'recognizer', state: 'silent', ...about },
    { type: 'recognizer', state: 'recovered', ...about },
    { type: 'final', meeting, source: 'mic', seq: 8, lagMs: 120 },
  ];
  expect(events.map(levelOf)).toEqual(['error', 'error', 'error', 'info', 'info']);
  const at = new Date(2026, 2, 2, 9, 0, 4);
  expect(events.slice(0, 2).map((event) => plainLine(event, at))).toEqual([
    '09:00:04 gap acme/m mic 7 0 900 recognizer_unavailable',
    '09:00:04 recognizer reconnecting acme/m mic it was closed',
  ]);
});
