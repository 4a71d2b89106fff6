/** What `meetcast chaos --json` says, and hubs of this process for it to test. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { startDeepgramSimulator } from '@meetcast/testing';
import { onTestFinished } from 'vitest';
import type { ChangeRecognizer } from '../../../testing/test/chaos/support/recognizers.ts';
import { secret } from './hub.ts';
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

/** A hub of this process, whose recognizer may not be what it should be. */
export async function hubOn(
  server: Server,
  change: ChangeRecognizer = (recognizer) => recognizer,
): Promise<number> {
  const simulator = await startDeepgramSimulator({ pace: 0 });
  const hub = createTranscriptHub({
    auth: jwtAuthenticator({ secret }),
    recognizer: change(deepgram({ apiKey: 'k', endpoint: simulator.url })),
    limits: { closeDeadlineMs: 1_000 }, // Some of them never end.
  });
  hub.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await hub.close();
    server.close();
    await simulator.close();
  });
  return (server.address() as AddressInfo).port;
}

export const hubWith = async (change: ChangeRecognizer): Promise<string> =>
  `http://127.0.0.1:${await hubOn(createServer(), change)}`;
