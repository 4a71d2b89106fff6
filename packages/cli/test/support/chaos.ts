/** What `meetcast chaos --json` says, and hubs of this process for it to test. */
import { createServer } from 'node:http';
import type { ChangeRecognizer } from '../../../testing/test/chaos/support/recognizers.ts';
import { hubOn } from './hub.ts';
import { eventsOf } from './run-cli.ts';

interface Played {
  event: string;
  name: string;
  status: string;
  words: { said: number; stored: number; seen: number };
  lost: number;
  twice: number;
  gaps: number;
  time_error_ms: number | null;
  recovered_ms: number | null;
  missing: { source: string; place: number; word: string; from: string[] }[];
  notes: string[];
  problems: string[];
}

export const playedIn = (run: { stdout: string }) =>
  (eventsOf(run) as Played[]).filter(({ event }) => event === 'scenario');

export const summaryOf = (run: { stdout: string }) =>
  eventsOf(run).find((event) => nameOf(event) === 'chaos');

const nameOf = (event: unknown) => (event as { event: string }).event;

export const hubWith = async (change: ChangeRecognizer): Promise<string> =>
  `http://127.0.0.1:${await hubOn(createServer(), change)}`;
