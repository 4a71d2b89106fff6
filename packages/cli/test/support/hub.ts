/** A hub of the built `meetcast serve`, or of this process, and the variables that let other commands in. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTranscriptHub, jwtAuthenticator } from '@meetcast/server';
import { deepgram } from '@meetcast/server/deepgram';
import { startDeepgramSimulator } from '@meetcast/testing';
import { onTestFinished } from 'vitest';
import type { ChangeRecognizer } from '../../../testing/test/chaos/support/recognizers.ts';
import { mintToken } from '../../src/dev-token.ts';
import { type RunningCli, startCli, temporaryDirectory } from './run-cli.ts';

export const secret = 'a-secret-of-more-than-thirty-two-characters';

export const token = (): Promise<string> => mintToken(secret, {}, 60);

export interface ServedHub {
  url: string;
  /** For commands that talk to it. */
  env: Record<string, string>;
  cli: RunningCli;
}

/**
 * With the simulator beside it, unless told otherwise, and in a directory of its own, unless it is given one; gone
 * after the test.
 */
export async function serveHub(
  args: readonly string[] = [],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<ServedHub> {
  const cli = startCli(['serve', '--port', '0', '--json', ...args], {
    cwd: cwd ?? (await temporaryDirectory()),
    env: { SECRET_KEY: secret, ...env },
  });
  const { url } = await cli.event<{ url: string }>('listening');
  return { url, env: { MEETCAST_URL: url, SECRET_KEY: secret }, cli };
}

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

/** A hub of this process, which saves starting one: for tests of what talks to a hub. Gone after the test. */
export async function hubHere(): Promise<Omit<ServedHub, 'cli'>> {
  const url = `http://127.0.0.1:${await hubOn(createServer())}`;
  return { url, env: { MEETCAST_URL: url, SECRET_KEY: secret } };
}

/** An address where nobody listens. */
export const nowhere = 'http://127.0.0.1:2';
